"""What the nets that tag clips with fixed labels share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted

from .._classifier import EmbeddingClassifier, refuse_overflow
from .._compat import HasMethods, Interval
from .._indicators import balancing_chances, encode_indicators, indicator_dtype, is_indicator, log_odds_of_labels
from .._labels import Targets, encode_targets, label_array, refuse_nothing_to_learn
from .._segments import Segments, check_segments
from .._training import EpochTraining


class TaggingNet(EpochTraining, EmbeddingClassifier):
    """Base of the taggers: nets whose score of a label is its probability in the clip.

    A subclass stores the parameters below and those of :class:`EpochTraining` in its constructor and implements
    :meth:`_build`. Its module gives log-odds (n, C), or (n, S, C) of several streams.
    """

    _takes_multilabel = True
    _fixed_labels = True
    _stops_on = "valid_map"

    _parameter_constraints: dict = {
        **EpochTraining._parameter_constraints,
        "threshold": [Real, Mapping, "array-like"],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "standardize": ["boolean"],
        "balanced": ["boolean"],
        "mixup": [Interval(Real, 0, None, closed="left")],
        "one_cycle": ["boolean"],
        "averaged_epochs": [Interval(Integral, 0, None, closed="left")],
        "memory": [str, HasMethods(["cache"]), None],
    }

    dropout: float
    standardize: bool
    balanced: bool
    mixup: float
    one_cycle: bool
    averaged_epochs: int
    seen_classes_: np.ndarray

    @property
    def _net_parameters(self) -> tuple[str, ...]:
        own = ("hidden_size", "dropout", "balanced", "mixup", "one_cycle", "averaged_epochs")
        return (*super()._net_parameters, *own)

    @property
    def _post_fit(self) -> tuple[str, ...]:
        """Parameters that act after training."""
        return ("threshold",)

    @property
    def _learned(self) -> tuple:
        """What another estimator takes over from this one."""
        weights = {name: weight.cpu().numpy() for name, weight in self.module_.state_dict().items()}
        return type(self), self.get_params(deep=False), self._labels_of_fit, weights

    def _check_serves(self, classes, n_features, served=None):
        """Refuse to serve, frozen, in a model of other labels or features, or after another module has served."""
        if self._labels_of_fit.tolist() != classes.tolist():
            raise ValueError(
                f"The frozen global net was fitted on labels {self._labels_of_fit.tolist()[:3]}..., y has "
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
        self._columns(None)  # an unknown label is refused now
        self._owns_net = False  # training a view must not train the net of the model

    def _check_settings(self):
        if self.averaged_epochs and self.validation_fraction is not None:
            raise ValueError(
                f"averaged_epochs={self.averaged_epochs} keeps the mean of the last epochs and validation_fraction="
                f"{self.validation_fraction} the best epoch; use one of the two."
            )
        if self.averaged_epochs > self.max_epochs:
            raise ValueError(
                f"averaged_epochs={self.averaged_epochs} is more than max_epochs={self.max_epochs}; average fewer."
            )
        if self.balanced and not self.shuffle:
            raise ValueError("balanced=True draws the clips of every epoch anew; it needs shuffle=True.")

    def predict_proba(self, X, labels=None):
        """Probabilities of the labels.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Some of the labels of fit; None takes ``classes_``.

        Returns
        -------
        probabilities : ndarray of shape (n, n_labels)
            Columns in the order of ``labels``. Where clips have several labels each is on its own, else they are
            divided by their sum.
        """
        return super().predict_proba(X, labels=labels)

    def _fit_labels(self, y, n_clips, **known) -> Targets:
        """Start anew with the labels of y."""
        self._multilabel = is_indicator(y)
        if self._multilabel:
            self._indicator_dtype = indicator_dtype(y)
        targets = self._encode(y, n_clips, **known)
        refuse_nothing_to_learn(targets, None if self._multilabel else targets.classes)
        return self._keep(targets)

    def _extend_labels(self, y, n_clips, classes=None) -> Targets:
        """Go on with the labels of the first call."""
        if not hasattr(self, "n_iter_"):
            return self._fit_labels(y, n_clips, classes=classes)
        if self._multilabel != is_indicator(y):
            raise ValueError(
                "y is of another kind than in the first call; pass an indicator or one label a clip again."
            )
        targets = self._encode(y, n_clips, seen=self.seen_classes_, classes=self._labels_of_fit)
        named = targets.classes.tolist() + ([] if classes is None else label_array(classes, "classes").tolist())
        new = sorted(set(named).difference(self._labels_of_fit.tolist()), key=str)
        if new:
            raise ValueError(
                f"Labels {new[:5]} were not in the first call, and a tagger cannot add labels; name all in the first "
                "partial_fit: as columns of y or, where clips have one label, as classes."
            )
        return self._keep(targets)

    def _encode(self, y, n_clips, *, seen=None, classes=None) -> Targets:
        """Encode y as an indicator (n, C) of all labels, whether they have a clip or not."""
        if self._multilabel:
            names = None if seen is None or hasattr(y, "columns") else self._labels_of_fit
            targets = encode_indicators(y, n_clips, labels=names, seen=seen, classes=classes)
        else:
            targets = encode_targets(y, n_clips, seen=seen, classes=classes)
        codes = targets.indicator()
        if len(targets.seen) < len(targets.classes):
            every = np.zeros((n_clips, len(targets.classes)), dtype=np.uint8)
            every[:, np.isin(targets.classes, targets.seen)] = codes
            codes = every
        return Targets(targets.classes, targets.seen, codes)

    def _keep(self, targets):
        self._set_classes(targets.classes)
        self.seen_classes_ = targets.seen
        return targets

    def _train(self, segments, targets, *, epochs, going_on, partial=False):
        self._check_thresholds()
        if going_on:
            build = {"start": self.module_.state_dict(), "log_odds": np.zeros(len(self.classes_))}
        else:
            shift, scale = segments.moments() if self.standardize else (None, None)
            chances = balancing_chances(targets.codes) if self.balanced else None
            build = {"shift": shift, "scale": scale, "log_odds": log_odds_of_labels(targets.codes, chances)}
        self._train_module(segments, targets.codes, build, epochs=epochs, going_on=going_on, partial=partial)

    def _train_pass(self, segments, targets, *, going_on):
        self._train(segments, targets, epochs=1, going_on=going_on, partial=True)

    def _train_module(self, segments, codes, build, *, epochs, going_on, partial):
        module, arguments = self._build(segments.values.shape[-1], **build)
        training = {"epochs": epochs, "going_on": going_on, "partial": partial}
        self._train_stream(module, arguments, segments, codes, **training)

    def _train_stream(self, module, arguments, segments, codes, **training):
        from ..nets import TaggingLoss, validation_map

        inputs = (segments.three_d(), segments.mask())
        build = {f"module__{name}": value for name, value in arguments.items()}
        build |= {name: getattr(self, name) for name in ("balanced", "mixup", "averaged_epochs", "one_cycle")}
        build["validation_score"] = validation_map
        self._train_net(module, TaggingLoss, inputs, codes, build=build, **training)

    def _build(self, n_features, *, log_odds, shift=None, scale=None, start=None) -> tuple[Callable, dict[str, Any]]:
        """Class of the module, and its arguments."""
        raise NotImplementedError

    def _scores(self, X, labels):
        check_is_fitted(self)
        columns, candidates = self._columns(labels)
        scores = self._probabilities_of(check_segments(self, X))
        refuse_overflow(scores)
        if candidates is not self._labels_of_fit:
            scores = scores[:, columns]
        if not self._multilabel:
            scores = np.maximum(scores, np.finfo(scores.dtype).tiny)
            scores /= scores.sum(axis=1, keepdims=True)
        return scores, candidates

    def _columns(self, labels):
        """Positions among the labels of fit of the candidates, and the candidates."""
        candidates = self._candidates(labels)
        position = {label: column for column, label in enumerate(self._labels_of_fit.tolist())}
        unknown = [label for label in candidates.tolist() if label not in position]
        if unknown:
            raise ValueError(
                f"{type(self).__name__} knows the labels of fit only, not {unknown[:5]}; choose among classes_, or "
                "take a zero-shot model such as ZeroShotTemporalAttention."
            )
        return [position[label] for label in candidates.tolist()], candidates

    def _probabilities_of(self, segments: Segments) -> np.ndarray:
        """Probabilities (n, C) of the labels of fit."""
        return expit(self._apply(self.module_.forward, segments, shape=(len(self._labels_of_fit),)))

    def _apply(self, method, segments, **settings):
        from ..nets import apply_in_batches

        return apply_in_batches(method, (segments.three_d(), segments.mask()), **settings)

    def _probabilities(self, scores, candidates):
        return scores
