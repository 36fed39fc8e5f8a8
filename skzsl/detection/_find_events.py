"""Runs of segments above a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._thresholds import label_thresholds

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING = 1e-9


def find_events(
    scores, edges, *, labels, threshold, clips=None, release=0.0, min_duration=0.0, max_gap=0.0
) -> pd.DataFrame:
    """Find the events of each label in each clip: runs of segments above a threshold.

    Parameters
    ----------
    scores : array of shape (n, T, C)
        Of segments, nan where one is absent: ``segment_scores`` of a model, or what another model gives its frames.
    edges : array of shape (T + 1,)
        Segment t lasts from ``edges[t]`` to ``edges[t + 1]``, in seconds.
    labels : list of C labels
        Names of the last axis.
    threshold : float, dict from label to float, or array that broadcasts to (n, T, C)
        What an event rises above; the key None of a dict stands for all labels that it does not name.
    clips : list of n keys or None, default=None
        Names of the clips; None numbers them from 0.
    release : float, default=0.0
        How far below the threshold an event goes on once it has begun (hysteresis).
    min_duration : float, default=0.0
        Shorter events are dropped, in seconds; after those that are near have been joined.
    max_gap : float, default=0.0
        Events of one label are joined that are no more seconds apart.

    Returns
    -------
    events : pandas.DataFrame
        Columns clip, label, onset and offset in seconds, and score, the highest of its segments. Sorted by clip, then
        onset.

    Raises
    ------
    ValueError
        For shapes that do not fit together, and thresholds that are no numbers.

    Examples
    --------
    >>> from skzsl.detection import find_events
    >>> scores = [[[0.1], [0.9], [0.7], [0.2], [0.8]]]
    >>> find_events(scores, [0, 1, 2, 3, 4, 5], labels=["dog"], threshold=0.5)
       clip label  onset  offset  score
    0     0   dog    1.0     3.0    0.9
    1     0   dog    4.0     5.0    0.8
    >>> find_events(scores, [0, 1, 2, 3, 4, 5], labels=["dog"], threshold=0.5, max_gap=1.0)
       clip label  onset  offset  score
    0     0   dog    1.0     5.0    0.9
    """
    import pandas as pd

    if isinstance(labels, str):
        raise ValueError(f"labels={labels!r} is one label; pass a list of labels, such as [{labels!r}].")
    scores, edges = np.asarray(scores), np.asarray(edges, dtype=np.float64)
    clips, labels = (pd.Series(list(keys)).array for keys in (range(len(scores)) if clips is None else clips, labels))
    expected = (len(clips), len(edges) - 1, len(labels))
    if scores.shape != expected:
        raise ValueError(
            f"scores has shape {scores.shape}; {len(clips)} clips, {len(edges)} edges and {len(labels)} labels need "
            f"{expected}."
        )
    threshold = _checked(threshold, labels, scores.shape)
    # One row a clip and label, with a segment below the threshold at either end.
    marked = _rows_with_edges(scores > threshold - release)
    row, edge = np.divmod(np.flatnonzero(marked[:, 1:] != marked[:, :-1]), scores.shape[1] + 1)
    row, start, stop = row[::2], edge[::2], edge[1::2]
    if release:
        risen = np.pad(_rows_with_edges(scores > threshold)[:, 1:].cumsum(axis=1), ((0, 0), (1, 0)))
        kept = risen[row, stop] > risen[row, start]
        row, start, stop = row[kept], start[kept], stop[kept]
    if len(row) and max_gap:
        far = edges[start[1:]] - edges[stop[:-1]] > max_gap * (1 + _ROUNDING)
        first = np.append(True, (row[1:] != row[:-1]) | far)
        row, start, stop = row[first], start[first], stop[np.append(first[1:], True)]
    kept = edges[stop] - edges[start] >= min_duration * (1 - _ROUNDING)
    row, start, stop = row[kept], start[kept], stop[kept]
    clip, label = np.divmod(row, len(labels))
    order = np.lexsort((label, start, clip))
    clip, label, start, stop = clip[order], label[order], start[order], stop[order]
    columns = {"clip": clips[clip], "label": labels[label], "onset": edges[start], "offset": edges[stop]}
    return pd.DataFrame({**columns, "score": _highest(scores, clip, label, start, stop)})


def _checked(threshold, labels, shape):
    if hasattr(threshold, "keys"):
        return label_thresholds(threshold, np.array(labels, dtype=object), labels)
    limits = np.asarray(threshold)
    if limits.dtype.kind not in "biuf":
        raise ValueError(f"threshold={threshold!r} is no number; pass one, a dict from label to number or an array.")
    if np.isnan(limits).any():
        raise ValueError("threshold holds NaN; pass numbers, -inf where all is an event.")
    if limits.ndim > 3 or any(n not in (1, m) for n, m in zip(limits.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"threshold has shape {limits.shape}; pass a number or what broadcasts to {shape}.")
    return limits


def _rows_with_edges(marked):
    rows = marked.swapaxes(1, 2).reshape(-1, marked.shape[1])
    return np.pad(rows, ((0, 0), (1, 1)))


def _highest(scores, clip, label, start, stop):
    """Highest score of each event."""
    if not len(clip):
        return np.empty(0, dtype=scores.dtype)
    length = stop - start
    first = np.cumsum(length) - length
    segment = np.arange(length.sum()) - np.repeat(first - start, length)
    inside = scores[np.repeat(clip, length), segment, np.repeat(label, length)]
    return np.fmax.reduceat(inside, first)
