"""How well each label is ranked, against how frequent it is."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np

from .._indicators import check_indicators, named_indicators
from .._views import final_estimator, label_scores, with_labels
from ..exceptions import UndefinedLabelWarning
from ..metrics import mean_average_precision

_NAMED = 60


class LabelMapDisplay:
    """Average precision of every label beside its frequency, which is the precision of chance.

    Parameters
    ----------
    precisions : array of shape (L,)
        Average precision of each label; nan for labels without a clip, which are not drawn.
    frequencies : array of shape (L,)
        Share of the clips that have each label.
    labels : list of str
        Names of the labels.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer
    chance_ : matplotlib Line2D

    Examples
    --------
    >>> from skzsl import MultiLevelAttentionClassifier
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import LabelMapDisplay
    >>> sounds = make_soundscapes(1, max_events=2, random_state=0)
    >>> model = MultiLevelAttentionClassifier(max_epochs=1, random_state=0).fit(sounds.X, sounds.y)
    >>> display = LabelMapDisplay.from_estimator(model, sounds.X, sounds.y)
    >>> display.precisions.shape
    (72,)
    """

    def __init__(self, precisions, frequencies, labels) -> None:
        self.precisions = precisions
        self.frequencies = frequencies
        self.labels = labels

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **kwargs) -> Self:
        """Score clips with a fitted multi-label model, and draw.

        Parameters
        ----------
        estimator : multi-label estimator, Pipeline that ends in one, or search over either
            A fitted model.
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : DataFrame or array of shape (n, L)
            Which labels each clip has; the columns of an array are the labels of fit.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``bar`` or ``barh``.

        Returns
        -------
        display : LabelMapDisplay
        """
        y = named_indicators(y, final_estimator(estimator).classes_)
        scores = label_scores(with_labels(estimator, y.labels), X)
        return cls._of(y, scores).plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, y_true, y_score, *, ax=None, **kwargs) -> Self:
        """Draw scores that are there already.

        Parameters
        ----------
        y_true : DataFrame or array of shape (n, L)
            Which labels each clip has; the labels of an array are the numbers of its columns.
        y_score : array of shape (n, L)
            Scores, higher where the label is likelier.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``bar`` or ``barh``.

        Returns
        -------
        display : LabelMapDisplay
        """
        return cls._of(check_indicators(y_true), y_score).plot(ax=ax, **kwargs)

    @classmethod
    def _of(cls, y, scores):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedLabelWarning)
            precisions = mean_average_precision(y.values, scores, average=None)
        return cls(precisions, y.values.mean(axis=0), y.labels.tolist())

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw a bar for each label, the most frequent first, and dots at its frequency.

        Up to 60 labels are named, in rows; more are drawn side by side.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``barh``, or for more than 60 labels to ``bar``.

        Returns
        -------
        display : LabelMapDisplay
        """
        import matplotlib.pyplot as plt

        drawn = np.flatnonzero(np.isfinite(self.precisions))
        order = drawn[np.argsort(-np.asarray(self.frequencies)[drawn], kind="stable")]
        precisions, chance, places = self.precisions[order], self.frequencies[order], np.arange(len(order))
        in_rows = len(order) <= _NAMED
        if ax is None:
            size = (6, 1.2 + 0.2 * len(order)) if in_rows else (9, 3.5)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        look = {"color": "tab:blue", "label": f"average precision, mean {np.mean(precisions):.3f}", **kwargs}
        dots = {"linestyle": "none", "marker": ".", "color": "black", "label": "frequency (chance)"}
        if in_rows:
            self.bars_ = ax.barh(places, precisions, **look)
            (self.chance_,) = ax.plot(chance, places, **dots)
            ax.set_yticks(places, labels=[str(self.labels[label]) for label in order])
            ax.invert_yaxis()
            ax.set_xlabel("average precision")
        else:
            self.bars_ = ax.bar(places, precisions, width=1.0, **look)
            (self.chance_,) = ax.plot(places, chance, **{**dots, "markersize": 2})
            ax.set_xlabel("labels, the most frequent first")
            ax.set_ylabel("average precision")
            ax.margins(x=0)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        self.ax_, self.figure_ = ax, ax.figure
        return self
