"""What both taggers do alike."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from scaled import scaling
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier, with_labels
from skzsl.metrics import mean_average_precision, multilabel_f1
from skzsl.model_selection import ThresholdTuner

LABELS = ["siren", "rain", "dog", "wind"]


@pytest.fixture(
    params=[MultiLevelAttentionClassifier, partial(GlobalLocalAttentionClassifier, None)], ids=["multi", "global-local"]
)
def make_model(request):
    def make(**parameters):
        defaults = {"hidden_size": 8, "max_epochs": 2, "lr": 0.01, "dropout": 0.0, "batch_size": 32}
        return request.param(**{**defaults, "random_state": 0, "device": "cpu", **parameters})

    return make


def make_events(rng, n_clips, n_segments=6):
    """Clips of noise with 0 to 3 events, each a direction of its label in one segment, and their indicator."""
    direction = rng.normal(size=(4, 12))
    X, y = 0.5 * rng.normal(size=(n_clips, n_segments, 12)), np.zeros((n_clips, 4), dtype=np.uint8)
    for clip in range(n_clips):
        n_events = rng.integers(0, 4)
        chosen = rng.choice(4, n_events, replace=False)
        X[clip, rng.choice(n_segments, n_events, replace=False)] += direction[chosen]
        y[clip, chosen] = 1
    return X, pd.DataFrame(y, columns=LABELS)


@pytest.fixture
def events(rng):
    return make_events(rng, 60)


@pytest.fixture
def single(rng):
    """Clips of one event each, and its label."""
    direction, labels = rng.normal(size=(4, 12)), rng.integers(0, 4, 60)
    X = 0.3 * rng.normal(size=(60, 6, 12))
    X[np.arange(60), rng.integers(0, 6, 60)] += 2 * direction[labels]
    return X, np.array(LABELS)[labels]


def test_events_are_tagged(make_model, rng):
    X, y = make_events(rng, 400)
    model = make_model(hidden_size=16, lr=0.02, max_epochs=12).fit(X[:200], y[:200])
    probabilities = model.predict_proba(X[200:])
    assert mean_average_precision(y[200:], probabilities) > 0.85 > mean_average_precision(y[200:], 0 * probabilities)
    np.testing.assert_array_equal(model.decision_function(X), model.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X[200:]), probabilities > 0.5)
    assert model.score(X, y) == np.mean((model.predict(X) == y).all(axis=1)) > 0.4
    assert multilabel_f1(y[200:], model.predict(X[200:])) > 0.7


def test_one_label_a_clip_is_learnt_and_has_probabilities_that_sum_to_one(make_model, single):
    X, y = single
    model = make_model(max_epochs=30, lr=0.03).fit(X, y)
    assert model.classes_.tolist() == model.seen_classes_.tolist() == sorted(LABELS)
    assert model.score(X, y) == np.mean(model.predict(X) == y) > 0.9
    for labels in (None, ["wind", "dog"], ["rain"]):
        np.testing.assert_allclose(model.predict_proba(X, labels=labels).sum(axis=1), 1, rtol=1e-5)
    every = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict(X), model.classes_[every.argmax(axis=1)])
    pair = every[:, [3, 0]] / every[:, [3, 0]].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X, labels=["wind", "dog"]), pair, rtol=1e-4)
    numbers = make_model(max_epochs=30, lr=0.03).fit(X, np.searchsorted(model.classes_, y))
    np.testing.assert_array_equal(numbers.predict(X), np.searchsorted(model.classes_, model.predict(X)))


def test_probabilities_of_clips_far_louder_than_those_of_fit_are_numbers(make_model, single, events):
    for X, y in (single, events):
        model = make_model().fit(X, y)
        for labels in (None, ["dog", "wind"], ["rain", "siren"]):
            assert np.isfinite(model.predict_proba(1e5 * X, labels=labels)).all()


@pytest.mark.parametrize("kind", [np.uint8, bool, np.float32, np.int64, list], ids=lambda kind: kind.__name__)
def test_labels_of_arrays_are_the_numbers_of_their_columns(make_model, events, kind):
    X, y = events
    values = y.to_numpy().tolist() if kind is list else y.to_numpy().astype(kind)
    model = make_model().fit(X, values)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert model.predict(X).dtype == (np.int64 if kind is list else kind)
    np.testing.assert_array_equal(model.predict_proba(X), make_model().fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(model.predict_proba(X, labels=[2, 0]), model.predict_proba(X)[:, [2, 0]])
    assert model.partial_fit(X, values).n_iter_ == 3


def test_some_of_the_labels_are_columns_in_the_order_asked_for(make_model, events):
    X, y = events
    model, some = make_model(threshold=[0.2, 0.3, 0.4, 0.5]).fit(X, y), ["wind", "siren"]
    view, every = model.with_labels(some), model.predict_proba(X)
    for scores in (
        model.predict_proba(X, labels=some),
        view.predict_proba(X),
        with_labels(model, some).predict_proba(X),
    ):
        np.testing.assert_array_equal(scores, every[:, [3, 0]])
    for predicted in (model.predict(X, labels=some), view.predict(X)):
        np.testing.assert_array_equal(predicted, every[:, [3, 0]] > [0.5, 0.2])
    assert view.classes_.tolist() == some
    assert view.score(X, y[some]) == model.score(X, y[some]) == np.mean((view.predict(X) == y[some]).all(axis=1))
    assert model.score(X, y[LABELS[::-1]]) == model.score(X, y)


def test_thresholds_act_after_training_label_by_label(make_model, events):
    X, y = events
    model = make_model().fit(X, y)
    scores = model.predict_proba(X)
    cut = np.median(scores, axis=0)
    given = [(float(cut[0]), cut[0]), (cut, cut), (dict(zip(LABELS[::-1], cut[::-1], strict=True)), cut)]
    for threshold, expected in [*given, ({"dog": float(cut[2]), None: 0.9}, [0.9, 0.9, cut[2], 0.9])]:
        predicted = model.set_params(threshold=threshold).predict(X)
        np.testing.assert_array_equal(predicted, scores > np.asarray(expected, dtype=float))
        assert 0 < predicted.sum() < predicted.size
        np.testing.assert_array_equal(make_model(threshold=threshold).fit(X, y).predict(X), predicted)
    with pytest.raises(ValueError, match="one for each of the 4 labels"):
        make_model(threshold=cut[:3]).fit(X, y)


@pytest.mark.parametrize("strategy", ["global", "per_label"])
def test_tuned_thresholds_are_better_on_held_out_clips(make_model, events, strategy):
    X, y = events
    tuner = ThresholdTuner(make_model(), strategy=strategy, cv=3).fit(X, y)
    of_labels = tuner.threshold_ if strategy == "per_label" else dict.fromkeys(LABELS, tuner.threshold_)
    expected = tuner.decision_function(X) > [of_labels[label] for label in LABELS]
    np.testing.assert_array_equal(tuner.predict(X), expected)
    assert multilabel_f1(y, tuner.predict(X)) > multilabel_f1(y, make_model().fit(X, y).predict(X))


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline], ids=["model", "pipeline"])
def test_tuners_hold_out_clips_of_taggers_unless_told_otherwise(make_model, events, wrap):
    X, y = events
    tuned, as_told = (ThresholdTuner(wrap(make_model(max_epochs=2)), cv=cv).fit(X, y) for cv in (None, 3))
    assert tuned.threshold_ == as_told.threshold_
    assert tuned.best_score_ == as_told.best_score_


def test_features_are_levelled_unless_told_otherwise(make_model, events):
    X, y = events
    units = 10.0 ** np.linspace(-3, 3, X.shape[2])
    moved = 1e-3 * (X + units)
    level, levelled = (make_model(max_epochs=2).fit(clips, y).predict_proba(clips) for clips in (X, moved))
    np.testing.assert_allclose(levelled, level, atol=1e-3)
    shift, weight = scaling(X * units)
    before = (X * units - shift) * weight
    inside = make_model(max_epochs=2).fit(X * units, y).predict_proba(X * units)
    plain = make_model(max_epochs=2, standardize=False).fit(before, y)
    np.testing.assert_allclose(inside, plain.predict_proba(before), atol=1e-3)
    plain = make_model(max_epochs=2, standardize=False).fit(X, y)
    assert not np.allclose(plain.predict_proba(X), level, atol=1e-3)
    stream = getattr(plain.module_, "local_stream", plain.module_)
    assert (stream.shift == 0).all()
    assert (stream.weight == 1).all()


def test_searches_over_thresholds_in_two_processes_train_once_a_fold(make_model, events, tmp_path):
    X, y = events
    grid = {"threshold": [0.2, 0.4, {"dog": 0.3, None: 0.5}]}
    settings = {"scoring": "f1_micro", "cv": 2}
    remembering = make_model(memory=Memory(tmp_path, verbose=0))
    search = GridSearchCV(remembering, grid, n_jobs=2, **settings).fit(X, y)
    assert len(list(tmp_path.rglob("output.pkl"))) == 3
    plain = GridSearchCV(make_model(), grid, **settings).fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(search.predict(X), plain.predict(X))
    assert len(set(plain.cv_results_["mean_test_score"])) > 1
