"""What estimators that train in passes over the clips share: fit, partial_fit, warm starts and nets."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from ._compat import Interval, fit_context
from ._fitting import all_or_nothing, fit_remembered
from ._segments import check_segments


class EpochTraining:
    """Mixin of the estimators that train in epochs.

    A subclass stores the parameters below and implements :meth:`_train`, which may call :meth:`_train_net`.
    """

    _parameter_constraints: dict = {
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "optimizer": [str, callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "callbacks": [list, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    }

    _stops_on = "valid_loss"  # what early stopping monitors
    _net: Any = None
    _owns_net = False  # views share the net of another model
    _net_settings: list
    n_iter_: int
    history_: list[dict]

    # Parameters and methods of the estimator that the mixin is mixed into.
    lr: float
    max_epochs: int
    batch_size: int
    callbacks: list | None
    validation_fraction: float | None
    warm_start: bool
    memory: Any
    _fit_labels: Callable
    _extend_labels: Callable

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Learn from clips and the labels they carry.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip embeddings, or segment embeddings whose trailing all-zero segments are absent.
        y : array of shape (n,), or indicator of shape (n, n_labels) where the estimator takes several labels a clip
            The label of each clip, as text; or a DataFrame with a column for each label (:func:`skzsl.indicator_frame`
            builds it), or an array, whose columns ``label_texts`` names where the estimator has it.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X, y or parameters, before any training; and if training diverges. A fitted model stays as it was.
        """
        self._check_settings()
        if self.memory is not None:
            if self.warm_start:
                raise ValueError("warm_start=True goes on from the last fit and memory forgets it; use one of the two.")
            return fit_remembered(self, X, y, self._post_fit)  # type: ignore[attr-defined]
        going_on = self.warm_start and hasattr(self, "n_iter_")
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=not going_on)
            fit_labels = self._extend_labels if going_on else self._fit_labels
            targets = fit_labels(y, len(segments))
            self._train(segments, targets, epochs=self.max_epochs, going_on=going_on)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None):
        """Make one pass over some clips, going on from the present weights.

        Labels that a zero-shot model meets for the first time join in; its text encoder is fitted in the first call
        only. Taggers need all labels in the first call.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,) or indicator of shape (n, n_labels)
            The labels of each clip, as in ``fit``.
        classes : array of labels or None, default=None
            Labels to expect, which the text encoder of the first call should know. Zero-shot models do not need them:
            any label can come later.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            With ``validation_fraction``, for bad X, y or parameters, and if training diverges; the model stays as it
            was.
        """
        if self.validation_fraction is not None:
            raise ValueError("partial_fit makes one pass and cannot stop early; set validation_fraction=None.")
        self._check_settings()
        going_on = hasattr(self, "n_iter_")
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=not going_on)
            targets = self._extend_labels(y, len(segments), classes)
            self._train_pass(segments, targets, going_on=going_on)
        return self

    @property
    def _net_parameters(self) -> tuple[str, ...]:
        """What a net cannot change once it has begun."""
        return (
            "optimizer",
            "weight_decay",
            "shuffle",
            "device",
            "validation_fraction",
            "patience",
            "random_state",
            "verbose",
        )

    @property
    def module_(self):
        """The trained net."""
        if self._net is None:
            raise AttributeError(f"This {type(self).__name__} has trained no net.")
        return self._net.module_

    def _check_settings(self):
        """Refuse parameters that do not go together."""

    def _train(self, segments, targets, *, epochs, going_on):
        """Train for some epochs, from the present weights if ``going_on``, and record them."""
        raise NotImplementedError

    def _train_pass(self, segments, targets, *, going_on):
        """Make the pass of partial_fit."""
        self._train(segments, targets, epochs=1, going_on=going_on)

    def _train_net(
        self, module, criterion, inputs, targets, *, fixed_inputs=(), build, epochs, going_on, partial=False
    ):
        """Train ``module`` on arrays with one row a clip; ``build`` are its arguments.

        The net of the last call goes on unless a setting that it cannot change is another.
        """
        from .nets import EmbeddingNet, net_parameters

        settings = [_comparable(getattr(self, name)) for name in (*self._net_parameters, "callbacks")]
        net = self._net if going_on and self._owns_net else None
        if net is None or self._net_settings != settings:
            net = EmbeddingNet(module, criterion, **build, **net_parameters(self))
        n_before = len(net.epochs_since(0))
        net.set_params(batch_size=self.batch_size, fixed_inputs=fixed_inputs)
        net.train(inputs, targets, epochs=epochs, lr=self.lr, partial=partial)
        self._net, self._net_settings, self._owns_net = net, settings, True
        self._record(net.epochs_since(n_before), going_on)

    def _record(self, history, going_on):
        earlier = self.history_ if going_on else []
        numbers = range(len(earlier) + 1, len(earlier) + len(history) + 1)
        self.history_ = earlier + [{**epoch, "epoch": number} for epoch, number in zip(history, numbers, strict=True)]
        self.n_iter_ = len(self.history_)


def _comparable(setting):
    if hasattr(setting, "get_params"):  # an estimator, whose parameters may change in place
        return type(setting), sorted((name, repr(value)) for name, value in setting.get_params().items())
    return tuple(setting) if isinstance(setting, list | np.ndarray) else setting
