"""Runs of segments above a threshold."""

from __future__ import annotations

import numpy as np


def find_runs(scores, threshold, *, release, max_gap, min_length):
    """Events of each label in each clip: runs of segments above ``threshold - release`` with one above ``threshold``.

    Parameters
    ----------
    scores : ndarray of shape (n, T, C)
        nan where a segment is absent.
    threshold : ndarray that broadcasts to (n, T, C)
        What an event rises above.
    release : float
        How far below that it may go on.
    max_gap : int
        Most segments between two events of a label that are joined to one.
    min_length : int
        Fewest segments of an event, after that.

    Returns
    -------
    clip, label, start, stop : ndarrays of shape (n_events,), int
        In the order of clips, then onsets, then labels; ``stop`` is the first segment after the event.
    score : ndarray of shape (n_events,)
        Highest score of the event's segments.
    """
    high = scores > threshold
    low = scores > threshold - release if release else high
    # One row a clip and label, with a segment below the threshold at either end.
    marked = _rows_with_edges(low)
    row, edge = np.nonzero(marked[:, 1:] != marked[:, :-1])
    row, start, stop = row[::2], edge[::2], edge[1::2]
    triggers = np.concatenate(
        [np.zeros((len(marked), 1), np.intp), _rows_with_edges(high)[:, 1:].cumsum(axis=1)], axis=1
    )
    kept = triggers[row, stop] > triggers[row, start]
    row, start, stop = row[kept], start[kept], stop[kept]
    if len(row) and max_gap:
        apart = np.append(True, (row[1:] != row[:-1]) | (start[1:] - stop[:-1] > max_gap))
        last = np.append(apart[1:], True)
        row, start, stop = row[apart], start[apart], stop[last]
    kept = stop - start >= min_length
    row, start, stop = row[kept], start[kept], stop[kept]
    clip, label = np.divmod(row, scores.shape[2])
    order = np.lexsort((label, start, clip))
    clip, label, start, stop = clip[order], label[order], start[order], stop[order]
    return clip, label, start, stop, _highest(scores, clip, label, start, stop)


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
