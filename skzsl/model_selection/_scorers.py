"""Scorers that choose the candidates from y, for cross-validation and searches over class-disjoint folds."""

from __future__ import annotations

from collections.abc import Collection

from sklearn.metrics import accuracy_score
from sklearn.metrics import get_scorer as sklearn_scorer

from .._compat import safe_indexing
from .._labels import label_array
from ..base import final_estimator, with_labels
from ..metrics import per_label_accuracy

_METRICS = {"accuracy": accuracy_score, "per_label_accuracy": per_label_accuracy}
_NAMED = {
    "zsl_accuracy": ("accuracy", "unseen"),
    "zsl_per_label_accuracy": ("per_label_accuracy", "unseen"),
}


def zero_shot_scorer(metric="accuracy", candidates="unseen"):
    """Make a scorer that gives the estimator its candidates.

    Parameters
    ----------
    metric : {"accuracy", "per_label_accuracy"} or callable, default="accuracy"
        Top-1 accuracy over clips, or averaged over labels; or a function of (y_true, y_pred).
    candidates : {"unseen", "test", "all"} or list of labels, default="unseen"
        "unseen": the labels of y that the estimator was not trained on; clips of other labels are left out. "test": the
        labels of y, seen or not, as in few-shot protocols. "all": these and all labels of fit (generalised zero-shot).

    Returns
    -------
    scorer : callable
        Takes (estimator, X, y); picklable. The estimator may be a Pipeline or a fitted search.

    Raises
    ------
    ValueError
        When made, for an unknown metric or kind of candidates. When called, if no label of y is unseen, or a label of y
        is not among the candidates.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from skzsl import ZeroShotBilinear
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.model_selection import ClassDisjointKFold, zero_shot_scorer
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(2, random_state=0)
    >>> model, folds = ZeroShotBilinear(HashingEncoder()), ClassDisjointKFold(3, random_state=0)
    >>> cross_val_score(model, sounds.X, sounds.y, cv=folds, scoring=zero_shot_scorer()).shape
    (3,)
    """
    return _ZeroShotScorer(metric, candidates)


def get_scorer(name):
    """Look a scorer up by name.

    Parameters
    ----------
    name : str
        "zsl_accuracy" or "zsl_per_label_accuracy" (unseen candidates); any other name is scikit-learn's.

    Returns
    -------
    scorer : callable
        Takes (estimator, X, y).

    Raises
    ------
    ValueError
        For a name that neither knows.

    Examples
    --------
    >>> from skzsl.model_selection import get_scorer
    >>> get_scorer("zsl_accuracy")
    zero_shot_scorer(metric='accuracy', candidates='unseen')
    """
    if name in _NAMED:
        return zero_shot_scorer(*_NAMED[name])
    try:
        return sklearn_scorer(name)
    except ValueError as error:
        raise ValueError(f"{name!r} is neither one of {sorted(_NAMED)} nor a scorer of scikit-learn.") from error


class _ZeroShotScorer:
    def __init__(self, metric, candidates):
        if not callable(metric) and not (isinstance(metric, str) and metric in _METRICS):
            raise ValueError(f"metric={metric!r}; pass one of {sorted(_METRICS)} or a function of (y_true, y_pred).")
        named = isinstance(candidates, str) and candidates in {"unseen", "test", "all"}
        if not named and (isinstance(candidates, str) or not isinstance(candidates, Collection)):
            raise ValueError(f"candidates={candidates!r}; pass 'unseen', 'test', 'all' or a list of labels.")
        self.metric = metric
        self.candidates = candidates

    def __call__(self, estimator, X, y):
        y = label_array(y, "y")
        model = final_estimator(estimator)
        seen = set(model.seen_classes_.tolist())
        candidates = self._choose(list(dict.fromkeys(y.tolist())), seen, model.classes_.tolist())
        if self.candidates == "unseen" and not seen.isdisjoint(y.tolist()):
            rows = [row for row, label in enumerate(y.tolist()) if label not in seen]
            X, y = safe_indexing(X, rows), y[rows]
        missing = sorted(set(y.tolist()).difference(candidates))
        if missing:
            raise ValueError(f"Labels {missing[:5]} of y are not among the candidates; add them.")
        metric = self.metric if callable(self.metric) else _METRICS[self.metric]
        return metric(y, with_labels(estimator, candidates).predict(X))

    def _choose(self, present, seen, known):
        if not isinstance(self.candidates, str):
            return list(self.candidates)
        if self.candidates == "unseen":
            unseen = [label for label in present if label not in seen]
            if not unseen:
                raise ValueError(
                    f"All labels of y were seen in training, such as {present[0]!r}; score class-disjoint folds or "
                    "pass candidates='test'."
                )
            return unseen
        return present if self.candidates == "test" else [*known, *(label for label in present if label not in known)]

    def __repr__(self):
        metric = getattr(self.metric, "__name__", self.metric)
        return f"zero_shot_scorer(metric={metric!r}, candidates={self.candidates!r})"
