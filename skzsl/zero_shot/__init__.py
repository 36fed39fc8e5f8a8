"""Estimators that score clips against the text of labels never seen in training."""

from ._bilinear import ZeroShotBilinear

__all__ = ["ZeroShotBilinear"]
