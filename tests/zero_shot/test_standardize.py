"""What ``standardize=True`` does is what EmbeddingScaler in front of the estimator does."""

import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from agreement import TOLERANCE, TRAINED, assert_agree
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skzsl import (
    GlobalLocalAttentionClassifier,
    MultiLevelAttentionClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotRidge,
    ZeroShotRidgeCV,
    ZeroShotTemporalAttention,
    with_labels,
)
from skzsl.preprocessing import EmbeddingScaler
from skzsl.text import HashingEncoder

NAMES = ["rain", "dog", "wind", "cat"]
TEXTS = HashingEncoder(16)
# Adam would turn the rounding of a gradient that is zero into whole steps.
NET = {"optimizer": "SGD", "lr": 0.1, "max_epochs": 2, "batch_size": 8, "random_state": 0, "device": "cpu"}
POOLED = {
    "ridge": ZeroShotRidge(TEXTS),
    "ridge, cross-validated": ZeroShotRidgeCV(TEXTS, alphas_audio=[1.0, 10.0], alphas_text=[0.1, 1.0], cv=2),
    "bilinear, online": ZeroShotBilinear(TEXTS, max_epochs=2, random_state=0),
    "bilinear, one epoch": ZeroShotBilinear(TEXTS, max_epochs=1, random_state=0),
    "bilinear, minibatch": ZeroShotBilinear(TEXTS, solver="minibatch", **NET),
    "contrastive, mlp": ZeroShotContrastive(TEXTS, hidden_size=8, **NET),
    "contrastive, linear": ZeroShotContrastive(TEXTS, head="linear", **NET),
}
OF_SEGMENTS = {
    "contrastive, cscm": ZeroShotContrastive(TEXTS, head="cscm", hidden_size=8, **NET),
    "temporal attention": ZeroShotTemporalAttention(TEXTS, audio_sizes=(8,), text_sizes=(8,), **NET),
    "multi-level": MultiLevelAttentionClassifier(hidden_size=8, **NET),
    "global-local": GlobalLocalAttentionClassifier(hidden_size=8, n_windows=2, window=2, **NET),
}
MODELS = POOLED | OF_SEGMENTS
GOING_ON = [name for name in MODELS if "cross" not in name]
TAGGERS = {"multi-level", "global-local"}
EXACT = {"ridge", "ridge, cross-validated"}  # no rounding goes through a training


@cache
def data(shape="segments", seed=0):
    """Clips of small whole numbers, as uint8, whose features differ in size; some have fewer segments."""
    rng = np.random.default_rng(seed)
    y = np.array(NAMES * 8)
    sounds = np.random.default_rng(9).integers(10, 90, size=(len(NAMES), 6))
    X = sounds[np.arange(32) % 4, None] + rng.integers(0, 60, size=(32, 5, 6))
    X[:, :, 0] //= 8
    X[::3, 3:] = 0
    X = X.astype(np.uint8)
    X.setflags(write=False)
    return (X[:, 0] if shape == "clips" else X), y


def new(name, **parameters):
    return clone(MODELS[name]).set_params(**parameters)


def in_front(name, **parameters):
    """The scaler and the model behind it that takes clips as they come."""
    scaler = EmbeddingScaler("mean+max" if name in POOLED else None)
    return scaler, new(name, standardize=False, **parameters)


def scores(model, X, name):
    return model.predict_proba(X) if name in TAGGERS else model.decision_function(X)


def tolerance(name):
    return TOLERANCE if name in EXACT else TRAINED


@pytest.mark.parametrize("shape", ["segments", "clips"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
def test_standardize_is_the_scaler_in_front(name, dtype, shape):
    X, y = data(shape)
    X = X.astype(dtype)
    model, pipeline = new(name).fit(X, y), make_pipeline(*in_front(name)).fit(X, y)
    assert_agree(scores(model, X, name), scores(pipeline, X, name))
    assert model.predict(X).tolist() == pipeline.predict(X).tolist()
    if name not in TAGGERS:
        labels = ["heavy rain", "cat", "siren"]
        assert_agree(
            model.decision_function(X, labels=labels),
            pipeline[-1].decision_function(pipeline[0].transform(X), labels=labels),
        )


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("bilinear")])
def test_standardize_is_the_scaler_in_front_where_clips_have_several_labels(name):
    X, y = data()
    several = pd.get_dummies(pd.Series(y), dtype=np.uint8)
    several.iloc[::5, 0] = 1
    model, pipeline = new(name).fit(X, several), make_pipeline(*in_front(name)).fit(X, several)
    assert_agree(scores(model, X, name), scores(pipeline, X, name))


@pytest.mark.parametrize("shape", ["segments", "clips"])
@pytest.mark.parametrize("name", MODELS)
def test_kinds_of_numbers_change_nothing(name, shape):
    X, y = data(shape)
    model = new(name).fit(X.astype(np.float32), y)
    for same in (X, X.astype(np.float16), X.astype(np.float64), X.astype(np.int16)):
        other = new(name).fit(same, y)
        assert_agree(scores(other, same, name), scores(model, X.astype(np.float32), name), tolerance(name))
        assert_agree(scores(model, same, name), scores(model, X.astype(np.float32), name))


@pytest.mark.parametrize(("factor", "step"), [(1000, 0), (1, 5), (1000, 5)])
@pytest.mark.parametrize("shape", ["segments", "clips"])
@pytest.mark.parametrize("name", MODELS)
def test_units_and_offsets_change_nothing(name, shape, factor, step):
    X, y = data(shape)
    X = X.astype(np.float32)
    present = X.any(axis=-1, keepdims=True)
    other = np.where(present, factor * X + step, 0)
    model, same = new(name).fit(X, y), new(name).fit(other, y)
    assert_agree(scores(same, other, name), scores(model, X, name), tolerance(name))
    assert same.predict(other).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize("shape", ["segments", "clips"])
@pytest.mark.parametrize("name", GOING_ON)
def test_partial_fit_keeps_the_scaling_of_its_first_call(name, shape):
    (X, y), (X_later, y_later) = data(shape), data(shape, seed=1)
    X_later = 2 * X_later.astype(np.float32)
    scaler, behind = in_front(name)
    model = new(name).partial_fit(X, y).partial_fit(X_later, y_later)
    behind.partial_fit(scaler.fit_transform(X), y).partial_fit(scaler.transform(X_later), y_later)
    assert_agree(scores(model, X_later, name), scores(behind, scaler.transform(X_later), name))


@pytest.mark.parametrize("shape", ["segments", "clips"])
@pytest.mark.parametrize("name", [name for name in GOING_ON if name != "ridge"])
def test_warm_starts_keep_the_scaling_of_the_first_fit(name, shape):
    (X, y), (X_later, y_later) = data(shape), data(shape, seed=1)
    X_later = 2 * X_later.astype(np.float32)
    scaler, behind = in_front(name, warm_start=True)
    model = new(name, warm_start=True).fit(X, y).fit(X_later, y_later)
    behind.fit(scaler.fit_transform(X), y).fit(scaler.transform(X_later), y_later)
    assert_agree(scores(model, X_later, name), scores(behind, scaler.transform(X_later), name))


@pytest.mark.parametrize("name", MODELS)
def test_fit_forgets_the_scaling_of_the_last_fit(name):
    (X, y), (X_later, y_later) = data(), data(seed=1)
    X_later = 2 * X_later.astype(np.float32)
    model = new(name).fit(X, y).fit(X_later, y_later)
    np.testing.assert_array_equal(scores(model, X, name), scores(new(name).fit(X_later, y_later), X, name))


@pytest.mark.parametrize("name", MODELS)
def test_views_pickles_and_clones_keep_the_scaling(name):
    X, y = data()
    model = new(name).fit(X, y)
    expected = scores(model, X, name)
    np.testing.assert_array_equal(scores(pickle.loads(pickle.dumps(model)), X, name), expected)
    assert_agree(scores(clone(model).fit(X, y), X, name), expected)
    view = with_labels(model, ["wind", "dog", "rain"])
    assert_agree(view.decision_function(X), model.decision_function(X, labels=view.classes_))


@pytest.mark.parametrize("name", MODELS)
def test_trainings_that_are_looked_up_keep_the_scaling(name, tmp_path):
    X, y = data()
    trained, looked_up = (new(name, memory=str(tmp_path)).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(scores(looked_up, X, name), scores(trained, X, name))


@pytest.mark.parametrize("name", POOLED)
def test_segments_may_follow_clips(name):
    (vectors, y), (X, _) = data("clips"), data()
    model, scaler = new(name).fit(vectors, y), EmbeddingScaler("mean+max").fit(vectors)
    behind = new(name, standardize=False).fit(scaler.transform(vectors), y)
    assert_agree(model.decision_function(X), behind.decision_function(scaler.transform(X)))


@pytest.mark.parametrize("name", POOLED)
def test_without_standardize_the_means_are_taken_as_they_are(name):
    X, y = data()
    means = np.stack([clip[clip.any(axis=1)].mean(axis=0, dtype=np.float32) for clip in X])
    model, of_means = (new(name, standardize=False).fit(clips, y) for clips in (X, means))
    assert_agree(model.decision_function(X), of_means.decision_function(means), tolerance(name))
