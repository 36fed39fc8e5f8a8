import pickle

import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from scaled import clip_vectors

from skzsl import ZeroShotBilinear
from skzsl.exceptions import CandidateWarning
from skzsl.solvers import online_ranking
from skzsl.text import HashingEncoder

SOLVERS = ["online", "minibatch"]


def make_model(solver="online", **parameters):
    return ZeroShotBilinear(HashingEncoder(), solver=solver, **{"random_state": 0, "device": "cpu", **parameters})


@pytest.fixture
def held_out(word_sounds):
    """Clips of nine seen labels and of three unseen ones, whose words are all heard."""
    X, y = word_sounds
    unseen = np.isin(y, ["slow beep", "medium buzz", "fast hum"])
    return X[~unseen], y[~unseen], X[unseen], y[unseen]


@pytest.mark.parametrize("solver", SOLVERS)
def test_unseen_labels_are_recovered_when_words_compose(held_out, solver):
    X, y, X_new, y_new = held_out
    model = make_model(solver).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.score(X_new, y_new, labels=np.unique(y_new)) > 0.8


@pytest.mark.parametrize("standardize", [False, True])
def test_online_coefficients_are_those_of_the_solver(held_out, standardize):
    X, y, *_ = held_out
    model = make_model(lr=0.05, max_epochs=3, standardize=standardize).fit(X, y)
    classes, codes = np.unique(y, return_inverse=True)
    clips, vectors = clip_vectors(X) if standardize else X, HashingEncoder().fit_transform(classes)
    expected = online_ranking(clips, codes, vectors, lr=0.05, max_epochs=3, random_state=0)
    if standardize:
        np.testing.assert_allclose(model.coef_, expected, atol=1e-10)
    else:
        np.testing.assert_array_equal(model.coef_, expected)
    np.testing.assert_allclose(model.decision_function(X), clips @ expected @ vectors.T, atol=1e-10)


@pytest.mark.parametrize(("solver", "parts"), [("online", 1), ("online", 3), ("minibatch", 1)])
def test_the_rate_falls_with_labels_and_steps_if_nobody_says_what_it_is(held_out, solver, parts):
    X, y, *_ = held_out
    model, other = (make_model(solver, shuffle=False) for _ in range(2))
    for part in range(parts):
        rate = 2 / (9 * np.sqrt(len(X) * (part + 1))) if solver == "online" else 1.0
        model.partial_fit(X, y)
        other.set_params(lr=rate).partial_fit(X, y)
        np.testing.assert_array_equal(model.coef_, other.coef_)
    epochs = 10  # of 90 clips
    rate = 2 / (9 * np.sqrt(len(X) * epochs)) if solver == "online" else 1.0
    other = make_model(solver, lr=rate, max_epochs=epochs, batch_size=16).fit(X, y)
    np.testing.assert_array_equal(make_model(solver).fit(X, y).coef_, other.coef_)


def test_temperature_flattens_probabilities_after_training(held_out):
    X, y, *_ = held_out
    model = make_model().fit(X, y)
    sharp = model.predict_proba(X).max()
    model.set_params(temperature=100.0)
    assert model.predict_proba(X).max() < sharp
    scores = model.decision_function(X) / 100
    np.testing.assert_allclose(model.predict_proba(X), np.exp(scores) / np.exp(scores).sum(1, keepdims=True))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_is_checked_where_it_acts(held_out, temperature):
    X, y, *_ = held_out
    model = make_model().fit(X, y).set_params(temperature=temperature)
    with pytest.raises(ValueError, match="temperature="):
        model.predict_proba(X)


@pytest.mark.parametrize("solver", SOLVERS)
def test_tiny_temperatures_name_the_best_label(held_out, solver):
    X, y, *_ = held_out
    model = make_model(solver).fit(X, y).set_params(temperature=1e-300)
    np.testing.assert_array_equal(model.classes_[model.predict_proba(X).argmax(1)], model.predict(X))


def test_ties_go_to_the_first_candidate(held_out):
    X, y, *_ = held_out
    model = make_model(standardize=False).fit(X, y)
    zeros = np.zeros((3, X.shape[1]))
    assert model.predict(zeros, labels=["z", "a"]).tolist() == ["z", "z", "z"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_views_share_weights_and_sort_their_classes(held_out, solver):
    X, y, X_new, y_new = held_out
    model = make_model(solver).fit(X, y)
    view = model.with_labels(["slow beep", "medium buzz", "fast hum"])
    assert view.classes_.tolist() == ["fast hum", "medium buzz", "slow beep"]
    assert view.coef_ is model.coef_
    assert view.score(X_new, y_new) == model.score(X_new, y_new, labels=["slow beep", "medium buzz", "fast hum"])
    assert model.classes_.tolist() == np.unique(y).tolist()
    assert model.with_labels(["a", "b"]).decision_function(X_new).shape == (len(X_new),)


def test_scoring_labels_that_are_no_candidates_warns(held_out):
    X, y, X_new, y_new = held_out
    model = make_model().fit(X, y)
    with pytest.warns(CandidateWarning, match="'fast hum', 'medium buzz', 'slow beep'"):
        assert model.score(X_new, y_new) == 0.0


@pytest.mark.parametrize("solver", SOLVERS)
def test_segments_act_through_the_mean_of_the_present_ones(held_out, solver, rng):
    X, y, *_ = held_out
    segments = np.stack([X + 1, X - 1, np.zeros_like(X)], axis=1)
    model = make_model(solver, standardize=False, lr=0.01).fit(segments, y)
    means = make_model(solver, standardize=False, lr=0.01).fit((X + 1) / 2 + (X - 1) / 2, y)
    np.testing.assert_allclose(model.coef_, means.coef_, atol=1e-5)
    padded = np.concatenate([segments, np.zeros_like(segments)], axis=1)
    assert_agree(model.decision_function(padded), model.decision_function(segments))
    assert model.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fit_goes_on_and_meets_new_labels(held_out, solver):
    X, y, X_new, y_new = held_out
    settings = {"shuffle": False, "lr": 0.01}
    model = make_model(solver, **settings)
    model.partial_fit(X, y)
    one_pass = model.coef_
    np.testing.assert_array_equal(one_pass, make_model(solver, **settings, max_epochs=1).fit(X, y).coef_)
    model.partial_fit(X, y)
    twice = make_model(solver, **settings, max_epochs=2).fit(X, y).coef_
    np.testing.assert_allclose(model.coef_, twice, atol=1e-6 if solver == "minibatch" else 1e-10)
    assert model.n_iter_ == 2
    model.partial_fit(X_new, y_new)
    assert set(y_new) <= set(model.seen_classes_)
    assert len(model.classes_) == 12


def test_lone_strings_are_not_taken_apart(held_out):
    X, y, *_ = held_out
    with pytest.raises(ValueError, match="classes='siren' is one label"):
        make_model().partial_fit(X, y, classes="siren")
    with pytest.raises(ValueError, match="y='abc' is one label"):
        make_model().fit(X[:3], "abc")
    with pytest.raises(ValueError, match="has no order"):
        make_model().fit(X[:2], {"a", "b"})


def test_partial_fit_takes_announced_classes(held_out):
    X, y, *_ = held_out
    model = make_model().partial_fit(X[:5], y[:5], classes=np.unique(y))
    assert model.classes_.tolist() == np.unique(y).tolist()
    assert model.seen_classes_.tolist() == np.unique(y[:5]).tolist()


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_goes_on_from_the_last_map(held_out, solver):
    X, y, *_ = held_out
    model = make_model(solver, lr=0.01, shuffle=False, warm_start=True, max_epochs=1)
    for _ in range(3):
        model.fit(X, y)
    expected = make_model(solver, lr=0.01, shuffle=False, max_epochs=3).fit(X, y).coef_
    np.testing.assert_allclose(model.coef_, expected, atol=1e-6 if solver == "minibatch" else 1e-10)
    assert model.n_iter_ == 3


def test_solvers_can_take_over_from_each_other(held_out):
    X, y, *_ = held_out
    model = make_model("online", warm_start=True).fit(X, y)
    before = model.coef_
    model.set_params(solver="minibatch", lr=1e-9).fit(X, y)
    np.testing.assert_allclose(model.coef_, before, atol=1e-5)
    model.set_params(solver="online").fit(X, y)
    np.testing.assert_allclose(model.coef_, before, atol=1e-4)


def test_verbose_training_shows_a_bar(held_out, capsys):
    X, y, *_ = held_out
    make_model("minibatch", max_epochs=2, verbose=True).fit(X, y)
    assert "train_loss" in capsys.readouterr().err


@pytest.mark.parametrize(
    "encoder",
    [
        {"rain": [1.0, 0.0], "dog": [0.0, 1.0], "wind": [1.0, 1.0]},
        pd.DataFrame([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], index=["rain", "dog", "wind"]),
    ],
    ids=["dict", "DataFrame"],
)
def test_tables_serve_as_text_encoders(encoder):
    model = ZeroShotBilinear(encoder, random_state=0).fit(np.eye(2), ["rain", "dog"])
    assert model.predict(np.eye(2)).tolist() == ["rain", "dog"]
    assert model.predict(np.eye(2), labels=["wind"]).tolist() == ["wind", "wind"]


def test_caller_keeps_an_unfitted_encoder_and_its_parameters_are_searchable(held_out):
    X, y, *_ = held_out
    encoder = HashingEncoder(32)
    model = ZeroShotBilinear(encoder).set_params(text_encoder__n_features=16).fit(X, y)
    assert model.coef_.shape == (X.shape[1], 16)
    assert not hasattr(encoder, "_n_features_out")


def test_labels_keep_the_dtype_of_y(held_out):
    X, y, *_ = held_out
    assert make_model().fit(X, y.astype(object)).predict(X, labels=["a", "b"]).dtype == object
    assert make_model().fit(X, y).predict(X).dtype == y.dtype


def test_one_label_is_refused_before_training():
    with pytest.raises(ValueError, match="one class only, 'rain'"):
        make_model().fit(np.eye(2), ["rain", "rain"])
    with pytest.raises(ValueError, match=r"one class only, 'rain', in 1 sample"):
        make_model().fit(np.eye(1), ["rain"])


@pytest.mark.gpu
@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
def test_gpu_learns_the_map_of_the_cpu(held_out):
    X, y, X_new, _ = held_out
    on_gpu = make_model("minibatch", device="cuda").fit(X, y)
    on_cpu = make_model("minibatch").fit(X, y)
    np.testing.assert_allclose(on_gpu.coef_, on_cpu.coef_, atol=1e-3)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(on_gpu)).predict(X_new), on_gpu.predict(X_new))
