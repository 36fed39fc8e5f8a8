"""F1 of predicted labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._validate import check_scores, mean_over_labels


def multilabel_f1(y_true, y_pred, *, average="macro") -> Any:
    """Harmonic mean of precision and recall of predicted labels.

    Parameters
    ----------
    y_true : array of shape (n, L)
        1 where the label is present, else 0.
    y_pred : array of shape (n, L)
        1 where the label is predicted, else 0.
    average : {"macro", "micro", None}, default="macro"
        Mean over labels, one value of all labels' counts together, or one value a label. Labels without a positive
        clip are left out of the mean and are nan; their wrong predictions count in "micro".

    Returns
    -------
    f1 : float or ndarray of shape (L,)
        In [0, 1].

    Raises
    ------
    ValueError
        For shapes that differ, values other than 0 and 1, and no label with a positive.

    Warns
    -----
    UndefinedLabelWarning
        If labels are left out of the mean, with their number.

    Examples
    --------
    >>> from skzsl.metrics import multilabel_f1
    >>> round(multilabel_f1([[1, 0], [0, 1], [1, 1]], [[1, 0], [1, 0], [1, 1]]), 4)
    0.7333
    """
    if average not in {"macro", "micro", None}:
        raise ValueError(f"average={average!r}; pass 'macro', 'micro' or None.")
    y_true, y_pred = check_scores(y_true, y_pred)
    if y_pred.dtype != bool and not ((y_pred == 0) | (y_pred == 1)).all():
        wrong = y_pred[(y_pred != 0) & (y_pred != 1)][0].item()
        raise ValueError(f"y_pred holds {wrong!r}; pass 1 where a label is predicted and 0 elsewhere, not scores.")
    y_pred = y_pred.astype(bool)
    hits, present = (y_true & y_pred).sum(axis=0), y_true.sum(axis=0)
    sizes = present + y_pred.sum(axis=0)
    if average == "micro":
        if not present.any():
            raise ValueError("y_true has no positive; there is nothing to find.")
        return float(2 * hits.sum() / sizes.sum())
    values = np.full(len(hits), np.nan)
    np.divide(2 * hits, sizes, out=values, where=present > 0)
    return mean_over_labels(values, average, "positive")
