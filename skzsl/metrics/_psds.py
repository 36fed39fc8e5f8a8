"""Polyphonic sound detection score: detected events at all thresholds at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..exceptions import UndefinedLabelWarning, warn
from ._detections import Criteria, Truth, count_label
from ._events import check_events, check_number
from ._segment_truth import check_edges, code_events, unite
from ._validate import check_segment_scores

_SECONDS_AN_HOUR = 3600.0


class PsdRoc(NamedTuple):
    """Curve of rates at all thresholds; see :func:`psd_roc`."""

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    labels: dict


def psds(
    y_true,
    y_score,
    edges,
    *,
    labels,
    clips=None,
    mask=None,
    dtc=0.7,
    gtc=0.7,
    cttc=0.3,
    alpha_ct=0.0,
    alpha_st=0.0,
    max_efpr=100.0,
) -> float:
    """Polyphonic sound detection score (PSDS): area under :func:`psd_roc` up to ``max_efpr``, as a share of the most.

    It is exact: every threshold that changes a detection counts, each label having its own.

    Parameters
    ----------
    y_true : pandas.DataFrame
        True events, one a row, with the columns clip, label, onset and offset (seconds); others are not read. Events
        of one clip and label that overlap or touch are one.
    y_score : array of shape (n, T, C)
        Scores of each label in each segment, higher where it is likelier; only their order within a label matters.
    edges : array of shape (T + 1,)
        Borders of the segments of every clip in seconds, increasing.
    labels : sequence of C labels
        Labels of the columns of ``y_score``.
    clips : sequence of n clips or None, default=None
        Clips of the rows of ``y_score``; None takes 0 to n - 1.
    mask : array of shape (n, T) or None, default=None
        1 for present segments, 0 for those that detect nothing. None takes as absent what is nan for every label at the
        end of a clip, as in ``segment_scores``. A clip lasts until the end of its last present segment.
    dtc : float, default=0.7
        Share of a detection that must overlap with true events of its label, else it is a false positive.
    gtc : float, default=0.7
        Share of a true event that must overlap with detections that are no false positives, for it to be found.
    cttc : float, default=0.3
        Share of a false positive that must overlap with true events of another label to be a cross-trigger of it.
    alpha_ct : float, default=0.0
        Weight of cross-triggers, which are added to the false positives: the mean over the other labels of their
        number for each hour that the other label sounds. 0 turns them off.
    alpha_st : float, default=0.0
        Weight of the deviation between labels, which is taken off the mean rate of true events found.
    max_efpr : float, default=100.0
        Largest effective rate of false positives, an hour.

    Returns
    -------
    psds : float
        In [0, 1].

    Raises
    ------
    ValueError
        For what is no event table, true events without length, events of other clips or labels, edges that do not
        increase, scores of present segments that are not finite, parameters out of range, and no true event.

    Warns
    -----
    UndefinedLabelWarning
        If labels without a true event are left out of everything, with their number.

    See Also
    --------
    psd_roc : The curve, of all labels together and of each.

    References
    ----------
    Bilen, Ferroni, Tuveri, Azcarreta and Krstulovic (2020). A framework for the robust evaluation of sound event
    detection. ICASSP.

    Ebbers, Serizel and Haeb-Umbach (2022). Threshold independent evaluation of sound event detection scores. ICASSP.

    Examples
    --------
    >>> import pandas as pd
    >>> from skzsl.metrics import psds
    >>> columns = ["clip", "label", "onset", "offset"]
    >>> y_true = pd.DataFrame([[0, "dog", 0.0, 2.0], [1, "dog", 1.0, 2.0]], columns=columns)
    >>> y_score = [[[0.9], [0.8], [0.1]], [[0.6], [0.5], [0.1]]]
    >>> psds(y_true, y_score, [0, 1, 2, 3], labels=["dog"])
    0.5
    """
    roc = psd_roc(
        y_true,
        y_score,
        edges,
        labels=labels,
        clips=clips,
        mask=mask,
        dtc=dtc,
        gtc=gtc,
        cttc=cttc,
        alpha_ct=alpha_ct,
        alpha_st=alpha_st,
        max_efpr=max_efpr,
    )
    return float(np.sum(roc.true_positive_rate[:-1] * np.diff(roc.false_positive_rate)) / max_efpr)


def psd_roc(
    y_true,
    y_score,
    edges,
    *,
    labels,
    clips=None,
    mask=None,
    dtc=0.7,
    gtc=0.7,
    cttc=0.3,
    alpha_ct=0.0,
    alpha_st=0.0,
    max_efpr=100.0,
) -> PsdRoc:
    """Rate of true events found over the rate of false positives, at all thresholds.

    A threshold detects a label in the segments whose score is strictly above it, and adjacent ones are one detection.
    Where several thresholds have the same rate of false positives, the one that finds most counts, and so it does at
    any larger rate.

    Parameters
    ----------
    y_true : pandas.DataFrame
        True events, as for :func:`psds`.
    y_score : array of shape (n, T, C)
        Scores of each label in each segment.
    edges : array of shape (T + 1,)
        Borders of the segments of every clip in seconds, increasing.
    labels : sequence of C labels
        Labels of the columns of ``y_score``.
    clips : sequence of n clips or None, default=None
        Clips of the rows of ``y_score``; None takes 0 to n - 1.
    mask : array of shape (n, T) or None, default=None
        1 for present segments, 0 for those that detect nothing; None as for :func:`psds`.
    dtc, gtc, cttc : float
        Shares that must overlap, above 0 and at most 1, as for :func:`psds`.
    alpha_ct, alpha_st : float, default=0.0
        Weights of cross-triggers and of the deviation between labels, as for :func:`psds`.
    max_efpr : float, default=100.0
        Largest effective rate of false positives, an hour.

    Returns
    -------
    roc : PsdRoc
        ``false_positive_rate``, effective and an hour, increasing from 0 to ``max_efpr``, ``true_positive_rate``,
        which holds from there up to the next, both of shape (m,), and ``labels``, a dict of such pairs for each label
        with a true event, which end at the label's last change.

    Raises
    ------
    ValueError
        As for :func:`psds`.

    Warns
    -----
    UndefinedLabelWarning
        If labels without a true event are left out, with their number.

    References
    ----------
    Bilen, Ferroni, Tuveri, Azcarreta and Krstulovic (2020). A framework for the robust evaluation of sound event
    detection. ICASSP.

    Ebbers, Serizel and Haeb-Umbach (2022). Threshold independent evaluation of sound event detection scores. ICASSP.

    Examples
    --------
    >>> import pandas as pd
    >>> from skzsl.metrics import psd_roc
    >>> columns = ["clip", "label", "onset", "offset"]
    >>> y_true = pd.DataFrame([[0, "dog", 0.0, 2.0], [1, "dog", 1.0, 2.0]], columns=columns)
    >>> y_score = [[[0.9], [0.8], [0.1]], [[0.6], [0.5], [0.1]]]
    >>> roc = psd_roc(y_true, y_score, [0, 1, 2, 3], labels=["dog"])
    >>> roc.false_positive_rate.tolist(), roc.true_positive_rate.tolist()
    ([0.0, 100.0], [0.5, 0.5])
    """
    dtc, gtc, cttc = (
        check_number(name, value, 0, 1, open_low=True) for name, value in (("dtc", dtc), ("gtc", gtc), ("cttc", cttc))
    )
    alpha_ct, alpha_st = check_number("alpha_ct", alpha_ct, 0), check_number("alpha_st", alpha_st, 0)
    max_efpr = check_number("max_efpr", max_efpr, 0, open_low=True)
    y_score, mask, edges = *check_segment_scores(y_score, mask), check_edges(edges)
    if len(edges) != y_score.shape[1] + 1:
        raise ValueError(f"edges of length {len(edges)} must be one more than the {y_score.shape[1]} segments.")
    truth, names = _check_truth(y_true, y_score, edges, clips, labels)
    known = np.flatnonzero(truth.n_events)
    hours = _seconds_present(mask, edges) / _SECONDS_AN_HOUR
    criteria = Criteria(dtc, gtc, cttc, cross_triggers=alpha_ct > 0)
    curves = {}
    for label in known.tolist():
        counts = count_label(y_score, mask, label, edges, truth, criteria)
        cross = alpha_ct * _SECONDS_AN_HOUR * counts.cross / max(len(known) - 1, 1)
        curves[names[label]] = _upper_edge(counts.false / hours + cross, counts.true / truth.n_events[label], max_efpr)
    false_rate, true_rate = _mean_curve(list(curves.values()), alpha_st, max_efpr)
    return PsdRoc(false_rate, true_rate, curves)


def _check_truth(y_true, y_score, edges, clips, labels):
    """True events of the clips and labels, and the labels."""
    n_clips, _, n_labels = y_score.shape
    events = check_events(y_true, "y_true")
    clips = range(n_clips) if clips is None else clips
    coded, clips, labels = code_events(events, clips, labels, "y_true")
    if (len(clips), len(labels)) != (n_clips, n_labels):
        raise ValueError(
            f"y_score of shape {y_score.shape} must have a row for each of {len(clips)} clips and a column for each of "
            f"{len(labels)} labels."
        )
    events = unite(coded)
    if (events.offset == events.onset).any():
        row = np.argmax(events.offset == events.onset)
        raise ValueError(
            f"y_true has an event of clip {clips[events.clip[row]]!r} from {events.onset[row]} to "
            f"{events.offset[row]}, which nothing overlaps; drop it."
        )
    truth = Truth.of(events, edges, n_clips, n_labels)
    undefined = int((truth.n_events == 0).sum())
    if undefined == n_labels:
        raise ValueError("y_true has no event; there is nothing to find.")
    if undefined:
        warn(f"{undefined} of {n_labels} labels have no true event and are left out.", UndefinedLabelWarning)
    return truth, labels


def _seconds_present(mask, edges):
    """Seconds of all clips, each until the end of its last present segment."""
    ends = np.where(mask.any(axis=1), mask.shape[1] - np.argmax(mask[:, ::-1], axis=1), 0)
    return np.sum(edges[ends] - edges[0])


def _upper_edge(false_rate, true_rate, max_efpr):
    """Highest rate of true events at each rate of false ones or below, where it changes, up to the largest rate."""
    order = np.lexsort((true_rate, false_rate))
    false_rate, true_rate = false_rate[order], np.maximum.accumulate(true_rate[order])
    rises = np.diff(true_rate, prepend=-1.0) > 0
    false_rate, true_rate = false_rate[rises], true_rate[rises]
    kept = (np.diff(false_rate, append=np.inf) > 0) & (false_rate <= max_efpr)
    return false_rate[kept], true_rate[kept]


def _mean_curve(curves, alpha_st, max_efpr):
    """Mean of the labels' curves less their weighted deviation, wherever one changes and at the largest rate."""
    grid = np.unique(np.concatenate([false_rate for false_rate, _ in curves]))

    def on_grid():
        for false_rate, true_rate in curves:
            yield true_rate[np.searchsorted(false_rate, grid, side="right") - 1]

    mean = sum(on_grid()) / len(curves)
    deviation = np.sqrt(sum((values - mean) ** 2 for values in on_grid()) / len(curves))
    effective = np.maximum(mean - alpha_st * deviation, 0)
    return np.append(grid, max_efpr), np.append(effective, effective[-1])
