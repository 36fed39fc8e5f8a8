"""Metrics as pure functions of arrays (numpy and scipy only)."""

from ._zero_shot import per_label_accuracy

__all__ = ["per_label_accuracy"]
