"""Displays of what a model attends to (matplotlib)."""

from ._attention import AttentionDisplay

__all__ = ["AttentionDisplay"]
