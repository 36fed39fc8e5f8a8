"""A few clips of new labels around a fitted model: what text says, corrected by clips."""

from __future__ import annotations

from numbers import Real
from typing import Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .._clip_scores import ClipScores
from .._compat import HasMethods, Interval, fit_context, num_samples
from .._fitting import all_or_nothing
from .._indicators import is_indicator
from .._labels import encode_targets
from .._meta import MetaClassifier
from .._segments import check_segments
from .._views import final_estimator, unwrap, with_labels
from ..base import EmbeddingClassifier
from ._base import BilinearScores

_SMALL = 1e-10  # eigenvalues below this share of the largest are rounding


class FewShotAdapter(MetaClassifier):
    """Adapt a fitted zero-shot model to labels of which there are a few clips, without its training data.

    The score of a label is ``t s + x^T w``: s is the model's own, divided by the standard deviation of its scores of
    the few clips, and w corrects it. The w are those of a logistic regression on the few clips that starts from t s.
    With no clip text decides alone, and clips weigh the more the more there are. Labels without a clip have w = 0.

    Parameters
    ----------
    estimator : fitted ZeroShotRidge, ZeroShotRidgeCV or ZeroShotBilinear, or Pipeline or search with one
        What scores labels by their text. It stays as it is. In a ``FrozenEstimator`` it stays fitted in clones too.
    text_weight : float, default=0.3
        t. With 0 the clips decide alone.
    C : float, default=10.0
        How closely to follow the few clips, as in scikit-learn's LogisticRegression, for clip vectors of unit length,
        which ``standardize=True`` of the estimator makes.
    temperature : float, default=1.0
        Divides the scores in ``predict_proba``; acts after training.

    Attributes
    ----------
    estimator_ : estimator
        A view of the one given.
    coef_ : ndarray of shape (n_labels, d')
        w of each of ``labels_of_fit_``, of the estimator's clip vectors.
    text_scale_ : float
        t over the standard deviation.
    classes_ : ndarray of shape (n_labels,)
        Labels of the few clips, sorted; others can be candidates.
    n_features_in_
        That of ``estimator_``.

    References
    ----------
    Zhang et al. (2022). Tip-Adapter: training-free adaption of CLIP for few-shot classification. ECCV.

    Liang et al. (2023). Adapting language-audio models as few-shot audio learners. Interspeech.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import FewShotAdapter, ZeroShotRidge
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(6, random_state=0)
    >>> new = np.isin(sounds.y, ["slow low humming", "fast high beeping"])
    >>> model = ZeroShotRidge(HashingEncoder()).fit(sounds.X[~new], sounds.y[~new])
    >>> few = np.flatnonzero(new)[:8]
    >>> FewShotAdapter(model).fit(sounds.X[few], sounds.y[few]).classes_.tolist()
    ['fast high beeping', 'slow low humming']
    """

    _parameter_constraints: dict = {
        **MetaClassifier._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"])],
        "text_weight": [Interval(Real, 0, None, closed="left")],
        "C": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, estimator, *, text_weight=0.3, C=10.0, temperature=1.0) -> None:
        self.estimator = estimator
        self.text_weight = text_weight
        self.C = C
        self.temperature = temperature

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y) -> Self:
        """Learn from the few clips.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip or segment embeddings, as those that the estimator was fitted on.
        y : array of shape (n,)
            Label of each clip, known to the estimator or new.

        Returns
        -------
        self : object

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is another one.
        ValueError
            For bad X and y, several labels a clip, and clips of one label alone. A fitted adapter stays as it was.
        """
        try:
            model = final_estimator(self.estimator)
        except NotFittedError as error:
            raise NotFittedError(
                "FewShotAdapter adapts a fitted model, and its estimator is not fitted; fit it first. Where it is "
                "cloned, as in a search, pass FewShotAdapter(FrozenEstimator(model))."
            ) from error
        if not isinstance(model, BilinearScores):
            raise TypeError(
                f"{type(model).__name__} has no clip vectors to adapt; pass ZeroShotRidge, ZeroShotRidgeCV or "
                "ZeroShotBilinear."
            )
        if is_indicator(y) or final_estimator(self.estimator)._multilabel:
            raise ValueError("FewShotAdapter takes one label a clip, in y and in the estimator's fit; pass these.")
        targets = encode_targets(y, num_samples(X))
        labels, codes = targets.seen, targets.codes
        if len(labels) < 2:
            raise ValueError(
                f"y has {len(labels)} label in {len(codes)} clips: nothing to tell apart; pass clips of "
                "another label too, an old one perhaps."
            )
        view = with_labels(self.estimator, labels)
        vectors, scores = _vectors_and_scores(view, X, labels)
        clips, scores = vectors.all().astype(np.float64), scores.all().astype(np.float64)
        scale = self.text_weight / (scores.std() or 1.0)
        coef = _fit_from(scale * scores, clips, codes, self.C)
        with all_or_nothing(self):
            self.estimator_, self.coef_, self.text_scale_ = view, coef, float(scale)
            self._keep_labels(labels, labels, None)
        return self

    def _clip_scores(self, X, labels):
        check_is_fitted(self)
        candidates = self._candidates(labels)
        vectors, scores = _vectors_and_scores(self.estimator_, X, candidates)
        place = {label: row for row, label in enumerate(self.labels_of_fit_.tolist())}
        zero = np.zeros_like(self.coef_[0])
        coef = np.array([self.coef_[place[label]] if label in place else zero for label in candidates.tolist()]).T

        def of(rows):
            return self.text_scale_ * scores.of(rows) + vectors[rows] @ coef

        return ClipScores(candidates, scores.shape, of)

    # Weights of its own leave nothing of the scale on which the model inside makes probabilities.
    _margins, _probabilities = EmbeddingClassifier._margins, EmbeddingClassifier._probabilities

    def _clips_and_evidence(self, X, labels):
        return super(MetaClassifier, self)._clips_and_evidence(X, labels)


def _vectors_and_scores(estimator, X, labels):
    """Clip vectors and scores of the model inside, both made as they are read."""
    model, X = unwrap(estimator, X)
    scores = model._clip_scores(X, labels)
    return model._clips(check_segments(model, X)), scores


def _fit_from(offsets, clips, codes, C):
    """Weights (n_labels, d) of a logistic regression whose scores are added to ``offsets`` (n, n_labels).

    They minimise half their squares plus C times the log loss. They lie in the span of the clips, of which there are
    few, so clips are first written in coordinates of that span.
    """
    values, basis = np.linalg.eigh(clips @ clips.T)
    kept = values > _SMALL * max(values[-1], np.finfo(float).tiny)
    basis, roots = basis[:, kept], np.sqrt(values[kept])
    inside, n_labels = basis * roots, offsets.shape[1]
    right = np.eye(n_labels)[codes]

    def loss(flat):
        weights = flat.reshape(-1, n_labels)
        scores = offsets + inside @ weights
        logs = scores - logsumexp(scores, axis=1, keepdims=True)
        gradient = weights + C * inside.T @ (np.exp(logs) - right)
        return (weights**2).sum() / 2 - C * (logs * right).sum(), gradient.ravel()

    start = np.zeros(inside.shape[1] * n_labels)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-8})
    return (clips.T @ (basis / roots) @ found.x.reshape(-1, n_labels)).T
