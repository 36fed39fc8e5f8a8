"""Fitted Pipelines and searches with other candidates."""

from __future__ import annotations

import copy
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._compat import BaseSearchCV


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
        Shares the weights; its ``classes_`` are the candidates: sorted, or for multi-label models in the order given.

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
    if _is_model(estimator):
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
    NotFittedError
        If it is not fitted.
    """
    if not _is_model(estimator):
        return final_estimator(_inside(estimator))
    check_is_fitted(estimator)
    return estimator


def unwrap(estimator, X):
    """Find the estimator inside a fitted Pipeline or search, and X as it sees it.

    Raises
    ------
    TypeError
        If there is no zero-shot estimator.
    """
    if _is_model(estimator):
        return estimator, X
    if isinstance(estimator, Pipeline) and len(estimator.steps) > 1:
        X = estimator[:-1].transform(X)
    return unwrap(_inside(estimator), X)


def knows_its_labels_only(estimator) -> bool:
    """Whether the model inside an estimator, Pipeline or search, fitted or not, cannot score unseen labels."""
    model = innermost(estimator)
    while hasattr(model, "estimator"):
        model = innermost(model.estimator)
    return getattr(model, "_fixed_labels", False)


def innermost(estimator):
    """What stands last in a Pipeline or search, as it was given: fitted or not."""
    while isinstance(estimator, Pipeline | BaseSearchCV | FrozenEstimator):
        estimator = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator.estimator
    return estimator


def is_frozen(estimator) -> bool:
    """Whether the fitted model inside an estimator, Pipeline or search is held by a FrozenEstimator."""
    while not _is_model(estimator):
        if isinstance(estimator, FrozenEstimator):
            return True
        estimator = _inside(estimator)
    return False


class ModelInside:
    """What a meta-estimator tells of the fitted model in its ``estimator_``."""

    estimator_: Any

    @property
    def seen_classes_(self):
        """Labels with a positive clip in fit."""
        return final_estimator(self.estimator_).seen_classes_

    @property
    def n_features_in_(self):
        """Features d of a segment."""
        return self.estimator_.n_features_in_


def label_scores(estimator, X):
    """Scores (n, C) of the classes of a fitted estimator; ``decision_function`` gives (n,) for two."""
    model, X = unwrap(estimator, X)
    return model.decision_function(X, labels=model.classes_)


def _is_model(estimator):
    return hasattr(estimator, "with_labels") and not isinstance(estimator, FrozenEstimator)


def _inside(estimator):
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator)
        if not hasattr(estimator, "best_estimator_"):
            raise TypeError(f"{type(estimator).__name__} kept no fitted estimator; pass refit=True to it.")
        return estimator.best_estimator_
    raise TypeError(
        f"{type(estimator).__name__} has no zero-shot estimator to give labels to; pass a fitted skzsl estimator, a "
        "Pipeline that ends in one or a fitted search over either."
    )
