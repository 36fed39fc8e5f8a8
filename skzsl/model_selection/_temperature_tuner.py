"""The temperature of probabilities, chosen on held-out labels or clips."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.model_selection import check_cv

from .._compat import fit_context
from .._fitting import all_or_nothing
from .._labels import labels_of
from .._views import final_estimator, label_scores, with_labels
from ._splitters import ClassDisjointKFold
from ._tuner import Tuner, refuse_several, refuse_without

_RANGE = 12.0  # natural logarithms either side of the spread of the scores


class TemperatureTuner(Tuner):
    """Choose the temperature of a model's probabilities, on labels or clips it was not trained on.

    Temperature scaling divides all scores by one number, which changes probabilities but no prediction. The number is
    that with the highest mean log-likelihood of the held-out labels, averaged over the folds, each fold's labels being
    the candidates. With :class:`ClassDisjointKFold` it serves labels never seen, whose scores are less sure than those
    of labels of fit.

    Parameters
    ----------
    estimator : estimator for one label a clip, Pipeline or search
        What scores the labels and has a ``temperature``, such as :class:`skzsl.ZeroShotRidge`. A rejector or detector
        goes around this tuner, not into it.
    cv : splitter, int, iterable of (train, test), "prefit" or None, default=None
        How to hold clips out; None is ``ClassDisjointKFold(3, random_state=0)``, for labels that are unseen. An integer
        is that many stratified folds, for labels of fit. "prefit" takes the estimator as fitted and X and y as held
        out, the labels of y being the candidates.
    n_jobs : int or None, default=None
        Folds fitted at the same time.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all of X and y (or the one given, with "prefit", which itself stays as it was), with the temperature
        set.
    temperature_ : float
        The temperature.
    classes_, seen_classes_, n_features_in_
        Those of ``estimator_``.

    Notes
    -----
    Probabilities depend on the number of candidates: hold out about as many labels as there are to be candidates.

    Of n held-out clips of a fold, one in n + 2 counts as if its label were wrong, as Platt has it, so that a model that
    is right on all of them is not taken for infallible.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On calibration of modern neural networks. ICML.

    Platt (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods.
    Advances in large margin classifiers.

    Examples
    --------
    >>> from skzsl import ZeroShotRidge
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.model_selection import TemperatureTuner
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(5, random_state=0)
    >>> tuner = TemperatureTuner(ZeroShotRidge(HashingEncoder())).fit(sounds.X, sounds.y)
    >>> tuner.predict_proba(sounds.X[:3], labels=["slow low humming", "rain"]).shape
    (3, 2)
    """

    def __init__(self, estimator, *, cv=None, n_jobs=None) -> None:
        self.estimator = estimator
        self.cv = cv
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None) -> Self:
        """Choose the temperature, and fit the estimator on all clips.

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
            For several labels a clip, a ``cv`` without folds, and a fold whose held-out clips have one label. A fitted
            tuner stays as it was.
        NotFittedError
            With "prefit", for an estimator that is not fitted.
        TypeError
            For an estimator that has no ``temperature`` of its own.
        """
        refuse_several(self, y)
        refuse_without(self, "temperature")
        y = labels_of(X, y)
        folds, fitted = self._fit_folds(X, y, lambda: self._splitter(y).split(X, y, groups), _held_out)
        with all_or_nothing(self):
            self.temperature_ = _best_temperature(folds)
            final_estimator(fitted).temperature = self.temperature_
            self._keep_model(fitted)
        return self

    def _splitter(self, y):
        if self.cv is None:
            return ClassDisjointKFold(3, random_state=0)
        return check_cv(self.cv, y, classifier=True)


def _held_out(estimator, X, y):
    """Scores of the held-out labels, and the column of each clip's."""
    labels, columns = np.unique(y, return_inverse=True)
    if len(labels) < 2:
        raise ValueError(
            f"The {len(y)} held-out clips have one label, {labels[:1].tolist()[0]!r}, of which every model is sure; "
            "hold out clips of several."
        )
    return label_scores(with_labels(estimator, labels), X).astype(np.float64), columns


def _best_temperature(folds):
    """Temperature with the highest log-likelihood, averaged over clips and then over folds."""
    spread = np.mean([scores.std() for scores, _ in folds]) or 1.0

    def loss(logarithm):
        return np.mean([_log_loss(scores / (spread * np.exp(logarithm)), columns) for scores, columns in folds])

    found = minimize_scalar(loss, bounds=(-_RANGE, _RANGE), method="bounded", options={"xatol": 1e-6})
    return float(spread * np.exp(found.x))


def _log_loss(scores, columns):
    n_clips, n_labels = scores.shape
    logarithms = scores - logsumexp(scores, axis=1, keepdims=True)
    right = logarithms[np.arange(n_clips), columns].mean()
    wrong = (logarithms.sum(axis=1).mean() - right) / (n_labels - 1)
    return -((n_clips + 1) * right + wrong) / (n_clips + 2)
