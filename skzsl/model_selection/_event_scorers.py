"""Scorers of events, for searches over detectors."""

from __future__ import annotations

from collections.abc import Callable

from .. import metrics
from .._views import unwrap
from ..preprocessing import event_table
from ..preprocessing._event_lists import event_labels

_OF_EVENTS = ("event_f1", "segment_f1", "event_error_rate", "segment_error_rate")
_OF_SEGMENTS = ("psds", "segment_auc", "within_clip_auc")


def event_scorer(metric="event_f1", *, labels=None, **settings) -> Callable[..., float]:
    """Score a detector against true events, in ``scoring=`` of a search or of ``cross_validate``.

    Parameters
    ----------
    metric : {"event_f1", "segment_f1", "event_error_rate", "segment_error_rate", "psds", "segment_auc", \
"within_clip_auc"}, default="event_f1"
        A function of :mod:`skzsl.metrics`. Error rates are negative, so that more is better.
    labels : list of str or None, default=None
        Candidates; events of others are not read. None takes the labels of the events that y holds, so that labels held
        out compete among themselves.
    **settings
        Parameters of the function, such as ``collar=1.0``.

    Returns
    -------
    scorer : callable
        ``scorer(detector, X, y)``, with y a list of lists of (label, onset, offset).

    Raises
    ------
    ValueError
        For another metric.

    Examples
    --------
    >>> from skzsl import EventDetector, ZeroShotRidge
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.model_selection import event_scorer
    >>> from skzsl.text import HashingEncoder
    >>> labels = ["slow low humming", "fast high beeping", "slow high ringing", "fast low clicking"]
    >>> sounds = make_soundscapes(2, labels=labels, max_events=2, random_state=0)
    >>> model = EventDetector(ZeroShotRidge(HashingEncoder())).fit(sounds.X, sounds.events)
    >>> 0 <= event_scorer("segment_f1")(model, sounds.X, sounds.events) <= 1
    True
    """
    if metric not in _OF_EVENTS + _OF_SEGMENTS:
        raise ValueError(f"metric={metric!r}; pass one of {[*_OF_EVENTS, *_OF_SEGMENTS]}.")
    return EventScorer(metric, labels, settings)


class EventScorer:
    """A metric of events with its settings; see :func:`event_scorer`."""

    def __init__(self, metric, labels, settings):
        self.metric, self.labels, self.settings = metric, labels, settings

    def __call__(self, detector, X, y):
        """Compute the metric of a fitted detector, or of a Pipeline or search with one."""
        detector, X = unwrap(detector, X)  # of a Pipeline the last step, on what it is given
        true = event_table(y)
        labels = event_labels(true) if self.labels is None else list(self.labels)
        true = true[true["label"].isin(labels)]
        measure = getattr(metrics, self.metric)
        if self.metric in _OF_EVENTS:
            value = measure(true, detector.events(X, labels=labels), **self.settings)
            return -value if self.metric.endswith("error_rate") else value
        scores = detector.segment_scores(X, labels=labels)
        edges = detector.segment_edges(scores.shape[1])
        if self.metric == "psds":
            return measure(true, scores, edges, labels=labels, **self.settings)
        truth = metrics.segment_truth(true, edges, clips=range(len(scores)), labels=labels)
        return measure(truth, scores, **self.settings)

    def __repr__(self):
        told = "".join(f", {name}={value!r}" for name, value in [("labels", self.labels), *self.settings.items()])
        return f"event_scorer({self.metric!r}{told})"
