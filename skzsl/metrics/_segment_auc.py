"""Area under the ROC curve of segments: over all clips, and within each clip."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._ranking import mean_roc_auc
from ._validate import check_segment_scores, mean_over_labels

_VALUES_AT_ONCE = 1 << 20


def segment_auc(y_true, y_score, *, mask=None, average="macro") -> Any:
    """Area under the ROC curve of every label over the present segments of all clips, averaged over labels.

    Parameters
    ----------
    y_true : array of shape (n, T, C)
        1 where the label sounds in the segment of the clip, else 0.
    y_score : array of shape (n, T, C)
        Scores, higher where the label is likelier; only their order within a label matters.
    mask : array of shape (n, T) or None, default=None
        1 for present segments, 0 for those that are not read. None takes as absent what is nan for every label at the
        end of a clip, as in ``segment_scores``.
    average : {"macro", None}, default="macro"
        Mean over labels, or None for one value a label, nan for labels that sound in no segment or in all.

    Returns
    -------
    auc : float or ndarray of shape (C,)
        In [0, 1], .5 for chance.

    Raises
    ------
    ValueError
        For shapes that differ, values other than 0 and 1, scores that are not finite, and no label with a value.

    Warns
    -----
    UndefinedLabelWarning
        If labels are left out of the mean, with their number.

    See Also
    --------
    within_clip_auc : Only asks when a label sounds, not in which clip.

    Examples
    --------
    >>> from skzsl.metrics import segment_auc
    >>> segment_auc([[[1], [0]], [[1], [0]]], [[[0.9], [0.6]], [[0.4], [0.1]]])
    0.75
    """
    y_true, y_score, mask = _check(y_true, y_score, mask)
    values = mean_roc_auc(y_true[mask], y_score[mask], average=None)
    return mean_over_labels(values, average, "positive and negative", unit="segment")


def within_clip_auc(y_true, y_score, *, mask=None, average="macro") -> Any:
    """Area under the ROC curve of a clip's segments, averaged over the clips of a label, then over labels.

    A clip counts for the labels that sound in some of its present segments and not in all. How scores compare between
    clips plays no part: this is how well a model tells when a label sounds, given that it does.

    Parameters
    ----------
    y_true : array of shape (n, T, C)
        1 where the label sounds in the segment of the clip, else 0.
    y_score : array of shape (n, T, C)
        Scores, higher where the label is likelier; only their order within a clip and label matters.
    mask : array of shape (n, T) or None, default=None
        1 for present segments, 0 for those that are not read. None takes as absent what is nan for every label at the
        end of a clip, as in ``segment_scores``.
    average : {"macro", None}, default="macro"
        Mean over labels, or None for one value a label, nan for labels without such a clip.

    Returns
    -------
    auc : float or ndarray of shape (C,)
        In [0, 1], .5 for chance; segments that tie count half.

    Raises
    ------
    ValueError
        As for :func:`segment_auc`.

    Warns
    -----
    UndefinedLabelWarning
        If labels are left out of the mean, with their number.

    See Also
    --------
    segment_auc : Compares the segments of all clips.

    Examples
    --------
    >>> from skzsl.metrics import within_clip_auc
    >>> within_clip_auc([[[1], [0]], [[1], [0]]], [[[0.9], [0.6]], [[0.4], [0.1]]])
    1.0
    """
    y_true, y_score, mask = _check(y_true, y_score, mask)
    sounding = np.einsum("ntc,nt->nc", y_true, mask, dtype=np.intp)
    clips, labels = np.nonzero((sounding > 0) & (sounding < mask.sum(axis=1)[:, None]))
    aucs = np.empty(len(clips))
    step = max(1, _VALUES_AT_ONCE // y_true.shape[1])
    for start in range(0, len(clips), step):
        rows = slice(start, start + step)
        clip, label = clips[rows], labels[rows]
        scores = np.where(mask[clip], y_score[clip, :, label], np.inf)
        n_true, n_present = sounding[clip, label], mask[clip].sum(axis=1)
        ranks = np.where(y_true[clip, :, label] & mask[clip], _mid_ranks(scores), 0).sum(axis=1)
        aucs[rows] = (ranks - n_true * (n_true + 1) / 2) / (n_true * (n_present - n_true))
    n_clips = np.bincount(labels, minlength=y_true.shape[2])
    values = np.full(y_true.shape[2], np.nan)
    np.divide(np.bincount(labels, weights=aucs, minlength=len(values)), n_clips, out=values, where=n_clips > 0)
    return mean_over_labels(values, average, "partly sounding")


def _check(y_true, y_score, mask):
    y_score, mask = check_segment_scores(y_score, mask)
    y_true = np.asarray(y_true)
    if y_true.shape != y_score.shape:
        raise ValueError(f"y_true of shape {y_true.shape} and y_score of shape {y_score.shape} must both be (n, T, C).")
    wrong = ((y_true != 0) & (y_true != 1)) & mask[:, :, None]
    if wrong.any():
        raise ValueError(f"y_true holds {y_true[wrong][0].item()!r}; pass 1 where a label sounds, 0 elsewhere.")
    return y_true == 1, y_score, mask


def _mid_ranks(scores):
    """Ranks from 1 within each row; ties share the mean of theirs."""
    order = np.argsort(scores, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    place = np.arange(scores.shape[1])
    changes = ordered[:, 1:] != ordered[:, :-1]
    border = np.ones((len(scores), 1), dtype=bool)
    first = np.maximum.accumulate(np.where(np.hstack([border, changes]), place, 0), axis=1)
    last = np.where(np.hstack([changes, border]), place, place[-1])
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=1)
    return ranks
