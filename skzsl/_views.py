"""Fitted Pipelines and searches with other candidates."""

from __future__ import annotations

import copy
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._compat import BaseSearchCV


def with_labels(estimator, labels) -> Any:
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
        It has ``tag``, ``segment_scores`` and ``segment_proba`` as the estimators have, of Pipelines too.

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
    *outer, model = inside(estimator)
    view = model.with_labels(labels)
    for layer in reversed(outer):
        if isinstance(layer, Pipeline):
            step, view = view, copy.copy(layer)
            if type(layer) is Pipeline:  # what others have made of it stays theirs
                view.__class__ = PipelineView
            view.steps = [*layer.steps[:-1], (layer.steps[-1][0], step)]
    return view


class PipelineView(Pipeline):
    """Fitted Pipeline with candidates of its own, with tags and with scores of segments."""

    def tag(self, X, top_k=None):
        """Lists of (label, probability) of clips, as those of the model inside."""
        model, X = unwrap(self, X)
        return model.tag(X, top_k=top_k)

    def segment_scores(self, X):
        """Scores (n, T, n_labels) of segments, as those of the model inside."""
        return final_estimator(self)._at_segments(X, None, through=self)[0]

    def segment_proba(self, X):
        """Probabilities (n, T, n_labels) of segments, as those of the model inside."""
        return final_estimator(self)._segment_proba(X, None, through=self)


def inside(estimator):
    """Yield an estimator and what it holds, one inside the other, down to the model that scores labels.

    Of a search that is the best estimator, of a Pipeline the last step.

    Raises
    ------
    TypeError
        If there is no such model.
    NotFittedError
        If a search is not fitted.
    """
    yield estimator
    while not hasattr(estimator, "with_labels") or isinstance(estimator, FrozenEstimator):
        if isinstance(estimator, BaseSearchCV):
            check_is_fitted(estimator)
            if not hasattr(estimator, "best_estimator_"):
                raise TypeError(f"{type(estimator).__name__} kept no fitted estimator; pass refit=True to it.")
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline | FrozenEstimator):
            estimator = _held(estimator)
        else:
            raise TypeError(
                f"{type(estimator).__name__} has no zero-shot estimator to give labels to; pass a fitted skzsl "
                "estimator, a Pipeline that ends in one or a fitted search over either."
            )
        yield estimator


def final_estimator(estimator):
    """Find the zero-shot estimator inside a fitted Pipeline or search.

    Raises
    ------
    TypeError
        If there is none.
    NotFittedError
        If it is not fitted.
    """
    *_, model = inside(estimator)
    check_is_fitted(model)
    return model


def unwrap(estimator, X):
    """Find the estimator inside a fitted Pipeline or search, and X as it sees it.

    Raises
    ------
    TypeError
        If there is no zero-shot estimator.
    """
    for layer in inside(estimator):
        if isinstance(layer, Pipeline) and len(layer.steps) > 1:
            X = layer[:-1].transform(X)
    return layer, X


def innermost(estimator):
    """What stands last in a Pipeline or search, as it was given: fitted or not."""
    while isinstance(estimator, Pipeline | BaseSearchCV | FrozenEstimator):
        estimator = _held(estimator)
    return estimator


def _held(estimator):
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator.estimator


def knows_its_labels_only(estimator) -> bool:
    """Whether the model inside an estimator, Pipeline or search, fitted or not, cannot score unseen labels."""
    model = innermost(estimator)
    while hasattr(model, "estimator"):
        model = innermost(model.estimator)
    return getattr(model, "_fixed_labels", False)


def is_frozen(estimator) -> bool:
    """Whether the fitted model inside an estimator, Pipeline or search is held by a FrozenEstimator."""
    return any(isinstance(layer, FrozenEstimator) for layer in inside(estimator))


def label_scores(estimator, X):
    """Scores (n, C) of the classes of a fitted estimator; ``decision_function`` gives (n,) for two."""
    model, X = unwrap(estimator, X)
    return model.decision_function(X, labels=model.classes_)
