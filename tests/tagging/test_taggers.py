"""What both taggers do alike."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from agreement import assert_agree
from joblib import Memory
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier, with_labels
from skzsl.metrics import mean_average_precision, multilabel_f1
from skzsl.model_selection import ThresholdTuner
from skzsl.preprocessing import Segmentwise, pad_segments

LABELS = ["siren", "rain", "dog", "wind"]


@pytest.fixture(params=[MultiLevelAttentionClassifier, GlobalLocalAttentionClassifier], ids=["multi", "global-local"])
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


def weights(model):
    return np.concatenate([values.detach().numpy().ravel() for values in model.module_.state_dict().values()])


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


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: pl.DataFrame({name: y[name].to_numpy() for name in y}),
        lambda y: y.astype(bool),
        lambda y: y.astype(float),
        lambda y: y.astype("Int64"),
        lambda y: y.set_axis(np.arange(len(y))[::-1], axis=0),
    ],
    ids=["polars", "bool", "float", "nullable", "another index"],
)
def test_every_kind_of_frame_trains_the_same_model(make_model, events, convert):
    X, y = events
    model, other = make_model().fit(X, y), make_model().fit(X, convert(y))
    assert other.classes_.tolist() == LABELS
    np.testing.assert_array_equal(other.decision_function(X), model.decision_function(X))
    assert other.score(X, convert(y)) == model.score(X, y)


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


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "decision_function", "tag", "with_labels"])
def test_labels_that_fit_has_not_met_are_refused(make_model, events, ask):
    model = make_model().fit(*events)
    with pytest.raises(ValueError, match=r"labels of fit only, not \['bell'\]"):
        model.with_labels(["rain", "bell"]) if ask == "with_labels" else getattr(model, ask)(
            events[0], labels=["bell", "dog"]
        )


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
    level, levelled = (make_model(max_epochs=2).fit(clips, y).predict_proba(clips) for clips in (X, X * units))
    np.testing.assert_allclose(levelled, level, atol=1e-3)
    plain = make_model(max_epochs=2, standardize=False).fit(X, y)
    assert not np.allclose(plain.predict_proba(X), level, atol=1e-3)
    stream = getattr(plain.module_, "local_stream", plain.module_)
    assert (stream.shift == 0).all()
    assert (stream.scale == 1).all()


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


@pytest.mark.parametrize("filling", [0.0, np.nan], ids=["zeros", "NaN"])
def test_absent_segments_change_neither_training_nor_scores(make_model, events, filling):
    X, y = events
    padded = np.concatenate([X, np.full((60, 3, 12), filling)], axis=1)
    model, other = make_model().fit(X, y), make_model().fit(padded, y)
    np.testing.assert_allclose(other.predict_proba(padded), model.predict_proba(X), atol=1e-4)
    assert_agree(model.predict_proba(padded), model.predict_proba(X))


def test_clips_of_unequal_length_score_as_they_do_alone(make_model, events):
    X, y = events
    clips = [clip[: 1 + number % 6] for number, clip in enumerate(X)]
    model = make_model().fit(pad_segments(clips), y)
    together = model.predict_proba(pad_segments(clips))
    for clip, scores in zip(clips[:6], together, strict=False):
        assert_agree(model.predict_proba(clip[None])[0], scores)
    flat, one = make_model().fit(X[:, 0], y), make_model().fit(X[:, :1], y)
    np.testing.assert_array_equal(flat.predict_proba(X[:, 0]), one.predict_proba(X[:, :1]))


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float64], ids=lambda kind: np.dtype(kind).name)
def test_narrow_wide_and_memory_mapped_clips_give_the_results_of_float32(make_model, events, dtype, tmp_path):
    X, y = events
    X = np.round(20 * X + 100).clip(1, 255).astype(dtype)
    expected = make_model().fit(X.astype(np.float32), y).predict_proba(X.astype(np.float32))
    np.save(tmp_path / "X.npy", X)
    for given in (X, np.load(tmp_path / "X.npy", mmap_mode="r")):
        np.testing.assert_array_equal(make_model().fit(given, y).predict_proba(given), expected)


def test_models_survive_cloning_pickling_and_joblib(make_model, events, tmp_path):
    X, y = events
    model = make_model(threshold={"dog": 0.3, None: 0.5}).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    twins = (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib"), clone(model).fit(X, y))
    expected, predicted = model.predict_proba(X), model.predict(X)
    model.partial_fit(X, y)
    for twin in twins:
        np.testing.assert_array_equal(twin.predict_proba(X), expected)
        np.testing.assert_array_equal(twin.predict(X), predicted)
        np.testing.assert_array_equal(weights(twin.partial_fit(X, y)), weights(model))


def test_pipelines_carry_segments_and_several_labels(make_model, events):
    X, y = events
    pipeline = make_pipeline(Segmentwise(StandardScaler()), make_model()).fit(X, y)
    scaled = make_model().fit(pipeline[0].transform(X), y)
    np.testing.assert_array_equal(pipeline.predict_proba(X), scaled.predict_proba(pipeline[0].transform(X)))
    view = with_labels(pipeline, ["wind", "siren"])
    np.testing.assert_array_equal(view.predict_proba(X), pipeline.predict_proba(X, labels=["wind", "siren"]))
    assert pipeline.score(X, y) == scaled.score(pipeline[0].transform(X), y)


def test_tags_are_the_best_labels_first(make_model, events):
    X, y = events
    model = make_model(threshold=0.4).fit(X, y)
    probabilities = model.predict_proba(X)
    for tags, row, predicted in zip(model.tag(X), probabilities, model.predict(X), strict=True):
        assert [name for name, _ in tags] == [LABELS[c] for c in np.argsort(-row) if predicted[c]]
    best = np.array(LABELS)[np.argsort(-probabilities, axis=1)[:, :2]]
    assert [[name for name, _ in tags] for tags in model.tag(X, top_k=2)] == best.tolist()
    assert all(
        tags == [("dog", pytest.approx(row[2]))]
        for tags, row in zip(model.tag(X, ["dog"], 9), probabilities, strict=True)
    )


def test_unfitted_models_say_so(make_model):
    for call in ("predict", "predict_proba", "decision_function", "tag", "with_labels"):
        with pytest.raises(NotFittedError):
            getattr(make_model(), call)(np.eye(2))
    assert not hasattr(make_model(), "module_")
