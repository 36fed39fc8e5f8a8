"""F1 and error rate of predicted events, each matched with one true event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from ._events import check_average, check_event_pair, check_number, f1_of_counts, refuse_nothing_true

if TYPE_CHECKING:
    import pandas as pd


def event_f1(y_true, y_pred, *, collar=0.2, offset_share=0.5, average="micro") -> Any:
    """Harmonic mean of precision and recall of events, which are right where label, onset and offset are.

    An onset may be ``collar`` seconds away from the true one, an offset that or ``offset_share`` of the true event's
    length, whichever is more. A predicted event answers for one true event of its clip and label at most; of all ways
    to pair them the one with most pairs counts.

    Parameters
    ----------
    y_true : pandas.DataFrame
        True events, one a row, with the columns clip, label, onset and offset (seconds); others are not read.
    y_pred : pandas.DataFrame
        Predicted events in the same form; there may be none.
    collar : float, default=0.2
        Tolerance in seconds.
    offset_share : float or None, default=0.5
        Tolerance of offsets as a share of the true event's length, or None to compare onsets only.
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
        For what is no event table (columns are missing, times are no finite numbers or go backwards), parameters out
        of range, and no true event.

    Warns
    -----
    UndefinedLabelWarning
        If labels are left out of the mean, with their number.

    See Also
    --------
    event_error_rate : Errors in place of hits.
    segment_f1 : Compares what sounds in each second.

    References
    ----------
    Mesaros, Heittola and Virtanen (2016). Metrics for polyphonic sound event detection. Applied Sciences 6(6).

    Examples
    --------
    >>> import pandas as pd
    >>> from skzsl.metrics import event_f1
    >>> columns = ["clip", "label", "onset", "offset"]
    >>> y_true = pd.DataFrame([["a", "dog", 0.0, 1.0], ["a", "rain", 2.0, 9.0]], columns=columns)
    >>> y_pred = pd.DataFrame([["a", "dog", 0.1, 1.4], ["a", "rain", 3.0, 9.0]], columns=columns)
    >>> event_f1(y_true, y_pred)
    0.5
    """
    check_average(average)
    counts = event_counts(y_true, y_pred, collar=collar, offset_share=offset_share)
    hits, n_true, n_pred = (counts[column].to_numpy() for column in ("n_hit", "n_true", "n_pred"))
    return f1_of_counts(hits, n_true, n_pred, counts.index, average)


def event_counts(y_true, y_pred, *, collar=0.2, offset_share=0.5) -> pd.DataFrame:
    """Count the events of each label: those found, the true and the predicted ones.

    Parameters
    ----------
    y_true : pandas.DataFrame
        True events, one a row, with the columns clip, label, onset and offset (seconds); others are not read.
    y_pred : pandas.DataFrame
        Predicted events in the same form; there may be none.
    collar : float, default=0.2
        Tolerance in seconds.
    offset_share : float or None, default=0.5
        Tolerance of offsets as a share of the true event's length, or None to compare onsets only.

    Returns
    -------
    counts : pandas.DataFrame
        A row for each label, sorted, and the columns n_hit, n_true and n_pred. Precision is ``n_hit / n_pred``, recall
        ``n_hit / n_true``.

    Raises
    ------
    ValueError
        As for :func:`event_f1`, but for tables without a true event.

    See Also
    --------
    event_f1 : How events are matched.

    Examples
    --------
    >>> from skzsl.metrics import event_counts
    >>> from skzsl.preprocessing import event_table
    >>> y_true = event_table([[("dog", 0.0, 1.0), ("rain", 2.0, 9.0)]])
    >>> event_counts(y_true, event_table([[("dog", 0.1, 1.4), ("dog", 3.0, 4.0)]]))
          n_hit  n_true  n_pred
    dog       1       1       2
    rain      0       1       0
    """
    import pandas as pd

    true, pred, labels = check_event_pair(y_true, y_pred)
    found, _ = _matched(true, pred, *_check_tolerances(collar, offset_share))
    codes = {"n_hit": true.label[found], "n_true": true.label, "n_pred": pred.label}
    counts = {column: np.bincount(of, minlength=len(labels)) for column, of in codes.items()}
    return pd.DataFrame(counts, index=pd.Index(labels))


def event_error_rate(y_true, y_pred, *, collar=0.2, offset_share=0.5) -> float:
    """Errors for each true event: substitutions, deletions and insertions.

    Events are matched as in :func:`event_f1`. A true and a predicted event that are left, agree in time and differ in
    label are one substitution; they are paired in the order of the tables, true events first. Any other true event is
    a deletion, any other predicted one an insertion.

    Parameters
    ----------
    y_true : pandas.DataFrame
        True events, one a row, with the columns clip, label, onset and offset (seconds); others are not read.
    y_pred : pandas.DataFrame
        Predicted events in the same form; there may be none.
    collar : float, default=0.2
        Tolerance in seconds.
    offset_share : float or None, default=0.5
        Tolerance of offsets as a share of the true event's length, or None to compare onsets only.

    Returns
    -------
    error_rate : float
        At least 0; 1 for no prediction at all, more where most predictions are wrong.

    Raises
    ------
    ValueError
        As for :func:`event_f1`.

    See Also
    --------
    event_f1 : Hits in place of errors.
    segment_error_rate : Compares what sounds in each second.

    References
    ----------
    Mesaros, Heittola and Virtanen (2016). Metrics for polyphonic sound event detection. Applied Sciences 6(6).

    Examples
    --------
    >>> import pandas as pd
    >>> from skzsl.metrics import event_error_rate
    >>> columns = ["clip", "label", "onset", "offset"]
    >>> y_true = pd.DataFrame([["a", "dog", 0.0, 1.0], ["a", "rain", 2.0, 9.0]], columns=columns)
    >>> y_pred = pd.DataFrame([["a", "cat", 0.1, 1.4], ["a", "rain", 2.0, 9.0]], columns=columns)
    >>> event_error_rate(y_true, y_pred)
    0.5
    """
    true, pred, _ = check_event_pair(y_true, y_pred)
    tolerances = _check_tolerances(collar, offset_share)
    refuse_nothing_true(len(true.clip))
    found, right = _matched(true, pred, *tolerances)
    missed, wrong = (np.flatnonzero(~matched) for matched in (found, right))
    substitutions = _paired_in_order(_rows(true, missed), _rows(pred, wrong), *tolerances)
    return float((len(missed) + len(wrong) - substitutions) / len(true.clip))


def _check_tolerances(collar, offset_share):
    collar = check_number("collar", collar, 0)
    return collar, None if offset_share is None else check_number("offset_share", offset_share, 0)


def _rows(events, rows):
    return type(events)(*(column[rows] for column in events))


def _matched(true, pred, collar, offset_share):
    """Which true and which predicted events belong to a largest matching."""
    n_labels = 1 + max(true.label.max(initial=0), pred.label.max(initial=0))
    true_group, pred_group = (events.clip * n_labels + events.label for events in (true, pred))
    at_true, at_pred = _close(true, pred, true_group, pred_group, collar, offset_share)
    found, right = np.zeros(len(true.clip), dtype=bool), np.zeros(len(pred.clip), dtype=bool)
    if len(at_true):
        # Predicted events come in the order of their first true one: who is left, where several matchings are largest,
        # decides on substitutions.
        _, first, rows = np.unique(at_pred, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))[rows]
        order = np.argsort(rank, kind="stable")
        graph = csr_array(
            (np.ones(len(order), dtype=bool), (rank[order], at_true[order])), shape=(len(first), len(found))
        )
        partner = maximum_bipartite_matching(graph, perm_type="column")
        found[partner[partner >= 0]] = True
        right[at_pred[np.sort(first)][partner >= 0]] = True
    return found, right


def _paired_in_order(true, pred, collar, offset_share):
    """Number of pairs if each true event in turn takes the first predicted one that is close and still free."""
    at_true, at_pred = _close(true, pred, true.clip, pred.clip, collar, offset_share)
    taken: set[int] = set()
    served = -1
    for i, j in zip(at_true.tolist(), at_pred.tolist(), strict=True):
        if i != served and j not in taken:
            taken.add(j)
            served = i
    return len(taken)


def _close(true, pred, true_group, pred_group, collar, offset_share):
    """Rows of all pairs of one group that agree in time, by true row, then by predicted row."""
    if not len(true_group) or not len(pred_group):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    # Groups lie behind each other on one axis, too far apart to meet; what rounding lets in, the exact test sorts out.
    stride = max(true.onset.max(), pred.onset.max()) + 2 * collar + 1.0
    true_key, pred_key = true_group * stride + true.onset, pred_group * stride + pred.onset
    reach = collar + 8 * np.spacing(max(true_key.max(), pred_key.max()) + stride)
    order = np.argsort(pred_key, kind="stable")
    start = np.searchsorted(pred_key[order], true_key - reach, side="left")
    count = np.searchsorted(pred_key[order], true_key + reach, side="right") - start
    at_true = np.repeat(np.arange(len(true_key)), count)
    at_pred = order[np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - start, count)]
    close = (true_group[at_true] == pred_group[at_pred]) & (np.abs(true.onset[at_true] - pred.onset[at_pred]) <= collar)
    if offset_share is not None:
        allowed = np.maximum(collar, offset_share * (true.offset - true.onset))
        close &= np.abs(true.offset[at_true] - pred.offset[at_pred]) <= allowed[at_true]
    at_true, at_pred = at_true[close], at_pred[close]
    order = np.lexsort((at_pred, at_true))
    return at_true[order], at_pred[order]
