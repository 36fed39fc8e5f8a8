"""How often clips count."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_consistent_length

from .._compat import check_sample_weight, safe_indexing


def check_weights(sample_weight, clips, y):
    """Weights of all clips, None where each counts once, and the labels of those that count.

    Raises
    ------
    ValueError
        For weights of another number than the clips, below 0, not finite or all 0.
    """
    if sample_weight is None:
        return None, y
    weights = check_sample_weight(sample_weight, clips, dtype=np.float64, ensure_non_negative=True)
    if weights.all():
        return weights, y
    check_consistent_length(clips, y)
    return weights, safe_indexing(y, np.flatnonzero(weights))


def counted(segments, weights):
    """Clips that count, and how often each does."""
    if weights is None or weights.all():
        return segments, weights
    rows = np.flatnonzero(weights)
    return segments[rows], weights[rows]
