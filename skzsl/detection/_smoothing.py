"""Evidence smoothed over time."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_BYTES = 16 << 20


def smoothed(evidence: np.ndarray, width: int, how: str) -> np.ndarray:
    """Median or mean over ``width`` segments, an odd number, around each one.

    Parameters
    ----------
    evidence : ndarray of shape (n, T, C)
        nan where a segment is absent, which counts in no window and stays absent.
    width : int
        1 changes nothing.
    how : {"median", "mean"}
        Of the present segments in the window; weights of the mean fall linearly to both sides.

    Returns
    -------
    smoothed : ndarray of shape (n, T, C)
    """
    if width == 1:
        return evidence
    _, n_segments, n_labels = evidence.shape
    found = np.empty_like(evidence)
    step = max(1, _BYTES // (n_segments * n_labels * width * evidence.itemsize))
    for start in range(0, len(evidence), step):
        rows = slice(start, start + step)
        edge = ((0, 0), (width // 2, width // 2), (0, 0))
        padded = np.pad(evidence[rows], edge, constant_values=np.nan)
        windows = sliding_window_view(padded, width, axis=1)
        found[rows] = _median(windows) if how == "median" else _mean(windows)
    found[np.isnan(evidence)] = np.nan
    return found


def _median(windows):
    ordered = np.sort(windows, axis=-1)  # nan comes last
    count = np.maximum(np.sum(~np.isnan(windows), axis=-1, keepdims=True), 1)
    middle = [np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in ((count - 1) // 2, count // 2)]
    return (middle[0] + middle[1]) / 2


def _mean(windows):
    half = windows.shape[-1] // 2
    weights = (half + 1.0 - np.abs(np.arange(-half, half + 1))).astype(windows.dtype)
    present = ~np.isnan(windows)
    return np.where(present, windows, 0) @ weights / np.maximum(present @ weights, 1)
