"""Scores made comparable between labels and between clips."""

from __future__ import annotations

import json
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Self

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import ClipScores
from .._compat import HasMethods, Interval, StrOptions, fit_context
from .._fitting import all_or_nothing
from .._meta import MetaClassifier, cohort
from .._scaling import Moments
from .._segment_scores import clips_and_evidence
from .._views import final_estimator, innermost, unwrap
from ..base import SEEN_PENALTY, THRESHOLD, EmbeddingClassifier
from ._base import ZeroShotClassifier, seen_penalty

_SETTINGS = (str, Real, Mapping, type(None))


class ScoreNormalizer(MetaClassifier):
    """Normalise the scores of a zero-shot model: z-norm, t-norm or both.

    Some labels score high on every clip, and some clips score high on every label. Training evens that out for the
    labels it sees, but for no others. The z-norm standardises the scores of each candidate over a cohort of
    clips of fit, whatever their labels, so it needs no clip of the candidate. The t-norm standardises the scores of
    each clip over a cohort of labels, those of fit and the candidates. "zt" is the t-norm of z-normed scores. Speaker
    verification has long used both; in zero-shot learning they mend hubness.

    Parameters
    ----------
    estimator : zero-shot estimator or Pipeline that ends in one
        What scores the labels.
    norm : {"z", "t", "zt"}, default="zt"
        What to normalise over. With "t" and "zt" the scores of a candidate depend on the other candidates.
    n_cohort : int, default=2000
        Most clips of fit to keep as the cohort, evenly from its rows.
    threshold : float, array of shape (n_labels,) or dict, default=2.0
        For several labels a clip: how many standard deviations above the mean a label is predicted. See
        :class:`ZeroShotTemporalAttention`.
    temperature : float, default=1.0
        Divides the scores in ``predict_proba``.
    seen_penalty : float, default=0.0
        Subtracted from the normalised scores of labels seen in fit (calibrated stacking), in standard deviations. The
        z-norm would undo a penalty of the estimator inside, so that one has to be 0.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all clips.
    cohort_ : array
        The cohort of clips.
    classes_, seen_classes_, n_features_in_
        Those of ``estimator_``.

    References
    ----------
    Auckenthaler, Carey and Lloyd-Thomas (2000). Score normalization for text-independent speaker verification systems.
    Digital Signal Processing 10.

    Dinu, Lazaridou and Baroni (2015). Improving zero-shot learning by mitigating the hubness problem. ICLR workshop.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ScoreNormalizer, ZeroShotTemporalAttention, indicator_frame
    >>> from skzsl.text import HashingEncoder
    >>> X = np.random.default_rng(0).normal(size=(6, 10, 16))
    >>> y = indicator_frame([["rain"], ["rain", "dog bark"], ["dog bark"], [], ["wind"], ["wind", "rain"]])
    >>> model = ScoreNormalizer(ZeroShotTemporalAttention(HashingEncoder(), random_state=0)).fit(X, y)
    >>> model.decision_function(X, labels=["cat", "heavy rain"]).shape
    (6, 2)
    """

    _parameter_constraints: dict = {
        **MetaClassifier._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"])],
        "norm": [StrOptions({"z", "t", "zt"})],
        "n_cohort": [Interval(Integral, 2, None, closed="left")],
        "threshold": THRESHOLD,
        "seen_penalty": SEEN_PENALTY,
    }

    def __init__(
        self, estimator, *, norm="zt", n_cohort=2000, threshold=2.0, temperature=1.0, seen_penalty=0.0
    ) -> None:
        self.estimator = estimator
        self.norm = norm
        self.n_cohort = n_cohort
        self.threshold = threshold
        self.temperature = temperature
        self.seen_penalty = seen_penalty

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y) -> Self:
        """Fit the estimator and keep a cohort.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,) or indicator of shape (n, n_labels)
            The labels of each clip.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If the estimator is not a zero-shot one.
        ValueError
            If it has a ``seen_penalty`` of its own.
        """
        _check_inside(innermost(self.estimator))
        fitted = clone(self.estimator).fit(X, y)
        with all_or_nothing(self):
            self._keep_model(fitted)
            self._check_thresholds()
            self.cohort_ = cohort(X, self.n_cohort)
            self._moments: dict = {}  # of labels, for each state of the model inside
        return self

    # Normalised scores have a threshold and a temperature of their own.
    _margins, _share = EmbeddingClassifier._margins, EmbeddingClassifier._share
    _probabilities = EmbeddingClassifier._probabilities

    def _clip_scores(self, X, labels):
        raw, normalize, candidates = self._prepared(X, labels)
        return raw.changed(lambda scores: normalize(scores)[0], candidates)

    def _clips_and_evidence(self, X, labels):
        raw, normalize, candidates = self._prepared(X, labels)
        scores, scale = normalize(raw.all())

        def of(kind):
            return clips_and_evidence(self.estimator_, X, kind)[1]

        evidence = _of_all(of, candidates.tolist())
        evidence /= scale[:, None]
        return scores, evidence, candidates

    def _prepared(self, X, labels):
        """Scores of the model inside, what normalises a block of them and gives what it divided by, and candidates."""
        check_is_fitted(self)
        if self.norm not in ("z", "t", "zt"):
            raise ValueError(f"norm={self.norm!r}; pass 'z', 't' or 'zt'.")
        candidates = self._candidates(labels)
        both = list(dict.fromkeys([*candidates.tolist(), *self.seen_classes_.tolist()]))
        wanted = candidates.tolist() if self.norm == "z" else both
        moments = self._moments_of(wanted) if "z" in self.norm else None
        penalize, n_candidates = seen_penalty(self, candidates), len(candidates)

        def normalize(scores):
            total = np.ones((1, n_candidates), dtype=scores.dtype)
            if moments is not None:
                mean, scale = moments.astype(scores.dtype)
                scores = (scores - mean) / scale
                total = total * scale[:n_candidates]
            if "t" in self.norm:
                mean = scores.mean(axis=1, keepdims=True)
                scale = _scale(scores.std(axis=1, keepdims=True), mean, scores.dtype)
                scores = (scores - mean) / scale
                total = total * scale
            return penalize(scores[:, :n_candidates]), total

        return self._raw(X, wanted), normalize, candidates

    def _raw(self, X, labels):
        model, X = unwrap(self.estimator_, X)
        _check_inside(model)
        return _of_all(lambda kind: model._clip_scores(X, kind), labels)

    def _moments_of(self, labels):
        """Mean and standard deviation of each label's scores over the cohort, each computed once."""
        model = final_estimator(self.estimator_)
        vectors = getattr(model, "_vectors", None)  # new with every fit; none where an encoder is fitted on candidates
        known = {} if vectors is None else self._moments.setdefault((vectors, _settings(model)), {})
        new = [label for label in labels if label not in known]
        if new:
            moments = Moments(len(new))
            for _, scores in self._raw(self.cohort_, new):
                moments.add(scores)
            deviation = _scale(np.sqrt(moments.variance()), moments.mean, scores.dtype)
            known.update(zip(new, zip(moments.mean, deviation, strict=True), strict=True))
        return np.array([known[label] for label in labels]).T

    def __getstate__(self):
        state = dict(super().__getstate__())  # which can be the attributes themselves
        if hasattr(self, "_moments"):
            model = final_estimator(self.estimator_)
            settings = _settings(model)
            known = self._moments.get((getattr(model, "_vectors", None), settings), {})
            values = np.array(list(known.values())).reshape(-1, 2)
            state["_moments"] = {"settings": settings, "labels": json.dumps(list(known)), "values": values}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "_moments"):
            settings, labels, values = self._moments.values()
            known = dict(zip(json.loads(labels), values, strict=True))
            self._moments = {(getattr(final_estimator(self.estimator_), "_vectors", None), settings): known}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = get_tags(self.estimator).classifier_tags.multi_label
        return tags


def _of_all(score, labels):
    """Scores of labels, whose lists are of one type: those of fit may be numbers beside new ones as text."""
    texts, others = ([label for label in labels if isinstance(label, str) is text] for text in (True, False))
    if not texts or not others:
        return score(labels)
    column = {label: number for number, label in enumerate([*texts, *others])}
    order, (first, second) = [column[label] for label in labels], (score(kind) for kind in (texts, others))
    if not isinstance(first, ClipScores):
        return np.concatenate([first, second], axis=-1)[..., order]

    def of(rows):
        return np.concatenate([first.of(rows), second.of(rows)], axis=1)[:, order]

    return ClipScores(np.array(labels, dtype=object), first.shape, of)


def _check_inside(model):
    """Refuse what is no zero-shot model, and a penalty that normalising undoes."""
    if hasattr(model, "fit") and not isinstance(model, ZeroShotClassifier):
        raise TypeError(f"{type(model).__name__} is no zero-shot estimator; pass one, such as ZeroShotBilinear.")
    if getattr(model, "seen_penalty", 0.0):
        raise ValueError(
            f"The estimator has seen_penalty={model.seen_penalty!r}, which normalising undoes; pass seen_penalty to "
            "ScoreNormalizer instead."
        )


def _scale(deviation, mean, dtype):
    """Deviations, or 1 for scores that are constant but for rounding."""
    return np.where(deviation > 16 * np.finfo(dtype).eps * np.abs(mean), deviation, 1.0).astype(deviation.dtype)


def _settings(model):
    """A hash of what a fitted model is set to and of how far it has been trained."""
    given = {name: value for name, value in model.get_params(deep=False).items() if isinstance(value, _SETTINGS)}
    return joblib.hash([given, *(getattr(model, name, None) for name in ("n_iter_", "n_samples_seen_"))])
