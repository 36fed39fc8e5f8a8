"""Metrics of zero-shot classification."""

import numpy as np

from ._validate import check_labels


def per_label_accuracy(y_true, y_pred) -> float:
    """Top-1 accuracy averaged over the true labels, so that rare labels count like frequent ones.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels.
    y_pred : array of shape (n,)
        Predicted labels.

    Returns
    -------
    accuracy : float
        In [0, 1]; every label that occurs in ``y_true`` has the same weight.

    Raises
    ------
    ValueError
        For arrays of different length and for no clips.

    References
    ----------
    Xian, Lampert, Schiele and Akata (2019). Zero-shot learning: a comprehensive evaluation of the good, the bad and
    the ugly. IEEE TPAMI 41(9).

    Examples
    --------
    >>> from skzsl.metrics import per_label_accuracy
    >>> per_label_accuracy(["rain", "rain", "rain", "dog"], ["rain", "rain", "rain", "rain"])
    0.5
    """
    y_true, y_pred = check_labels(y_true, y_pred)
    if len(y_true) == 0:
        raise ValueError("y_true is empty; there is nothing to score.")
    _, codes = np.unique(y_true, return_inverse=True)
    return float(np.mean(np.bincount(codes, weights=y_true == y_pred) / np.bincount(codes)))
