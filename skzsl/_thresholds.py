"""The ``threshold`` of multi-label models: one number, one for each label of fit, or a dict."""

from __future__ import annotations

from numbers import Real

import numpy as np


def label_thresholds(threshold, candidates: np.ndarray, of_fit: np.ndarray) -> np.ndarray:
    """Threshold of all candidates (1,) or of each (n_labels,).

    A dict or Series goes by label, its key None standing for all labels that it does not name; an array is in the order
    of the labels of fit.

    Raises
    ------
    ValueError
        For a wrong number of thresholds, NaN, and candidates without one.
    """
    if isinstance(threshold, Real):
        of_label = {None: threshold}
    else:
        of_label = dict(threshold) if hasattr(threshold, "keys") else _by_label(threshold, of_fit)
    if not all(isinstance(value, Real) and value == value for value in of_label.values()):
        raise ValueError(f"threshold={threshold!r} holds a value that is no number; pass numbers.")
    if of_label.keys() == {None}:
        return np.array([of_label[None]], dtype=np.float64)
    absent = [label for label in candidates.tolist() if label not in of_label and None not in of_label]
    if absent:
        raise ValueError(
            f"threshold has no entry for {absent[:5]}; pass a dict with one, or with the key None for all labels "
            "that it does not name."
        )
    values = [of_label[label if label in of_label else None] for label in candidates.tolist()]
    return np.array(values, dtype=np.float64)


def _by_label(threshold, of_fit):
    if np.shape(threshold) != (len(of_fit),):
        raise ValueError(
            f"threshold has shape {np.shape(threshold)}; pass a number, one for each of the {len(of_fit)} labels of "
            "fit, or a dict from label to number."
        )
    return dict(zip(of_fit.tolist(), np.asarray(threshold).tolist(), strict=True))
