"""Estimators that score clips against the text of labels never seen in training."""

from ._bilinear import ZeroShotBilinear
from ._contrastive import ZeroShotContrastive
from ._score_normalizer import ScoreNormalizer
from ._temporal_attention import ZeroShotTemporalAttention

__all__ = ["ScoreNormalizer", "ZeroShotBilinear", "ZeroShotContrastive", "ZeroShotTemporalAttention"]
