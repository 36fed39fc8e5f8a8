"""What every classifier shares: scores of candidates into labels, probabilities and tags."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, check_scalar, gen_batches
from sklearn.utils.validation import check_is_fitted

from ._best_columns import best_columns
from ._clip_scores import ClipScores
from ._compat import HasMethods, Interval
from ._indicators import check_indicators, is_indicator, named_indicators
from ._labels import check_candidates, label_array
from ._lazy import lazily
from ._segment_scores import SegmentScores
from .exceptions import CandidateWarning, warn

# Constraints of parameters that several estimators have.
MEMORY = [str, HasMethods(["cache"]), None]
SEEN_PENALTY = [Interval(Real, None, None, closed="neither")]
_CACHED_NUMBERS = 1 << 15  # that a processor core keeps at hand
THRESHOLD = [Real, Mapping, "array-like"]


class EmbeddingClassifier(SegmentScores, ClassifierMixin, BaseEstimator):
    """Base of the classifiers of embeddings.

    A subclass stores ``temperature`` and, if it takes several labels a clip, ``threshold`` in its constructor, calls
    :meth:`_take_labels` in ``fit`` and implements :meth:`_clip_scores`. Whatever is made of scores is made a block of
    clips at a time, so that no more is held than is returned.
    """

    _fixed_labels = False  # whether only labels of fit can be scored
    _parameter_constraints: dict = {"temperature": [Interval(Real, 0, None, closed="neither")]}

    @property
    def _post_fit(self) -> tuple[str, ...]:
        """Parameters that act after training."""
        return tuple(name for name in ("temperature", "seen_penalty", "threshold") if hasattr(self, name))

    @lazily
    def predict(self, X, labels=None) -> np.ndarray:
        """Name the best label of every clip or, for multi-label models, mark the labels above the threshold.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings, in memory, in a file or a store, or in an array of dask: then the result is
            one too.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.

        Returns
        -------
        labels : ndarray of shape (n,) or (n, n_labels)
            The best label of each clip, on a tie the candidate that comes first. For multi-label models the
            indicator, in the dtype of fit's y: 1 where the score is above ``threshold``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X, and for candidates that are empty, duplicated or unknown to the model.
        """
        scores = self._clip_scores(X, labels)
        if self._multilabel:
            return scores.all(self._indicator_dtype, change=lambda block: self._mark(block, scores.candidates))
        return scores.candidates[np.concatenate([block.argmax(axis=1) for _, block in scores])]

    @lazily
    def predict_proba(self, X, labels=None, out=None) -> np.ndarray:
        """Probabilities of the candidates.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.
        out : array of shape (n, n_labels) or None, default=None
            Where to write the probabilities, a block of clips at a time: a memory map, a Zarr array or whatever else
            takes rows, for results larger than memory.

        Returns
        -------
        probabilities : ndarray of shape (n, n_labels), or ``out``
            Columns in the order of ``labels``: softmax of ``scores / temperature`` over the candidates, or for
            multi-label models the logistic function of ``(scores - threshold) / temperature`` of each label.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X or ``out``, and for candidates that are empty, duplicated or unknown to the model.
        """
        scores = self._clip_scores(X, labels)
        return scores.all(out=out, change=lambda block: self._probabilities(block, scores.candidates))

    @lazily
    def decision_function(self, X, labels=None) -> np.ndarray:
        """Score every clip against every candidate.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.

        Returns
        -------
        scores : ndarray of shape (n, n_labels) or (n,)
            Columns in the order of ``labels``. Without ``labels`` and with two classes, also those of a view,
            scikit-learn's binary form: the score of the second minus that of the first (not for multi-label models).

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X, and for candidates that are empty, duplicated or unknown to the model.
        """
        scores, _ = self._scores(X, labels)
        if labels is None and scores.shape[1] == 2 and not self._multilabel:
            return scores[:, 1] - scores[:, 0]
        return scores

    def tag(self, X, labels=None, top_k=None) -> list[list[tuple[Any, float]]]:
        """List the labels of every clip for people to read.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.
        top_k : int or None, default=None
            How many labels to list. None lists those that ``predict`` gives: the best one, or those above the
            threshold, which may be none.

        Returns
        -------
        tags : list of lists of (label, probability)
            Best first.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X, and for candidates that are empty, duplicated or unknown to the model.
        """
        scores, n_best = self._clip_scores(X, labels), None
        if top_k is not None:
            check_scalar(top_k, "top_k", Integral, min_val=1)
            n_best = min(top_k, len(scores.candidates))
        names = np.array(scores.candidates.tolist(), dtype=object)
        return [tags for _, block in scores for tags in self._tags(block, scores.candidates, names, n_best)]

    def _tags(self, scores, candidates, names, n_best):
        """Lists of (label, probability), of the ``n_best`` labels of each clip or, if that is None, those predicted."""
        if n_best is None:
            rows, columns = self._predicted(scores, candidates)
        else:
            columns = best_columns(self._margins(scores, candidates), n_best).ravel()
            rows = np.repeat(np.arange(len(scores)), n_best)
        probabilities = self._probabilities(scores, candidates, (rows, columns))
        pairs = list(zip(names[columns].tolist(), probabilities.tolist(), strict=True))
        ends = np.searchsorted(rows, np.arange(len(scores) + 1)).tolist()
        return [pairs[start:end] for start, end in pairwise(ends)]

    def _predicted(self, scores, candidates):
        """Rows and columns of the labels that ``predict`` gives, the best of each clip first."""
        if not self._multilabel:
            return np.arange(len(scores)), scores.argmax(axis=1)
        rows, columns = np.nonzero(self._mark(scores, candidates))
        order = np.lexsort((columns, -self._margins(scores, candidates)[rows, columns], rows))
        return rows[order], columns[order]

    def score(self, X, y, sample_weight=None, labels=None) -> float:
        """Share of the clips whose label, or whose whole set of labels, is predicted correctly.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,) or indicator of shape (n, n_labels)
            True labels. The columns of a DataFrame are matched by name, and are the candidates if ``labels`` is None;
            labels without a column are absent.
        sample_weight : array of shape (n,) or None, default=None
            Weights of the clips.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.

        Returns
        -------
        accuracy : float

        Warns
        -----
        CandidateWarning
            If labels of ``y`` are not among the candidates.
        """
        check_is_fitted(self)
        if self._multilabel:
            y, labels = self._match(y, labels)
            scores = self._clip_scores(X, labels)
            check_consistent_length(scores, y)
            marks = ((rows, self._mark(block, scores.candidates)) for rows, block in scores)
            right = np.concatenate([(marked == (y[rows] != 0)).all(axis=1) for rows, marked in marks])
            return accuracy_score(np.ones_like(right), right, sample_weight=sample_weight)
        y, predicted = label_array(y, "y"), self.predict(X, labels=labels)
        candidates = self.classes_ if labels is None else check_candidates(labels, self.classes_)
        missing = sorted(set(y.tolist()).difference(candidates.tolist()), key=str)
        if missing:
            warn(
                f"Labels {missing[:5]} of y are not among the candidates, so no prediction of them can be right; pass "
                "labels=[...] to a model, use with_labels on a Pipeline, or score with zero_shot_scorer.",
                CandidateWarning,
            )
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _mark(self, scores, candidates):
        """Which labels a multi-label model predicts, (n, n_labels) bool."""
        return scores > self._thresholds(candidates)

    def _match(self, y, labels):
        """Bring the columns of y and the candidates into one order."""
        if labels is None and self._is_view:
            labels = self.classes_
        if not is_indicator(y) and np.ndim(y) != 2:
            raise ValueError("This model was fitted on several labels a clip; pass y as an indicator (n, n_labels).")
        if labels is None and not hasattr(y, "columns"):
            return check_indicators(y, self.classes_).values, None
        if labels is None:
            y = check_indicators(y)
            return y.values, y.labels
        labels = check_candidates(labels, self.classes_)
        y = named_indicators(y, labels)
        missing = sorted(set(y.labels[y.positive()].tolist()).difference(labels.tolist()), key=str)
        if missing:
            warn(
                f"Labels {missing[:5]} of y are not among the candidates and are left out; pass them in labels too.",
                CandidateWarning,
            )
        return y.of(labels), labels

    def _margins(self, scores, candidates):
        """Scores (n, n_labels), less thresholds that differ: in the order of probabilities within a clip."""
        limits = self._thresholds(candidates) if self._multilabel else ()
        return scores if len(limits) < 2 else scores - limits

    def _probabilities(self, scores, candidates, kept=None):
        """Probabilities (n, n_labels), or (m,) of the entries ``kept``, given as rows and columns."""
        if not isinstance(self.temperature, Real) or not float(self.temperature) > 0:
            raise ValueError(f"temperature={self.temperature!r}; pass a number above 0.")
        if self._multilabel:
            zero = self._thresholds(candidates)
            if kept is not None:
                scores, zero = scores[kept], zero[kept[1] if len(zero) > 1 else 0]
            # Not rounded to float32, where .5 would hide a score just above the threshold.
            return expit((scores - zero).astype(np.float64) / self.temperature)
        highest = scores.max(axis=1, keepdims=True)
        if kept is None:
            shares = self._exponentials(scores, highest)
            return (shares / shares.sum(axis=1, keepdims=True)).astype(scores.dtype, copy=False)
        rows = gen_batches(len(scores), max(1, _CACHED_NUMBERS // len(candidates)))
        total = np.concatenate([self._exponentials(scores[some], highest[some]).sum(axis=1) for some in rows])
        return self._exponentials(scores[kept], highest[kept[0], 0]) / total[kept[0]]

    def _exponentials(self, scores, highest):
        shares = (scores - highest).astype(np.float64, copy=False)
        shares /= self.temperature
        return np.exp(shares, out=shares)

    def _scores(self, X, labels) -> tuple[np.ndarray, np.ndarray]:
        """Scores (n, n_labels) and the candidates of their columns."""
        scores = self._clip_scores(X, labels)
        return scores.all(), scores.candidates

    def _clip_scores(self, X, labels) -> ClipScores:
        """Scores of clips against candidates."""
        raise NotImplementedError

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.classifier_tags.multi_label = self._takes_multilabel
        return tags
