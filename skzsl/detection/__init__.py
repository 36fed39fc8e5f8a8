"""Events: when a sound begins and ends, from scores of segments."""

from ._detector import EventDetector
from ._find_events import find_events

__all__ = ["EventDetector", "find_events"]
