"""Events: when a sound begins and ends, from scores of segments."""

from ._detector import EventDetector

__all__ = ["EventDetector"]
