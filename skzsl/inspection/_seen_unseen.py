"""Accuracy on seen labels against accuracy on unseen ones."""

from __future__ import annotations

from typing import Self

import numpy as np

from .._labels import label_array
from .._views import final_estimator, label_scores, with_labels
from ..metrics import harmonic_mean, seen_unseen_curve


class SeenUnseenDisplay:
    """Accuracy on clips of seen against clips of unseen labels, over all penalties on seen labels, and the best mean.

    Parameters
    ----------
    penalty, seen, unseen : arrays of shape (m,)
        The curve; see :func:`skzsl.metrics.seen_unseen_curve`.

    Attributes
    ----------
    area_ : float
        Area under the curve (AUSUC).
    harmonic_ : float
        The highest harmonic mean on the curve.
    best_penalty_ : float
        A penalty with that mean: half-way between the two of the curve around it or, at an end, beyond all of them.
        ``seen_penalty`` of an estimator adds to what its scores hold already.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D

    References
    ----------
    Chao, Changpinyo, Gong and Sha (2016). An empirical study and analysis of generalized zero-shot learning for object
    recognition in the wild. ECCV.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ZeroShotBilinear
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import SeenUnseenDisplay
    >>> from skzsl.model_selection import GeneralizedSplit
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(3, random_state=0)
    >>> train, test = next(GeneralizedSplit(random_state=0).split(sounds.X, sounds.y))
    >>> model = ZeroShotBilinear(HashingEncoder(), random_state=0).fit(sounds.X[train], sounds.y[train])
    >>> display = SeenUnseenDisplay.from_estimator(model, sounds.X[test], sounds.y[test])
    >>> bool(0 <= display.area_ <= 1)
    True
    """

    def __init__(self, penalty, seen, unseen) -> None:
        self.penalty = penalty
        self.seen = seen
        self.unseen = unseen

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **kwargs) -> Self:
        """Score clips with a fitted single-label model among the labels of fit and of y, and draw.

        Parameters
        ----------
        estimator : zero-shot estimator, Pipeline that ends in one, or search over either
            A fitted model.
        X : array of shape (n, d) or (n, T, d)
            Clips of seen and of unseen labels.
        y : array of shape (n,)
            Their labels.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot``.

        Returns
        -------
        display : SeenUnseenDisplay

        Raises
        ------
        ValueError
            If y has no clip of a seen label, or none of an unseen one.
        """
        model, y = final_estimator(estimator), label_array(y, "y")
        view = with_labels(estimator, np.unique([*model.classes_.tolist(), *y.tolist()]))
        curve = seen_unseen_curve(y, label_scores(view, X), view.classes_, model.seen_classes_)
        return cls(*curve).plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, y_true, y_score, labels, seen, *, ax=None, **kwargs) -> Self:
        """Draw scores that are there already.

        Parameters
        ----------
        y_true : array of shape (n,)
            True labels, some seen and some unseen.
        y_score : array of shape (n, L)
            Scores of all candidates.
        labels : array of shape (L,)
            Labels of the columns.
        seen : collection of labels
            The labels that the model was trained on.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot``.

        Returns
        -------
        display : SeenUnseenDisplay
        """
        return cls(*seen_unseen_curve(y_true, y_score, labels, seen)).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw the curve, and a dot where the harmonic mean is highest.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot``.

        Returns
        -------
        display : SeenUnseenDisplay
        """
        import matplotlib.pyplot as plt

        means = harmonic_mean(self.seen, self.unseen)
        best = int(means.argmax())
        self.area_, self.harmonic_ = float(np.trapezoid(self.seen, self.unseen)), float(means[best])
        self.best_penalty_ = _penalty_after(self.penalty, best)
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        look = {"color": "tab:blue", "label": f"all penalties (area {self.area_:.3f})", **kwargs}
        (self.line_,) = ax.plot(self.unseen, self.seen, **look)
        note = f"best harmonic mean {self.harmonic_:.3f}, penalty {self.best_penalty_:.2g}"
        ax.plot(self.unseen[best], self.seen[best], "o", color=self.line_.get_color(), label=note)
        ax.set(xlabel="accuracy on unseen labels", ylabel="accuracy on seen labels", xlim=(0, 1), ylim=(0, 1))
        ax.legend(loc="upper right")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _penalty_after(penalty, place):
    """A finite penalty between one of the curve and the next, away from both, where clips are undecided."""
    if place == 0:
        return float(penalty[1] - 1.0 - abs(penalty[1]))
    if place == len(penalty) - 1:
        return float(penalty[place] + 1.0 + abs(penalty[place]))
    return float((penalty[place] + penalty[place + 1]) / 2)
