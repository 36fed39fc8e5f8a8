"""The zero rule: the most frequent label for every clip."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import ClipScores
from .._compat import fit_context
from .._fitting import all_or_nothing
from .._segments import check_segments
from .._sparse import column_counts
from ..base import EmbeddingClassifier


class ZeroRuleClassifier(EmbeddingClassifier):
    """Predict the most frequent label for every clip, whatever it sounds like.

    As the baseline of Dogan et al. (2024) it is an oracle: fitted on the very clips it is scored on, it knows which of
    their labels is the most frequent. With p the share of clips that have that label, L labels a clip and C labels in
    all, its micro F1 is ``2 p / (1 + L)`` and its macro F1 is ``2 p / ((1 + p) C)``.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels of y: sorted, or in the order of its columns.
    seen_classes_ : ndarray
        Labels with a clip in fit.
    frequencies_ : ndarray of shape (C,)
        Share of the clips that have each label.
    n_features_in_ : int
        Features d of a segment.

    References
    ----------
    Dogan, Xie, Heittola and Virtanen (2024). Multi-label zero-shot audio classification with temporal attention.
    IWAENC.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import ZeroRuleClassifier, indicator_frame
    >>> X, y = np.eye(3), indicator_frame([["rain"], ["rain", "wind"], ["dog"]])
    >>> ZeroRuleClassifier().fit(X, y).predict(X)
    array([[0, 1, 0],
           [0, 1, 0],
           [0, 1, 0]], dtype=uint8)
    """

    _takes_multilabel = True

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y) -> Self:
        """Count the labels.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings; only their number matters.
        y : array of shape (n,) or indicator of shape (n, n_labels)
            The labels of each clip.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X or y. A fitted model stays as it was.
        """
        with all_or_nothing(self):
            segments = check_segments(self, X, reset=True)
            targets = self._take_labels(y, len(segments))
            if targets.indicator_dtype is None:
                self.frequencies_ = np.bincount(targets.codes, minlength=len(targets.classes)) / len(segments)
            else:
                self.frequencies_ = column_counts(targets.indicator_of_classes()) / len(segments)
        return self

    def _clip_scores(self, X, labels):
        check_is_fitted(self)
        candidates = self._candidates(labels)
        frequency = dict(zip(self.labels_of_fit_.tolist(), self.frequencies_, strict=True))
        row = np.array([frequency.get(label, 0.0) for label in candidates.tolist()])
        shape = check_segments(self, X).values.shape
        return ClipScores(candidates, shape, lambda rows: np.tile(row, (rows.stop - rows.start, 1)))

    def _mark(self, scores, candidates):
        return np.arange(len(candidates)) == scores.argmax(axis=1)[:, None]

    def _margins(self, scores, candidates):
        return scores

    def _probabilities(self, scores, candidates, kept=None):
        if not self._multilabel:
            total = scores.sum(axis=1, keepdims=True)
            scores = np.where(total > 0, scores / np.where(total > 0, total, 1.0), 1 / len(candidates))
        return scores if kept is None else scores[kept]

    def _share(self, scores, clips):
        return scores - clips + 1.0  # all of it in every segment

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags
