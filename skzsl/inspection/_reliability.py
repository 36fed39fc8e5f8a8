"""Accuracy against confidence."""

from __future__ import annotations

from typing import Self

import numpy as np

from .._views import final_estimator
from ..metrics import reliability_curve
from ..metrics._calibration import ReliabilityCurve


class ReliabilityDisplay:
    """How often the best label is right, by how probable a model says it is: on the diagonal, probabilities hold.

    Parameters
    ----------
    confidence, accuracy, share : arrays of shape (m,)
        The curve; see :func:`skzsl.metrics.reliability_curve`.

    Attributes
    ----------
    error_ : float
        Expected calibration error: mean distance from the diagonal, each bin weighted by its share of the clips.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On calibration of modern neural networks. ICML.

    Examples
    --------
    >>> from skzsl import ZeroShotRidge
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import ReliabilityDisplay
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(3, random_state=0)
    >>> model = ZeroShotRidge(HashingEncoder()).fit(sounds.X, sounds.y)
    >>> display = ReliabilityDisplay.from_estimator(model, sounds.X, sounds.y)
    >>> bool(0 <= display.error_ <= 1)
    True
    """

    def __init__(self, confidence, accuracy, share) -> None:
        self.confidence = confidence
        self.accuracy = accuracy
        self.share = share

    @classmethod
    def from_estimator(cls, estimator, X, y, *, n_bins=15, ax=None, **kwargs) -> Self:
        """Take the probabilities of a fitted model for one label a clip, and draw.

        Parameters
        ----------
        estimator : estimator, Pipeline that ends in one, or search over either
            A fitted model; its ``classes_`` are the candidates, which ``with_labels`` changes.
        X : array of shape (n, d) or (n, T, d)
            Clips.
        y : array of shape (n,)
            Their labels.
        n_bins : int, default=15
            Bins of equal width between 0 and 1.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot``.

        Returns
        -------
        display : ReliabilityDisplay

        Raises
        ------
        ValueError
            For an estimator that was fitted on several labels a clip.
        """
        labels, proba = final_estimator(estimator).classes_, estimator.predict_proba(X)
        if not np.allclose(proba.sum(axis=1), 1, atol=1e-3):
            raise ValueError(
                "Probabilities of a clip do not add up to 1, since the estimator was fitted on several labels a clip; "
                "pass one for one label a clip."
            )
        curve = reliability_curve(y, proba, labels, n_bins=n_bins)
        return cls(*curve).plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, y_true, y_proba, labels, *, n_bins=15, ax=None, **kwargs) -> Self:
        """Draw probabilities that are there already.

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
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot``.

        Returns
        -------
        display : ReliabilityDisplay
        """
        return cls(*reliability_curve(y_true, y_proba, labels, n_bins=n_bins)).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw accuracy against confidence, and the diagonal.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot`` of the curve.

        Returns
        -------
        display : ReliabilityDisplay
        """
        import matplotlib.pyplot as plt

        curve = ReliabilityCurve(*map(np.asarray, (self.confidence, self.accuracy, self.share)))
        self.error_ = curve.error
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        ax.plot([0, 1], [0, 1], ":", color="gray")
        look = {"marker": "o", "label": f"calibration error {self.error_:.3f}", **kwargs}
        (self.line_,) = ax.plot(self.confidence, self.accuracy, **look)
        ax.set(xlabel="confidence in the best label", ylabel="share of right labels", xlim=(0, 1), ylim=(0, 1))
        ax.legend(loc="upper left")
        self.ax_, self.figure_ = ax, ax.figure
        return self
