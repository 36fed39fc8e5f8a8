import pickle

import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import LRScheduler

from skzsl import MultiLevelAttentionClassifier
from skzsl.metrics import mean_average_precision

LABELS = ["siren", "rain", "dog", "wind"]
READINGS = ["softmax_label", "softmax_time", "sigmoid"]


def make_model(architecture="2-A-1-A", **parameters):
    defaults = {"hidden_size": 16, "lr": 0.02, "max_epochs": 12, "dropout": 0.0, "batch_size": 32}
    settings = {**defaults, "random_state": 0, "device": "cpu", **parameters}
    return MultiLevelAttentionClassifier(architecture, **settings)


def make_events(rng, n_clips, n_segments=6):
    """Clips of noise with 0 to 3 events in one segment each; indicator, and segment of each event (-1 for none)."""
    direction, place = rng.normal(size=(4, 12)), np.full((n_clips, 4), -1)
    X = 0.5 * rng.normal(size=(n_clips, n_segments, 12))
    for clip in range(n_clips):
        n_events = rng.integers(0, 4)
        chosen = rng.choice(4, n_events, replace=False)
        place[clip, chosen] = rng.choice(n_segments, n_events, replace=False)
        X[clip, place[clip, chosen]] += direction[chosen]
    return X, pd.DataFrame((place >= 0).astype(np.uint8), columns=LABELS), place


@pytest.fixture
def events(rng):
    return make_events(rng, 60)[:2]


@pytest.mark.parametrize("reading", READINGS)
def test_labels_are_located_without_having_been_told_where_they_sound(rng, reading):
    X, y, place = make_events(rng, 400)
    model = make_model(attention_activation=reading).fit(X[:200], y[:200])
    assert mean_average_precision(y[200:], model.predict_proba(X[200:])) > 0.9
    found, true = model.attention(X[200:]).argmax(axis=2), place[200:]
    assert np.mean((found == true)[true >= 0]) > 0.6


def test_attention_finds_short_events_that_the_mean_misses(rng):
    X, y, _ = make_events(rng, 400)
    mean_precision = {
        architecture: mean_average_precision(
            y[200:], make_model(architecture).fit(X[:200], y[:200]).predict_proba(X[200:])
        )
        for architecture in ("2-A", "2-mean")
    }
    assert mean_precision["2-A"] > mean_precision["2-mean"] + 0.1


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("level", [0, 1, -1, -2])
def test_weights_of_every_level_sum_to_one_over_the_present_segments(events, reading, level):
    X, y = events
    model = make_model(attention_activation=reading, max_epochs=2).fit(X, y)
    X = X.copy()
    X[::2, 4:] = 0
    weights = model.attention(X, level=level)
    assert weights.shape == (60, 4, 6)
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)
    assert (weights[::2, :, 4:] == 0).all()
    assert (weights[1::2] > 0).all()
    np.testing.assert_array_equal(model.attention(X, ["wind", "rain"], level), weights[:, [3, 1]])
    np.testing.assert_array_equal(model.with_labels(["wind", "rain"]).attention(X, level=level), weights[:, [3, 1]])


def test_levels_count_from_the_first_and_the_last_is_the_default(events):
    X, y = events
    model = make_model("1-A-1-mean-1-max", max_epochs=2).fit(X, y)
    of_levels = [model.attention(X, level=level) for level in range(3)]
    for level in range(3):
        np.testing.assert_array_equal(model.attention(X, level=level - 3), of_levels[level])
    np.testing.assert_array_equal(model.attention(X), of_levels[2])
    np.testing.assert_allclose(of_levels[1], 1 / 6, rtol=1e-6)
    np.testing.assert_array_equal(
        np.sort(of_levels[2], axis=2)[:, :, ::-1], np.eye(6)[[0]][None].repeat(240, 1).reshape(60, 4, 6)
    )
    assert np.ptp(of_levels[0], axis=2).min() > 0


@pytest.mark.parametrize("level", [2, -3, "last", None], ids=str)
def test_levels_that_the_net_lacks_are_refused(events, level):
    model = make_model(max_epochs=1).fit(*events)
    with pytest.raises(ValueError, match=r"level=.* has 2"):
        model.attention(events[0], level=level)


def test_attention_of_unknown_labels_and_unfitted_models_is_refused(events):
    X, y = events
    with pytest.raises(NotFittedError):
        make_model().attention(X)
    with pytest.raises(ValueError, match=r"labels of fit only, not \['bell'\]"):
        make_model(max_epochs=1).fit(X, y).attention(X, labels=["bell"])


def test_one_segment_has_all_of_the_attention(events):
    X, y = events
    model = make_model(max_epochs=1).fit(X, y)
    np.testing.assert_allclose(model.attention(X[:, 0]), np.ones((60, 4, 1)), rtol=1e-6)


@pytest.mark.parametrize("reading", READINGS)
def test_the_order_of_segments_is_irrelevant(events, reading):
    X, y = events
    model = make_model(attention_activation=reading, max_epochs=2).fit(X, y)
    assert_agree(model.predict_proba(X[:, ::-1]), model.predict_proba(X))
    assert_agree(model.attention(X[:, ::-1])[:, :, ::-1], model.attention(X))


@pytest.mark.parametrize("architecture", ["1-A", "2-A-1-A", "1-max"])
@pytest.mark.parametrize("reading", READINGS)
def test_clips_far_louder_than_those_of_fit_have_probabilities_and_weights(events, architecture, reading):
    X, y = events
    model = make_model(architecture, attention_activation=reading, max_epochs=2).fit(X, y)
    for ends in (6, 3):
        loud = 1e5 * X
        loud[:, ends:] = 0
        assert np.isfinite(model.predict_proba(loud)).all()
        np.testing.assert_allclose(model.attention(loud).sum(axis=2), 1, rtol=1e-5)


def test_a_clip_is_the_weighted_mean_of_its_segments_at_one_level(events):
    X, y = events
    model = make_model("2-A", max_epochs=3).fit(X, y)
    of_segments = np.stack([model.predict_proba(X[:, segment]) for segment in range(6)], axis=2)
    pooled = (model.attention(X) * of_segments).sum(axis=2)
    assert_agree(model.predict_proba(X), pooled)
    highest = make_model("2-max", max_epochs=3).fit(X, y)
    of_segments = np.stack([highest.predict_proba(X[:, segment]) for segment in range(6)], axis=2)
    assert_agree(highest.predict_proba(X), of_segments.max(axis=2))


@pytest.mark.parametrize(
    "changed",
    [
        {"architecture": "3-A"},
        {"architecture": "2-A-1-mean"},
        {"architecture": "2-max-1-A"},
        {"attention_activation": "softmax_label"},
        {"attention_activation": "softmax_time"},
        {"batch_norm": False},
    ],
    ids=str,
)
def test_every_parameter_of_the_net_reaches_it(events, changed):
    X, y = events
    settings = {"max_epochs": 2, "random_state": 0}
    before = make_model(**settings).fit(X, y).predict_proba(X)
    assert np.abs(make_model(**{**settings, **changed}).fit(X, y).predict_proba(X) - before).max() > 1e-3


def test_the_fitted_net_answers_whatever_parameters_are_set_afterwards(events):
    X, y = events
    model = make_model(max_epochs=2).fit(X, y)
    expected = model.predict_proba(X), model.attention(X, level=-2)
    model.set_params(architecture="1-A", attention_activation="sigmoid")
    np.testing.assert_array_equal(model.predict_proba(X), expected[0])
    np.testing.assert_array_equal(model.attention(X, level=-2), expected[1])


@pytest.mark.parametrize(
    "change", [{"architecture": "3-A"}, {"architecture": "2-A-1-max"}, {"batch_norm": False}], ids=str
)
def test_another_architecture_needs_a_new_start(events, change):
    model = make_model(max_epochs=1).fit(*events)
    with pytest.raises(ValueError, match="layers of other sizes"):
        model.set_params(**change).partial_fit(*events)
    assert model.n_iter_ == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"architecture": "2-B"}, "architecture='2-B'; pass numbers"),
        ({"architecture": "2-A-1"}, "architecture='2-A-1'; pass numbers"),
        ({"architecture": "0-A"}, "architecture='0-A'; pass numbers"),
    ],
    ids=str,
)
def test_architectures_that_cannot_be_read_are_named_before_training(events, parameters, message, monkeypatch):
    monkeypatch.setattr(MultiLevelAttentionClassifier, "_train", lambda *args, **kwargs: pytest.fail("trained"))
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(make_model(**parameters), method)(*events)


def test_searches_choose_the_architecture(rng):
    X, y, _ = make_events(rng, 200)
    search = GridSearchCV(make_model(), {"architecture": ["2-mean", "2-A"]}, scoring="f1_micro", cv=2).fit(X, y)
    assert search.best_params_ == {"architecture": "2-A"}


@pytest.mark.gpu
@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
@pytest.mark.parametrize(
    "settings", [{}, {"dropout": 0.3, "mixup": 0.4, "balanced": True, "averaged_epochs": 3}], ids=str
)
def test_gpu_ranks_as_well_as_the_cpu(rng, settings):
    X, y, place = make_events(rng, 400)
    ranked = {}
    for device in ("cpu", "cuda"):
        model = make_model(device=device, **settings).fit(X[:200].astype(np.float32), y[:200])
        model = pickle.loads(pickle.dumps(model))
        ranked[device] = mean_average_precision(y[200:], model.predict_proba(X[200:]))
        found, true = model.attention(X[200:]).argmax(axis=2), place[200:]
        assert np.mean((found == true)[true >= 0]) > 0.5
        assert model.partial_fit(X, y).n_iter_ == 13
    assert ranked["cpu"] > 0.85
    assert ranked["cuda"] == pytest.approx(ranked["cpu"], abs=0.08)


@pytest.mark.parametrize(
    "callback", [LRScheduler("StepLR", step_size=1), ("rate", LRScheduler())], ids=["alone", "named"]
)
def test_schedules_beside_the_cycle_are_refused(events, callback):
    with pytest.raises(ValueError, match="pass one_cycle=False"):
        MultiLevelAttentionClassifier("1-A", hidden_size=8, max_epochs=1, callbacks=[callback]).fit(*events)
    MultiLevelAttentionClassifier(
        "1-A", hidden_size=8, max_epochs=1, one_cycle=False, callbacks=[LRScheduler("StepLR", step_size=1)]
    ).fit(*events)
