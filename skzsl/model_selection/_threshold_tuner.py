"""Thresholds chosen on held-out labels or clips."""

from __future__ import annotations

from typing import Self

from sklearn.model_selection import check_cv

from .._compat import StrOptions, fit_context
from .._fitting import all_or_nothing
from .._indicators import is_indicator, named_indicators
from .._views import final_estimator, knows_its_labels_only, with_labels
from ._greedy import GreedyLabelFolds
from ._scorers import get_scorer
from ._sweep import best_k, best_threshold, top_k
from ._tuner import Tuner, refuse_without


class ThresholdTuner(Tuner):
    """Choose when a multi-label model predicts a label, on labels or clips it was not trained on.

    The estimator is fitted once a fold; the choice is the exact maximum of F1 over all thresholds, averaged over the
    folds. The splitter says which labels are held out: with :class:`GreedyLabelFolds` those of the test fold,
    with scikit-learn's splitters clips of all labels. In each fold the labels with a positive held-out clip count.

    Parameters
    ----------
    estimator : multi-label estimator, Pipeline or search
        What scores the labels, such as :class:`skzsl.ZeroShotTemporalAttention`.
    metric : {"f1_micro", "f1_macro"}, default="f1_micro"
        What to maximise.
    strategy : {"global", "per_label", "top_k"}, default="global"
        One threshold for all labels; one for each label with a positive held-out clip, and the global one for the
        others; or the k best labels of every clip.
    cv : splitter, int, iterable of (train, test), "prefit" or None, default=None
        How to hold clips out; None is ``GreedyLabelFolds(3)``, for labels that are unseen, or ``KFold(3)`` for a
        tagger, which knows the labels of fit only. An integer is a KFold, for labels that are seen. "prefit" takes the
        estimator as fitted and X and y as held out; give y the columns that count.
    n_jobs : int or None, default=None
        Folds fitted at the same time.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all of X and y (or the one given, with "prefit", which itself stays as it was), with the threshold
        set.
    threshold_ : float or dict
        The global threshold, or that of each label with the global one under None; not with "top_k".
    k_ : int
        Labels a clip; only with "top_k".
    best_score_ : float
        Mean metric of the folds at the choice; for "per_label" that of the global threshold.
    classes_, seen_classes_, n_features_in_
        Those of ``estimator_``.

    Examples
    --------
    >>> from skzsl import ZeroShotTemporalAttention
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.model_selection import ThresholdTuner
    >>> from skzsl.text import HashingEncoder
    >>> labels = ["slow low humming", "fast high beeping", "slow high ringing", "fast low clicking"]
    >>> sounds = make_soundscapes(5, labels=labels, max_events=2, random_state=0)
    >>> model = ZeroShotTemporalAttention(HashingEncoder(), random_state=0)
    >>> tuner = ThresholdTuner(model, cv=2).fit(sounds.X, sounds.y)
    >>> tuner.predict(sounds.X, labels=["slow low beeping"]).shape
    (20, 1)
    """

    _parameter_constraints: dict = {
        **Tuner._parameter_constraints,
        "metric": [StrOptions({"f1_micro", "f1_macro"})],
        "strategy": [StrOptions({"global", "per_label", "top_k"})],
    }

    def __init__(self, estimator, *, metric="f1_micro", strategy="global", cv=None, n_jobs=None) -> None:
        self.estimator = estimator
        self.metric = metric
        self.strategy = strategy
        self.cv = cv
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None) -> Self:
        """Choose the threshold, and fit the estimator on all clips.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : DataFrame or array of shape (n, n_labels)
            Which labels each clip has.
        groups : array of shape (n,) or None, default=None
            The recording, site or speaker of each clip, for splitters that keep these together, such as GroupKFold;
            passed to ``split`` of ``cv``, and not used with "prefit".

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For a y that is not multi-label, a ``cv`` without folds, and a fold whose held-out clips have no label. A
            fitted tuner stays as it was.
        NotFittedError
            With "prefit", for an estimator that is not fitted.
        TypeError
            For an estimator that has no ``threshold`` of its own, such as another tuner.
        """
        if not is_indicator(y):
            raise ValueError(
                "y has one label a clip, whose best label is predicted without a threshold; pass an indicator, as "
                "skzsl.indicator_frame([[label] for label in y]) makes it."
            )
        if self.strategy != "top_k":
            refuse_without(self, "threshold")
        folds, fitted = self._fit_folds(X, y, lambda: self._splitter(y).split(X, y, groups), _held_out)
        with all_or_nothing(self):
            self._choose(folds)
            if self.strategy != "top_k":
                final_estimator(fitted).threshold = self.threshold_
            self._keep_model(fitted)
        return self

    def _splitter(self, y):
        if self.cv is not None:
            return check_cv(self.cv, y)
        return check_cv(3, y) if knows_its_labels_only(self.estimator) else GreedyLabelFolds()

    def _choose(self, folds):
        average = self.metric.removeprefix("f1_")
        pairs = [(y_true, scores) for _, y_true, scores in folds]
        for name in {"threshold_", "k_"}.intersection(vars(self)):
            delattr(self, name)
        if self.strategy == "top_k":
            self.k_, self.best_score_ = best_k(pairs, average)
            return
        self.threshold_, self.best_score_ = best_threshold(pairs, average)
        if self.strategy == "per_label":
            self.threshold_ = {None: self.threshold_, **_threshold_of_labels(folds)}

    def score(self, X, y) -> float:  # type: ignore[override]
        """Compute ``metric`` over the labels with a clip in y.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings.
        y : DataFrame or array of shape (n, n_labels)
            Which labels each clip has; columns of a DataFrame are matched by name.

        Returns
        -------
        f1 : float
        """
        return get_scorer(self.metric)(self, X, y)

    def _limits(self, clips, candidates):
        if hasattr(self, "k_"):
            return super(Tuner, self)._limits(clips, candidates)
        return super()._limits(clips, candidates)

    def _mark(self, scores, candidates):
        if hasattr(self, "k_"):
            return top_k(scores, self.k_)
        return super()._mark(scores, candidates)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.classifier_tags.multi_class = False
        return tags


def _held_out(estimator, X, y):
    """Labels with a positive clip, their indicator and their scores."""
    y = named_indicators(y, final_estimator(estimator).classes_)
    labels = y.labels[y.positive()]
    if not len(labels):
        raise ValueError(f"The {len(y.values)} held-out clips have no label; hold out clips that have some.")
    return labels, y.of(labels).astype(bool), with_labels(estimator, labels).decision_function(X)


def _threshold_of_labels(folds):
    columns: dict = {}
    for labels, y_true, scores in folds:
        for column, label in enumerate(labels.tolist()):
            columns.setdefault(label, []).append((y_true[:, [column]], scores[:, [column]]))
    return {label: best_threshold(of_label, "micro")[0] for label, of_label in columns.items()}
