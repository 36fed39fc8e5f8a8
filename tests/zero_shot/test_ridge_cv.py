"""The regularisers that ZeroShotRidgeCV chooses are those of an explicit search over separate fits."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from skzsl import ZeroShotRidge, ZeroShotRidgeCV
from skzsl.datasets import make_soundscapes
from skzsl.model_selection import ClassDisjointKFold, FewShotKFold, GreedyLabelFolds, get_scorer, zero_shot_scorer
from skzsl.preprocessing import EmbeddingScaler
from skzsl.solvers import _ridge
from skzsl.text import HashingEncoder

ALPHAS = {"alphas_audio": [0.1, 10.0, 1000.0], "alphas_text": [0.01, 1.0]}
GRID = {"alpha_audio": ALPHAS["alphas_audio"], "alpha_text": ALPHAS["alphas_text"]}


class CentredEncoder(HashingEncoder):
    """Vectors that depend on the labels of fit, as those of the default encoder do."""

    def _fit_encode(self, texts):
        self.mean_ = super()._encode(texts).mean(axis=0)
        return self._encode(texts)

    def _encode(self, texts):
        return super()._encode(texts) - self.mean_


@pytest.fixture
def noisy(word_sounds, rng):
    X, y = word_sounds
    return X + 4 * rng.normal(size=X.shape), y


@pytest.fixture
def clips(noisy, rng):
    """Clips of up to two labels, and a label without a clip."""
    X, y = noisy
    names = np.unique(y)
    picked = [rng.choice(len(y), size=rng.integers(0, 3), replace=False) for _ in range(200)]
    values = np.stack([np.isin(names, y[rows]) for rows in picked]).astype(np.uint8)
    X = np.stack([X[rows].sum(axis=0) + 0.1 * rng.normal(size=X.shape[1]) for rows in picked])
    return X, pd.DataFrame(values, columns=names).assign(silence=np.uint8(0))


def assert_equals_search(model, X, y, cv, scoring, atol=1e-8, grid=GRID, groups=None, **parameters):
    """Hold the choice to a search over fits on the clips as they are, or scaled beforehand."""
    clips = EmbeddingScaler("mean+max").fit_transform(X) if model.standardize else X
    plain = ZeroShotRidge(CentredEncoder(32), standardize=False, **parameters)
    search = GridSearchCV(plain, grid, cv=cv, scoring=scoring, error_score="raise").fit(clips, y, groups=groups)
    scores = [name for name in model.cv_results_ if name.endswith("_score") and not name.startswith("rank")]
    assert len(scores) == model.n_splits_ + 2 == search.n_splits_ + 2
    for name in scores:
        np.testing.assert_allclose(model.cv_results_[name], search.cv_results_[name], rtol=1e-10, atol=1e-12)
    assert model.cv_results_["params"] == search.cv_results_["params"]
    np.testing.assert_array_equal(model.cv_results_["rank_test_score"], search.cv_results_["rank_test_score"])
    assert model.best_index_ == search.best_index_
    assert model.best_params_ == search.best_params_
    assert model.best_score_ == pytest.approx(search.best_score_)
    assert np.ptp(model.cv_results_["mean_test_score"]) > 0
    best = search.best_estimator_
    np.testing.assert_allclose(model.coef_, best.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(model.decision_function(X), best.decision_function(clips), rtol=0, atol=atol)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("ndim", [2, 3])
def test_choice_equals_a_search_over_separate_fits(noisy, rng, wide, ndim, standardize):
    """With features fewer and more than clips, vectors and segments."""
    X, y = noisy
    X = np.c_[X, rng.normal(size=(len(X), 200))] if wide else X
    X = X if ndim == 2 else np.stack([X + 1, X - 1, np.zeros_like(X)], axis=1)
    cv = ClassDisjointKFold(4, random_state=3)
    model = ZeroShotRidgeCV(CentredEncoder(32), cv=cv, standardize=standardize, **ALPHAS).fit(X, y)
    assert_equals_search(model, X, y, cv, zero_shot_scorer())


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_choice_for_several_labels_equals_a_search_over_separate_fits(clips, rng, wide, standardize):
    X, y = clips
    X = np.c_[X, rng.normal(size=(len(X), 200))] if wide else X
    settings = {"standardize": standardize, **ALPHAS}
    model = ZeroShotRidgeCV(CentredEncoder(32), cv=GreedyLabelFolds(3), **settings).fit(X, y)
    assert_equals_search(model, X, y, GreedyLabelFolds(3), zero_shot_scorer("map"))
    array = ZeroShotRidgeCV(CentredEncoder(32), label_texts=y.columns.tolist(), **settings).fit(X, y.to_numpy())
    np.testing.assert_allclose(array.cv_results_["mean_test_score"], model.cv_results_["mean_test_score"])


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    ("cv", "scoring"),
    [
        (StratifiedKFold(3), "accuracy"),
        (StratifiedKFold(3, shuffle=True, random_state=0), "neg_log_loss"),
        (ClassDisjointKFold(3, random_state=0), zero_shot_scorer("per_label_accuracy")),
        (ClassDisjointKFold(3, random_state=0), "gzsl_accuracy"),
        (FewShotKFold(ClassDisjointKFold(3, random_state=0), shots=2, random_state=0), "f1_macro"),
        (ShuffleSplit(4, random_state=0), "accuracy"),
        (lambda y: list(ClassDisjointKFold(3, random_state=0).split(y, y)), zero_shot_scorer()),
        (lambda y: [(np.r_[0:60, 0:30], np.r_[60:120]), (np.r_[60:120], np.r_[0:60])], zero_shot_scorer()),
    ],
    ids=["rows", "loss", "per label", "generalised", "few shots", "overlapping", "iterable", "clips twice"],
)
def test_any_splitter_and_scoring_equal_a_search(noisy, cv, scoring, standardize):
    X, y = noisy
    cv = cv(y) if callable(cv) else cv
    settings = {"cv": cv, "scoring": scoring, "seen_penalty": 0.3, "standardize": standardize}
    model = ZeroShotRidgeCV(CentredEncoder(32), **settings, **ALPHAS).fit(X, y)
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    assert_equals_search(model, X, y, cv, scorer, seen_penalty=0.3)


@pytest.mark.parametrize("form", [list, lambda rows: np.isin(np.arange(120), rows), lambda rows: rows - 120])
def test_rows_of_folds_can_be_lists_masks_and_counted_from_the_end(noisy, form):
    X, y = noisy
    cv = [(form(train), form(test)) for train, test in ClassDisjointKFold(3, random_state=0).split(X, y)]
    model = ZeroShotRidgeCV(CentredEncoder(32), cv=cv, **ALPHAS).fit(X, y)
    assert_equals_search(model, X, y, cv, zero_shot_scorer())


@pytest.fixture(scope="module")
def sounds():
    return make_soundscapes(12, n_segments=3, random_state=0)


@pytest.mark.parametrize("kind", ["low rank", "offset", "soundscapes"])
def test_choice_for_float32_clips_equals_a_search(sounds, rng, kind):
    """Clips that condition badly, and regularisers with which sums in float32 would not do."""
    X, y = sounds.X.mean(axis=1) / sounds.X.std(), sounds.y
    noisy = X + rng.normal(size=X.shape)
    mixed = noisy @ rng.normal(size=(X.shape[1], 128))
    X = {"low rank": mixed, "offset": noisy + 50, "soundscapes": X}[kind]
    X, cv = X.astype(np.float32), ClassDisjointKFold(3, random_state=0)
    grid = {"alpha_audio": [0.001, 1.0, 1000.0], "alpha_text": [0.01, 1.0]}
    alphas = {f"alphas_{side}": grid[f"alpha_{side}"] for side in ("audio", "text")}
    model = ZeroShotRidgeCV(CentredEncoder(32), cv=cv, standardize=False, **alphas).fit(X, y)
    # Where alpha_audio is large, the fits of the search are in float32.
    assert_equals_search(model, X, y, cv, zero_shot_scorer(), atol=1e-5, grid=grid)
    assert np.isfinite(ZeroShotRidgeCV(CentredEncoder(32)).fit(X, y).best_score_)


def test_groups_reach_the_splitter(noisy, rng, tmp_path):
    X, y = noisy
    groups = rng.integers(0, 6, len(X)).tolist()
    settings = {"cv": GroupKFold(3), "scoring": "accuracy", **ALPHAS}
    model = ZeroShotRidgeCV(CentredEncoder(32), **settings).fit(X, y, groups=groups)
    assert_equals_search(model, X, y, GroupKFold(3), "accuracy", groups=groups)
    for others in (groups, groups[::-1]):
        remembered = ZeroShotRidgeCV(CentredEncoder(32), memory=str(tmp_path), **settings).fit(X, y, groups=others)
        same = np.array_equal(remembered.cv_results_["split0_test_score"], model.cv_results_["split0_test_score"])
        assert same == (others is groups)
    piped = make_pipeline(Normalizer(), ZeroShotRidgeCV(CentredEncoder(32), **settings))
    assert piped.fit(X, y, zeroshotridgecv__groups=groups)[-1].n_splits_ == 3
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y, groups=groups[:-1])


def test_unseen_labels_alone_are_scored_where_folds_share_some(noisy):
    """Held-out clips of labels that also train are left out, as the scorer of unseen labels does."""
    X, y = noisy
    cv = [(np.arange(0, 85), np.arange(70, 120)), (np.arange(45, 120), np.arange(0, 50))]
    model = ZeroShotRidgeCV(CentredEncoder(32), cv=cv, **ALPHAS).fit(X, y)
    assert_equals_search(model, X, y, cv, zero_shot_scorer())


def test_clips_are_summed_up_once_for_all_folds_and_pairs(noisy, monkeypatch):
    summed, clip_sums = [], _ridge.clip_sums
    monkeypatch.setattr(
        _ridge, "clip_sums", lambda s, c, n, rows, **a: (summed.append(len(rows)), clip_sums(s, c, n, rows, **a))[1]
    )
    X, y = noisy
    ZeroShotRidgeCV(HashingEncoder(), cv=5).fit(X, y)
    assert len(summed) == 5
    assert sum(summed) == len(X)


def test_default_folds_are_class_disjoint(noisy, clips):
    model = ZeroShotRidgeCV(HashingEncoder(), **ALPHAS).fit(*noisy)
    explicit = ZeroShotRidgeCV(HashingEncoder(), cv=ClassDisjointKFold(5, random_state=0), **ALPHAS).fit(*noisy)
    np.testing.assert_array_equal(model.cv_results_["mean_test_score"], explicit.cv_results_["mean_test_score"])
    assert ZeroShotRidgeCV(HashingEncoder(), **ALPHAS).fit(*clips).n_splits_ == 3
    X, y = noisy
    few = np.isin(y, np.unique(y)[:5])
    assert ZeroShotRidgeCV(HashingEncoder(), **ALPHAS).fit(X[few], y[few]).n_splits_ == 2


def test_what_cannot_be_done_is_refused(noisy, clips):
    X, y = noisy
    three = np.isin(y, np.unique(y)[:3])
    with pytest.raises(ValueError, match="y has 3 labels with clips; 2 class-disjoint folds need 4"):
        ZeroShotRidgeCV(HashingEncoder()).fit(X[three], y[three])
    with pytest.raises(ValueError, match="12 labels with clips; 7 class-disjoint folds need 14"):
        ZeroShotRidgeCV(HashingEncoder(), cv=7).fit(X, y)
    with pytest.raises(ValueError, match="Fold 0 holds out no label that is unseen"):
        ZeroShotRidgeCV(HashingEncoder(), cv=StratifiedKFold(3)).fit(X, y)
    for alphas in ([], [1.0, 0.0], [[1.0]], ["1"], [np.nan], 1.0):
        with pytest.raises(ValueError, match="alphas_text"):
            ZeroShotRidgeCV(HashingEncoder(), alphas_text=alphas).fit(X, y)
    with pytest.raises(ValueError, match="'nonsense' is neither"):
        ZeroShotRidgeCV(HashingEncoder(), scoring="nonsense").fit(X, y)
    folds = ClassDisjointKFold(3).split(X, y)
    assert len(list(folds)) == 3
    with pytest.raises(ValueError, match=r"cv has no folds; .* a generator serves one fit only"):
        ZeroShotRidgeCV(HashingEncoder(), cv=folds).fit(X, y)
    with pytest.raises(ValueError, match="scoring gave nan for fold 0"):
        ZeroShotRidgeCV(HashingEncoder(), scoring=lambda *_: float("nan")).fit(X, y)
    with pytest.raises(ValueError, match=r"1e-300 \(alphas_audio\) .* is lost .* larger numbers as alphas_audio"):
        ZeroShotRidgeCV(HashingEncoder(), alphas_audio=[1e-300]).fit(np.ones_like(X), y)


def test_models_serve_like_the_one_of_the_best_parameters(noisy, tmp_path):
    X, y = noisy
    model = make_pipeline(Normalizer(), ZeroShotRidgeCV(HashingEncoder(), memory=str(tmp_path), **ALPHAS)).fit(X, y)
    again = clone(model).set_params(zeroshotridgecv__temperature=2.0).fit(X, y)
    np.testing.assert_array_equal(again[-1].coef_, model[-1].coef_)
    plain = make_pipeline(Normalizer(), ZeroShotRidge(HashingEncoder(), **model[-1].best_params_)).fit(X, y)
    labels = ["slow siren", "fast hum"]
    np.testing.assert_allclose(model.predict_proba(X, labels=labels), plain.predict_proba(X, labels=labels))
    assert model[-1].with_labels(labels).classes_.tolist() == ["fast hum", "slow siren"]
    assert not hasattr(ZeroShotRidgeCV, "partial_fit")


def test_names_of_features_reach_the_scorer(noisy, recwarn):
    X, y = noisy
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    ZeroShotRidgeCV(HashingEncoder(), scoring=zero_shot_scorer(), **ALPHAS).fit(frame, y).predict(frame)
    assert not [warning for warning in recwarn if "feature names" in str(warning.message)]


def test_infinite_scores_are_scores(noisy):
    model = ZeroShotRidgeCV(HashingEncoder(), scoring=lambda *_: float("inf"), **ALPHAS).fit(*noisy)
    assert model.best_score_ == float("inf")
