"""Whether probabilities are the shares of clips that they say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._validate import check_candidate_scores

_ROUNDING = 1e-5  # by which a probability in float32 may exceed 1


class ReliabilityCurve(NamedTuple):
    """Clips in bins of their confidence; see :func:`reliability_curve`."""

    confidence: np.ndarray
    accuracy: np.ndarray
    share: np.ndarray

    @property
    def error(self) -> float:
        """Mean distance of accuracy from confidence, each bin weighted by its share of the clips."""
        return float(np.abs(self.accuracy - self.confidence) @ self.share)


def reliability_curve(y_true, y_proba, labels, *, n_bins=15) -> ReliabilityCurve:
    """How often the best label is right, by how probable it is said to be.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels.
    y_proba : array of shape (n, L)
        Probabilities of the candidates.
    labels : array of shape (L,)
        Labels of the columns.
    n_bins : int, default=15
        Bins of equal width between 0 and 1.

    Returns
    -------
    curve : ReliabilityCurve
        ``confidence``, the mean highest probability of the clips of each bin, ``accuracy``, the share of them whose
        best label is right, and ``share``, that of all clips that are in the bin, each of shape (m,): bins without a
        clip are left out.

    Raises
    ------
    ValueError
        For probabilities of another shape or not from 0 to 1, labels twice, and fewer than one bin.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On calibration of modern neural networks. ICML.

    Examples
    --------
    >>> from skzsl.metrics import reliability_curve
    >>> curve = reliability_curve(["dog", "rain"], [[0.75, 0.25], [0.75, 0.25]], ["dog", "rain"])
    >>> curve.confidence.tolist(), curve.accuracy.tolist(), curve.share.tolist()
    ([0.75], [0.5], [1.0])
    """
    if not isinstance(n_bins, int | np.integer) or isinstance(n_bins, bool) or n_bins < 1:
        raise ValueError(f"n_bins={n_bins!r}; pass a whole number from 1 up.")
    y_true, y_proba, labels = check_candidate_scores(y_true, y_proba, labels)
    wrong = (y_proba < 0) | (y_proba > 1 + _ROUNDING)
    if wrong.any():
        raise ValueError(
            f"y_proba holds {y_proba[wrong][0].item()!r}; pass probabilities, as predict_proba gives them."
        )
    confidence = y_proba.max(axis=1).astype(np.float64)
    right = (labels[y_proba.argmax(axis=1)] == y_true).astype(np.float64)
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    kept = counts > 0

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(bins, values, n_bins)[kept] / counts[kept]

    return ReliabilityCurve(mean(confidence), mean(right), counts[kept] / len(y_true))


def expected_calibration_error(y_true, y_proba, labels, *, n_bins=15) -> float:
    """Mean difference between confidence and accuracy (ECE), over bins of the confidence.

    Parameters
    ----------
    y_true : array of shape (n,)
        True labels.
    y_proba : array of shape (n, L)
        Probabilities of the candidates.
    labels : array of shape (L,)
        Labels of the columns.
    n_bins : int, default=15
        Bins of equal width between 0 and 1.

    Returns
    -------
    ece : float
        Mean of ``|accuracy - confidence|`` over the bins, each weighted by its share of the clips.

    Raises
    ------
    ValueError
        As `reliability_curve`.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015). Obtaining well calibrated probabilities using Bayesian binning. AAAI.

    Examples
    --------
    >>> from skzsl.metrics import expected_calibration_error
    >>> expected_calibration_error(["dog", "rain"], [[0.75, 0.25], [0.75, 0.25]], ["dog", "rain"])
    0.25
    """
    return reliability_curve(y_true, y_proba, labels, n_bins=n_bins).error
