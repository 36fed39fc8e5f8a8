"""Long recordings as overlapping windows, and what was found in each of them joined."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._segments import present_segments

_BYTES = 64 << 20


def window_starts(n_segments: int, width: int, overlap: float) -> np.ndarray:
    """First segments of windows that cover all, the last one shifted so that it ends with the recording."""
    step = max(1, round(width * (1 - overlap)))
    return np.unique(np.minimum(np.arange(0, n_segments - width + step, step), n_segments - width))


def joined(score, X: np.ndarray, width: int, overlap: float, n_labels: int) -> np.ndarray:
    """Scores (n, T, C): means over the windows that hold a segment.

    Parameters
    ----------
    score : callable
        Gives scores (m, width, C), nan where absent, of windows (m, width, d).
    X : ndarray of shape (n, T, d)
        Recordings.
    width : int
        Segments of a window, at most T.
    overlap : float
        Share of a window that the next one repeats, in [0, 1).
    n_labels : int
        Number C.

    Returns
    -------
    scores : ndarray of shape (n, T, C), float32
        nan where a segment is absent in every window that holds it.
    """
    (n_clips, n_segments), lengths = X.shape[:2], present_segments(X)
    views = sliding_window_view(X, width, axis=1)  # (n, places, d, width)
    total, count = np.zeros((n_clips, n_segments, n_labels), dtype=np.float32), np.zeros((n_clips, n_segments))
    at_once = max(1, _BYTES // (8 * width * max(X.shape[2], n_labels)))
    for clip in range(n_clips):
        starts = window_starts(max(width, int(lengths[clip])), width, overlap)
        for first in range(0, len(starts), at_once):
            places = starts[first : first + at_once]
            for start, found in zip(places, score(views[clip, places].swapaxes(1, 2)), strict=True):
                present = min(width, lengths[clip] - start)
                rows = start + np.flatnonzero(~np.isnan(found[:present, 0]))  # silence may end a window
                total[clip, rows] += found[rows - start]
                count[clip, rows] += 1
    total /= np.where(count > 0, count, np.nan)[:, :, None].astype(np.float32)
    return total
