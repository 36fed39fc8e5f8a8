"""Scores of segments: what the clip says, and when it says it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._known_labels import KnownLabels
from ._lazy import lazily
from ._segments import Segments, clip_array, present_segments, row_chunks
from ._views import unwrap


class SegmentScores(KnownLabels):
    """Mixin of the classifiers, which score every segment of a clip.

    The score of a clip says whether a label is there. Its evidence in each segment, by default the score of the segment
    as a clip of its own, says when: the segment where it is strongest has the score of the clip, and every other one as
    much less as its evidence is less.
    """

    temperature: float
    _scores: Callable
    _mark: Callable
    _probabilities: Callable

    @lazily
    def segment_scores(self, X, labels=None) -> np.ndarray:
        """Score every segment of every clip against every candidate.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings; a clip vector is one segment.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.

        Returns
        -------
        scores : ndarray of shape (n, T, n_labels)
            In the units of the clip's scores: the highest of a label is its score in the clip, so that a label that is
            not predicted for a clip is above the threshold in no segment. Absent segments are nan. As those of clips,
            scores in a ScoreNormalizer depend on the candidates.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X, and for candidates that are empty, duplicated or unknown to the model.
        """
        return self._at_segments(X, labels)[0]

    @lazily
    def segment_proba(self, X, labels=None) -> np.ndarray:
        """Probabilities of the candidates in every segment.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings; a clip vector is one segment.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.

        Returns
        -------
        probabilities : ndarray of shape (n, T, n_labels)
            The highest of each label is its probability in the clip. Absent segments are nan.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X, and for candidates that are empty, duplicated or unknown to the model.
        """
        return self._segment_proba(X, labels)

    def _segment_proba(self, X, labels, **how):
        scores, clips, candidates = self._at_segments(X, labels, **how)
        if self._multilabel:
            return self._probabilities(scores.reshape(-1, len(candidates)), candidates).reshape(scores.shape)
        return self._share(scores, clips[:, None]) * self._probabilities(clips, candidates)[:, None]

    def _share(self, scores, clips):
        """Of the probability in the clip, where a clip has one label; in place."""
        scores -= clips
        scores /= self.temperature
        return np.exp(scores, out=scores)

    def _at_segments(self, X, labels, *, through=None, change=None, bend=None):
        """Scores (n, T, C) of segments, those of clips (n, C), and the candidates.

        ``through`` is the Pipeline or search that holds this model, if X is for that. ``change`` is what to make of the
        evidence (n, T, C) first, and ``bend`` of its differences from the best segment's, 0 or less, in place.
        """
        check_is_fitted(self)
        clips, evidence, candidates = clips_and_evidence(self if through is None else through, X, labels)
        if change is not None:
            evidence = change(evidence)
        return self._combine(clips[:, None], evidence, bend), clips, candidates

    def _combine(self, clips, evidence, bend):
        """Scores (n, T, C) from those of the clips (n, 1, C) and the evidence in their segments, in place of it."""
        evidence -= highest(evidence)
        if bend is not None:
            evidence = bend(evidence)
        evidence += clips
        return evidence

    def _limits(self, clips, candidates):
        """What the score of a segment exceeds where a label sounds, given the scores (n, C) of the clips.

        Without thresholds it is the best score of the labels that are not predicted, -inf if there are none.
        """
        if self._multilabel and hasattr(self, "threshold"):
            return self._thresholds(candidates)
        best = np.arange(clips.shape[1]) == clips.argmax(axis=1)[:, None]
        marked = self._mark(clips, candidates) if self._multilabel else best
        others = np.where(marked, -np.inf, clips).max(axis=1, keepdims=True)
        below = np.nextafter(clips, -np.inf)  # for labels that are predicted in spite of a tie with others
        return np.where(marked, np.minimum(others, below), others)[:, None]

    def _clips_and_evidence(self, X, labels):
        """Scores (n, C) of clips, the evidence (n, T, C) in their segments, nan where absent, and the candidates."""
        clips, candidates = self._scores(X, labels)
        evidence = segments_as_clips(lambda X: self._scores(self._as_clips(X), labels)[0], X, clips)
        return clips, evidence, candidates

    def _as_clips(self, X):
        """Clips (n, T, d) that say what segments (n, 1, d) do."""
        return X


def highest(evidence):
    """Of each clip's segments (n, 1, C), without those that are absent; many times faster than numpy.nanmax."""
    return np.fmax.reduce(evidence, axis=1, keepdims=True)


def clips_and_evidence(estimator, X, labels):
    """Scores of clips, the evidence in their segments, and the candidates, of a model or what holds it.

    Where a Pipeline makes one vector of a clip, it makes one of each segment.
    """
    model, seen = unwrap(estimator, X)
    if seen is X or _n_dims(seen) >= _n_dims(X):
        return model._clips_and_evidence(seen, labels)
    clips, candidates = model._scores(seen, labels)
    evidence = segments_as_clips(lambda X: model._scores(unwrap(estimator, X)[1], labels)[0], X, clips)
    return clips, evidence, candidates


def _n_dims(X):
    with suppress(ValueError):  # Pipelines take what is no array of numbers too
        return clip_array(X).ndim
    return np.ndim(X)


def segments_as_clips(score, X, clips):
    """Scores (n, T, C) by a function of clips, each segment taken as one; like those of the whole ``clips`` (n, C)."""
    values = clip_array(X)
    if values.ndim == 2:
        return clips[:, None].copy()
    segments = Segments(values, present_segments(values))
    scores = np.full((*values.shape[:2], clips.shape[1]), np.nan, dtype=clips.dtype)
    for rows in row_chunks(values):
        mask = segments.mask(rows)
        scores[rows][mask] = score(values[rows][mask][:, None])
    return scores
