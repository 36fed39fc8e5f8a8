"""Metrics of the K labels with the highest scores of every clip, pooled over clips."""

from __future__ import annotations

import numpy as np

from .._best_columns import best_columns
from ._validate import check_scores


def precision_at_k(y_true, y_score, k) -> float:
    """Share of the K best-scored labels of the clips that are present (P@K).

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_score : array of shape (n, L)
        Scores; their order within a clip matters. On a tie the label that comes first is taken.
    k : int
        Labels taken from every clip, 1 to L.

    Returns
    -------
    precision : float
        Present labels among those taken, over ``n * k``.

    Raises
    ------
    ValueError
        For shapes that differ, values other than 0 and 1, scores that are not finite, and k outside 1..L.

    Examples
    --------
    >>> from skzsl.metrics import precision_at_k
    >>> precision_at_k([[1, 0, 1], [0, 1, 0]], [[0.9, 0.5, 0.2], [0.3, 0.2, 0.1]], k=2)
    0.5
    """
    hits, y_true = _count_hits(y_true, y_score, k)
    return hits / (len(y_true) * k)


def recall_at_k(y_true, y_score, k) -> float:
    """Share of the present labels of the clips that are among their K best-scored (R@K).

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_score : array of shape (n, L)
        Scores; their order within a clip matters. On a tie the label that comes first is taken.
    k : int
        Labels taken from every clip, 1 to L.

    Returns
    -------
    recall : float
        Present labels among those taken, over all present labels.

    Raises
    ------
    ValueError
        As for :func:`precision_at_k`, and if no label is present at all.

    Examples
    --------
    >>> from skzsl.metrics import recall_at_k
    >>> round(recall_at_k([[1, 0, 1], [0, 1, 0]], [[0.9, 0.5, 0.2], [0.3, 0.2, 0.1]], k=2), 4)
    0.6667
    """
    hits, y_true = _count_hits(y_true, y_score, k)
    return hits / _n_present(y_true)


def f1_at_k(y_true, y_score, k) -> float:
    """Harmonic mean of precision and recall at K (F1@K).

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_score : array of shape (n, L)
        Scores; their order within a clip matters. On a tie the label that comes first is taken.
    k : int
        Labels taken from every clip, 1 to L.

    Returns
    -------
    f1 : float
        ``2 * hits / (n * k + all present labels)``.

    Raises
    ------
    ValueError
        As for :func:`precision_at_k`, and if no label is present at all.

    Examples
    --------
    >>> from skzsl.metrics import f1_at_k
    >>> round(f1_at_k([[1, 0, 1], [0, 1, 0]], [[0.9, 0.5, 0.2], [0.3, 0.2, 0.1]], k=2), 4)
    0.5714
    """
    hits, y_true = _count_hits(y_true, y_score, k)
    return 2 * hits / (len(y_true) * k + _n_present(y_true))


def _count_hits(y_true, y_score, k):
    y_true, y_score = check_scores(y_true, y_score)
    if k not in range(1, y_true.shape[1] + 1):
        raise ValueError(f"k={k!r}; pass a whole number from 1 to the {y_true.shape[1]} labels.")
    best = best_columns(y_score.astype(np.float64, copy=False), k)
    return int(np.take_along_axis(y_true, best, axis=1).sum()), y_true


def _n_present(y_true):
    if not y_true.any():
        raise ValueError("y_true has no positive; there is nothing to recall.")
    return int(y_true.sum())
