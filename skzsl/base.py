"""What every zero-shot estimator shares: candidates, label vectors and their cache, scores into labels."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._compat import BaseSearchCV, HasMethods, Interval
from ._labels import Targets, check_candidates, encode_targets, label_array, label_texts, warn_of_numbers
from ._segments import Segments, check_segments
from .exceptions import CandidateWarning
from .text._label_vectors import LabelVectors


class ZeroShotClassifier(ClassifierMixin, BaseEstimator):
    """Base of the classifiers that score a clip against the text of any label.

    A subclass stores ``text_encoder``, ``label_texts`` and ``temperature`` in its constructor, calls
    :meth:`_fit_labels` in ``fit`` and implements :meth:`_score_labels`; candidates, unseen labels, views,
    probabilities and predictions follow.
    """

    _net: Any = None  # what trains the estimators that have a net

    _parameter_constraints: dict = {
        "text_encoder": [HasMethods(["fit", "transform"]), str, Mapping, HasMethods(["loc"]), None],
        "label_texts": [Mapping, None],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    def predict(self, X, labels=None):
        """Name the best label of every clip.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Candidates, seen in fit or not; None takes ``classes_``.

        Returns
        -------
        labels : ndarray of shape (n,)
            On a tie, the candidate that comes first.
        """
        scores, candidates = self._scores(X, labels)
        return candidates[np.argmax(scores, axis=1)]

    def predict_proba(self, X, labels=None):
        """Probabilities of the candidates: softmax of ``scores / temperature`` over the candidates.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Candidates, seen in fit or not; None takes ``classes_``.

        Returns
        -------
        probabilities : ndarray of shape (n, n_labels)
            Columns in the order of ``labels``.
        """
        if not isinstance(self.temperature, Real) or not float(self.temperature) > 0:
            raise ValueError(f"temperature={self.temperature!r}; pass a number above 0.")
        scores, _ = self._scores(X, labels)
        below_best = (scores - scores.max(axis=1, keepdims=True)).astype(np.float64) / self.temperature
        return softmax(below_best, axis=1).astype(scores.dtype)

    def decision_function(self, X, labels=None):
        """Compatibility of every clip with every candidate.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Candidates, seen in fit or not; None takes ``classes_``.

        Returns
        -------
        scores : ndarray of shape (n, n_labels) or (n,)
            Columns in the order of ``labels``. Without ``labels`` and with two classes, also those of a view,
            scikit-learn's binary form: the score of the second minus that of the first.
        """
        scores, _ = self._scores(X, labels)
        if labels is None and scores.shape[1] == 2:
            return scores[:, 1] - scores[:, 0]
        return scores

    def score(self, X, y, sample_weight=None, labels=None):
        """Top-1 accuracy among the candidates.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,)
            True labels.
        sample_weight : array of shape (n,) or None, default=None
            Weights of the clips.
        labels : list of str or None, default=None
            Candidates, seen in fit or not; None takes ``classes_``.

        Returns
        -------
        accuracy : float

        Warns
        -----
        CandidateWarning
            If labels of ``y`` are not among the candidates.
        """
        y, predicted = label_array(y, "y"), self.predict(X, labels=labels)
        candidates = self.classes_ if labels is None else check_candidates(labels, self.classes_)
        missing = sorted(set(y.tolist()).difference(candidates.tolist()), key=str)
        if missing:
            warnings.warn(
                f"Labels {missing[:5]} of y are not among the candidates, so no prediction of them can be right; pass "
                "labels=[...] to a model, use with_labels on a Pipeline, or score with zero_shot_scorer.",
                CandidateWarning,
                stacklevel=2,
            )
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def with_labels(self, labels):
        """View this fitted model with other candidates, for tools that cannot pass ``labels=``.

        Parameters
        ----------
        labels : list of str
            Candidates, seen in fit or not.

        Returns
        -------
        view : object of the same class
            Shares the weights; its ``classes_`` are the candidates, sorted as scikit-learn's scorers expect, and so are
            its columns. It is for prediction: training it leaves this model as it is and forgets the candidates.
        """
        check_is_fitted(self)
        candidates = self._candidates(labels)
        self._label_vectors(candidates)
        view = copy.copy(self)
        view.classes_ = np.sort(candidates)
        view._net = None  # training a view must not train the net of this model
        return view

    def _fit_labels(self, y, n_clips: int) -> Targets:
        """Start anew with the labels of y: fit the text encoder on their texts."""
        targets = encode_targets(y, n_clips)
        if len(targets.seen) < 2:
            raise ValueError(
                f"y holds one class only, {targets.seen.tolist()[0]!r}, in {n_clips} sample(s): nothing to tell "
                "apart; pass clips of at least two labels."
            )
        self._start_text(targets.seen)
        return self._keep(targets)

    def _extend_labels(self, y, n_clips: int, classes=None) -> Targets:
        """Go on from the labels known so far, if any; a fitted text encoder is kept."""
        if not hasattr(self, "text_encoder_"):
            targets = encode_targets(y, n_clips, classes=classes)
            self._start_text(targets.classes)
        else:
            known = self._labels_of_fit
            if classes is not None:
                known = np.concatenate([known, label_array(classes, "classes")])
            targets = encode_targets(y, n_clips, seen=self.seen_classes_, classes=known)
            self._label_vectors(targets.seen)
        return self._keep(targets)

    def _keep(self, targets):
        self.classes_ = self._labels_of_fit = targets.classes
        self.seen_classes_ = targets.seen
        return targets

    def _start_text(self, labels):
        warn_of_numbers(labels, self.label_texts)
        self._vectors = LabelVectors(self.text_encoder, label_texts(labels, self.label_texts))
        self.text_encoder_ = self._vectors.encoder

    def _candidates(self, labels) -> np.ndarray:
        if labels is None:
            return self.classes_
        candidates = check_candidates(labels, self.classes_)
        warn_of_numbers(candidates, self.label_texts)
        return candidates

    def _label_vectors(self, labels: np.ndarray) -> np.ndarray:
        """Text vectors of labels, (n_labels, k); each text is encoded once per fitted model."""
        return self._vectors.of(label_texts(labels, self.label_texts))

    def _scores(self, X, labels) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self)
        candidates = self._candidates(labels)
        segments = check_segments(self, X)
        scores = self._score_labels(segments, self._label_vectors(candidates))
        if not np.isfinite(scores).all():
            clip = int(np.argmin(np.isfinite(scores).all(axis=1)))
            raise ValueError(f"Scores of clip {clip} overflow {scores.dtype}; scale the clips as those of fit were.")
        return scores, candidates

    def _score_labels(self, segments: Segments, vectors: np.ndarray) -> np.ndarray:
        """Scores (n, n_labels) of clips against label vectors (n_labels, k)."""
        raise NotImplementedError

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def with_labels(estimator, labels):
    """View a fitted estimator, Pipeline or search with other candidates.

    Parameters
    ----------
    estimator : estimator with ``with_labels``, Pipeline ending in one, or search with ``best_estimator_``
        What was fitted.
    labels : list of str
        Candidates, seen in fit or not.

    Returns
    -------
    view : estimator or Pipeline
        Shares the weights; its ``classes_`` are the candidates, sorted.

    Raises
    ------
    TypeError
        If there is no zero-shot estimator inside.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import Normalizer
    >>> from skzsl import ZeroShotBilinear, with_labels
    >>> from skzsl.text import HashingEncoder
    >>> X, y = np.eye(4), ["low hum", "low beep", "high hum", "low hum"]
    >>> model = make_pipeline(Normalizer(), ZeroShotBilinear(HashingEncoder())).fit(X, y)
    >>> with_labels(model, ["high hum", "high beep"]).classes_
    array(['high beep', 'high hum'], dtype='<U9')
    """
    if hasattr(estimator, "with_labels"):
        return estimator.with_labels(labels)
    inner = _inside(estimator)
    if not isinstance(estimator, Pipeline):
        return with_labels(inner, labels)
    view = copy.copy(estimator)
    view.steps = [*estimator.steps[:-1], (estimator.steps[-1][0], with_labels(inner, labels))]
    return view


def final_estimator(estimator):
    """Find the zero-shot estimator inside a fitted Pipeline or search.

    Raises
    ------
    TypeError
        If there is none.
    """
    return estimator if hasattr(estimator, "with_labels") else final_estimator(_inside(estimator))


def _inside(estimator):
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator)
        if not hasattr(estimator, "best_estimator_"):
            raise TypeError(f"{type(estimator).__name__} kept no fitted estimator; pass refit=True to it.")
        return estimator.best_estimator_
    raise TypeError(
        f"{type(estimator).__name__} has no zero-shot estimator to give labels to; pass a fitted skzsl estimator, a "
        "Pipeline that ends in one or a fitted search over either."
    )


@contextmanager
def all_or_nothing(estimator):
    """Give a fitted estimator its attributes back if what runs inside raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
