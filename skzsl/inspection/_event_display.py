"""When each label sounds in a recording: as predicted, and as it is."""

from __future__ import annotations

from typing import Self

import numpy as np

from ._timeline import draw_spans, model_with, row_axes, span_labels, span_list


class EventDisplay:
    """Predicted events of one recording, over what they were found in, and the true ones.

    Parameters
    ----------
    scores : array of shape (n_segments, n_labels)
        Score or probability of each label in each segment; nan where a segment is absent.
    labels : list of str
        Names of the columns, which become rows of the picture.
    edges : array of shape (n_segments + 1,)
        Seconds at which each segment begins, and at which the last one ends.
    events : pandas.DataFrame or None, default=None
        Predicted events of this recording, with the columns label, onset and offset (seconds), and score if there is
        one; labels that are not in ``labels`` are not drawn.
    spans : pandas.DataFrame, list of (label, onset, offset) or None, default=None
        When each label truly sounds, in seconds; labels that are not in ``labels`` are not drawn.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    mesh_ : matplotlib QuadMesh
    bars_ : matplotlib BarContainer
        One bar for each event that is drawn, in the order of ``events``.

    See Also
    --------
    AttentionDisplay : Where a model looks.

    Examples
    --------
    >>> from skzsl import EventDetector, ZeroShotTemporalAttention
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import EventDisplay
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(1, max_events=2, random_state=0)
    >>> model = EventDetector(ZeroShotTemporalAttention(HashingEncoder(), max_epochs=1, random_state=0))
    >>> model = model.fit(sounds.X, sounds.y)
    >>> labels = ["slow low humming", "fast high beeping"]
    >>> display = EventDisplay.from_estimator(model, sounds.X[0], labels, spans=sounds.events[0])
    >>> display.scores.shape
    (5, 2)
    """

    def __init__(self, scores, labels, edges, *, events=None, spans=None) -> None:
        self.scores = scores
        self.labels = labels
        self.edges = edges
        self.events = events
        self.spans = spans

    @classmethod
    def from_estimator(cls, estimator, clip, labels=None, *, spans=None, ax=None, **kwargs) -> Self:
        """Find the events of one recording with a fitted detector, and draw them over the segments' probabilities.

        Parameters
        ----------
        estimator : EventDetector, Pipeline that ends in one, or search over either
            A fitted detector.
        clip : array of shape (T, d)
            Segments of one recording.
        labels : list of str or None, default=None
            Rows, seen in fit or not; None takes the labels of ``spans`` in the order of their onsets or, without spans,
            ``classes_``.
        spans : pandas.DataFrame, list of (label, onset, offset) or None, default=None
            When each label truly sounds, in seconds.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``pcolormesh``.

        Returns
        -------
        display : EventDisplay

        Raises
        ------
        TypeError
            If the estimator finds no events.
        ValueError
            If ``clip`` is not (T, d), and if ``spans`` is a table of several clips.
        """
        model, clips = model_with("events", estimator, clip, "an EventDetector")
        if labels is None:
            labels = span_labels(span_list(spans)) or model.classes_
        labels = list(labels)
        scores, events = model.segment_proba(clips, labels=labels)[0], model.events(clips, labels=labels)
        return cls(scores, labels, model.segment_edges(len(scores)), events=events, spans=spans).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw a row for each label: its segments in shades, predicted events as bars with their score, true as frames.

        Absent segments are grey. Scores that all lie from 0 to 1 are taken for probabilities. Those on the bars are the
        scores of ``events``, which an EventDetector has in units of ``segment_scores``.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``pcolormesh``.

        Returns
        -------
        display : EventDisplay

        Raises
        ------
        ValueError
            If ``events`` or ``spans`` is a table of several clips.
        """
        from matplotlib.patches import Patch

        labels, edges = list(self.labels), np.asarray(self.edges)
        spans, predicted = span_list(self.spans), span_list(self.events)
        ax = row_axes(ax, labels)
        scores = np.ma.masked_invalid(np.asarray(self.scores, dtype=float).T)
        limits = {"vmin": 0.0, "vmax": 1.0} if not ((scores < 0) | (scores > 1)).any() else {}
        borders = np.arange(len(labels) + 1) - 0.5
        self.mesh_ = ax.pcolormesh(edges, borders, scores, **{"cmap": "Blues", **limits, **kwargs})
        self.bars_ = self._draw_events(ax, labels, predicted)
        draw_spans(ax, labels, spans)
        ax.set(xlim=(edges[0], edges[-1]), ylim=(len(labels) - 0.5, -0.5), facecolor="lightgrey")
        found, true = Patch(color="tab:orange", label="found"), Patch(fill=False, edgecolor="tab:red", label="true")
        ax.legend(handles=[found, true], ncols=2, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0))
        ax.figure.colorbar(self.mesh_, ax=ax, label="probability" if limits else "score")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_events(self, ax, labels, predicted):
        """Bars of the events that have a row, with their scores."""
        from matplotlib.patheffects import withStroke

        rows = {label: row for row, label in enumerate(labels)}
        drawn = [number for number, (label, *_) in enumerate(predicted) if label in rows]
        places = [rows[predicted[number][0]] for number in drawn]
        onsets, offsets = (np.array([predicted[number][side] for number in drawn], dtype=float) for side in (1, 2))
        bars = ax.barh(places, offsets - onsets, left=onsets, height=0.4, color="tab:orange", edgecolor="tab:orange")
        if predicted and "score" in self.events:
            scores = self.events["score"].to_numpy(dtype=float)[drawn]
            halo = [withStroke(linewidth=2, foreground="white", alpha=0.7)]
            texts = [f"{score:.2f}" for score in scores]
            ax.bar_label(bars, labels=texts, label_type="center", fontsize=7, path_effects=halo)
        return bars
