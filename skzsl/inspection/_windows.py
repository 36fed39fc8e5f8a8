"""Which windows of a clip the local stream listens to."""

from __future__ import annotations

from typing import Self

import numpy as np

from ._timeline import draw_spans, model_with, row_axes


class WindowDisplay:
    """Windows that labels chose in one clip, with the true on and off times.

    Parameters
    ----------
    labels : list of str
        The labels that chose, the most probable first.
    spans : array of shape (n_labels, 2)
        First segment of each one's window, and the first after it.
    probabilities : array of shape (n_labels,)
        Probability of each label in the clip, which shades its window.
    n_segments : int
        Segments of the clip.
    truth : list of (label, onset, offset) or None, default=None
        When each label truly sounds, in seconds; labels that are not in ``labels`` are not drawn.
    segment_duration : float, default=1.0
        Seconds from one segment to the next.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer

    Examples
    --------
    >>> from skzsl import GlobalLocalAttentionClassifier
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.inspection import WindowDisplay
    >>> sounds = make_soundscapes(1, max_events=2, random_state=0)
    >>> model = GlobalLocalAttentionClassifier(n_windows=3, max_epochs=1, random_state=0).fit(sounds.X, sounds.y)
    >>> display = WindowDisplay.from_estimator(model, sounds.X[0], truth=sounds.events[0])
    >>> display.spans.shape
    (3, 2)
    """

    def __init__(self, labels, spans, probabilities, n_segments, *, truth=None, segment_duration=1.0) -> None:
        self.labels = labels
        self.spans = spans
        self.probabilities = probabilities
        self.n_segments = n_segments
        self.truth = truth
        self.segment_duration = segment_duration

    @classmethod
    def from_estimator(cls, estimator, clip, *, truth=None, segment_duration=1.0, ax=None, **kwargs) -> Self:
        """Compute and draw the windows of a fitted model on one clip.

        Parameters
        ----------
        estimator : estimator with ``windows``, Pipeline that ends in one, or search over either
            A fitted model, such as :class:`skzsl.GlobalLocalAttentionClassifier`.
        clip : array of shape (T, d)
            Segments of one clip.
        truth : list of (label, onset, offset) or None, default=None
            When each label truly sounds, in seconds.
        segment_duration : float, default=1.0
            Seconds from one segment to the next.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``barh``.

        Returns
        -------
        display : WindowDisplay

        Raises
        ------
        TypeError
            If the estimator has no windows.
        ValueError
            If ``clip`` is not (T, d).
        """
        model, clips = model_with("windows", estimator, clip, "a GlobalLocalAttentionClassifier")
        labels, spans = (found[0] for found in model.windows(clips))
        known = model.labels_of_fit_  # of a single-label model, what others have counts
        probability = dict(zip(known.tolist(), model.predict_proba(clips, labels=known)[0], strict=True))
        probabilities = np.array([probability[label] for label in labels.tolist()])
        display = cls(
            labels.tolist(), spans, probabilities, clips.shape[1], truth=truth, segment_duration=segment_duration
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, **kwargs) -> Self:
        """Draw a row for each label: its window, the darker the more probable, and its true spans as frames.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed to ``barh``.

        Returns
        -------
        display : WindowDisplay
        """
        from matplotlib.cm import ScalarMappable

        ax = row_axes(ax, self.labels)
        shades = ScalarMappable(cmap="Blues")
        shades.set_clim(0.0, 1.0)
        starts, ends = self.segment_duration * self.spans[:, 0], self.segment_duration * self.spans[:, 1]
        look = {"color": shades.to_rgba(self.probabilities), "edgecolor": "tab:blue", "height": 0.6, **kwargs}
        self.bars_ = ax.barh(range(len(self.labels)), ends - starts, left=starts, **look)
        draw_spans(ax, self.labels, self.truth)
        ax.set_xlim(0.0, self.n_segments * self.segment_duration)
        ax.set_ylim(len(self.labels) - 0.5, -0.5)
        ax.figure.colorbar(shades, ax=ax, label="probability")
        self.ax_, self.figure_ = ax, ax.figure
        return self
