"""Displays of what a model attends to, listens to and knows (matplotlib)."""

from ._attention import AttentionDisplay
from ._label_map import LabelMapDisplay
from ._seen_unseen import SeenUnseenDisplay
from ._windows import WindowDisplay

__all__ = ["AttentionDisplay", "LabelMapDisplay", "SeenUnseenDisplay", "WindowDisplay"]
