"""What the nets that tag clips with fixed labels share."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import ClipScores, refuse_overflow
from .._compat import Interval
from .._indicators import balancing_chances, log_odds_of_labels
from .._labels import refuse_nothing_to_learn
from .._segment_scores import highest
from .._segments import Segments, check_segments
from .._training import EpochTraining
from ..base import MEMORY, THRESHOLD, EmbeddingClassifier


class TaggingNet(EpochTraining, EmbeddingClassifier):
    """Base of the taggers: nets whose score of a label is its probability in the clip.

    A subclass stores the parameters below and those of :class:`EpochTraining` in its constructor and implements
    :meth:`_build`. Its module gives log-odds (n, C), or (n, S, C) of several streams.
    """

    _takes_multilabel = True
    _fixed_labels = True
    _auto_steps, _auto_epochs = 1700, (3, 20)
    _stops_on = "valid_map"

    _parameter_constraints: dict = {
        **EpochTraining._parameter_constraints,
        "threshold": THRESHOLD,
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "standardize": ["boolean"],
        "balanced": ["boolean"],
        "mixup": [Interval(Real, 0, None, closed="left")],
        "one_cycle": ["boolean"],
        "averaged_epochs": [Interval(Integral, 0, None, closed="left")],
        "memory": MEMORY,
    }

    dropout: float
    standardize: bool
    balanced: bool
    mixup: float
    one_cycle: bool
    averaged_epochs: int

    @property
    def _learned(self) -> tuple:
        """What another estimator takes over from this one."""
        weights = {name: weight.cpu().numpy() for name, weight in self.module_.state_dict().items()}
        return type(self), self.get_params(deep=False), self.labels_of_fit_, weights

    def _check_serves(self, classes, n_features, served=None):
        """Refuse to serve, frozen, in a model of other labels or features, or after another module has served."""
        if self.labels_of_fit_.tolist() != classes.tolist():
            raise ValueError(
                f"The frozen global net was fitted on labels {self.labels_of_fit_.tolist()[:3]}..., y has "
                f"{classes.tolist()[:3]}...; some tools of scikit-learn number the labels anew."
            )
        if self.n_features_in_ != n_features:
            raise ValueError(
                f"The frozen global net was fitted on {self.n_features_in_} features, X has {n_features}; fit it on "
                "clips like these."
            )
        if served is None:
            return
        own, other = self.module_.state_dict(), served.state_dict()
        if own.keys() != other.keys() or any(not own[name].cpu().equal(other[name].cpu()) for name in own):
            raise ValueError(
                "global_net is not the frozen net of the last fit; start anew with warm_start=False to change it."
            )

    def _become_view(self):
        super()._become_view()
        self._columns(None)  # an unknown label is refused now

    def _check_settings(self):
        if self.averaged_epochs and self.validation_fraction is not None:
            raise ValueError(
                f"averaged_epochs={self.averaged_epochs} keeps the mean of the last epochs and validation_fraction="
                f"{self.validation_fraction} the best epoch; use one of the two."
            )
        if not isinstance(self.max_epochs, str) and self.averaged_epochs > self.max_epochs:
            raise ValueError(
                f"averaged_epochs={self.averaged_epochs} is more than max_epochs={self.max_epochs}; average fewer."
            )
        if self.balanced and not self.shuffle:
            raise ValueError("balanced=True draws the clips of every epoch anew; it needs shuffle=True.")

    def predict_proba(self, X, labels=None, out=None) -> np.ndarray:
        """Probabilities of the labels.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Some of the labels of fit; None takes ``classes_``.
        out : array of shape (n, n_labels) or None, default=None
            Where to write the probabilities, a block of clips at a time: a memory map, a Zarr array or whatever else
            takes rows, for results larger than memory.

        Returns
        -------
        probabilities : ndarray of shape (n, n_labels), or ``out``
            Columns in the order of ``labels``. Where clips have several labels each is on its own, else they are
            divided by their sum.
        """
        return super().predict_proba(X, labels=labels, out=out)

    def _names_of_columns(self, y, going_on):
        return self.labels_of_fit_ if going_on and not hasattr(y, "columns") else None

    def _meet_labels(self, targets, *, going_on, partial):
        """Refuse labels that the first call did not name."""
        if not going_on:
            refuse_nothing_to_learn(targets, targets.classes if targets.indicator_dtype is None else None)
            return
        new = sorted(set(targets.classes.tolist()).difference(self.labels_of_fit_.tolist()), key=str)
        if new:
            raise ValueError(
                f"Labels {new[:5]} were not in the first call, and a tagger cannot add labels; name all in the first "
                "partial_fit: as columns of y or, where clips have one label, as classes."
            )

    def _train(self, segments, targets, course):
        codes = targets.indicator_of_classes()
        if course.going_on:
            build = {"start": self.module_.state_dict(), "log_odds": np.zeros(len(self.classes_))}
        else:
            chances = balancing_chances(codes) if self.balanced else None
            build = {**self._module_scaling(segments, course), "log_odds": log_odds_of_labels(codes, chances)}
        self._train_module(segments, codes, build, course)

    def _train_module(self, segments, codes, build, course):
        self._train_stream(self._build(segments.values.shape[-1], **build), segments, codes, course)

    def _train_stream(self, stream, segments, codes, course):
        from ..nets import TaggingLoss, validation_map

        module, arguments = stream
        inputs = (segments.three_d(), segments.mask())
        build = {f"module__{name}": value for name, value in arguments.items()}
        build |= {name: getattr(self, name) for name in ("balanced", "mixup", "averaged_epochs", "one_cycle")}
        build["validation_score"] = validation_map
        self._train_net(module, TaggingLoss, inputs, codes, course, build=build)

    def _build(self, n_features, *, log_odds, shift=None, weight=None, start=None) -> tuple[Callable, dict[str, Any]]:
        """Class of the module, and its arguments."""
        raise NotImplementedError

    def _clip_scores(self, X, labels):
        check_is_fitted(self)
        columns, candidates = self._columns(labels)
        segments = check_segments(self, X)

        def of(rows):
            scores = self._probabilities_of(segments[rows])
            refuse_overflow(scores, rows.start)
            if candidates is not self.labels_of_fit_:
                scores = scores[:, columns]
            if not self._multilabel:
                scores = np.maximum(scores, np.finfo(scores.dtype).tiny)
                scores /= scores.sum(axis=1, keepdims=True)
            return scores

        return ClipScores(candidates, segments.values.shape, of)

    def _combine(self, clips, evidence, bend):
        """Shares of the probabilities of the clips: by how much log-probabilities differ from the highest."""
        np.log(np.maximum(evidence, np.finfo(evidence.dtype).tiny, out=evidence), out=evidence)
        evidence -= highest(evidence)
        if bend is not None:
            evidence = bend(evidence)
        np.exp(evidence, out=evidence)
        evidence *= clips
        return evidence

    def _share(self, scores, clips):
        return scores / clips

    def _columns(self, labels):
        """Positions among the labels of fit of the candidates, and the candidates."""
        candidates = self._candidates(labels)
        position = {label: column for column, label in enumerate(self.labels_of_fit_.tolist())}
        unknown = [label for label in candidates.tolist() if label not in position]
        if unknown:
            raise ValueError(
                f"{type(self).__name__} knows the labels of fit only, not {unknown[:5]}; choose among classes_, or "
                "take a zero-shot model such as ZeroShotTemporalAttention."
            )
        return [position[label] for label in candidates.tolist()], candidates

    def _probabilities_of(self, segments: Segments) -> np.ndarray:
        """Probabilities (n, C) of the labels of fit."""
        return expit(self._apply(self.module_.forward, segments, shape=(len(self.labels_of_fit_),)))

    def _apply(self, method, segments, **settings):
        from ..nets import apply_in_batches

        return apply_in_batches(method, (segments.three_d(), segments.mask()), **settings)

    def _margins(self, scores, candidates):
        return scores

    def _probabilities(self, scores, candidates, kept=None):
        return scores if kept is None else scores[kept]
