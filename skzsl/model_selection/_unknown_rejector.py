"""Clips of none of the candidates: the score below which a label is not believed, chosen on held-out labels."""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Self

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._compat import fit_context, safe_indexing
from .._fitting import all_or_nothing
from .._labels import labels_of
from .._lazy import lazily
from .._views import final_estimator, label_scores, with_labels
from ._sweep import best_rejection
from ._tuner import Tuner, refuse_several, within


class UnknownRejector(Tuner):
    """Answer "unknown" for clips of none of the candidates (open-set recognition).

    A clip whose best candidate does not score above a threshold is rejected. Each of k folds trains without one k-th of
    the labels (a single one without half of them), whose held-out clips are unknown and the others known. Where a fold
    holds out labels rather than clips, half of these are candidates and half are unknown, and then the other way round.
    The threshold is the exact maximum of the mean of two rates, averaged over the folds: known clips that are named
    correctly, and unknown ones that are rejected.

    Parameters
    ----------
    estimator : estimator for one label a clip, Pipeline or search
        What scores the labels, such as :class:`skzsl.ZeroShotRidge`.
    unknown : label or None, default=None
        What to answer; None is ``"unknown"``, or -1 where labels are numbers.
    cv : splitter, int, iterable of (train, test), "prefit" or None, default=None
        How to hold clips out. None is 5 stratified folds, for candidates seen in fit; ``ClassDisjointKFold()`` is for
        candidates that are not. An integer is that many stratified folds. "prefit" takes the estimator as fitted and X
        and y as held out: clips whose label is not among its ``classes_`` are unknown.
    random_state : int, RandomState instance or None, default=None
        Source of the parts of the labels.
    n_jobs : int or None, default=None
        Folds fitted at the same time.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all of X and y, or the one given, with "prefit".
    threshold_ : float
        Score that the best candidate has to exceed.
    unknown_ : label
        The answer for rejected clips.
    best_score_ : float
        Mean over the folds of the two rates' mean at the threshold.
    classes_, seen_classes_, n_features_in_
        Those of ``estimator_``.

    See Also
    --------
    skzsl.metrics.unknown_auroc, skzsl.metrics.oscr : How well scores tell known from unknown clips.

    Notes
    -----
    The best score rejects as well as anything else here, and better than the highest probability or the margin over the
    second candidate. Scores of labels never seen tell little about unknown clips; a few clips of each candidate tell
    more (see ``benchmarks/README.md``).

    References
    ----------
    Scheirer, Rocha, Sapkota and Boult (2013). Toward open set recognition. IEEE TPAMI 35(7).

    Vaze, Han, Vedaldi and Zisserman (2022). Open-set recognition: a good closed-set classifier is all you need. ICLR.

    Examples
    --------
    >>> from skzsl import ZeroShotRidge
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.model_selection import UnknownRejector
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(6, random_state=0)
    >>> model = UnknownRejector(ZeroShotRidge(HashingEncoder()), random_state=0).fit(sounds.X, sounds.y)
    >>> model.predict(0 * sounds.X[:1]).tolist()  # silence
    ['unknown']
    """

    _parameter_constraints: dict = {
        **Tuner._parameter_constraints,
        "unknown": [str, Real, None],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator, *, unknown=None, cv=None, random_state=None, n_jobs=None) -> None:
        self.estimator = estimator
        self.unknown = unknown
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None) -> Self:
        """Choose the threshold, and fit the estimator on all clips.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,)
            The label of each clip.
        groups : array of shape (n,) or None, default=None
            The recording, site or speaker of each clip; passed to ``split`` of ``cv``, and not used with "prefit".

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For several labels a clip, too few labels for the folds, an answer of another type than the labels or
            among those of fit, a ``cv`` without folds, a fold whose held-out clips have fewer than two labels and,
            with "prefit", no clip of a candidate or no unknown one. A fitted rejector stays as it was.
        NotFittedError
            With "prefit", for an estimator that is not fitted.
        """
        refuse_several(self, y)
        y = labels_of(X, y)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        given = final_estimator(self.estimator).classes_ if isinstance(self.cv, str) else y
        unknown = _answer(self.unknown, given)
        by_fold = partial(_fit_and_hold_out, random_state=seed)
        folds, fitted = self._fit_folds(X, y, lambda: self._splits(X, y, groups, seed), _held_out, by_fold)
        if not isinstance(self.cv, str):
            folds = [part for parts in folds for part in parts]
        with all_or_nothing(self):
            self.unknown_ = unknown
            self.threshold_, self.best_score_ = best_rejection(folds)
            self._keep_model(fitted)
        return self

    def _splits(self, X, y, groups, seed):
        """Rows of each fold, of those to train on without the labels that are to be unknown."""
        cv = check_cv(5 if self.cv is None else self.cv, y, classifier=True)
        labels, counts = np.unique(y, return_counts=True)
        if isinstance(cv, StratifiedKFold) and counts.max() < cv.n_splits:
            raise ValueError(
                f"y has {counts.max()} clip(s) of a label at most, too few for {cv.n_splits} stratified folds; pass "
                "more clips, or a smaller cv."
            )
        folds = list(within(cv.split(X, y, groups), len(y)))
        parts = np.array_split(np.random.RandomState(seed).permutation(labels), max(2, min(len(folds), len(labels))))
        for number, (train, test) in enumerate(folds):
            of_train = safe_indexing(y, train)
            if np.isin(of_train, safe_indexing(y, test)).any():
                train = np.asarray(train)[~np.isin(of_train, parts[number % len(parts)])]
                if len(np.unique(safe_indexing(y, train))) < 2:
                    raise ValueError(
                        f"y has {len(labels)} label(s) for {len(folds)} folds, each of which trains on two or more "
                        "without some; pass clips of more labels, three at least, or a cv of more folds."
                    )
            yield train, test

    def _refuse_answer(self, candidates):
        if self.unknown_ in candidates.tolist():
            raise ValueError(f"labels has {self.unknown_!r}, the answer for rejected clips; leave it out.")

    def _candidates(self, labels):
        candidates = super()._candidates(labels)
        self._refuse_answer(candidates)
        return candidates

    def _clip_scores(self, X, labels):
        scores = super()._clip_scores(X, labels)
        self._refuse_answer(scores.candidates)
        return scores

    def _clips_and_evidence(self, X, labels):
        clips, evidence, candidates = super()._clips_and_evidence(X, labels)
        self._refuse_answer(candidates)
        return clips, evidence, candidates

    @lazily
    def predict(self, X, labels=None) -> np.ndarray:
        """Name the best label of every clip, or ``unknown`` where it does not score above the threshold.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.

        Returns
        -------
        labels : ndarray of shape (n,)
            The best label of each clip, on a tie the candidate that comes first, or ``unknown_``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            For bad X, and for candidates that are empty, duplicated, unknown to the model or the answer itself.
        """
        scores = self._clip_scores(X, labels)
        blocks = [(block.argmax(axis=1), block.max(axis=1) > self.threshold_) for _, block in scores]
        best, kept = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return np.where(kept, scores.candidates[best], np.array(self.unknown_, _dtype(scores.candidates)))

    def _predicted(self, scores, candidates):
        rows, columns = super()._predicted(scores, candidates)
        known = scores[rows, columns] > self.threshold_
        return rows[known], columns[known]

    def score(self, X, y, sample_weight=None, labels=None) -> float:
        """Share of the clips that are named correctly or, with a label that is no candidate, rejected.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : array of shape (n,)
            True labels; those that are no candidates count as unknown.
        sample_weight : array of shape (n,) or None, default=None
            Weights of the clips.
        labels : list of str or None, default=None
            Candidates; None takes ``classes_``.

        Returns
        -------
        accuracy : float
        """
        check_is_fitted(self)
        y, candidates = labels_of(X, y), self._candidates(labels)
        _answer(self.unknown_, y, held=True)
        known = np.isin(y, candidates)
        truth = np.where(known, y, np.array(self.unknown_, _dtype(y)))
        return accuracy_score(truth, self.predict(X, labels=labels), sample_weight=sample_weight)

    def _limits(self, clips, candidates):
        return np.maximum(super()._limits(clips, candidates), self.threshold_)  # none sounds in a clip that is rejected


def _dtype(labels):
    return object if labels.dtype == object else None


def _answer(unknown, labels, held=False):
    """The answer for rejected clips, of the type of the labels and none of them."""
    texts, shown = isinstance(labels[0], str), labels[:1].tolist()[0]
    if unknown is None:
        unknown = "unknown" if texts else -1
    if not isinstance(unknown, str) and not float(unknown).is_integer():
        raise ValueError(f"unknown={unknown!r}; pass a whole number, as labels that are numbers are.")
    if isinstance(unknown, str) is not texts:
        raise ValueError(f"unknown={unknown!r}, but labels are like {shown!r}; make them of one type.")
    if not held and unknown in labels.tolist():
        raise ValueError(f"unknown={unknown!r} is a label of fit; leave its clips out, or pass another answer.")
    return unknown


def _fit_and_hold_out(estimator, X, y, train, test, random_state):
    """Held-out clips of labels that train as known, or else each half of the labels as known in turn."""
    of_test = safe_indexing(y, test)
    fitted, labels = clone(estimator).fit(safe_indexing(X, train), safe_indexing(y, train)), np.unique(of_test)
    if len(labels) < 2:
        raise ValueError(
            f"The {len(test)} held-out clips have one label, {labels[:1].tolist()[0]!r}; hold out clips of two or "
            "more, of which some are taken as unknown."
        )
    known = labels[np.isin(labels, safe_indexing(y, train))]
    halves = np.array_split(np.random.RandomState(random_state).permutation(labels), 2)
    return [
        _held_out(with_labels(fitted, part), safe_indexing(X, test), of_test)
        for part in ([known] if len(known) else halves)
    ]


def _held_out(estimator, X, y):
    """Whether each clip is of a candidate, whether that is the best one, and the best score."""
    candidates = final_estimator(estimator).classes_
    known = np.isin(y, candidates)
    if known.all() or not known.any():
        what = "none is" if not known.any() else "all are"
        raise ValueError(
            f"Of the {len(y)} held-out clips {what} of a candidate, such as {candidates[:1].tolist()[0]!r}; hold out "
            "known and unknown ones."
        )
    scores = label_scores(estimator, X)
    return known, candidates[scores.argmax(axis=1)] == y, scores.max(axis=1)
