"""F1 and error rate of what is predicted to sound in each segment of a grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._events import check_average, check_event_pair, check_number, f1_of_counts, refuse_nothing_true


def segment_f1(y_true, y_pred, *, resolution=1.0, average="micro") -> Any:
    """Harmonic mean of precision and recall of what sounds in each segment of ``resolution`` seconds.

    A label is in all segments that one of its events reaches into: onsets go down to the grid and offsets up, clip by
    clip.

    Parameters
    ----------
    y_true : pandas.DataFrame
        True events, one a row, with the columns clip, label, onset and offset (seconds); others are not read.
    y_pred : pandas.DataFrame
        Predicted events in the same form; there may be none.
    resolution : float, default=1.0
        Length of the segments in seconds.
    average : {"micro", "macro", None}, default="micro"
        One value of all labels' counts together, mean over labels, or one value a label. Labels without a true event
        are left out of the mean and are nan; their predictions count as wrong in "micro".

    Returns
    -------
    f1 : float or pandas.Series
        In [0, 1], 0 where nothing is predicted; for ``average=None`` by label, sorted.

    Raises
    ------
    ValueError
        For what is no event table (columns are missing, times are no finite numbers or go backwards), a resolution
        that is not above 0, and no true event.

    Warns
    -----
    UndefinedLabelWarning
        If labels are left out of the mean, with their number.

    See Also
    --------
    segment_error_rate : Errors in place of hits.
    event_f1 : Compares events one by one.

    References
    ----------
    Mesaros, Heittola and Virtanen (2016). Metrics for polyphonic sound event detection. Applied Sciences 6(6).

    Examples
    --------
    >>> import pandas as pd
    >>> from skzsl.metrics import segment_f1
    >>> columns = ["clip", "label", "onset", "offset"]
    >>> y_true = pd.DataFrame([["a", "dog", 0.2, 1.1], ["a", "rain", 2.0, 9.0]], columns=columns)
    >>> y_pred = pd.DataFrame([["a", "dog", 0.0, 0.5], ["a", "rain", 3.0, 9.0]], columns=columns)
    >>> segment_f1(y_true, y_pred)
    0.875
    """
    check_average(average)
    true, pred, labels = check_event_pair(y_true, y_pred)
    pieces = _pieces(true, pred, check_number("resolution", resolution, 0, open_low=True))
    hits, n_true, n_pred = (
        np.bincount(pieces.label, weights=pieces.length * state, minlength=len(labels))
        for state in (pieces.true & pieces.pred, pieces.true, pieces.pred)
    )
    return f1_of_counts(hits, n_true, n_pred, labels, average)


def segment_error_rate(y_true, y_pred, *, resolution=1.0) -> float:
    """Errors for each true label of a segment: substitutions, deletions and insertions.

    A missed and a wrong label of one segment are one substitution; missed labels beyond these are deletions, wrong
    ones insertions. Segments are those of :func:`segment_f1`.

    Parameters
    ----------
    y_true : pandas.DataFrame
        True events, one a row, with the columns clip, label, onset and offset (seconds); others are not read.
    y_pred : pandas.DataFrame
        Predicted events in the same form; there may be none.
    resolution : float, default=1.0
        Length of the segments in seconds.

    Returns
    -------
    error_rate : float
        At least 0; 1 for no prediction at all, more where most predictions are wrong.

    Raises
    ------
    ValueError
        As for :func:`segment_f1`.

    See Also
    --------
    segment_f1 : Hits in place of errors.
    event_error_rate : Compares events one by one.

    References
    ----------
    Mesaros, Heittola and Virtanen (2016). Metrics for polyphonic sound event detection. Applied Sciences 6(6).

    Examples
    --------
    >>> import pandas as pd
    >>> from skzsl.metrics import segment_error_rate
    >>> columns = ["clip", "label", "onset", "offset"]
    >>> y_true = pd.DataFrame([["a", "dog", 0.0, 2.0], ["a", "rain", 2.0, 4.0]], columns=columns)
    >>> y_pred = pd.DataFrame([["a", "cat", 0.0, 1.0], ["a", "rain", 2.0, 4.0]], columns=columns)
    >>> segment_error_rate(y_true, y_pred)
    0.5
    """
    true, pred, _ = check_event_pair(y_true, y_pred)
    pieces = _pieces(true, pred, check_number("resolution", resolution, 0, open_low=True))
    n_true = np.sum(pieces.length * pieces.true)
    refuse_nothing_true(n_true)
    order = np.lexsort((pieces.start, pieces.clip))
    missed, wrong = (
        np.cumsum(np.diff(state.astype(np.int64), prepend=0)[order])
        for state in (pieces.true & ~pieces.pred, pieces.pred & ~pieces.true)
    )
    return float(np.sum(_lengths(pieces.start[order]) * np.maximum(missed, wrong)) / n_true)


class _Pieces:
    """What is true and what is predicted from each bound of an event to the next of its clip and label.

    Nothing sounds behind the last bound of a clip and label, so sums over pieces need no borders between them.
    """

    def __init__(self, clip, label, start, true_change, pred_change):
        order = np.lexsort((start, label, clip))
        self.clip, self.label, self.start = clip[order], label[order], start[order]
        self.true, self.pred = (np.cumsum(change[order]) > 0 for change in (true_change, pred_change))
        self.length = _lengths(self.start)


def _lengths(start):
    """Segments from each bound to the next; those behind a clip's last bound mean nothing."""
    return np.diff(start, append=start[-1:])


def _pieces(true, pred, resolution):
    columns = []
    for events, is_true in ((true, 1), (pred, 0)):
        first, end = np.floor(events.onset / resolution), np.ceil(events.offset / resolution)
        for bound, change in ((first, 1), (end, -1)):
            ones = np.full(len(bound), change)
            columns.append((events.clip, events.label, bound, ones * is_true, ones * (1 - is_true)))
    return _Pieces(*(np.concatenate(column) for column in zip(*columns, strict=True)))
