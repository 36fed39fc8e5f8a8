"""Classifiers around a model that scores labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import MetaEstimatorMixin
from sklearn.utils.validation import check_is_fitted

from ._compat import num_samples, safe_indexing
from ._segment_scores import clips_and_evidence
from ._stored import indexable
from ._views import final_estimator, unwrap, with_labels
from .base import EmbeddingClassifier


class MetaClassifier(MetaEstimatorMixin, EmbeddingClassifier):
    """Base of the classifiers that change what a fitted model inside makes of the clips.

    A subclass calls :meth:`_keep_model` in ``fit``.
    """

    estimator_: Any

    def _keep_model(self, fitted):
        """Take a fitted estimator, Pipeline or search as the model inside, and its labels."""
        model = final_estimator(fitted)
        self.estimator_ = fitted
        self._keep_labels(model.classes_, model.seen_classes_, model._indicator_dtype)

    def _become_view(self):
        self.estimator_ = with_labels(self.estimator_, self.classes_)  # unknown labels are refused now

    def _clip_scores(self, X, labels):
        check_is_fitted(self)
        model, X = unwrap(self.estimator_, X)
        return model._clip_scores(X, labels)

    def _clips_and_evidence(self, X, labels):
        check_is_fitted(self)
        return clips_and_evidence(self.estimator_, X, labels)

    def _margins(self, scores, candidates):
        return final_estimator(self.estimator_)._margins(self._shifted(scores, candidates), candidates)

    def _probabilities(self, scores, candidates, kept=None):
        return final_estimator(self.estimator_)._probabilities(self._shifted(scores, candidates), candidates, kept)

    def _shifted(self, scores, candidates):
        """Scores to make probabilities of."""
        return scores

    def _share(self, scores, clips):
        return final_estimator(self.estimator_)._share(scores, clips)

    def _combine(self, clips, evidence, bend):
        return final_estimator(self.estimator_)._combine(clips, evidence, bend)

    @property
    def n_features_in_(self):
        """Features d of a segment."""
        return self.estimator_.n_features_in_


def cohort(X, most):
    """Clips evenly from the rows of X, no more than some."""
    rows = np.arange(0, num_samples(X), -(-num_samples(X) // most))
    return safe_indexing(indexable(X), rows)
