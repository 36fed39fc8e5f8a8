"""Precision and recall of the events of each label."""

from __future__ import annotations

from typing import Self

import numpy as np

from ..metrics import event_counts


class LabelPrecisionRecallDisplay:
    """Precision and recall of each label side by side, which shows what is invented and what is missed.

    Parameters
    ----------
    precision, recall : arrays of shape (n_labels,)
        Share of the predicted events that are right, and of the true ones that are found; nan where there is none.
    labels : list of str
        Names of the rows.
    support : array of shape (n_labels,)
        True events of each label.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    precision_points_, recall_points_ : matplotlib Line2D
        The rings and dots, from the top row down.
    lines_ : matplotlib LineCollection
        What joins the two of a label.

    Examples
    --------
    >>> from skzsl.inspection import LabelPrecisionRecallDisplay
    >>> display = LabelPrecisionRecallDisplay([0.9, 0.5], [0.4, 0.7], ["rain", "dog"], [12, 30]).plot()
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['dog (30)', 'rain (12)']
    """

    def __init__(self, precision, recall, labels, support) -> None:
        self.precision = precision
        self.recall = recall
        self.labels = labels
        self.support = support

    @classmethod
    def from_events(cls, y_true, y_pred, *, collar=0.2, offset_share=0.5, ax=None, **kwargs) -> Self:
        """Match predicted with true events, and draw.

        Parameters
        ----------
        y_true, y_pred : pandas.DataFrame
            True and predicted events, one a row, with the columns clip, label, onset and offset (seconds).
        collar : float, default=0.2
            Tolerance in seconds.
        offset_share : float or None, default=0.5
            Tolerance of offsets as a share of the true event's length, or None to compare onsets only.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot``, of rings and dots.

        Returns
        -------
        display : LabelPrecisionRecallDisplay

        Raises
        ------
        ValueError
            For what is no event table, and parameters out of range.
        """
        counts = event_counts(y_true, y_pred, collar=collar, offset_share=offset_share)
        true, predicted, hits = (counts[name].to_numpy(dtype=float) for name in ("n_true", "n_pred", "n_hit"))
        precision, recall = (
            np.divide(hits, events, out=np.full_like(hits, np.nan), where=events > 0) for events in (predicted, true)
        )
        return cls(precision, recall, counts.index.tolist(), counts["n_true"].to_numpy()).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw a row for each label, those with most true events first: a ring and a dot, and a line between.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``plot``, of rings and dots.

        Returns
        -------
        display : LabelPrecisionRecallDisplay
        """
        import matplotlib.pyplot as plt

        support, rows = np.asarray(self.support), np.arange(len(self.labels))
        order = np.argsort(-support, kind="stable")
        precision, recall = (np.asarray(values, dtype=float)[order] for values in (self.precision, self.recall))
        if ax is None:
            _, ax = plt.subplots(figsize=(6, 1.4 + 0.25 * len(rows)), layout="constrained")
        self.lines_ = ax.hlines(rows, precision, recall, color="lightgrey", zorder=1)
        look = {"linestyle": "none", "clip_on": False, "zorder": 3, **kwargs}
        around = {"markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.5}  # seen behind an equal recall
        (self.precision_points_,) = ax.plot(precision, rows, **{"marker": "o", **around, "label": "precision", **look})
        (self.recall_points_,) = ax.plot(recall, rows, **{"marker": "o", "markersize": 5, "label": "recall", **look})
        ax.set_yticks(rows, labels=[f"{self.labels[label]} ({support[label]})" for label in order])
        ax.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xlabel="share of predicted and of true events that match")
        ax.grid(axis="x", alpha=0.4)
        ax.legend(ncols=2, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))
        self.ax_, self.figure_ = ax, ax.figure
        return self
