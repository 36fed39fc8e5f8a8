"""What every zero-shot estimator shares: candidates, label texts and their vectors, seen and unseen."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._classifier import EmbeddingClassifier, penalize_seen, refuse_overflow
from ._compat import HasMethods, Interval
from ._indicators import encode_indicators, indicator_dtype, is_indicator
from ._labels import (
    Targets,
    encode_targets,
    label_array,
    label_texts,
    refuse_nothing_to_learn,
    warn_of_numbers,
)
from ._segments import Segments, check_segments, row_chunks
from ._views import final_estimator, with_labels
from .text._label_vectors import LabelVectors

__all__ = [
    "MultilabelZeroShotClassifier",
    "ZeroShotClassifier",
    "bilinear_scores",
    "check_one_space",
    "check_text_side",
    "final_estimator",
    "with_labels",
]


class ZeroShotClassifier(EmbeddingClassifier):
    """Base of the classifiers that score a clip against the text of any label.

    A subclass stores ``text_encoder``, ``label_texts``, ``temperature``, ``seen_penalty`` and ``memory`` in its
    constructor, calls :meth:`_fit_labels` in ``fit`` and implements :meth:`_score_labels`; candidates, unseen labels,
    views, probabilities and predictions follow.
    """

    _owns_net = True
    _compares_directions = False  # whether scores are cosines, for which zero vectors have no direction

    _parameter_constraints: dict = {
        **EmbeddingClassifier._parameter_constraints,
        "text_encoder": [HasMethods(["fit", "transform"]), str, Mapping, HasMethods(["loc"]), None],
        "label_texts": [Mapping, "array-like", None],
        "seen_penalty": [Interval(Real, None, None, closed="neither")],
        "memory": [str, HasMethods(["cache"]), None],
    }

    text_encoder: Any
    label_texts: Any
    seen_penalty: float
    seen_classes_: np.ndarray

    @property
    def _post_fit(self) -> tuple[str, ...]:
        """Parameters that act after training."""
        return ("temperature", "seen_penalty")

    def _become_view(self):
        self._label_vectors(self.classes_)  # a label that has no vector is refused now
        self._owns_net = False  # training a view must not train the net of the model

    def _fit_labels(self, y, n_clips: int) -> Targets:
        """Start anew with the labels of y: fit the text encoder on their texts."""
        targets = self._encode(y, n_clips)
        refuse_nothing_to_learn(targets, targets.seen)
        self._multilabel = is_indicator(y)
        self._start_text(targets.seen)
        return self._keep(targets)

    def _extend_labels(self, y, n_clips: int, classes=None) -> Targets:
        """Go on from the labels known so far, if any; a fitted text encoder is kept."""
        if not hasattr(self, "text_encoder_"):
            targets = self._encode(y, n_clips, classes=classes)
            refuse_nothing_to_learn(targets)
            self._multilabel = is_indicator(y)
            self._start_text(targets.classes)
        else:
            if self._multilabel != is_indicator(y):
                kinds = {True: "an indicator of several labels a clip", False: "one label a clip"}
                raise ValueError(
                    f"y is {kinds[not self._multilabel]}, but training began with {kinds[self._multilabel]}; keep to "
                    "one kind."
                )
            known = self._labels_of_fit
            if classes is not None:
                known = np.concatenate([known, label_array(classes, "classes")])
            targets = self._encode(y, n_clips, seen=self.seen_classes_, classes=known)
            self._label_vectors(targets.seen)
        return self._keep(targets)

    def _encode(self, y, n_clips, **known):
        named = self.label_texts is None or isinstance(self.label_texts, Mapping)
        if not is_indicator(y):
            if not named:
                raise ValueError(
                    "label_texts is a list, which names the columns of a 2-D y, but y is not 2-D; pass a dict from "
                    "label to text."
                )
            return encode_targets(y, n_clips, **known)
        if not self._takes_multilabel:
            raise ValueError(
                f"y of shape {np.shape(y)} has several labels a clip; {type(self).__name__} takes one label a clip: "
                f"pass y of shape ({n_clips},) or use another model, such as ZeroShotTemporalAttention."
            )
        self._indicator_dtype = indicator_dtype(y)
        return encode_indicators(y, n_clips, labels=None if named else self.label_texts, **known)

    def _keep(self, targets):
        self._set_classes(targets.classes)
        self.seen_classes_ = targets.seen
        return targets

    @property
    def _text_of(self) -> Mapping | None:
        """Texts of labels that are not their own text."""
        return self.label_texts if isinstance(self.label_texts, Mapping) else None

    def _start_text(self, labels):
        warn_of_numbers(labels, self._text_of)
        self._vectors = LabelVectors(self.text_encoder, label_texts(labels, self._text_of))
        self.text_encoder_ = self._vectors.encoder

    def _candidates(self, labels) -> np.ndarray:
        candidates = super()._candidates(labels)
        if labels is not None:
            warn_of_numbers(candidates, self._text_of)
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

    def _scores(self, X, labels) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self)
        candidates = self._candidates(labels)
        segments = check_segments(self, X)
        scores = self._score_labels(segments, self._label_vectors(candidates))
        refuse_overflow(scores)
        penalize_seen(self, scores, candidates)
        return scores, candidates

    def _score_labels(self, segments: Segments, vectors: np.ndarray) -> np.ndarray:
        """Scores (n, n_labels) of clips against label vectors (n_labels, k), a new array."""
        raise NotImplementedError


class MultilabelZeroShotClassifier(ZeroShotClassifier):
    """Base of those that take several labels a clip too; a subclass stores ``threshold`` in its constructor."""

    _takes_multilabel = True

    _parameter_constraints: dict = {
        **ZeroShotClassifier._parameter_constraints,
        "threshold": [Real, Mapping, "array-like"],
    }

    @property
    def _post_fit(self):
        return (*super()._post_fit, "threshold")


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


def bilinear_scores(segments: Segments, coef: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Scores ``x^T W s`` (n, n_labels) of the means of clips, the map W (d, k) and label vectors, in W's dtype."""
    weights = coef @ vectors.T.astype(coef.dtype, copy=False)
    clips = segments.mean()
    scores = np.empty((len(clips), len(vectors)), dtype=coef.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in row_chunks(clips):
            scores[rows] = clips[rows].astype(coef.dtype, copy=False) @ weights
    return scores
