"""When each label sounds: events of a model that has learned from clips."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import ClipScores
from .._compat import HasMethods, Interval, StrOptions, fit_context, safe_indexing
from .._fitting import all_or_nothing
from .._meta import MetaClassifier, cohort
from .._segments import check_segments, chunks_of, clip_array
from .._thresholds import label_thresholds
from .._views import final_estimator, innermost, knows_its_labels_only, unwrap
from ..metrics import event_f1
from ..preprocessing import event_table
from ..preprocessing._event_lists import event_labels, is_event_lists, weak_labels
from ._find_events import find_events
from ._smoothing import smoothed
from ._windows import edges_of, ended, is_long, joined

_POSITIVE = Interval(Real, 0, None, closed="neither")
_N_COHORT = 2000  # clips that tell the scale of scores
_SECONDS = Interval(Real, 0, None, closed="left")


class EventDetector(MetaClassifier):
    """Find events, the spans in which a label sounds, with a model that was told only what is in each clip.

    The score of a clip says whether a label is there, those of its segments say when (``segment_scores``). An event is
    a run of segments above a threshold. All parameters but the estimator act after training: with ``memory`` set in
    the estimator, a search over them trains once a fold.

    Parameters
    ----------
    estimator : estimator, Pipeline or search
        Any model of this package, for labels seen or unseen. What prepares the clips belongs in here, as a Pipeline.
    hop : float, default=1.0
        Seconds from the start of one segment to that of the next, as the front end makes them.
    window : float or None, default=None
        Seconds that a segment hears; None is ``hop``. Where windows overlap, the border between two segments is half
        way between their centres.
    threshold : float, array of shape (n_labels,), dict or None, default=None
        What an event rises above, in units of the scores of clips; arrays are in the order of ``classes_``, and a dict
        needs an entry for each label, or one under None for all others. None is the threshold of the estimator, which
        :class:`skzsl.model_selection.ThresholdTuner` tunes. Models without one (one label a clip, the k best) have
        events of the labels that they predict, where these score above all others.
    release : float, default=0.0
        How far below the threshold an event goes on once it has begun (hysteresis).
    smoothing : float, default=0.0
        Seconds over which the evidence of the segments is smoothed: the nearest odd number of segments, so that less
        than two hops smooth nothing.
    smoother : {"mean", "median"}, default="mean"
        How: by a mean whose weights fall linearly to both sides, or by the median.
    locality : float, default=0.15
        A segment scores ``locality * scale_ * (d / scale_) ** 2`` less than its clip, where d is how much less evidence
        it has than the segment with most: small differences count little, since they are mostly noise. With 0 a label
        sounds throughout its clip. Taggers compare log-probabilities.
    min_duration : float, default=0.0
        Events shorter than these seconds are dropped, after those that are near have been joined.
    max_gap : float, default=0.0
        Events of one label are joined that are no more seconds apart.
    context : int or None, default=None
        Segments that the model hears at a time; longer recordings are cut into windows of that many. None is the number
        of segments of the clips of fit.
    overlap : float, default=0.5
        Share of each window that the next one repeats; scores of segments in both are averaged. 0 takes half as long.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on the labels of the clips.
    n_segments_ : int
        Segments of the clips of fit.
    scale_ : float
        Standard deviation of the scores of a label over the clips of fit, the mean over labels; 1 for taggers.
    classes_, seen_classes_, n_features_in_
        Those of ``estimator_``.

    Examples
    --------
    >>> from skzsl import EventDetector, ZeroShotTemporalAttention
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.text import HashingEncoder
    >>> labels = ["slow low humming", "fast high beeping", "slow high ringing", "fast low clicking"]
    >>> sounds = make_soundscapes(5, labels=labels, n_segments=10, max_events=2, random_state=0)
    >>> model = EventDetector(ZeroShotTemporalAttention(HashingEncoder(), random_state=0), hop=1.0)
    >>> events = model.fit(sounds.X, sounds.y).events(sounds.X, labels=["slow low beeping", "fast low clicking"])
    >>> events.columns.tolist()
    ['clip', 'label', 'onset', 'offset', 'score']
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "hop": [_POSITIVE],
        "window": [_POSITIVE, None],
        "threshold": [Real, Mapping, "array-like", None],
        "release": [_SECONDS],
        "smoothing": [_SECONDS],
        "smoother": [StrOptions({"median", "mean"})],
        "locality": [_SECONDS],
        "min_duration": [_SECONDS],
        "max_gap": [_SECONDS],
        "context": [Interval(Integral, 1, None, closed="left"), None],
        "overlap": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        estimator,
        *,
        hop=1.0,
        window=None,
        threshold=None,
        release=0.0,
        smoothing=0.0,
        smoother="mean",
        locality=0.15,
        min_duration=0.0,
        max_gap=0.0,
        context=None,
        overlap=0.5,
    ) -> None:
        self.estimator = estimator
        self.hop = hop
        self.window = window
        self.threshold = threshold
        self.release = release
        self.smoothing = smoothing
        self.smoother = smoother
        self.locality = locality
        self.min_duration = min_duration
        self.max_gap = max_gap
        self.context = context
        self.overlap = overlap

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y) -> Self:
        """Fit the estimator on what is in each clip.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,), indicator of shape (n, n_labels), or list of n lists of (label, onset, offset)
            The labels of each clip, or its events, of which only the labels are learned from.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X, y or parameters. A fitted detector stays as it was.
        """
        if not hasattr(innermost(self.estimator), "with_labels"):
            raise TypeError(f"{self.estimator!r} scores no labels by their names; pass an estimator of skzsl.")
        fitted = clone(self.estimator).fit(X, weak_labels(y, self._several) if is_event_lists(y) else y)
        shape = clip_array(X).shape
        with all_or_nothing(self):
            self._keep_model(fitted)
            self.n_segments_ = shape[1] if len(shape) == 3 else 1
            self.scale_ = 1.0 if knows_its_labels_only(self.estimator) else self._scale_of(X)
            if self.threshold is not None:
                label_thresholds(self.threshold, self.classes_, self.labels_of_fit_)
        return self

    def events(self, X, labels=None, *, hop=None, window=None) -> pd.DataFrame:
        """List the events of every clip or recording.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clips or recordings of any length, whose trailing all-zero segments are absent.
        labels : list of str or None, default=None
            Labels, seen in fit or not; None takes ``classes_``.
        hop, window : float or None, default=None
            Seconds, in place of the parameters.

        Returns
        -------
        events : pandas.DataFrame
            Columns clip (the row of X, ``events["clip"]``), label, onset and offset in seconds, and score, the highest
            of its segments. Sorted by clip, then onset; :func:`skzsl.datasets.read_events` reads its ``to_csv``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X or parameters, and for labels that are empty, duplicated or unknown to the model.
        """
        if hop is not None or window is not None:
            other = copy.copy(self)
            other.hop, other.window = self.hop if hop is None else hop, self.window if window is None else window
            return other.events(X, labels)
        check_is_fitted(self)
        candidates = self._candidates(labels)
        values = check_segments(self, X).values  # errors name the clip by its row of X, not of a block
        shape, tables = (len(values), values[0].size // values.shape[-1], 4 * len(candidates)), []
        how = {"release": self.release, "min_duration": self.min_duration, "max_gap": self.max_gap}
        for rows in chunks_of(shape):
            clips = safe_indexing(X, rows) if values.ndim == 2 else values[rows]
            scores, of_clips, _ = self._at_segments(clips, labels)
            how |= {"threshold": self._limits(of_clips, candidates), "clips": np.arange(rows.start, rows.stop)}
            edges = self.segment_edges(scores.shape[1])
            found = find_events(scores, edges, labels=candidates, **how)
            tables.append(ended(found, rows.start, scores, edges, self.hop))
        return pd.concat(tables, ignore_index=True)

    def segment_edges(self, n_segments) -> np.ndarray:
        """Seconds at which the segments of a clip begin and end.

        Parameters
        ----------
        n_segments : int
            Segments T of the clip.

        Returns
        -------
        edges : ndarray of shape (T + 1,)
            Segment t lasts from ``edges[t]`` to ``edges[t + 1]``.
        """
        return edges_of(n_segments, self.hop, self.hop if self.window is None else self.window)

    def score(self, X, y, sample_weight=None, labels=None) -> float:
        """F1 of the events at a collar of one segment or, if y has labels only, the accuracy of those of the clips.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : list of n lists of (label, onset, offset), or labels as for ``fit``
            True events in seconds.
        sample_weight : array of shape (n,) or None, default=None
            Weights of the clips; not with events.
        labels : list of str or None, default=None
            Candidates. None takes the labels of the events, and ``classes_`` for a view or where y has labels only.

        Returns
        -------
        score : float
        """
        if not is_event_lists(y):
            return super().score(X, y, sample_weight=sample_weight, labels=labels)
        if sample_weight is not None:
            raise ValueError("sample_weight weighs clips, and y has events; leave it out.")
        check_consistent_length(X, y)
        true = event_table(y)
        labels = (event_labels(true) or None) if labels is None and not self._is_view else labels
        return event_f1(true, self.events(X, labels=labels), collar=self.hop)

    def _clip_scores(self, X, labels):
        check_is_fitted(self)
        if not is_long(X, self.context or self.n_segments_):
            return super()._clip_scores(X, labels)
        values, candidates = check_segments(self, X).values, self._candidates(labels)
        return ClipScores(candidates, values.shape, lambda rows: self._at_segments(values[rows], labels)[1])

    def _at_segments(self, X, labels, **how):
        check_is_fitted(self)
        self._validate_params()
        X = unwrap(how["through"], X)[1] if "through" in how else X
        candidates, model = self._candidates(labels), final_estimator(self.estimator_)
        how = {"change": self._smooth, "bend": self._bend, "through": self.estimator_}
        if not is_long(X, self.context or self.n_segments_):
            return model._at_segments(X, labels, **how)
        cut = clip_array(X)[:], self.context or self.n_segments_, self.overlap, len(candidates)
        scores = joined(lambda X: model._at_segments(X, labels, **how)[0], *cut)
        return scores, np.nanmax(scores, axis=1), candidates

    def _smooth(self, evidence):
        return smoothed(evidence, 1 + 2 * round((self.smoothing / self.hop - 1) / 2), self.smoother)

    def _bend(self, differences):
        np.square(differences, out=differences)
        differences *= -self.locality / self.scale_
        return differences

    def _scale_of(self, X):
        scores = super()._clip_scores(cohort(X, _N_COHORT), self.classes_).all()
        deviation = scores.std(axis=0, dtype=np.float64).mean()
        return float(deviation) if deviation > 0 else 1.0

    def _limits(self, clips, candidates):
        if self.threshold is None:
            return final_estimator(self.estimator_)._limits(clips, candidates)
        return label_thresholds(self.threshold, candidates, self.labels_of_fit_)

    def _mark(self, scores, candidates):
        if self.threshold is None:
            return final_estimator(self.estimator_)._mark(scores, candidates)
        return scores > self._limits(scores, candidates)

    def _shifted(self, scores, candidates):
        """Scores whose probability is .5 where the threshold is."""
        if self.threshold is None or not self._multilabel or knows_its_labels_only(self.estimator):
            return scores
        limits = final_estimator(self.estimator_)._limits(scores, candidates)
        return scores + (limits - self._limits(scores, candidates)) if limits.ndim == 1 else scores

    @property
    def _several(self):
        tags = get_tags(self.estimator).classifier_tags
        return tags is not None and tags.multi_label

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self._several
        return tags
