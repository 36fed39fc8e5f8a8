"""Trainings that are looked up instead of repeated."""

import os

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skzsl import ZeroShotBilinear, ZeroShotRidge, ZeroShotTemporalAttention
from skzsl.text import HashingEncoder, WordVectorEncoder, _glove, _label_vectors

SMALL = {"audio_sizes": (8,), "text_sizes": (12, 8), "max_epochs": 2}
MODELS = {
    "attention": (ZeroShotTemporalAttention, SMALL),
    "online": (ZeroShotBilinear, {"max_epochs": 2}),
    "minibatch": (ZeroShotBilinear, {"solver": "minibatch", "max_epochs": 2}),
}
KINDS = sorted(MODELS)


def make_model(kind="attention", **parameters):
    estimator, settings = MODELS[kind]
    return estimator(HashingEncoder(16), **{"random_state": 0, "device": "cpu", **settings, **parameters})


@pytest.fixture
def clips(rng):
    values = (rng.random((30, 4)) < 0.4).astype(np.uint8)
    return rng.normal(size=(30, 3, 6)), pd.DataFrame(values, columns=["rain", "dog", "wind", "cat"])


@pytest.fixture
def data(clips, rng):
    """Clips and the y that each kind of model takes."""
    X, y = clips
    names = rng.choice(["rain", "dog", "wind"], 30)
    return {"attention": (X, y), "online": (X, names), "minibatch": (X, names)}


@pytest.fixture
def trainings(monkeypatch):
    """Classes of the models trained so far."""
    trained = []
    for estimator in (ZeroShotBilinear, ZeroShotTemporalAttention):

        def spy(self, *args, _train=estimator._train, **kwargs):
            trained.append(type(self).__name__)
            return _train(self, *args, **kwargs)

        monkeypatch.setattr(estimator, "_train", spy)
    return trained


ACTING = {"temperature": 3.0, "seen_penalty": 0.5}


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_that_act_after_training_do_not_train_again(kind, data, trainings, tmp_path):
    X, y = data[kind]
    acting = {**ACTING, "threshold": 0.1, "alpha": 0.2} if kind == "attention" else ACTING
    first = make_model(kind, memory=str(tmp_path)).fit(X, y)
    second = make_model(kind, memory=str(tmp_path), **acting).fit(X, y)
    assert len(trainings) == 1
    for model, parameters in ((first, {}), (second, acting)):
        plain = make_model(kind, **parameters).fit(X, y)
        assert model.get_params()["temperature"] == plain.temperature
        labels = ["siren", "dog"]
        for method in ("predict", "predict_proba", "decision_function"):
            np.testing.assert_array_equal(getattr(model, method)(X), getattr(plain, method)(X))
            np.testing.assert_array_equal(getattr(model, method)(X, labels), getattr(plain, method)(X, labels))
        assert model.n_iter_ == plain.n_iter_
        assert model.history_ == plain.history_
        assert model.score(X, y) == plain.score(X, y)


@pytest.mark.parametrize(
    "threshold",
    [0.3, {"dog": 0.1, None: 0.2}, np.full(4, 0.1), [0.1, 0.2, 0.3, 0.4]],
    ids=["number", "dict", "array", "list"],
)
def test_thresholds_of_every_form_find_the_training(clips, trainings, tmp_path, threshold):
    X, y = clips
    make_model(memory=str(tmp_path)).fit(X, y)
    model = make_model(memory=str(tmp_path), threshold=threshold).fit(X, y)
    assert len(trainings) == 1
    np.testing.assert_array_equal(model.predict(X), make_model(threshold=threshold).fit(X, y).predict(X))


@pytest.mark.parametrize(
    "changed",
    [
        {"lr": 0.5},
        {"max_epochs": 1},
        {"random_state": 1},
        {"margin": 0.5},
        {"train_on": "fused"},
        {"text_sizes": (8,)},
        {"text_encoder__n_features": 8},
        {"label_texts": {"rain": "heavy rain"}},
    ],
    ids=str,
)
def test_other_training_parameters_train_again(clips, trainings, tmp_path, changed):
    X, y = clips
    make_model(memory=str(tmp_path)).fit(X, y)
    model = make_model(memory=str(tmp_path)).set_params(**changed).fit(X, y)
    assert len(trainings) == 2
    plain = make_model().set_params(**changed).fit(X, y)
    np.testing.assert_array_equal(model.decision_function(X), plain.decision_function(X))


@pytest.mark.parametrize(
    "change",
    [
        lambda X, y: (X + 1e-6, y),
        lambda X, y: (X[:-1], y[:-1]),
        lambda X, y: (X, 1 - y),
        lambda X, y: (X, y[y.columns[::-1]]),
        lambda X, y: (X, y.rename(columns={"rain": "hail"})),
    ],
    ids=["values", "fewer clips", "labels", "order of columns", "name of a column"],
)
def test_other_data_train_again(clips, trainings, tmp_path, change):
    X, y = clips
    make_model(memory=str(tmp_path)).fit(X, y)
    other_X, other_y = change(X, y)
    model = make_model(memory=str(tmp_path)).fit(other_X, other_y)
    assert len(trainings) == 2
    assert model.classes_.tolist() == other_y.columns.tolist()


def test_alpha_is_a_training_parameter_where_it_is_trained(clips, trainings, tmp_path):
    X, y = clips
    for alpha in (0.2, 0.8, 0.2):
        model = make_model(memory=str(tmp_path), train_on="fused", alpha=alpha).fit(X, y)
        plain = make_model(train_on="fused", alpha=alpha).fit(X, y)
        np.testing.assert_array_equal(model.decision_function(X), plain.decision_function(X))
    assert len(trainings) == 2 + 3


@pytest.mark.parametrize("kind", KINDS)
def test_searches_can_use_a_memory(kind, data, tmp_path):
    grid = {"temperature": [0.5, 1.0]}
    search = GridSearchCV(make_model(kind, memory=str(tmp_path)), grid, cv=2, error_score="raise").fit(*data[kind])
    assert np.isfinite(search.best_score_)


def test_searches_over_parameters_that_act_after_training_train_once_a_fold(clips, trainings, tmp_path):
    X, y = clips
    grid = {"threshold": [0.0, 0.1, 0.2], "alpha": [0.0, 0.5, 1.0], "seen_penalty": [0.0, 0.1]}
    remembered = GridSearchCV(make_model(memory=str(tmp_path)), grid, scoring="f1_micro", cv=3).fit(X, y)
    assert len(trainings) == 3 + 1
    plain = GridSearchCV(make_model(), grid, scoring="f1_micro", cv=3).fit(X, y)
    assert len(trainings) == 4 + 3 * 18 + 1
    np.testing.assert_array_equal(remembered.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert remembered.best_params_ == plain.best_params_
    np.testing.assert_array_equal(remembered.predict(X), plain.predict(X))


@pytest.mark.parametrize("kind", KINDS)
def test_warm_starts_are_refused(kind, data, tmp_path):
    with pytest.raises(ValueError, match="use one of the two"):
        make_model(kind, memory=str(tmp_path), warm_start=True).fit(*data[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_from_a_remembered_fit(kind, data, tmp_path):
    X, y = data[kind]
    for _ in range(2):  # trained, then looked up
        model = make_model(kind, memory=str(tmp_path)).fit(X, y).partial_fit(X, y)
        plain = make_model(kind).fit(X, y).partial_fit(X, y)
        np.testing.assert_array_equal(model.decision_function(X), plain.decision_function(X))
        assert model.n_iter_ == len(model.history_) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_one_training_are_apart(kind, data, tmp_path):
    X, y = data[kind]
    first, second = (make_model(kind, memory=str(tmp_path)).fit(X, y) for _ in range(2))
    expected = second.decision_function(X)
    first.partial_fit(X, y)
    np.testing.assert_array_equal(second.decision_function(X), expected)
    np.testing.assert_array_equal(make_model(kind, memory=str(tmp_path)).fit(X, y).decision_function(X), expected)


def test_what_others_keep_on_an_estimator_is_left_alone(clips, tmp_path):
    model = make_model(memory=str(tmp_path))
    model._note_of_a_search = "kept"
    assert model.fit(*clips)._note_of_a_search == "kept"


def test_names_of_features_go_when_clips_without_them_come(tmp_path, rng):
    X, y = rng.normal(size=(10, 3)), np.resize(["rain", "dog"], 10)
    model = make_model(memory=str(tmp_path)).fit(pd.DataFrame(X, columns=list("abc")), y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert not hasattr(model.fit(X, y), "feature_names_in_")


def test_fits_replace_all_of_the_fit_before(clips, tmp_path):
    X, y = clips
    model = make_model(memory=str(tmp_path)).fit(X, np.resize(["rain", "dog"], 30))
    assert model.predict(X).ndim == 1
    model.fit(X[:, :, :4], y[["rain", "dog", "wind"]])
    assert model.n_features_in_ == 4
    assert model.predict(X[:, :, :4]).shape == (30, 3)
    view = model.with_labels(["siren"]).fit(X, y)
    assert view.classes_.tolist() == y.columns.tolist()
    assert model.classes_.tolist() == ["rain", "dog", "wind"]


def test_a_memory_object_serves_and_clones_share_it(clips, trainings, tmp_path):
    X, y = clips
    model = make_model(memory=joblib.Memory(tmp_path, verbose=0, mmap_mode="r")).fit(X, y)
    again = clone(model).set_params(threshold=0.0).fit(X, y)
    assert len(trainings) == 1
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert again.partial_fit(X, y).n_iter_ == 3


def test_a_generator_of_numbers_gives_the_model_that_it_would_give_without_memory(clips, tmp_path):
    X, y = clips
    model = make_model(memory=str(tmp_path), random_state=np.random.RandomState(3)).fit(X, y)
    plain = make_model(random_state=np.random.RandomState(3)).fit(X, y)
    np.testing.assert_array_equal(model.decision_function(X), plain.decision_function(X))


def test_other_word_vectors_under_one_path_train_again(data, tmp_path):
    X, y = data["online"]
    path = tmp_path / "words.txt"
    model = ZeroShotRidge(WordVectorEncoder(path), memory=str(tmp_path / "trainings"))
    maps = []
    for third in (1, 1, 2):
        path.write_text(f"rain 1 0\ndog 0 1\nwind {third} {third}\n")
        os.utime(path, ns=(third, third))
        maps.append(clone(model).fit(X, y).coef_)
    np.testing.assert_array_equal(maps[0], maps[1])
    assert (maps[1] != maps[2]).any()


def test_the_default_trains_again_once_word_vectors_are_installed(data, tmp_path, monkeypatch):
    X, y = data["online"]
    model = ZeroShotRidge(memory=str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(_glove, "is_installed", lambda: False)
        patched.setattr(_label_vectors, "_advise", lambda: None)
        without = clone(model).fit(X, y).coef_.shape
    assert clone(model).fit(X, y).coef_.shape > without
