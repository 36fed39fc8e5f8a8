"""What every zero-shot estimator shares: label texts and their vectors, and what seen labels pay."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import ClipScores, refuse_overflow
from .._compat import HasMethods
from .._indicators import is_indicator
from .._labels import label_texts, refuse_nothing_to_learn, warn_of_texts
from .._scaling import ClipVectors, Scaling
from .._segments import Segments, check_segments
from ..base import MEMORY, SEEN_PENALTY, THRESHOLD, EmbeddingClassifier
from ..text._label_vectors import LabelVectors


class ZeroShotClassifier(EmbeddingClassifier):
    """Base of the classifiers that score a clip against the text of any label.

    A subclass stores ``text_encoder``, ``label_texts``, ``temperature``, ``seen_penalty`` and ``memory`` in its
    constructor, calls :meth:`_take_labels` in ``fit`` and implements :meth:`_scorer`; candidates, unseen labels,
    views, probabilities and predictions follow.
    """

    _compares_directions = False  # whether scores are cosines, for which zero vectors have no direction

    _parameter_constraints: dict = {
        **EmbeddingClassifier._parameter_constraints,
        "text_encoder": [HasMethods(["fit", "transform"]), str, Mapping, HasMethods(["loc"]), None],
        "label_texts": [Mapping, "array-like", None],
        "seen_penalty": SEEN_PENALTY,
        "memory": MEMORY,
    }

    text_encoder: Any
    label_texts: Any
    seen_penalty: float

    def label_vectors(self, labels=None) -> np.ndarray:
        """Vectors of label texts.

        Parameters
        ----------
        labels : list of str or None, default=None
            Labels, seen in fit or not; None takes ``classes_``.

        Returns
        -------
        vectors : ndarray of shape (n_labels, k)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For labels that are empty, duplicated or have no vector.
        """
        check_is_fitted(self)
        return self._label_vectors(self._candidates(labels)).copy()

    def _become_view(self):
        super()._become_view()
        self._label_vectors(self.classes_)  # a label that has no vector is refused now

    def _names_of_columns(self, y, going_on):
        return None if self.label_texts is None or isinstance(self.label_texts, Mapping) else self.label_texts

    def _encode(self, y, n_clips, going_on, classes):
        if self._names_of_columns(y, going_on) is not None and not is_indicator(y):
            raise ValueError(
                "label_texts is a list, which names the columns of a 2-D y, but y is not 2-D; pass a dict from label "
                "to text."
            )
        return super()._encode(y, n_clips, going_on, classes)

    def _meet_labels(self, targets, *, going_on, partial):
        """Fit the text encoder in the first call, on the labels that train or, of several calls, on those expected."""
        if going_on:
            self._label_vectors(targets.seen)
            return
        refuse_nothing_to_learn(targets, None if partial else targets.seen)
        self._start_text(targets.classes if partial else targets.seen)

    @property
    def _text_of(self) -> Mapping | None:
        """Texts of labels that are not their own text."""
        return self.label_texts if isinstance(self.label_texts, Mapping) else None

    def _start_text(self, labels):
        warn_of_texts(labels, self._text_of)
        self._vectors = LabelVectors(self.text_encoder, label_texts(labels, self._text_of))
        self.text_encoder_ = self._vectors.encoder

    def _candidates(self, labels) -> np.ndarray:
        candidates = super()._candidates(labels)
        if labels is not None:
            warn_of_texts(candidates, self._text_of)
        return candidates

    def _label_vectors(self, labels: np.ndarray) -> np.ndarray:
        """Text vectors of labels, (n_labels, k); each text is encoded once per fitted model."""
        vectors = self._text_vectors(label_texts(labels, self._text_of))
        if self._compares_directions and not vectors.any(axis=1).all():
            label = labels[int(np.argmin(vectors.any(axis=1)))].item()
            raise ValueError(
                f"The text vector of {label!r} is zero and has no direction to compare clips with; change its text "
                "(label_texts) or the text encoder."
            )
        return vectors

    def _text_vectors(self, texts: list[str]) -> np.ndarray:
        return self._vectors.of(texts)

    def _clip_scores(self, X, labels):
        check_is_fitted(self)
        candidates = self._candidates(labels)
        segments = check_segments(self, X)
        score, penalize = self._scorer(self._label_vectors(candidates), len(segments)), seen_penalty(self, candidates)

        def of(rows):
            scores = score(segments[rows])
            refuse_overflow(scores, rows.start)
            return penalize(scores)

        return ClipScores(candidates, segments.values.shape, of)

    def _scorer(self, vectors: np.ndarray, n_clips: int) -> Callable[[Segments], np.ndarray]:
        """Prepare to score ``n_clips`` clips, in blocks, against label vectors (n_labels, k).

        The function that is returned gives scores (m, n_labels) of some clips, a new array.
        """
        raise NotImplementedError


class MultilabelZeroShotClassifier(ZeroShotClassifier):
    """Base of those that take several labels a clip too; a subclass stores ``threshold`` in its constructor."""

    _takes_multilabel = True

    _parameter_constraints: dict = {
        **ZeroShotClassifier._parameter_constraints,
        "threshold": THRESHOLD,
    }


def seen_penalty(model, candidates) -> Callable[[np.ndarray], np.ndarray]:
    """Make a function that subtracts a model's ``seen_penalty`` from the scores of labels it was trained on, in place.

    Raises
    ------
    ValueError
        If the penalty is no number.
    """
    if not isinstance(model.seen_penalty, Real) or not math.isfinite(model.seen_penalty):
        raise ValueError(f"seen_penalty={model.seen_penalty!r}; pass a number.")
    if not model.seen_penalty:
        return lambda scores: scores
    known = set(model.seen_classes_.tolist())  # numpy would compare numbers and texts as texts
    seen = [label in known for label in candidates.tolist()]

    def penalize(scores):
        scores[:, seen] -= model.seen_penalty
        return scores

    return penalize


def check_text_side(text_encoder) -> None:
    """Refuse the default encoder where clips and label vectors are taken to lie in one space."""
    if text_encoder is None:
        raise ValueError(
            "text_encoder=None; pass the text side of the model that made X, such as "
            "ClapTextEncoder('laion/clap-htsat-unfused'): the vectors of no other encoder lie in the space of X."
        )


def check_one_space(n_features: int, n_dims: int) -> None:
    """Refuse clips and label vectors of different sizes where they are taken to lie in one space."""
    if n_features != n_dims:
        raise ValueError(
            f"X has {n_features} features and text_encoder gives vectors of {n_dims} numbers, which is not one space; "
            "pass the text side of the model that made X, or train a map between the two that starts elsewhere, with "
            "ZeroShotRidge or ZeroShotBilinear."
        )


class PooledClips:
    """Mixin of those that see a clip as one vector; a subclass stores ``standardize`` in its constructor."""

    standardize: bool
    _scaling: Scaling | None

    def _clips(self, segments: Segments, *, first=False, weights=None) -> ClipVectors:
        """Clips scaled by those of the ``first`` call, each as often as its weight says, or their means."""
        if first:
            self._scaling = Scaling.of(segments, pooled=True, weights=weights) if self.standardize else None
        return ClipVectors(segments, self._scaling)


class BilinearScores(PooledClips):
    """Mixin of those that score by a map ``coef_`` (d, k) between clips and label vectors: ``x^T W s``."""

    coef_: np.ndarray

    def _scorer(self, vectors, n_clips):
        coef = self.coef_
        (n_features, n_dims), labels = coef.shape, vectors.T.astype(coef.dtype, copy=False)
        steps = [coef, labels]
        if n_clips * (n_dims - n_features) > n_features * n_dims:  # then it is less work to map the labels, once
            steps = [coef @ labels]

        def score(segments):
            scores = self._clips(segments).all().astype(coef.dtype, copy=False)
            with np.errstate(over="ignore", invalid="ignore"):
                for step in steps:
                    scores = scores @ step
            return scores

        return score
