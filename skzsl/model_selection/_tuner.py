"""What tuners share: models fitted without some clips, and the one that keeps what was chosen."""

from __future__ import annotations

from functools import partial

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from .._compat import HasMethods, StrOptions, num_samples, safe_indexing
from .._indicators import is_indicator
from .._meta import MetaClassifier
from .._segments import clip_array
from .._stored import indexable
from .._views import final_estimator, innermost, is_frozen, with_labels
from ..base import EmbeddingClassifier


class Tuner(MetaClassifier):
    """Base of the classifiers that choose something of a model on clips it was not trained on.

    A subclass stores ``estimator``, ``cv`` and ``n_jobs``.
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "cv": ["cv_object", StrOptions({"prefit"}), None],
        "n_jobs": [int, None],
    }

    def _fit_folds(self, X, y, splits, hold_out, by_fold=None):
        """What is found in each fold, and the model fitted on all clips.

        ``splits()`` yields the rows of each fold, ``hold_out(estimator, X, y)`` looks at a fitted model and clips held
        out. ``by_fold(estimator, X, y, train, test)`` is for those that train in another way than on all of ``train``.
        """
        if isinstance(self.estimator, EmbeddingClassifier):  # before folds are cut; a Pipeline may take anything
            clip_array(X)
        X = indexable(X)
        if isinstance(self.cv, str):
            folds, fitted = [hold_out(self.estimator, X, y)], self.estimator
        else:
            find = delayed(by_fold or partial(_fit_and_hold_out, hold_out))
            parallel = Parallel(n_jobs=self.n_jobs)
            folds = parallel(find(self.estimator, X, y, *rows) for rows in within(splits(), num_samples(X)))
            fitted = clone(self.estimator).fit(X, y)
        if isinstance(self.cv, str) or is_frozen(fitted):  # what was given fitted stays as it is
            fitted = with_labels(fitted, final_estimator(fitted).classes_)
        if not folds:
            raise ValueError("cv has no folds; pass a splitter or a list, since a generator serves one fit only.")
        return folds, fitted

    def _limits(self, clips, candidates):
        return final_estimator(self.estimator_)._limits(clips, candidates)

    def _mark(self, scores, candidates):
        return final_estimator(self.estimator_)._mark(scores, candidates)


def within(splits, n_clips):
    """Yield the rows of each fold, which are clips that are there."""
    for rows in splits:
        last = max((np.max(part) for part in rows if np.size(part) and np.asarray(part).dtype.kind in "iu"), default=0)
        if last >= n_clips:
            raise ValueError(f"cv has clip {last}, but there are {n_clips}; pass folds of these clips.")
        yield tuple(np.flatnonzero(part) if np.asarray(part).dtype == bool else part for part in rows)


def _fit_and_hold_out(hold_out, estimator, X, y, train, test):
    fitted = clone(estimator).fit(safe_indexing(X, train), safe_indexing(y, train))
    return hold_out(fitted, safe_indexing(X, test), safe_indexing(y, test))


def refuse_without(tuner, parameter):
    """Refuse an estimator that has no such parameter: a model inside of it would keep its own, or nothing would act."""
    model = innermost(tuner.estimator)
    if parameter not in model.get_params(deep=False):
        inner = f"; tune what is inside, {type(model).__name__}({type(tuner).__name__}(...))"
        raise TypeError(
            f"{type(model).__name__} has no {parameter} of its own, for {type(tuner).__name__} to choose"
            f"{inner if hasattr(model, 'estimator') else '; pass another estimator'}."
        )


def refuse_several(tuner, y):
    """Refuse several labels a clip where one is wanted, in y and in what was fitted before."""
    if is_indicator(y):
        raise ValueError("y has several labels a clip; pass the one label of each, or choose with ThresholdTuner.")
    if isinstance(tuner.cv, str) and final_estimator(tuner.estimator)._multilabel:
        raise ValueError("The estimator was fitted on several labels a clip; pass it and y to ThresholdTuner.")
