import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scaled import clip_vectors
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from skzsl import ZeroShotRidge
from skzsl.datasets import make_soundscapes
from skzsl.model_selection import ClassDisjointKFold, GreedyLabelFolds, ThresholdTuner, zero_shot_scorer
from skzsl.text import HashingEncoder, SentenceEncoder


class CentredEncoder(HashingEncoder):
    """Vectors that depend on the labels of fit, as those of the default encoder do."""

    def _fit_encode(self, texts):
        self.mean_ = super()._encode(texts).mean(axis=0)
        return self._encode(texts)

    def _encode(self, texts):
        return super()._encode(texts) - self.mean_


def make_model(**parameters):
    return ZeroShotRidge(HashingEncoder(), **parameters)


@pytest.fixture
def held_out(word_sounds):
    """Clips of nine seen labels and of three unseen ones, whose words are all heard."""
    X, y = word_sounds
    unseen = np.isin(y, ["slow beep", "medium buzz", "fast hum"])
    return X[~unseen], y[~unseen], X[unseen], y[unseen]


@pytest.fixture
def clips(word_sounds, rng):
    """Clips of up to three labels, the sums of their sounds, and a label without a clip."""
    X, y = word_sounds
    names = np.unique(y)
    picked = [rng.choice(len(y), size=rng.integers(0, 4), replace=False) for _ in range(150)]
    X = np.stack([X[rows].sum(axis=0) + 0.1 * rng.normal(size=X.shape[1]) for rows in picked])
    values = np.stack([np.isin(names, y[rows]) for rows in picked]).astype(np.uint8)
    return X, pd.DataFrame(values, columns=names).assign(silence=np.uint8(0))


def normal_equations(model, X, present):
    vectors = model.text_encoder_.transform(model.seen_classes_.tolist())
    audio = X.T @ X + model.alpha_audio * np.eye(X.shape[1])
    text = vectors.T @ vectors + model.alpha_text * np.eye(vectors.shape[1])
    right = X.T @ np.where(present, 1.0, -1.0) @ vectors
    return np.linalg.solve(np.kron(text, audio), right.ravel(order="F")).reshape(right.shape, order="F")


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("n_clips", [10, 90])
def test_map_equals_the_normal_equations(held_out, n_clips, standardize):
    X, y, *_ = held_out
    X, y = X[::-1][:n_clips], y[np.arange(len(y)) % 90][::7][:n_clips] if n_clips == 10 else y[::-1]
    settings = {"alpha_audio": 0.5, "alpha_text": 2.0, "standardize": standardize}
    model, clips = ZeroShotRidge(HashingEncoder(12), **settings).fit(X, y), clip_vectors(X) if standardize else X
    expected = normal_equations(model, clips, y[:, None] == model.seen_classes_)
    np.testing.assert_allclose(model.coef_, expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(
        model.decision_function(X, labels=["slow beep", "new"]),
        clips @ expected @ HashingEncoder(12).fit_transform(["slow beep", "new"]).T,
        atol=1e-8,
    )


@pytest.mark.parametrize("standardize", [False, True])
def test_map_of_several_labels_equals_the_normal_equations(clips, standardize):
    X, y = clips
    settings = {"alpha_audio": 0.5, "alpha_text": 2.0, "standardize": standardize}
    model = ZeroShotRidge(HashingEncoder(12), **settings).fit(X, y)
    assert model.classes_.tolist() == y.columns.tolist()
    assert "silence" not in model.seen_classes_
    expected = normal_equations(model, clip_vectors(X) if standardize else X, y[model.seen_classes_].to_numpy() == 1)
    np.testing.assert_allclose(model.coef_, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("n_clips", [10, 90])
def test_regularisers_follow_the_clips_and_the_texts_if_nobody_says_what_they_are(held_out, n_clips, standardize):
    X, y = held_out[0][::-1][:n_clips], np.resize(held_out[1][::7], n_clips)
    model = ZeroShotRidge(HashingEncoder(12), standardize=standardize).fit(X, y)
    squares = 1.0 if standardize else np.square(X).sum(axis=1).mean()
    given = {"alpha_audio": 2.5 * np.sqrt(n_clips) * squares, "alpha_text": len(np.unique(y)) / 100}
    expected = ZeroShotRidge(HashingEncoder(12), standardize=standardize, **given).fit(X, y).coef_
    np.testing.assert_allclose(model.coef_, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_unseen_labels_are_recovered_when_words_compose(held_out):
    X, y, X_new, y_new = held_out
    model = make_model().fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.score(X_new, y_new, labels=np.unique(y_new)) > 0.8


def test_unseen_labels_of_clips_with_several_are_found(clips):
    X, y = clips
    unseen = y[["slow beep", "medium buzz", "fast hum"]]
    without = ~unseen.any(axis=1)
    model = make_model().fit(X[without], y[without])
    assert zero_shot_scorer("map")(model, X[~without], y[~without]) > 0.8 > 1.5 * unseen[~without].to_numpy().mean()
    tuned = ThresholdTuner(model).fit(X, y)
    assert tuned.predict(X).shape == y.shape


def test_arrays_with_named_columns_equal_data_frames(clips):
    X, y = clips
    named = make_model(label_texts=y.columns.tolist()).fit(X, y.to_numpy())
    frame = make_model().fit(X, y)
    np.testing.assert_array_equal(named.coef_, frame.coef_)
    assert named.predict(X).dtype == np.uint8
    numbered = make_model(label_texts=dict(enumerate(y.columns))).fit(X, y.to_numpy())
    np.testing.assert_array_equal(numbered.coef_, frame.coef_)


@pytest.mark.parametrize("cuts", [(45,), (3, 9), (10, 20, 30, 40), (1, 2, 3, 89)])
def test_streaming_equals_batch_while_labels_keep_coming(held_out, rng, cuts):
    """Parts smaller and larger than the number of features; labels are in an order in which new ones come late."""
    X, y, *_ = held_out
    model = ZeroShotRidge(CentredEncoder(32), standardize=False)
    for part_X, part_y in zip(np.split(X, cuts), np.split(y, cuts), strict=True):
        model.partial_fit(part_X, part_y, classes=np.unique(y))
    batch = ZeroShotRidge(CentredEncoder(32), standardize=False).fit(X, y)
    np.testing.assert_allclose(model.coef_, batch.coef_, rtol=0, atol=1e-8)
    assert model.seen_classes_.tolist() == batch.seen_classes_.tolist()
    assert model.n_samples_seen_ == batch.n_samples_seen_ == len(X)


@pytest.mark.parametrize("cuts", [(75,), (3, 9), (1, 2, 149)])
def test_streaming_of_several_labels_equals_batch(clips, cuts):
    X, y = clips
    order = np.argsort(~y.any(axis=1), kind="stable")  # the first call needs a positive clip
    X, y = X[order], y.iloc[order]
    model = make_model(standardize=False)
    for rows in np.split(np.arange(len(X)), cuts):
        part = y.iloc[rows]
        model.partial_fit(X[rows], part.loc[:, part.any() | (part.columns == "silence")], classes=y.columns)
    batch = make_model(standardize=False).fit(X, y)
    assert set(model.seen_classes_) == set(batch.seen_classes_)
    np.testing.assert_allclose(model.coef_, batch.coef_, rtol=0, atol=1e-8)


@pytest.fixture(scope="module")
def float32_sounds():
    """Soundscapes, whose features depend on each other so that float32 sums would not do."""
    sounds = make_soundscapes(6, n_segments=3, random_state=0)
    return sounds.X.mean(axis=1).astype(np.float32), sounds.y


def test_float32_clips_that_condition_badly_give_the_map_of_float64(float32_sounds):
    X, y = float32_sounds
    X = np.c_[X, X @ np.ones((X.shape[1], 3), np.float32) + 50]
    narrow, wide = (make_model(alpha_audio=0.1, standardize=False).fit(clips, y) for clips in (X, X.astype(np.float64)))
    np.testing.assert_allclose(narrow.coef_, wide.coef_, rtol=0, atol=1e-9 * np.abs(wide.coef_).max())


@pytest.mark.parametrize("alpha_audio", [1e-3, 1.0])
def test_streaming_of_float32_clips_equals_batch(float32_sounds, alpha_audio):
    X, y = float32_sounds
    settings = {"alpha_audio": alpha_audio, "standardize": False}
    model = make_model(**settings)
    for rows in np.array_split(np.random.default_rng(0).permutation(len(X)), 4):
        model.partial_fit(X[rows], y[rows], classes=np.unique(y))
    wide = make_model(**settings).fit(X.astype(np.float64), y)
    np.testing.assert_allclose(model.coef_, wide.coef_, rtol=0, atol=1e-6 * np.abs(wide.coef_).max())
    narrow = make_model(**settings).fit(X, y)
    np.testing.assert_allclose(model.coef_, narrow.coef_, rtol=0, atol=1e-3 * np.abs(wide.coef_).max())


def test_buffers_may_be_filled_again_between_calls(clips):
    X, y = clips
    X, y = np.hstack([X] * 8), y.to_numpy(dtype=np.uint8, copy=True)[:, :-1]
    names = [f"sound {number}" for number in range(y.shape[1])]
    y[:1] = y[10:11] = 1  # so that no column is left out
    settings = {"label_texts": names, "standardize": False}
    at_once = make_model(**settings).fit(X[:20], y[:20])
    buffers, streamed = (X[:10].copy(), y[:10].copy()), make_model(**settings)
    for rows in (slice(0, 10), slice(10, 20)):
        buffers[0][:], buffers[1][:] = X[rows], y[rows]
        streamed.partial_fit(*buffers)
    np.testing.assert_allclose(streamed.coef_, at_once.coef_, atol=1e-10)


def test_fit_goes_on_with_partial_fit_and_forgets_with_fit(held_out):
    X, y, X_new, y_new = held_out
    model = make_model(standardize=False).fit(X, y)
    first = model.coef_.copy()
    view = model.with_labels(["siren", "rain"])
    view.partial_fit(X_new, y_new)
    np.testing.assert_array_equal(model.coef_, first)
    model.partial_fit(X_new, y_new)
    both = make_model(standardize=False).fit(np.r_[X, X_new], np.r_[y, y_new])
    np.testing.assert_allclose(model.coef_, both.coef_, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(view.coef_, model.coef_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).fit(X, y).coef_, first)


@pytest.mark.parametrize(("standardize", "factor"), [(False, 1e200), (True, 1.7e308)])
def test_failed_calls_leave_the_fitted_model_as_it_was(held_out, standardize, factor):
    X, y, X_new, y_new = (values if values.dtype.kind == "U" else values / 1e9 for values in held_out)
    model = make_model(alpha_text=1.0, standardize=standardize).fit(X, y)

    def learned():
        names = ("coef_", "classes_", "seen_classes_", "n_samples_seen_", "_sums", "_scaling")
        return joblib.hash([getattr(model, name) for name in names])

    before = learned()
    bad = X_new.copy()
    bad[3, 5] = np.nan
    calls = [
        (bad, y_new, "NaN"),
        (np.where(np.isnan(bad), np.inf, bad), y_new, "infinity"),
        (X_new[:, :5], y_new, "5 features"),
        (X_new, y_new[:-1], "inconsistent"),
        (X_new, pd.get_dummies(y_new), "one label a clip"),
        (factor * X_new, y_new, "overflow float64"),
    ]
    for bad_X, bad_y, message in calls:
        with pytest.raises(ValueError, match=message):
            model.partial_fit(bad_X, bad_y)
        assert learned() == before
    with pytest.raises(ValueError, match=r"1e-300 \(alpha_audio\) or 1\.0 \(alpha_text\) is lost in rounding"):
        model.set_params(alpha_audio=1e-300).fit(np.ones_like(X), y)
    assert learned() == before


def test_thresholds_are_checked_before_the_work(clips):
    with pytest.raises(ValueError, match=r"threshold has shape \(3,\)"):
        make_model(threshold=[1.0, 2.0, 3.0]).fit(*clips)


def test_segments_act_through_the_mean_of_the_present_ones(held_out):
    X, y, *_ = held_out
    segments = np.stack([X + 1, X - 1, np.zeros_like(X)], axis=1)
    model, means = (make_model(standardize=False).fit(clips, y) for clips in (segments, (X + 1) / 2 + (X - 1) / 2))
    np.testing.assert_allclose(model.coef_, means.coef_, atol=1e-10)
    padded = np.concatenate([segments, np.full_like(segments, np.nan)], axis=1)
    np.testing.assert_allclose(model.decision_function(padded), model.decision_function(segments))


@pytest.mark.parametrize("standardize", [False, True])
def test_fitting_needs_the_memory_of_a_few_blocks(rng, tmp_path, standardize):
    import tracemalloc

    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (400_000, 32))
    X[:] = rng.random(X.shape, dtype=np.float32)
    y = rng.integers(0, 100, len(X))
    texts = {number: f"sound {number}" for number in range(100)}
    model = make_model(label_texts=texts, standardize=standardize)
    model.fit(X[:1000], y[:1000])  # imports
    tracemalloc.start()
    model.fit(np.load(tmp_path / "X.npy", mmap_mode="r"), y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.6 * X.nbytes  # a block of 16 MiB and y


def test_models_survive_cloning_pickling_pipelines_and_searches(held_out, tmp_path):
    X, y, X_new, _ = held_out
    model = make_pipeline(Normalizer(), make_model()).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    expected = model.predict_proba(X_new, labels=["slow beep", "never met"])
    for twin in (clone(model).fit(X, y), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(twin.predict_proba(X_new, labels=["slow beep", "never met"]), expected)
    grid = {"zeroshotridge__alpha_text": [0.1, 1.0]}
    folds = ClassDisjointKFold(3, random_state=0)
    search = GridSearchCV(model, grid, cv=folds, scoring=zero_shot_scorer(), error_score="raise", n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.5


def test_a_memory_trains_once_for_all_parameters_that_act_after_training(clips, tmp_path, monkeypatch):
    X, y = clips
    trained = []
    solve = ZeroShotRidge._solve
    monkeypatch.setattr(ZeroShotRidge, "_solve", lambda self, *a: (trained.append(1), solve(self, *a)))
    for acting in ({}, {"threshold": 0.1}, {"temperature": 2.0, "seen_penalty": 0.1}):
        model = make_model(memory=str(tmp_path), **acting).fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), make_model(**acting).fit(X, y).predict_proba(X))
    assert len(trained) == 1 + 3
    make_model(memory=str(tmp_path), alpha_audio=2.0).fit(X, y)
    assert len(trained) == 5


def test_thresholds_of_a_wrong_number_are_refused_with_a_memory_too(clips, tmp_path):
    X, y = clips
    model = make_model(memory=str(tmp_path)).fit(X, y)
    expected = model.predict(X)
    for fitted in (make_model(memory=str(tmp_path)), model):  # looked up
        with pytest.raises(ValueError, match=r"threshold has shape \(1,\)"):
            fitted.set_params(threshold=[0.1]).fit(X, y)
    np.testing.assert_array_equal(model.set_params(threshold=0.0).predict(X), expected)
    with pytest.raises(ValueError, match=r"threshold has shape \(1,\)"):
        make_model(memory=str(tmp_path), threshold=[0.1], alpha_text=3.0).fit(X, y)  # trained


def test_class_disjoint_folds_of_several_labels_score(clips):
    X, y = clips
    search = GridSearchCV(
        make_model(), {"alpha_audio": [0.1, 1.0]}, cv=GreedyLabelFolds(2), scoring=zero_shot_scorer("map")
    )
    assert np.isfinite(search.fit(X, y).best_score_)


def test_tables_and_default_names_are_encoders(held_out):
    model = ZeroShotRidge({"rain": [1.0, 0.0], "dog": [0.0, 1.0], "wind": [1.0, 1.0]}).fit(np.eye(2), ["rain", "dog"])
    assert model.predict(np.eye(2)).tolist() == ["rain", "dog"]
    assert isinstance(ZeroShotRidge(SentenceEncoder()).text_encoder, SentenceEncoder)
