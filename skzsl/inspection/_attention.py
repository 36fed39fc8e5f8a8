"""Where in a clip each label looks."""

from __future__ import annotations

from typing import Self

from .._views import final_estimator
from ._timeline import draw_spans, model_with, row_axes, span_labels


class AttentionDisplay:
    """Attention of labels over the segments of one clip, with the true on and off times.

    Parameters
    ----------
    weights : ndarray of shape (n_labels, T)
        Weight that each label gives to each segment.
    labels : list of str
        Names of the rows.
    spans : list of (label, onset, offset) or None, default=None
        When each label truly sounds, in seconds; labels that are not in ``labels`` are not drawn.
    segment_duration : float, default=1.0
        Seconds from one segment to the next.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> from skzsl import ZeroShotTemporalAttention
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import AttentionDisplay
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(1, max_events=2, random_state=0)
    >>> model = ZeroShotTemporalAttention(HashingEncoder(), max_epochs=1, random_state=0).fit(sounds.X, sounds.y)
    >>> labels = ["slow low humming", "fast high beeping"]
    >>> display = AttentionDisplay.from_estimator(model, sounds.X[0], labels, spans=sounds.events[0])
    >>> display.weights.shape
    (2, 5)
    """

    def __init__(self, weights, labels, *, spans=None, segment_duration=1.0) -> None:
        self.weights = weights
        self.labels = labels
        self.spans = spans
        self.segment_duration = segment_duration

    @classmethod
    def from_estimator(
        cls, estimator, clip, labels=None, *, spans=None, segment_duration=1.0, level=None, ax=None, **kwargs
    ) -> Self:
        """Compute and draw the attention of a fitted model on one clip.

        Parameters
        ----------
        estimator : estimator with ``attention``, Pipeline that ends in one, or search over either
            A fitted model; ScoreNormalizer and ThresholdTuner are looked into.
        clip : array of shape (T, d)
            Segments of one clip.
        labels : list of str or None, default=None
            Rows, seen in fit or not; None takes the labels of ``spans`` in the order of their onsets or, without spans,
            ``classes_``.
        spans : list of (label, onset, offset) or None, default=None
            When each label truly sounds, in seconds.
        segment_duration : float, default=1.0
            Seconds from one segment to the next.
        level : int or None, default=None
            Which attention module, of models that have several; None is the last.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``imshow``.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        TypeError
            If the estimator has no attention.
        ValueError
            If ``clip`` is not (T, d).
        """
        instead = "a ZeroShotTemporalAttention or a MultiLevelAttentionClassifier"
        model, clips = model_with("attention", estimator, clip, instead)
        if labels is None and spans:
            labels = span_labels(spans)
        labels = list(final_estimator(estimator).classes_ if labels is None else labels)
        weights = model.attention(clips, labels=labels, **({} if level is None else {"level": level}))[0]
        return cls(weights, labels, spans=spans, segment_duration=segment_duration).plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw a row for each label: its attention in shades, and its true spans as frames.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``imshow``.

        Returns
        -------
        display : AttentionDisplay
        """
        n_labels, n_segments = self.weights.shape
        ax = row_axes(ax, self.labels)
        seconds = n_segments * self.segment_duration
        look = {"aspect": "auto", "cmap": "Blues", "vmin": 0.0, "interpolation": "nearest", **kwargs}
        self.image_ = ax.imshow(self.weights, extent=(0.0, seconds, n_labels - 0.5, -0.5), **look)
        draw_spans(ax, self.labels, self.spans)
        ax.figure.colorbar(self.image_, ax=ax, label="attention")
        self.ax_, self.figure_ = ax, ax.figure
        return self
