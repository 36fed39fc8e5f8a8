"""Estimators that score clips against the text of labels never seen in training."""

from ._bilinear import ZeroShotBilinear
from ._contrastive import ZeroShotContrastive
from ._convex import ZeroShotConvex
from ._few_shot_adapter import FewShotAdapter
from ._nearest import ZeroShotNearest
from ._ridge import ZeroShotRidge
from ._ridge_cv import ZeroShotRidgeCV
from ._score_normalizer import ScoreNormalizer
from ._temporal_attention import ZeroShotTemporalAttention

__all__ = [
    "FewShotAdapter",
    "ScoreNormalizer",
    "ZeroShotBilinear",
    "ZeroShotContrastive",
    "ZeroShotConvex",
    "ZeroShotNearest",
    "ZeroShotRidge",
    "ZeroShotRidgeCV",
    "ZeroShotTemporalAttention",
]
