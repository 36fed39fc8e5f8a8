"""The threshold, or the number of labels a clip, at which held-out F1 is highest: exact, in one sort."""

from __future__ import annotations

import numpy as np

from .._best_columns import best_columns


def best_threshold(folds, average):
    """Find the threshold with the highest F1, averaged over folds.

    Parameters
    ----------
    folds : list of (indicator, scores), each (n, L)
        Held-out clips and labels; every fold has a positive.
    average : {"micro", "macro"}
        How F1 is averaged over the labels of a fold.

    Returns
    -------
    threshold : float
        Half-way between the scores it parts, or 1 below all of them; labels that score above it are predicted.
    f1 : float
        The mean F1 of the folds there.
    """
    curve = _micro_steps if average == "micro" else _macro_steps
    steps = [curve(y_true, scores) for y_true, scores in folds]
    scores = np.concatenate([scores for scores, _ in steps])
    return _best_of_steps(scores, np.concatenate([step for _, step in steps]) / len(folds))


def best_rejection(folds):
    """Find the best score above which a clip is taken as known, by the mean of two rates, averaged over folds.

    Parameters
    ----------
    folds : list of (known, right, scores), each (n,)
        Whether the label of a clip is a candidate, whether the best candidate is that label, and its score; every fold
        has clips of both kinds.

    Returns
    -------
    threshold : float
        Half-way between the scores it parts, 1 below all of them, or the highest, above which there is none.
    rate : float
        Mean of the share of known clips that are named correctly and of the share of unknown ones that are rejected.
    """
    gains = [np.where(known, right / known.sum(), -1 / (~known).sum()) / 2 for known, right, _ in folds]
    scores = np.concatenate([scores for _, _, scores in folds]).astype(np.float64)
    threshold, gain = _best_of_steps(scores, np.concatenate(gains) / len(folds))
    return threshold, 0.5 + gain


def _best_of_steps(scores, steps):
    """Threshold with the highest sum of the steps of all that score above it, and that sum, which is 0 of none."""
    order = np.argsort(-scores)
    scores, sums = scores[order], np.cumsum(steps[order])
    last_of_ties = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))
    best = last_of_ties[np.argmax(sums[last_of_ties])]
    if sums[best] < 0:  # none at all is better
        return float(scores[0]), 0.0
    if best == len(scores) - 1:
        return float(scores[best]) - 1.0, float(sums[best])
    threshold = (scores[best] + scores[best + 1]) / 2
    return float(threshold if threshold < scores[best] else scores[best + 1]), float(sums[best])


def best_k(folds, average):
    """Find the number of labels to take from every clip with the highest F1, averaged over folds.

    Parameters
    ----------
    folds : list of (indicator, scores), each (n, L)
        Held-out clips and labels.
    average : {"micro", "macro"}
        How F1 is averaged over the labels of a fold.

    Returns
    -------
    k : int
    f1 : float
        The mean F1 of the folds there.
    """
    curves = [_f1_at_every_k(y_true, scores, average) for y_true, scores in folds]
    f1 = np.mean([curve[: min(map(len, curves))] for curve in curves], axis=0)
    return int(np.argmax(f1)) + 1, float(f1.max())


def top_k(scores, k):
    """Indicator of the k best labels of every clip; on a tie the first."""
    best = best_columns(scores, k)
    predicted = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(predicted, best, True, axis=1)
    return predicted


def _micro_steps(y_true, scores):
    """Scores, falling, and by how much F1 changes when the label of each is predicted too."""
    scores = scores.ravel().astype(np.float64)
    order = np.argsort(-scores)
    hits = np.cumsum(y_true.ravel()[order], dtype=np.float64)
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    return scores[order], np.diff(f1, prepend=0.0)


def _macro_steps(y_true, scores):
    present = y_true.sum(axis=0)
    y_true, scores, present = y_true[:, present > 0], scores[:, present > 0].astype(np.float64), present[present > 0]
    order = np.argsort(-scores, axis=0)
    hits = np.cumsum(np.take_along_axis(y_true, order, axis=0), axis=0, dtype=np.float64)
    f1 = 2 * hits / (np.arange(1, len(order) + 1)[:, None] + present)
    steps = np.diff(f1, axis=0, prepend=0.0) / len(present)
    return np.take_along_axis(scores, order, axis=0).ravel(), steps.ravel()


def _f1_at_every_k(y_true, scores, average):
    n_clips, n_labels = scores.shape
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.broadcast_to(np.arange(n_labels), order.shape)
    chosen, hits = np.zeros((2, n_labels, n_labels))
    np.add.at(chosen, (ranks, order), 1)
    np.add.at(hits, (ranks, order), np.take_along_axis(y_true, order, axis=1))
    chosen, hits = chosen.cumsum(axis=0), hits.cumsum(axis=0)
    present = y_true.sum(axis=0)
    if average == "micro":
        return 2 * hits.sum(axis=1) / (n_clips * np.arange(1, n_labels + 1) + present.sum())
    return np.mean(2 * hits[:, present > 0] / (chosen + present)[:, present > 0], axis=1)
