"""What every model promises about its scores, whatever it is: one contract beside scikit-learn's own."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from agreement import TRAINED, assert_agree
from models import BOTH_KINDS, CASES, MODELS, N_FEATURES, NAMES, NETS, candidates, data, fitted, new
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skzsl import with_labels
from skzsl.model_selection import UnknownRejector
from skzsl.preprocessing import Segmentwise, pad_segments

every_model = pytest.mark.parametrize(("name", "kind"), CASES)
of_one_label = pytest.mark.parametrize("name", [name for name, kind in CASES if kind == "one"])
of_several_labels = pytest.mark.parametrize("name", [name for name, kind in CASES if kind == "several"])


def scores_of(model, X, name):
    return model.decision_function(X, labels=candidates(name))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "tag", "attention", "windows"])
def test_unfitted_models_say_so(name, method):
    model, (X, _) = new(name), data("one")
    if hasattr(model, method):
        with pytest.raises(NotFittedError):
            getattr(model, method)(X)


@pytest.mark.parametrize("name", MODELS)
def test_unfitted_models_say_so_whatever_they_are_scored_on(name):
    for kind in ("one", "several"):
        with pytest.raises(NotFittedError):
            new(name).score(*data(kind))
    with pytest.raises(NotFittedError):
        new(name).with_labels(NAMES)
    assert not hasattr(new(name), "module_")


@every_model
def test_candidates_are_columns_in_the_order_given(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    labels = candidates(name)
    scores, probabilities = scores_of(model, X, name), model.predict_proba(X, labels=labels)
    assert scores.shape == probabilities.shape == (len(X), 3)
    assert_agree(model.decision_function(X, labels=labels[::-1]), scores[:, ::-1])
    assert_agree(model.predict_proba(X, labels=labels[::-1]), probabilities[:, ::-1])
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1
    predicted = model.predict(X, labels=labels)
    if kind == "several":
        assert predicted.shape == (len(X), 3)
        if name != "zero rule":  # of two labels that are as frequent it takes the first
            np.testing.assert_array_equal(model.predict(X, labels=labels[::-1]), predicted[:, ::-1])
    else:
        expected = np.array(labels)[scores.argmax(axis=1)]
        if isinstance(model, UnknownRejector):
            expected = np.where(scores.max(axis=1) > model.threshold_, expected, "unknown")
        np.testing.assert_array_equal(predicted, expected)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    known = model.decision_function(X, labels=NAMES)
    assert_agree(model.decision_function(X), known if kind == "several" else known[:, np.argsort(NAMES)])


@every_model
def test_tags_are_the_predicted_labels_best_first(name, kind):
    model, (X, _), labels = fitted(name, kind), data(kind), candidates(name)
    probabilities, predicted = model.predict_proba(X, labels=labels), model.predict(X, labels=labels)
    listed, best_two = model.tag(X, labels=labels), model.tag(X, labels=labels, top_k=2)
    for row, tags, two, marked in zip(probabilities, listed, best_two, predicted, strict=True):
        of = dict(zip(labels, row.tolist(), strict=True))
        assert [label for label, _ in two] == sorted(labels, key=of.get, reverse=True)[:2] or len({*row}) < 3
        assert all(of[label] == pytest.approx(share) for label, share in [*tags, *two])
        assert sorted(share for _, share in tags) == [share for _, share in tags][::-1]
        assert {(type(label), type(share)) for label, share in tags} <= {(str, float)}
        names = {labels[column] for column in np.flatnonzero(marked)} if kind == "several" else {marked}
        assert {label for label, _ in tags} == names - {"unknown"}


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[1] not in MODELS[case[0]].joint])
def test_one_candidates_score_does_not_depend_on_the_others(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    assert_agree(
        model.decision_function(X, labels=["dog"])[:, 0], scores_of(model, X, name)[:, candidates(name).index("dog")]
    )


@every_model
def test_clips_in_any_order_or_batch_have_the_same_scores(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    scores = scores_of(model, X, name)
    assert_agree(scores_of(model, X[::-1], name), scores[::-1])
    assert_agree(scores_of(model, X[5:9], name), scores[5:9])
    assert_agree(scores_of(model, X[[7]], name), scores[[7]])


@every_model
@pytest.mark.parametrize("filling", [0.0, np.nan], ids=["zeros", "NaN"])
def test_absent_segments_change_nothing(name, kind, filling):
    model, (X, y) = fitted(name, kind), data(kind)
    padded = np.pad(X, ((0, 0), (0, 3), (0, 0)), constant_values=filling)
    assert_agree(scores_of(model, padded, name), scores_of(model, X, name))
    assert_agree(scores_of(new(name).fit(padded, y), padded, name), scores_of(model, X, name), TRAINED)


@every_model
def test_clips_of_unequal_length_score_as_they_do_alone(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    clips = [clip[: 1 + number % 4] for number, clip in enumerate(X)]
    scores = scores_of(model, pad_segments(clips), name)
    for number in (0, 1, 2, 3):
        assert_agree(scores_of(model, clips[number][None], name), scores[[number]])


@every_model
def test_clip_vectors_are_clips_of_one_segment(name, kind):
    X, y = data(kind)
    # Nets draw weights for means and maxima, which are the same here, and other ones for clip vectors.
    alike = {"standardize": False} if name in {"contrastive, mlp", "contrastive, linear"} else {}
    flat, single = new(name, **alike).fit(X[:, 0], y), new(name, **alike).fit(X[:, :1], y)
    assert_agree(scores_of(flat, X[:, 0], name), scores_of(single, X[:, :1], name), TRAINED)
    assert flat.n_features_in_ == single.n_features_in_ == N_FEATURES
    for model in (single, new(name).fit(X[:, :1], y)):
        assert_agree(scores_of(model, X[:, 0], name), scores_of(model, X[:, :1], name))


@every_model
def test_views_answer_as_labels_do(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    labels = sorted(candidates(name))
    view = model.with_labels(labels)
    assert view.classes_.tolist() == labels
    assert model.with_labels(labels[::-1]).classes_.tolist() == (labels[::-1] if kind == "several" else labels)
    for method in ("predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(view, method)(X), getattr(model, method)(X, labels=labels))
    assert view.tag(X) == model.tag(X, labels=labels)
    assert sorted(model.classes_.tolist()) == sorted(NAMES)
    assert view.seen_classes_.tolist() == model.seen_classes_.tolist()
    two = model.with_labels(labels[:2]).decision_function(X)
    if kind == "one":
        of_two = model.decision_function(X, labels=labels[:2])
        assert_agree(two, of_two[:, 1] - of_two[:, 0])
    else:
        assert two.shape == (len(X), 2)


@pytest.mark.parametrize(
    ("name", "kind"), [case for case in CASES if not MODELS[case[0]].unseen and case[0] != "zero rule"]
)
def test_models_of_fixed_labels_refuse_others_at_once(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    for ask in (model.with_labels, lambda labels: model.predict(X, labels=labels)):
        with pytest.raises(ValueError, match=r"knows the labels of fit only, not \['siren'\]"):
            ask(["dog", "siren"])


@every_model
@pytest.mark.parametrize("keep", ["pickle", "joblib", "clone"])
def test_kept_models_answer_alike(name, kind, keep, tmp_path):
    model, (X, y) = fitted(name, kind), data(kind)
    if keep == "pickle":
        same = pickle.loads(pickle.dumps(model))
    elif keep == "joblib":
        joblib.dump(model, tmp_path / "model.joblib")
        same = joblib.load(tmp_path / "model.joblib")
    else:
        same = clone(model).fit(X, y)
    np.testing.assert_array_equal(scores_of(same, X, name), scores_of(model, X, name))
    np.testing.assert_array_equal(same.predict(X), model.predict(X))


@every_model
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float64], ids=lambda dtype: np.dtype(dtype).name)
def test_narrow_and_wide_clips_give_the_results_of_float32(name, kind, dtype, tmp_path):
    X, y = data(kind)
    X = np.round(20 * X).clip(1, 255).astype(dtype)
    # Adam makes whole steps of the rounding of a gradient that is zero, as that of a bias before batch norm is.
    steady = {"optimizer": "SGD"} if name == "contrastive, mlp" else {}
    expected = scores_of(new(name, **steady).fit(X.astype(np.float32), y), X.astype(np.float32), name)
    of_kind = scores_of(new(name, **steady).fit(X, y), X, name)
    assert_agree(of_kind, expected, TRAINED)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(scores_of(new(name, **steady).fit(mapped, y), mapped, name), of_kind)


FRAMES = {
    "polars": lambda y: pl.DataFrame(y.to_dict("list")),
    "bool": lambda y: y.astype(bool),
    "float": lambda y: y.astype(float),
    "nullable": lambda y: y.astype("Int64"),
    "objects": lambda y: y.astype(object),
    "another index": lambda y: y.set_axis(np.arange(len(y))[::-1], axis=0),
}


@of_several_labels
@pytest.mark.parametrize("change", FRAMES.values(), ids=FRAMES)
def test_every_kind_of_frame_trains_the_same_model(name, change):
    model, (X, y) = fitted(name, "several"), data("several")
    other = new(name).fit(X, change(y))
    assert other.classes_.tolist() == model.classes_.tolist() == NAMES
    np.testing.assert_array_equal(scores_of(other, X, name), scores_of(model, X, name))
    assert model.predict(X).dtype == np.uint8
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


SERIES = {
    "list": list,
    "pandas": pd.Series,
    "categories": pd.Categorical,
    "polars": pl.Series,
    "objects": lambda y: y.astype(object),
}


@of_one_label
@pytest.mark.parametrize("change", SERIES.values(), ids=SERIES)
def test_every_kind_of_list_trains_the_same_model(name, change):
    model, (X, y) = fitted(name, "one"), data("one")
    other = new(name).fit(X, change(y))
    assert other.classes_.tolist() == model.classes_.tolist() == sorted(NAMES)
    np.testing.assert_array_equal(scores_of(other, X, name), scores_of(model, X, name))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("name", "kind"), [case for case in CASES if "label_texts" in MODELS[case[0]].estimator.get_params(deep=False)]
)
def test_numbers_are_labels_through_their_texts(name, kind):
    model, (X, y) = fitted(name, kind), data(kind)
    order = NAMES if kind == "several" else sorted(NAMES)
    texts = dict(enumerate(order))
    numbers = y.set_axis(range(4), axis=1) if kind == "several" else np.searchsorted(order, y)
    coded = new(name, label_texts=texts).fit(X, numbers)
    np.testing.assert_array_equal(coded.decision_function(X), model.decision_function(X))
    assert coded.classes_.tolist() == [0, 1, 2, 3]
    if kind == "several":
        named = new(name, label_texts=order).fit(X, y.to_numpy())
        np.testing.assert_array_equal(named.decision_function(X), model.decision_function(X))
        assert named.classes_.tolist() == order
    else:
        assert coded.predict(X).dtype == numbers.dtype


@pytest.mark.parametrize(
    "name", [name for name in BOTH_KINDS if MODELS[name].unseen and name not in {"convex", "ridge, cross-validated"}]
)
def test_one_label_a_clip_learns_the_same_as_text_and_as_an_indicator(name):
    model, (X, y) = fitted(name, "one"), data("one")
    frame = pd.get_dummies(pd.Series(y))
    other = new(name).fit(X, frame)
    assert_agree(other.decision_function(X), model.decision_function(X))
    assert getattr(other, "history_", None) == getattr(model, "history_", None)
    assert other.predict(X).shape == frame.shape


@pytest.mark.parametrize(("name", "kind"), NETS)
def test_large_inputs_are_scored_in_parts_that_change_nothing(name, kind, monkeypatch):
    model, (X, _) = fitted(name, kind), data(kind)
    asked = [method for method in ("decision_function", "attention") if hasattr(model, method)]
    whole = [getattr(model, method)(X) for method in asked]
    monkeypatch.setattr("skzsl.nets.inference._BATCH_BYTES", 300)
    for method, expected in zip(asked, whole, strict=True):
        assert_agree(getattr(model, method)(X), expected)


@of_several_labels
def test_labels_without_a_positive_clip_are_unseen(name):
    model, (X, y) = fitted(name, "several"), data("several")
    labels = ["bell", *NAMES]
    other = new(name).fit(X, y.assign(bell=0)[labels])
    assert other.classes_.tolist() == labels
    assert other.seen_classes_.tolist() == NAMES
    if MODELS[name].unseen:
        assert_agree(other.decision_function(X), model.decision_function(X, labels=labels))


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if not case[0].startswith("tuned")])
def test_score_is_the_share_of_clips_that_are_right(name, kind):
    model, (X, y) = fitted(name, kind), data(kind)
    weights = np.arange(len(X))
    assert model.score(X, y) == accuracy_score(y, model.predict(X))
    assert model.score(X, y, sample_weight=weights) == accuracy_score(y, model.predict(X), sample_weight=weights)


@every_model
def test_pipelines_carry_segments_and_pass_labels_on(name, kind):
    X, y = data(kind)
    pipeline = make_pipeline(Segmentwise(MinMaxScaler(clip=True)), new(name)).fit(X, y)
    scaled = pipeline[0].transform(X)
    np.testing.assert_array_equal(pipeline.predict(X), new(name).fit(scaled, y).predict(scaled))
    labels = sorted(candidates(name))
    view = with_labels(pipeline, labels)
    assert view.classes_.tolist() == labels
    for method in ("predict", "predict_proba"):
        np.testing.assert_array_equal(getattr(view, method)(X), getattr(pipeline, method)(X, labels=labels))


@pytest.mark.parametrize("name", MODELS)
def test_two_processes_predict_what_one_does(name):
    X, y = data(MODELS[name].kinds[0])
    every = np.arange(len(X))
    folds = [(every, every[::2]), (every, every[1::2])]
    alone, both = (cross_val_predict(new(name), X, y, cv=folds, n_jobs=n_jobs) for n_jobs in (None, 2))
    np.testing.assert_array_equal(both, alone)
