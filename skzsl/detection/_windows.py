"""Long recordings as overlapping windows, and what was found in each of them joined."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._segments import clip_array, present_segments

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
        nan where a segment is absent, at the end of a recording.
    """
    (n_clips, n_segments), lengths = X.shape[:2], present_segments(X)
    X = _sounding(X, lengths)
    views = sliding_window_view(X, width, axis=1)  # (n, places, d, width)
    total, count = np.zeros((n_clips, n_segments, n_labels), dtype=np.float32), np.zeros((n_clips, n_segments))
    at_once = max(1, _BYTES // (8 * width * max(X.shape[2], n_labels)))
    for clip in range(n_clips):
        starts = window_starts(max(width, int(lengths[clip])), width, overlap)
        for first in range(0, len(starts), at_once):
            places = starts[first : first + at_once]
            for start, found in zip(places, score(views[clip, places].swapaxes(1, 2)), strict=True):
                present = min(width, lengths[clip] - start)
                total[clip, start : start + present] += found[:present]
                count[clip, start : start + present] += 1
    total /= np.where(count > 0, count, np.nan)[:, :, None].astype(np.float32)
    return total


def _sounding(X, lengths):
    """Recordings with next to nothing in place of silence within them, which at a window's end would be absent."""
    silent = ~X.any(axis=2) & (np.arange(X.shape[1]) < lengths[:, None])
    if not silent.any():
        return X
    X = X.copy()
    X[silent, 0] = np.finfo(min(X.dtype, np.float32)).tiny if X.dtype.kind == "f" else 1
    return X


def is_long(X, width):
    """Whether clips have more segments than a window; a Pipeline may take what is no array of clips."""
    with suppress(ValueError):
        shape = clip_array(X).shape
        return len(shape) == 3 and shape[1] > width
    return False


def edges_of(n_segments, hop, window):
    """Seconds (T + 1,) at which segments begin and end: half way between the centres of the windows that they hear."""
    edges = hop * np.arange(n_segments + 1.0) + (window - hop) / 2
    edges[0], edges[-1] = 0.0, (n_segments - 1) * hop + window
    return edges.round(9)  # tables and files are read by people


def ended(events, first, scores, edges, hop):
    """Events of clips from ``first`` on, of which those in a clip's last segment end with what that hears."""
    last = np.isfinite(scores[:, :, 0]).sum(axis=1)[events["clip"].to_numpy() - first]
    ends = (edges[-1] - (len(edges) - 1 - last) * hop).round(9)
    return events.assign(offset=np.where(events["offset"] == edges[last], ends, events["offset"]))
