"""Scorers that choose the candidates from y, for cross-validation and searches over class-disjoint folds."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

from sklearn.metrics import accuracy_score
from sklearn.metrics import get_scorer as sklearn_scorer

from .._compat import safe_indexing
from .._indicators import Indicators, is_indicator, named_indicators
from .._labels import label_array
from .._views import final_estimator, label_scores, with_labels
from ..metrics import (
    ausuc,
    d_prime,
    f1_at_k,
    generalized_accuracy,
    harmonic_mean,
    lwlrap,
    mean_average_precision,
    mean_roc_auc,
    multilabel_f1,
    per_label_accuracy,
    precision_at_k,
    recall_at_k,
)


class _Metric(NamedTuple):
    function: Callable
    takes: str  # "labels" (1-D y), "predictions" or "scores" (indicators), "both kinds" (of labels, seen and unseen)


_METRICS = {
    "accuracy": _Metric(accuracy_score, "labels"),
    "per_label_accuracy": _Metric(per_label_accuracy, "labels"),
    "f1_micro": _Metric(partial(multilabel_f1, average="micro"), "predictions"),
    "f1_macro": _Metric(partial(multilabel_f1, average="macro"), "predictions"),
    "map": _Metric(mean_average_precision, "scores"),
    "auc": _Metric(mean_roc_auc, "scores"),
    "d_prime": _Metric(d_prime, "scores"),
    "lwlrap": _Metric(lwlrap, "scores"),
}
_BOTH_KINDS = {
    "seen_accuracy": lambda y, view, X, seen: generalized_accuracy(y, view.predict(X), seen)[0],
    "unseen_accuracy": lambda y, view, X, seen: generalized_accuracy(y, view.predict(X), seen)[1],
    "harmonic": lambda y, view, X, seen: harmonic_mean(*generalized_accuracy(y, view.predict(X), seen)),
    "ausuc": lambda y, view, X, seen: ausuc(y, label_scores(view, X), view.classes_, seen),
}
_METRICS |= {name: _Metric(function, "both kinds") for name, function in _BOTH_KINDS.items()}
_AT_K = {"f1": f1_at_k, "precision": precision_at_k, "recall": recall_at_k}
_KNOWN = sorted([*_METRICS, *(f"{metric}_at_K" for metric in _AT_K)])
_CANDIDATES = {"": "test", "zsl_": "unseen", "gzsl_": "all"}
_TAKES = {"predict": "predictions", "decision_function": "scores"}


def zero_shot_scorer(metric="accuracy", candidates="unseen", response_method="predict") -> Callable[..., float]:
    """Make a scorer that gives the estimator its candidates and matches the columns of y by name.

    Parameters
    ----------
    metric : str or callable, default="accuracy"
        "accuracy" or "per_label_accuracy" for one label a clip; "f1_micro", "f1_macro", "map", "auc", "d_prime",
        "lwlrap", "f1_at_3", "precision_at_3" or "recall_at_3" (any K) for any y; "seen_accuracy", "unseen_accuracy",
        "harmonic" or "ausuc" for one label a clip where seen and unseen labels compete (``candidates="all"``); or a
        function of (y_true, y_pred): labels, or indicators for multi-label y.
    candidates : {"unseen", "test", "all"} or list of labels, default="unseen"
        "unseen": the labels with a clip in y that the estimator was not trained on; clips of seen labels are left out
        if clips have one label, and are negatives if they may have several. "test": the labels with a clip in y, seen
        or not, as in few-shot protocols. "all": these, all columns of y and all labels of fit (generalised zero-shot).
    response_method : {"predict", "decision_function"}, default="predict"
        What a callable metric takes: predictions, or indicator and scores (n, n_labels).

    Returns
    -------
    scorer : callable
        Takes (estimator, X, y); picklable. The estimator may be a Pipeline or a fitted search.

    Raises
    ------
    ValueError
        When made, for an unknown metric or kind of candidates. When called, if no label of y is unseen, if the label of
        a clip is not among the candidates (one label a clip), and where the metric is not defined.

    Notes
    -----
    Labels without a column in y count as absent from every clip. With one label a clip, metrics of scores take
    ``predict_proba``, since clips are compared.

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
    return _ZeroShotScorer(metric, candidates, response_method)


def get_scorer(name) -> Callable[..., float]:
    """Look a scorer up by name.

    Parameters
    ----------
    name : str
        A metric of :func:`zero_shot_scorer`: on its own ("map", "f1_macro", ...) over the labels with a clip in y, with
        the prefix ``zsl_`` over the unseen ones ("zsl_accuracy", "zsl_map", ...), with ``gzsl_`` over all
        ("gzsl_harmonic", "gzsl_ausuc", ...). Any other name is scikit-learn's, and so is "accuracy".

    Returns
    -------
    scorer : callable
        Takes (estimator, X, y).

    Raises
    ------
    ValueError
        For a name that neither knows, and for what compares seen with unseen labels over the unseen ones.

    Examples
    --------
    >>> from skzsl.model_selection import get_scorer
    >>> get_scorer("zsl_map")
    zero_shot_scorer(metric='map', candidates='unseen')
    """
    prefix = next(prefix for prefix in ("gzsl_", "zsl_", "") if str(name).startswith(prefix))
    metric = str(name).removeprefix(prefix)
    if prefix == "zsl_" and metric in _BOTH_KINDS:
        raise ValueError(f"{name!r} would leave seen labels out, which it compares; pass 'g{name}'.")
    if _find(metric) is not None and name != "accuracy":
        return zero_shot_scorer(metric, _CANDIDATES[prefix])
    try:
        return sklearn_scorer(name)
    except ValueError as error:
        raise ValueError(
            f"{name!r} is neither one of {_KNOWN}, which may begin with 'zsl_' or 'gzsl_', nor a scorer of "
            "scikit-learn."
        ) from error


def _find(metric):
    """The metric of a name, or None."""
    at_k = re.fullmatch(r"(\w+)_at_([1-9]\d*)", metric)
    if at_k and at_k[1] in _AT_K:
        return _Metric(partial(_AT_K[at_k[1]], k=int(at_k[2])), "scores")
    return _METRICS.get(metric)


class _ZeroShotScorer:
    def __init__(self, metric, candidates, response_method):
        if not callable(metric) and not (isinstance(metric, str) and _find(metric)):
            raise ValueError(f"metric={metric!r}; pass one of {_KNOWN} or a function of (y_true, y_pred).")
        named = isinstance(candidates, str) and candidates in {"unseen", "test", "all"}
        if not named and (isinstance(candidates, str) or not isinstance(candidates, Collection)):
            raise ValueError(f"candidates={candidates!r}; pass 'unseen', 'test', 'all' or a list of labels.")
        if response_method not in _TAKES:
            raise ValueError(f"response_method={response_method!r}; pass one of {sorted(_TAKES)}.")
        self.metric = metric
        self.candidates = candidates if isinstance(candidates, str) else list(candidates)
        self.response_method = response_method

    def __call__(self, estimator, X, y):
        model = final_estimator(estimator)
        if is_indicator(y):
            y = named_indicators(y, model.classes_)
            labels, present = y.labels.tolist(), y.labels[y.positive()].tolist()
        else:
            y = label_array(y, "y")
            labels = present = list(dict.fromkeys(y.tolist()))
        seen = set(model.seen_classes_.tolist())
        candidates = self._choose(labels, present, seen, model.classes_.tolist())
        if not isinstance(y, Indicators):
            if self.candidates == "unseen" and not seen.isdisjoint(labels):
                rows = [row for row, label in enumerate(y.tolist()) if label not in seen]
                X, y = safe_indexing(X, rows), y[rows]
            missing = sorted(set(y.tolist()).difference(candidates))
            if missing:
                raise ValueError(f"Labels {missing[:5]} of y are not among the candidates; add them.")
        return self._measure(with_labels(estimator, candidates), X, y, seen)

    def _choose(self, labels, present, seen, fitted):
        if not isinstance(self.candidates, str):
            return list(self.candidates)
        if not present:
            raise ValueError("y has no positive clip of any label; there is nothing to score.")
        if self.candidates == "unseen":
            unseen = [label for label in present if label not in seen]
            if not unseen:
                raise ValueError(
                    f"All labels of y were seen in training, such as {present[0]!r}; score class-disjoint folds, not "
                    "clips of training (return_train_score=False; learning and validation curves score them too), or "
                    "pass candidates='test'."
                )
            return unseen
        return present if self.candidates == "test" else list(dict.fromkeys([*fitted, *labels]))

    def _measure(self, view, X, y, seen):
        function, takes = self._metric(isinstance(y, Indicators))
        if takes == "both kinds":
            return function(y, view, X, seen)
        if takes == "labels":
            return function(y, view.predict(X))
        columns = view.classes_
        if isinstance(y, Indicators):
            y_true = y.of(columns)
            return function(y_true, view.predict(X) if takes == "predictions" else label_scores(view, X))
        given = view.predict(X)[:, None] == columns if takes == "predictions" else view.predict_proba(X)
        return function(y[:, None] == columns, given)

    def _metric(self, multilabel):
        if callable(self.metric):
            takes = _TAKES[self.response_method]
            return self.metric, "labels" if takes == "predictions" and not multilabel else takes
        metric = _find(self.metric)
        if metric.takes in {"labels", "both kinds"} and multilabel:
            raise ValueError(f"metric={self.metric!r} takes one label a clip; pass 'f1_micro', 'map' or another.")
        return metric

    def __repr__(self):
        metric = self.metric if isinstance(self.metric, str) else getattr(self.metric, "__name__", repr(self.metric))
        response = "" if self.response_method == "predict" else f", response_method={self.response_method!r}"
        return f"zero_shot_scorer(metric={metric!r}, candidates={self.candidates!r}{response})"
