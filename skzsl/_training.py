"""What estimators that train in passes over the clips share: fit, partial_fit, warm starts and nets."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np

from ._compat import Interval, StrOptions, fit_context
from ._fitting import all_or_nothing, fit_remembered
from ._scaling import Scaling
from ._segments import check_segments

# Parameters that a net can take anew in every call, beside those that act after training.
_FREE = {"lr", "max_epochs", "batch_size", "warm_start", "memory", "text_encoder", "label_texts"}


class Course(NamedTuple):
    """What one call of fit or partial_fit makes of a training."""

    epochs: int | Any  # or "auto", until the clips are counted
    going_on: bool  # from the present weights
    partial: bool = False  # a pass of a longer training


class EpochTraining:
    """Mixin of the estimators that train in epochs.

    A subclass stores the parameters below and implements :meth:`_train`, which may call :meth:`_train_net`.
    """

    _parameter_constraints: dict = {
        "lr": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "shuffle": ["boolean"],
        "optimizer": [str, callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "device": [str],
        "callbacks": [list, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    }

    _stops_on = "valid_loss"  # what early stopping monitors
    _auto_steps: int  # batches that max_epochs="auto" aims at
    _auto_epochs: tuple[int, int]  # and how few and how many epochs it may take for that
    _net: Any = None
    _net_settings: dict | None = None  # what the net was built with
    n_iter_: int
    history_: list[dict]

    # Parameters and methods of the estimator that the mixin is mixed into.
    lr: float
    max_epochs: int | str
    batch_size: int | str
    callbacks: list | None
    validation_fraction: float | None
    standardize: bool
    warm_start: bool
    memory: Any
    _take_labels: Callable
    get_params: Callable

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **others) -> Self:
        """Learn from clips and the labels they carry.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip embeddings, or segment embeddings whose trailing all-zero segments are absent. More than 256 MB of them
            in a memory map, a Zarr or HDF5 array or whatever else gives rows are read in blocks, and shuffled within a
            buffer of that size, a quarter of scikit-learn's ``working_memory``.
        y : array of shape (n,), or indicator of shape (n, n_labels) where the estimator takes several labels a clip
            The label of each clip, as text; or a DataFrame with a column for each label (:func:`skzsl.indicator_frame`
            builds it), or an array or a sparse matrix, whose columns ``label_texts`` names where the estimator has it.
        **others
            Refused: ``sample_weight`` too, since in batches drawn at random no weight is exact.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            For ``sample_weight`` and any other argument.
        ValueError
            For bad X, y or parameters, before any training; and if training diverges. A fitted model stays as it was.
        """
        _refuse(self, others)
        self._check_settings()
        if self.memory is not None:
            if self.warm_start:
                raise ValueError("warm_start=True goes on from the last fit and memory forgets it; use one of the two.")
            return fit_remembered(self, X, y)
        going_on = self.warm_start and hasattr(self, "n_iter_")
        return self._learn(X, y, Course(self.max_epochs, going_on))

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, **others) -> Self:
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
        **others
            Refused, as by ``fit``.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            For any other argument.
        ValueError
            With ``validation_fraction``, for bad X, y or parameters, and if training diverges; the model stays as it
            was.
        """
        _refuse(self, others)
        self._validate_params()  # type: ignore[attr-defined]  # scikit-learn skips it once the model is fitted
        if self.validation_fraction is not None:
            raise ValueError("partial_fit makes one pass and cannot stop early; set validation_fraction=None.")
        self._check_settings()
        return self._learn(X, y, Course(1, hasattr(self, "n_iter_"), partial=True), classes)

    @property
    def module_(self):
        """The trained net."""
        if self._net is None:
            raise AttributeError(f"This {type(self).__name__} has trained no net.")
        return self._net.module_

    def _check_settings(self):
        """Refuse parameters that do not go together."""

    def _learn(self, X, y, course, classes=None):
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=not course.going_on)
            course = course._replace(epochs=self._epochs(course.epochs, len(segments)))
            known = {"going_on": course.going_on, "partial": course.partial, "classes": classes}
            self._train(segments, self._take_labels(y, len(segments), **known), course)
        if self._net is not None and not course.partial:
            self._net.remove_checkpoint()
        return self

    def _epochs(self, wanted, n_clips):
        """Epochs that make about as many steps as the model is given, if nobody says how many."""
        fewest, most = self._auto_epochs
        steps = self._auto_steps * self._batch_size(n_clips)
        return min(max(-(-steps // n_clips), fewest), most) if wanted == "auto" else wanted

    def _batch_size(self, n_clips):
        return auto_batch_size(n_clips) if self.batch_size == "auto" else self.batch_size

    def _module_scaling(self, segments, course):
        """Arguments of a module that scales segments by those of the first call."""
        if course.going_on or not self.standardize:
            return {"shift": None, "weight": None}
        scaling = Scaling.of(segments, pooled=False)
        return {"shift": scaling.mean, "weight": scaling.weight}

    def _train(self, segments, targets, course: Course):
        """Train and record the epochs."""
        raise NotImplementedError

    def _train_net(self, module, criterion, inputs, targets, course, *, build, fixed_inputs=()):
        """Train ``module`` on arrays with one row a clip; ``build`` are its arguments.

        A copy of the net of the last call goes on unless a parameter that it cannot take anew has changed.
        """
        from .nets import EmbeddingNet, net_parameters

        given = self.get_params(deep=False)
        settings = {name: _comparable(given[name]) for name in given.keys() - _FREE.union(self._post_fit)}  # type: ignore[attr-defined]
        if course.going_on and self._net is not None and self._net_settings == settings:
            net = self._net.twin()
        else:
            net = EmbeddingNet(module, criterion, **build, **net_parameters(self))
        n_before = len(net.epochs_since(0))
        net.set_params(batch_size=self._batch_size(targets.shape[0]), fixed_inputs=fixed_inputs)
        net.train(inputs, targets, epochs=course.epochs, lr=self._rate(*fixed_inputs), partial=course.partial)
        net.goes_on_ = course.partial or self.warm_start
        self._net, self._net_settings = net, settings
        self._record(net.epochs_since(n_before), course.going_on)

    def _rate(self, *fixed_inputs):
        """The learning rate, given what else the module reads."""
        return self.lr

    def _record(self, history, going_on):
        earlier = self.history_ if going_on else []
        numbers = range(len(earlier) + 1, len(earlier) + len(history) + 1)
        self.history_ = earlier + [{**epoch, "epoch": number} for epoch, number in zip(history, numbers, strict=True)]
        self.n_iter_ = len(self.history_)


def _refuse(model, others):
    """Refuse weights: the fits have no argument of that name, since scikit-learn's tools pass some where one is."""
    name = type(model).__name__
    if "sample_weight" in others:
        raise TypeError(
            f"{name} takes no sample_weight: in batches drawn at random a clip of weight 2 is not that clip twice. "
            "Repeat clips, draw labels alike with balanced=True where the model has it, or use ZeroShotRidge, in which "
            "weights are exact."
        )
    if others:
        raise TypeError(f"{name} takes X and y, not {', '.join(others)}; set parameters before the fit.")


def auto_batch_size(n_clips: int) -> int:
    """Return the power of 2 next to 1.6 times the root of the clips, the lower of two, from 16 to 1024."""
    square = (256 * n_clips - 1) // 100  # in whole numbers: 200 clips, or 800, lie midway between two
    return min(max(1 << square.bit_length() // 2, 16), 1024)


def _comparable(setting):
    if hasattr(setting, "get_params"):  # an estimator, whose parameters may change in place
        return type(setting).__name__, sorted((name, repr(value)) for name, value in setting.get_params().items())
    return tuple(setting) if isinstance(setting, list | np.ndarray) else setting
