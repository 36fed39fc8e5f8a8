"""How fits happen: all or nothing, and once for parameters that act after training."""

from __future__ import annotations

import hashlib
import inspect
from contextlib import contextmanager
from importlib.metadata import version
from os import PathLike
from os.path import exists
from pathlib import Path

import joblib
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_memory

from ._atomic import FULL
from ._stored import StoredRows, content, opened
from .exceptions import warn


@contextmanager
def all_or_nothing(estimator):
    """Give a fitted estimator its attributes back if what runs inside raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        estimator.__dict__ = before  # in one step, which a second interrupt cannot part
        raise


def fit_remembered(estimator, X, y, **others):
    """Fit through ``estimator.memory``, whatever the parameters that act after training are set to.

    A training with the same data, ``others`` of ``fit`` and other parameters is looked up instead of repeated.
    """
    arguments = {"X": X, "y": y, **others}
    hashed = {**arguments, "X": _in_short(X)}
    defaults = {name: inspect.signature(type(estimator)).parameters[name].default for name in estimator._post_fit}
    plain = clone(estimator).set_params(memory=None, **defaults)
    # Hashed here, since joblib would hash more slowly and keep what is printed of tables of vectors.
    key = joblib.hash((version("skzsl"), type(plain), _parameters(plain), _files(plain), hashed), hash_name="sha1")
    remembered = check_memory(estimator.memory).cache(_fitted_attributes, ignore=["estimator", "arguments"])
    try:
        attributes = remembered(key, plain, arguments)
    except (OSError, KeyError) as error:
        trained = hasattr(plain, "n_features_in_")
        if not trained and getattr(error, "errno", None) not in FULL:
            raise  # by the training
        attributes = _attributes(plain) if trained else _fitted_attributes(key, plain, arguments)
        warn(
            f"memory={estimator.memory!r} could not keep this training ({error}), which is in use all the same; make "
            "room there, choose another disk or pass memory=None.",
            UserWarning,
        )
    with all_or_nothing(estimator):
        vars(estimator).pop("feature_names_in_", None)  # of an earlier fit
        vars(estimator).update(attributes)
        estimator._check_thresholds()  # the training had the default
    return estimator


def _in_short(X):
    """X to hash; of clips that are stored, what they hold, and not where they are."""
    X = opened(X)
    if not isinstance(X, StoredRows):
        return X
    found = hashlib.blake2b()
    for block in content(X):
        found.update(block)
    return found.hexdigest()


def _parameters(estimator):
    """Parameters by which a training is looked up; of frozen nets inside, what they learned."""
    return {
        name: getattr(value.estimator, "_learned", value) if isinstance(value, FrozenEstimator) else value
        for name, value in estimator.get_params(deep=False).items()
    }


def _files(estimator):
    """Sizes and times of files and folders among the parameters, and whether there is all that the default reads."""
    from .text import _glove

    given = estimator.get_params()
    paths = [Path(value) for value in given.values() if isinstance(value, str | PathLike) and exists(value)]
    files = sorted(file for path in paths for file in (path.iterdir() if path.is_dir() else [path]))
    state = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return state, given.get("text_encoder", "") is None and _glove.is_installed()


def _fitted_attributes(key, estimator, arguments):
    return _attributes(estimator.fit(**arguments))


def _attributes(estimator):
    parameters = estimator.get_params(deep=False)
    return {name: value for name, value in vars(estimator).items() if name not in parameters}
