"""Ranking metrics of multi-label scores: how well the clips of a label, or the labels of a clip, are ordered."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import norm

from ._validate import check_scores, mean_over_labels

_LABELS_AT_ONCE = 64
_POSITIVES_AT_ONCE = 4096


def mean_average_precision(y_true, y_score, *, average="macro") -> Any:
    """Average precision of every label over the clips, averaged over labels (mAP).

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_score : array of shape (n, L)
        Scores, higher where the label is likelier; only their order within a label matters.
    average : {"macro", None}, default="macro"
        Mean over labels, or None for one value a label, nan for labels without a positive clip.

    Returns
    -------
    precision : float or ndarray of shape (L,)
        In [0, 1]; each label's value is scikit-learn's ``average_precision_score``.

    Raises
    ------
    ValueError
        For shapes that differ, values other than 0 and 1, scores that are not finite, and no label with a positive.

    Warns
    -----
    UndefinedLabelWarning
        If labels without a positive clip are left out of the mean, with their number.

    Examples
    --------
    >>> from skzsl.metrics import mean_average_precision
    >>> round(mean_average_precision([[1, 0], [0, 1], [1, 1]], [[0.9, 0.1], [0.8, 0.3], [0.7, 0.2]]), 4)
    0.9167
    """
    y_true, y_score = check_scores(y_true, y_score)
    values = np.full(y_true.shape[1], np.nan)
    for label, scores, positives in _sorted_columns(y_true, y_score):
        if len(positives):
            at_least = len(scores) - np.searchsorted(scores, positives, side="left")
            hits = len(positives) - np.searchsorted(positives, positives, side="left")
            values[label] = np.mean(hits / at_least)
    return mean_over_labels(values, average, "positive")


def mean_roc_auc(y_true, y_score, *, average="macro") -> Any:
    """Area under the ROC curve of every label over the clips, averaged over labels.

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_score : array of shape (n, L)
        Scores, higher where the label is likelier; only their order within a label matters.
    average : {"macro", None}, default="macro"
        Mean over labels, or None for one value a label, nan for labels present in no clip or in all.

    Returns
    -------
    auc : float or ndarray of shape (L,)
        In [0, 1], .5 for chance; each label's value is scikit-learn's ``roc_auc_score``.

    Raises
    ------
    ValueError
        As for :func:`mean_average_precision`.

    Warns
    -----
    UndefinedLabelWarning
        If labels are left out of the mean, with their number.

    Examples
    --------
    >>> from skzsl.metrics import mean_roc_auc
    >>> mean_roc_auc([[1, 0], [0, 1], [1, 1]], [[0.9, 0.1], [0.8, 0.3], [0.7, 0.2]])
    0.75
    """
    y_true, y_score = check_scores(y_true, y_score)
    values = np.full(y_true.shape[1], np.nan)
    for label, scores, positives in _sorted_columns(y_true, y_score):
        n_negatives = len(scores) - len(positives)
        if len(positives) and n_negatives:
            # Twice the number of negatives below each positive, ties counting half.
            wins = sum(
                np.searchsorted(scores, positives, side=side) - np.searchsorted(positives, positives, side=side)
                for side in ("left", "right")
            )
            values[label] = np.sum(wins) / (2 * len(positives) * n_negatives)
    return mean_over_labels(values, average, "positive and negative")


def d_prime(y_true, y_score, *, average="auc") -> float:
    """Sensitivity index d' of the labels: how many deviations apart two normal distributions of equal AUC would lie.

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_score : array of shape (n, L)
        Scores, higher where the label is likelier.
    average : {"auc", "label"}, default="auc"
        d' of the mean AUC, as published for AudioSet, or the mean of the labels' d'.

    Returns
    -------
    d_prime : float
        ``sqrt(2) * ppf(auc)``; 0 for chance, infinite for a perfect order.

    Raises
    ------
    ValueError
        As for :func:`mean_average_precision`.

    Warns
    -----
    UndefinedLabelWarning
        If labels are left out of the mean, with their number.

    Examples
    --------
    >>> from skzsl.metrics import d_prime
    >>> round(d_prime([[1, 0], [0, 1], [1, 1]], [[0.9, 0.1], [0.8, 0.3], [0.7, 0.2]]), 3)
    0.954
    """
    if average not in {"auc", "label"}:
        raise ValueError(f"average={average!r}; pass 'auc' or 'label'.")
    if average == "auc":
        return float(np.sqrt(2) * norm.ppf(mean_roc_auc(y_true, y_score)))
    of_labels = np.sqrt(2) * norm.ppf(mean_roc_auc(y_true, y_score, average=None))
    return mean_over_labels(of_labels, "macro", "positive and negative")


def lwlrap(y_true, y_score) -> float:
    """Label-weighted label-ranking average precision: at each positive, the share of positives among labels above it.

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_score : array of shape (n, L)
        Scores; their order within a clip matters. Ties count as ranked above.

    Returns
    -------
    lwlrap : float
        In [0, 1], the mean over all positives of all clips.

    Raises
    ------
    ValueError
        For shapes that differ, values other than 0 and 1, scores that are not finite, and no positive at all.

    References
    ----------
    Fonseca et al. (2019). Audio tagging with noisy labels and minimal supervision. DCASE.

    Examples
    --------
    >>> from skzsl.metrics import lwlrap
    >>> round(lwlrap([[1, 0, 1], [0, 1, 0]], [[0.9, 0.5, 0.2], [0.3, 0.2, 0.1]]), 4)
    0.7222
    """
    y_true, y_score = check_scores(y_true, y_score)
    if not y_true.any():
        raise ValueError("y_true has no positive; there is nothing to average.")
    clips, labels = np.nonzero(y_true)
    total = 0.0
    for start in range(0, len(clips), _POSITIVES_AT_ONCE):
        block = slice(start, start + _POSITIVES_AT_ONCE)
        above = y_score[clips[block]] >= y_score[clips[block], labels[block]][:, None]
        total += np.sum((above & y_true[clips[block]]).sum(axis=1) / above.sum(axis=1))
    return float(total / len(clips))


def _sorted_columns(y_true, y_score):
    """Yield each label with its rising scores of all clips and of its positive clips."""
    for start in range(0, y_true.shape[1], _LABELS_AT_ONCE):
        block = slice(start, start + _LABELS_AT_ONCE)
        scores, present = (np.array(array[:, block].T, order="C") for array in (y_score, y_true))
        positives = [np.sort(row[mask]) for row, mask in zip(scores, present, strict=True)]
        scores.sort(axis=1)
        yield from zip(range(start, start + len(scores)), scores, positives, strict=True)
