"""Metrics of open-set recognition: clips of no candidate are among the others."""

from __future__ import annotations

import numpy as np

from ._ranking import mean_roc_auc
from ._validate import check_candidate_scores


def unknown_auroc(y_true, y_score, labels) -> float:
    """Area under the ROC curve of the best score for telling known clips from unknown ones.

    It is the chance that the best candidate of a clip whose label is a candidate scores above that of a clip whose
    label is none, ties counting half.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels, some among the candidates and some not.
    y_score : array of shape (n, L)
        Scores or probabilities of the candidates.
    labels : array of shape (L,)
        Labels of the columns.

    Returns
    -------
    auroc : float
        1 if all known clips score above all unknown ones, .5 by chance.

    Raises
    ------
    ValueError
        If no clip is known or none is unknown, for scores of another shape or not finite, and for labels twice.

    References
    ----------
    Hendrycks and Gimpel (2017). A baseline for detecting misclassified and out-of-distribution examples in neural
    networks. ICLR.

    Examples
    --------
    >>> from skzsl.metrics import unknown_auroc
    >>> y_score = [[0.9, 0.1], [0.2, 0.6], [0.7, 0.3], [0.5, 0.4]]
    >>> unknown_auroc(["dog", "rain", "siren", "wind"], y_score, ["dog", "rain"])
    0.75
    """
    known, _, best = _known(y_true, y_score, labels)
    return float(mean_roc_auc(known[:, None], best[:, None]))


def oscr(y_true, y_score, labels) -> float:
    """Area under the open-set classification rate curve (OSCR).

    Over all thresholds on the best score, the share of the known clips that are named correctly and score above it,
    against the share of the unknown clips that score above it. Unlike `unknown_auroc` it counts errors between
    candidates too, and is at most the accuracy on known clips.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels, some among the candidates and some not.
    y_score : array of shape (n, L)
        Scores or probabilities of the candidates.
    labels : array of shape (L,)
        Labels of the columns.

    Returns
    -------
    oscr : float
        By the trapezium rule, so that ties count half.

    Raises
    ------
    ValueError
        If no clip is known or none is unknown, for scores of another shape or not finite, and for labels twice.

    References
    ----------
    Dhamija, Günther and Boult (2018). Reducing network agnostophobia. NeurIPS.

    Examples
    --------
    >>> from skzsl.metrics import oscr
    >>> y_score = [[0.9, 0.1], [0.6, 0.2], [0.7, 0.3], [0.5, 0.4]]
    >>> oscr(["dog", "rain", "siren", "wind"], y_score, ["dog", "rain"])
    0.5
    """
    known, right, best = _known(y_true, y_score, labels)
    order = np.argsort(-best)
    last_of_ties = np.append(np.diff(best[order]) != 0, True)
    correct, false = (
        np.concatenate([[0.0], np.cumsum(kind[order])[last_of_ties] / total])
        for kind, total in ((right, known.sum()), (~known, (~known).sum()))
    )
    return float(np.trapezoid(correct, false))


def _known(y_true, y_score, labels):
    """Whether each clip's label is a candidate, whether that scores best, and the best score."""
    y_true, y_score, labels = check_candidate_scores(y_true, y_score, labels)
    known = np.isin(y_true, labels)
    if known.all() or not known.any():
        kind = "unknown" if known.all() else "known"
        raise ValueError(f"None of the {len(known)} clips is {kind}; pass clips of candidates and of other labels.")
    return known, labels[y_score.argmax(axis=1)] == y_true, y_score.max(axis=1).astype(np.float64)
