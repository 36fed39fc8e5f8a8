"""The regularisers of the closed form, chosen on held-out labels."""

from __future__ import annotations

import itertools
from functools import partial
from numbers import Integral, Real
from typing import Self

import numpy as np
from scipy.stats import rankdata
from sklearn.model_selection import check_cv
from sklearn.utils import indexable

from .._compat import StrOptions, fit_context, safe_indexing
from .._fitting import all_or_nothing, fit_remembered
from ..model_selection import ClassDisjointKFold, GreedyLabelFolds, get_scorer
from ._ridge import RidgeMap, ZeroShotRidge
from ._ridge_folds import Fold, held_out, path_of, unseen_scores

_FACTORS = (1 / 30, 0.1, 1 / 3, 1.0, 3.0, 10.0, 30.0)


class ZeroShotRidgeCV(RidgeMap):
    """:class:`ZeroShotRidge` that chooses its two regularisers by class-disjoint cross-validation.

    In every fold the labels of the held-out clips are unseen, as they will be later. The choice and all scores are
    those of a :class:`sklearn.model_selection.GridSearchCV` over ``alpha_audio`` and ``alpha_text``, but clips are
    summed up once for all folds, in float64, and all pairs of a fold come from one factorisation of each side.

    Parameters
    ----------
    text_encoder : transformer, str, dict, DataFrame or None, default=None
        Label texts to vectors, as in :class:`ZeroShotRidge`; fitted on the training labels of every fold.
    alphas_audio, alphas_text : array-like of float or "auto", default="auto"
        Regularisers of both sides to choose from, above 0; all pairs are tried. "auto" takes seven, from a thirtieth
        to thirty times what :class:`ZeroShotRidge` takes.
    cv : int, splitter, iterable of (train, test) or None, default=None
        How to hold clips out. An integer is a number of class-disjoint folds: ``ClassDisjointKFold(cv,
        random_state=0)``, or ``GreedyLabelFolds(cv)`` where clips have several labels. None is 5 folds, or 3 where
        clips have several labels, or as many as leave two labels to each.
    scoring : str, callable or None, default=None
        A name that :func:`skzsl.model_selection.get_scorer` knows, or a function of (estimator, X, y). None takes, over
        the unseen labels of the held-out clips, accuracy ("zsl_accuracy") or, where clips have several labels, mean
        average precision ("zsl_map").
    standardize : bool, default=True
        Take mean and maximum over the segments, scaled as :class:`skzsl.preprocessing.EmbeddingScaler` does by all
        clips of ``fit``, those of every fold included. With False the mean is taken as it is.
    threshold : float, array of shape (n_labels,) or dict, default=0.0
        For several labels a clip: a label is predicted where its score is above. Acts after training.
    temperature : float, default=1.0
        Divides the scores in ``predict_proba``; acts after training.
    seen_penalty : float, default=0.0
        Subtracted from the scores of labels seen in fit; acts after training.
    label_texts : dict, list of str or None, default=None
        Text of each label, where the label is not its own text; or a list that names the columns of an indicator array.
    memory : str, joblib.Memory or None, default=None
        Where to keep trainings: a fit on the same data with the same parameters, other than those that act after
        training, is looked up instead of repeated. With ``scoring``, which may depend on these, they count too.

    Attributes
    ----------
    alpha_audio_, alpha_text_ : float
        The regularisers with the highest mean score; on a tie the first pair.
    best_params_ : dict
        The same, as parameters of :class:`ZeroShotRidge`.
    best_score_ : float
        Their mean score.
    best_index_ : int
        Their place in ``cv_results_``.
    cv_results_ : dict of arrays
        "params", "param_alpha_audio", "param_alpha_text", "split0_test_score" and so on, "mean_test_score",
        "std_test_score" and "rank_test_score", as in GridSearchCV; one entry a pair.
    n_splits_ : int
        Number of folds.
    coef_ : ndarray of shape (d, k)
        The map of all clips, float64.
    classes_ : ndarray of shape (C,)
        Labels of y: sorted, or in the order of its columns.
    seen_classes_ : ndarray
        Labels with a positive clip in fit.
    text_encoder_ : transformer
        The text encoder, fitted on all of them.
    n_features_in_ : int
        Features d of a segment.
    n_samples_seen_ : int
        Clips of fit.

    References
    ----------
    Romera-Paredes and Torr (2015). An embarrassingly simple approach to zero-shot learning. ICML.

    Examples
    --------
    >>> from skzsl import ZeroShotRidgeCV
    >>> from skzsl.datasets import make_soundscapes
    >>> from skzsl.text import HashingEncoder
    >>> sounds = make_soundscapes(3, random_state=0)
    >>> model = ZeroShotRidgeCV(HashingEncoder(), alphas_audio=[0.1, 1.0, 10.0]).fit(sounds.X, sounds.y)
    >>> sorted(model.best_params_)
    ['alpha_audio', 'alpha_text']
    >>> len(model.cv_results_["mean_test_score"])
    21
    """

    _regularisers = ("alphas_audio", "alphas_text")

    _parameter_constraints: dict = {
        **RidgeMap._parameter_constraints,
        "alphas_audio": ["array-like", StrOptions({"auto"})],
        "alphas_text": ["array-like", StrOptions({"auto"})],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
    }

    def __init__(
        self,
        text_encoder=None,
        *,
        alphas_audio="auto",
        alphas_text="auto",
        cv=None,
        scoring=None,
        standardize=True,
        threshold=0.0,
        temperature=1.0,
        seen_penalty=0.0,
        label_texts=None,
        memory=None,
    ) -> None:
        self.text_encoder = text_encoder
        self.alphas_audio = alphas_audio
        self.alphas_text = alphas_text
        self.cv = cv
        self.scoring = scoring
        self.standardize = standardize
        self.threshold = threshold
        self.temperature = temperature
        self.seen_penalty = seen_penalty
        self.label_texts = label_texts
        self.memory = memory

    @property
    def _post_fit(self):
        return super()._post_fit if self.scoring is None else ()

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, groups=None) -> Self:
        """Choose the regularisers and learn from all clips with them.

        Parameters
        ----------
        X : array of shape (n, d) or (n, T, d)
            Clip embeddings, or segment embeddings whose trailing all-zero segments are absent.
        y : array of shape (n,) or indicator of shape (n, n_labels)
            The label of each clip, as text; or a DataFrame with a column for each label (:func:`skzsl.indicator_frame`
            builds it), or an array, whose columns ``label_texts`` names.
        groups : array of shape (n,) or None, default=None
            The recording of each clip, or what else keeps clips together, for a ``cv`` whose ``split`` uses it; the
            class-disjoint folds of an integer or None do not.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For bad X, y or parameters, fewer labels than the folds need, folds without an unseen label to score, and
            scores that are not numbers. A fitted model stays as it was.
        """
        from ..solvers._ridge import sums_of_sets

        given = {name: _check(self, name) for name in self._regularisers}
        scorer = get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring
        if self.memory is not None:
            return fit_remembered(self, X, y, groups=groups)
        with all_or_nothing(self):
            segments = self._check_clips(X, reset=True)
            targets = self._take_labels(y, len(segments))
            X, y, groups = indexable(X, y, groups)
            clips = self._clips(segments, first=True)
            folds = list(self._folds(X, y, groups, targets, unseen=scorer is None))
            all_sums = sums_of_sets(
                [fold.train for fold in folds], len(segments), partial(self._sum_up, X, clips, targets)
            )
            scores: list = []
            pairs: list = []
            for fold in folds:  # then all_sums has those of all clips left
                sums = next(all_sums)
                pairs = pairs or list(itertools.product(*self._alphas(given, sums, len(clips))))
                path = path_of(fold, sums, targets)
                if scorer is None:
                    scores.append(unseen_scores(fold, path, pairs, clips, targets))
                else:
                    scores.append(self._scores_of(scorer, fold, path, pairs, X, y))
            self._choose(pairs, np.array(scores, dtype=np.float64))
            self._solve(next(all_sums), self.alpha_audio_, self.alpha_text_)
        return self

    def _alphas(self, given, sums, n_clips):
        """The regularisers of either side, where none are given those around what ZeroShotRidge takes."""
        from ..solvers._ridge import audio_regulariser, text_regulariser

        own = (
            audio_regulariser("auto", sums) * np.sqrt(n_clips / sums.n_clips),
            text_regulariser("auto", self._label_vectors(self.seen_classes_)),
        )
        return [
            [factor * middle for factor in _FACTORS] if alphas is None else alphas
            for alphas, middle in zip(given.values(), own, strict=True)
        ]

    def _folds(self, X, y, groups, targets, *, unseen):
        """Yield the folds, each with a model that knows its training labels."""
        own = self.get_params(deep=False)
        shared = {name: own[name] for name in ZeroShotRidge().get_params() if name in own and name != "memory"}
        clips = np.arange(targets.codes.shape[0])
        for number, rows in enumerate(self._splitter(y, targets).split(X, y, groups)):
            try:
                train, test = (clips[part] for part in rows)  # arrays, lists or masks
            except (IndexError, TypeError) as error:
                raise ValueError(f"Fold {number} of cv names clips that X does not have: {error}.") from error
            model = ZeroShotRidge(**shared)
            model._take_labels(safe_indexing(y, train), len(train))
            labels = held_out(targets, test, model.seen_classes_)
            if unseen and not len(labels):
                raise ValueError(
                    f"Fold {number} holds out no label that is unseen in its training clips; pass class-disjoint folds "
                    "as cv, or scoring='accuracy' or another for labels that are seen."
                )
            yield Fold(model, train, test, labels)

    def _splitter(self, y, targets):
        if self.cv is not None and not isinstance(self.cv, Integral):
            return check_cv(self.cv, y, classifier=True)
        most = len(targets.seen) // 2
        n_folds = min(most, 3 if self._multilabel else 5) if self.cv is None else int(self.cv)
        if not 2 <= n_folds <= most:
            n_folds = max(n_folds, 2)
            raise ValueError(
                f"y has {len(targets.seen)} labels with clips; {n_folds} class-disjoint folds need {2 * n_folds}, two "
                "each so that there is a choice. Pass fewer folds or, to hold out clips of labels that are seen, "
                "cv=StratifiedKFold(5) and scoring='accuracy'."
            )
        return GreedyLabelFolds(n_folds) if self._multilabel else ClassDisjointKFold(n_folds, random_state=0)

    def _scores_of(self, scorer, fold, path, pairs, X, y):
        """Scores of all pairs by any scorer, which sees fitted models."""
        X, y = safe_indexing(X, fold.test), safe_indexing(y, fold.test)
        names = {name: value for name, value in vars(self).items() if name in {"n_features_in_", "feature_names_in_"}}
        vars(fold.model).update(names, n_samples_seen_=len(fold.train), _scaling=self._scaling)
        scores = []
        for alpha_audio, alpha_text in pairs:
            fold.model.set_params(alpha_audio=alpha_audio, alpha_text=alpha_text)
            fold.model.coef_ = path.coef(alpha_audio, alpha_text)
            score = scorer(fold.model, X, y)
            if not isinstance(score, Real):
                raise ValueError(f"scoring gave {score!r}; pass a function that gives a number.")
            scores.append(score)
        return scores

    def _choose(self, pairs, scores):
        """Record the scores (folds, pairs) and the best pair."""
        if not len(scores):
            raise ValueError("cv has no folds; pass a splitter or a list, since a generator serves one fit only.")
        if np.isnan(scores).any():
            fold, pair = np.argwhere(np.isnan(scores))[0]
            raise ValueError(f"scoring gave {scores[fold, pair]} for fold {fold}; every fold needs clips it can score.")
        names = ("alpha_audio", "alpha_text")
        results: dict = {"params": [dict(zip(names, pair, strict=True)) for pair in pairs]}
        results |= {
            f"param_{name}": np.array(values) for name, values in zip(names, zip(*pairs, strict=True), strict=True)
        }
        results |= {f"split{fold}_test_score": of_fold for fold, of_fold in enumerate(scores)}
        with np.errstate(invalid="ignore"):  # d' of a perfect order is infinite
            mean, deviation = scores.mean(axis=0), scores.std(axis=0)
        results |= {"mean_test_score": mean, "std_test_score": deviation}
        results["rank_test_score"] = rankdata(-mean, method="min").astype(np.int32)
        self.cv_results_, self.n_splits_ = results, len(scores)
        self.best_index_ = int(results["rank_test_score"].argmin())
        self.best_score_ = float(mean[self.best_index_])
        self.best_params_ = results["params"][self.best_index_]
        self.alpha_audio_, self.alpha_text_ = pairs[self.best_index_]


def _check(estimator, name):
    if isinstance(getattr(estimator, name), str):
        return None
    alphas = np.asarray(getattr(estimator, name))
    if (
        alphas.ndim != 1
        or not len(alphas)
        or alphas.dtype.kind not in "fiu"
        or not np.all((alphas > 0) & np.isfinite(alphas))
    ):
        raise ValueError(f"{name}={getattr(estimator, name)!r}; pass a list of numbers above 0, or 'auto'.")
    return alphas.astype(np.float64).tolist()
