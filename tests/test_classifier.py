"""Scores into labels, probabilities, tags and accuracy, of models with several labels a clip."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, get_scorer

from skzsl import ZeroShotTemporalAttention, indicator_frame, with_labels
from skzsl._thresholds import label_thresholds
from skzsl.exceptions import CandidateWarning
from skzsl.text import HashingEncoder

NAMES = ["rain", "dog", "wind", "cat"]


def make_model(**parameters):
    defaults = {"audio_sizes": (8,), "text_sizes": (12, 8), "max_epochs": 3, "lr": 0.01, "random_state": 0}
    return ZeroShotTemporalAttention(HashingEncoder(16), device="cpu", **{**defaults, **parameters})


@pytest.fixture
def clips(rng):
    """Thirty clips of four segments and an indicator whose last label has no positive clip."""
    values = (rng.random((30, 4)) < 0.4).astype(np.uint8)
    values[:, 3] = 0
    return rng.normal(size=(30, 4, 6)), pd.DataFrame(values, columns=NAMES)


@pytest.fixture
def model(clips):
    model = make_model().fit(*clips)
    return model.set_params(threshold=float(np.median(model.decision_function(clips[0]))))


def test_labels_are_predicted_strictly_above_the_threshold(model, clips):
    X, _ = clips
    scores = model.decision_function(X)
    np.testing.assert_array_equal(model.predict(X), (scores > model.threshold).astype(np.uint8))
    at = float(scores[0, 1])
    model.set_params(threshold=at)
    assert model.predict(X)[0, 1] == 0
    model.set_params(threshold=float(np.nextafter(scores[0, 1], np.float32(-np.inf))))
    assert model.predict(X)[0, 1] == 1


@pytest.mark.parametrize("temperature", [1.0, 0.01, 50.0])
def test_labels_are_predicted_where_their_probability_is_over_one_half(model, clips, temperature):
    X, _ = clips
    model.set_params(temperature=temperature)
    np.testing.assert_array_equal(model.predict_proba(X) > 0.5, model.predict(X) == 1)


def test_a_score_a_hair_over_the_threshold_has_a_probability_over_one_half(model, clips):
    X, _ = clips
    score = model.decision_function(X)[0, 1]
    for threshold in (score, np.nextafter(score, np.float32(-np.inf)), score - 1e-8):
        model.set_params(threshold=float(threshold))
        assert (model.predict_proba(X)[0, 1] > 0.5) == (model.predict(X)[0, 1] == 1)


def test_probabilities_are_logistic_in_the_distance_from_the_threshold(model, clips):
    X, _ = clips
    model.set_params(temperature=0.3, threshold={"dog": 0.2, None: 0.1})
    distance = model.decision_function(X) - np.array([0.1, 0.2, 0.1, 0.1])
    np.testing.assert_allclose(model.predict_proba(X), 1 / (1 + np.exp(-distance / 0.3)), rtol=1e-4)
    with pytest.raises(ValueError, match="temperature=0"):
        model.set_params(temperature=0).predict_proba(X)


@pytest.mark.parametrize("kind", [np.array, list, tuple, lambda values: np.array(values, np.float32)])
def test_an_array_has_a_threshold_for_each_label_of_fit(model, clips, kind):
    X, _ = clips
    model.set_params(threshold=kind([-100.0, 100.0, -100.0, 100.0]))
    assert model.predict(X[:1]).tolist() == [[1, 0, 1, 0]]
    assert model.predict(X[:1], labels=["dog", "wind"]).tolist() == [[0, 1]]
    assert model.with_labels(["cat", "rain"]).predict(X[:1]).tolist() == [[0, 1]]
    with pytest.raises(ValueError, match=r"no entry for \['siren'\]"):
        model.predict(X, labels=["dog", "siren"])


def test_a_dict_goes_by_label_and_its_key_none_stands_for_the_rest(model, clips):
    X, _ = clips
    model.set_params(threshold={"dog": 100.0, "siren": -100.0, None: -100.0})
    assert model.predict(X[:1]).tolist() == [[1, 0, 1, 1]]
    assert model.predict(X[:1], labels=["siren", "dog", "never met"]).tolist() == [[1, 0, 1]]
    model.set_params(threshold={"dog": 100.0, "siren": -100.0})
    assert model.predict(X[:1], labels=["siren", "dog"]).tolist() == [[1, 0]]
    with pytest.raises(ValueError, match=r"no entry for \['rain', 'wind', 'cat'\].*key None"):
        model.predict(X)


def test_thresholds_in_a_series_go_by_label_too(model, clips):
    X, _ = clips
    model.set_params(threshold=pd.Series({"cat": 100.0, "wind": -100.0, "dog": 100.0, "rain": -100.0}))
    assert model.predict(X[:1]).tolist() == [[1, 0, 1, 0]]


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (float("nan"), "no number"),
        ([0.0, 1.0, float("nan"), 0.0], "no number"),
        ({None: "high"}, "no number"),
        (["1", "2", "3", "4"], "no number"),
        ([1.0, 2.0], r"shape \(2,\); pass a number, one for each of the 4 labels"),
        (np.ones((4, 1)), r"shape \(4, 1\)"),
        ([], r"shape \(0,\)"),
        (None, "pass a number"),
        ("high", "pass a number"),
        ({}, "no entry for"),
    ],
    ids=["nan", "nan in list", "text in dict", "texts", "two", "2-D", "empty", "None", "text", "empty dict"],
)
def test_wrong_thresholds_are_named(threshold, message):
    with pytest.raises(ValueError, match=message):
        label_thresholds(threshold, np.array(NAMES), np.array(NAMES))


@pytest.mark.parametrize("threshold", [1, True, np.float32(1), np.int64(1), float("inf")], ids=repr)
def test_one_number_of_any_type_serves_all_labels(threshold):
    assert label_thresholds(threshold, np.array(NAMES), np.array(NAMES)).tolist() == [float(threshold)]


@pytest.mark.parametrize("kind", [np.uint8, bool, np.int64, np.float32, np.int32], ids=lambda kind: np.dtype(kind).name)
def test_predictions_have_the_type_of_y(clips, kind):
    X, y = clips
    predicted = make_model(threshold=0.0).fit(X, y.astype(kind)).predict(X)
    assert predicted.dtype == kind
    np.testing.assert_array_equal(predicted, make_model(threshold=0.0).fit(X, y).predict(X))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "leaves no label"),
        (["a", "a"], "duplicates"),
        ("dog", "is one label"),
        ({"a", "b"}, "has no order"),
        (["a", None], "None"),
        (["a", " "], "empty label"),
    ],
    ids=["none", "twice", "text", "set", "missing", "blank"],
)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "tag", "attention"])
def test_wrong_candidates_are_named_by_every_method(model, clips, labels, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(clips[0], labels=labels)


def test_two_labels_keep_two_columns(model, clips):
    X, y = clips
    view = model.with_labels(["wind", "dog"])
    assert view.decision_function(X).shape == view.predict_proba(X).shape == view.predict(X).shape == (30, 2)
    two = make_model().fit(X, y[["rain", "dog"]])
    assert two.decision_function(X).shape == two.predict_proba(X).shape == (30, 2)


def test_one_candidate_is_one_column(model, clips):
    X, _ = clips
    for labels in (["dog"], ["never met"]):
        for method in ("predict", "predict_proba", "decision_function"):
            assert getattr(model, method)(X, labels=labels).shape == (30, 1)
    assert model.with_labels(["dog"]).predict(X).shape == (30, 1)


def test_the_best_few_tags_are_listed_whether_predicted_or_not(model, clips):
    X, _ = clips
    model.set_params(threshold=1000.0, temperature=1000.0)
    scores = model.decision_function(X, labels=["siren", *NAMES])
    for n_best, length in ((1, 1), (2, 2), (9, 5)):
        for tags, row in zip(model.tag(X, labels=["siren", *NAMES], top_k=n_best), scores, strict=True):
            order = np.argsort(-row, kind="stable")[:length]
            assert [label for label, _ in tags] == [["siren", *NAMES][column] for column in order]
    for bad in (0, -1):
        with pytest.raises(ValueError, match=f"top_k == {bad}"):
            model.tag(X, top_k=bad)
    with pytest.raises(TypeError, match="top_k"):
        model.tag(X, top_k=1.5)


def test_tied_tags_come_in_the_order_of_the_candidates(clips):
    X, y = clips
    texts = {"first": "same words", "second": "words same"}
    model = make_model(threshold=-1000.0, label_texts=texts).fit(X, y)
    for labels in (["first", "second"], ["second", "first"]):
        assert [label for label, _ in model.tag(X[:1], labels=labels)[0]] == labels


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_accuracy_matches_the_columns_of_frames_by_name(model, clips, frame):
    X, y = clips
    expected = accuracy_score(y, model.predict(X))
    assert 0 < expected < 1
    shuffled = ["wind", "cat", "rain", "dog"]
    assert model.score(X, frame({name: y[name].to_numpy() for name in shuffled})) == expected
    assert model.score(X, frame({name: y[name].to_numpy() for name in shuffled}), labels=NAMES) == expected
    assert model.score(X, y.to_numpy()) == model.score(X, y.to_numpy().tolist()) == expected


def test_the_columns_of_a_frame_are_the_candidates_of_accuracy(model, clips):
    X, y = clips
    for columns in (["dog"], ["cat"], ["wind", "rain"]):
        expected = np.mean((model.predict(X, labels=columns) == y[columns]).all(axis=1))
        assert model.score(X, y[columns]) == model.score(X, y, labels=columns) == expected
    unseen = y[["rain"]].rename(columns={"rain": "never met"})
    assert model.score(X, unseen) == np.mean(model.predict(X, labels=["never met"]) == unseen.to_numpy())


def test_labels_without_a_column_are_absent(model, clips):
    X, y = clips
    expected = np.mean((model.predict(X, labels=["dog", "siren"]) == y.assign(siren=0)[["dog", "siren"]]).all(axis=1))
    assert model.score(X, y[["dog"]], labels=["dog", "siren"]) == expected


def test_accuracy_takes_weights_and_names_of_array_columns(model, clips):
    X, y = clips
    weights = np.arange(30)
    assert model.score(X, y, weights) == accuracy_score(y, model.predict(X), sample_weight=weights)
    assert model.score(X, y[["wind", "dog"]].to_numpy(), labels=["wind", "dog"]) == model.score(X, y[["dog", "wind"]])


@pytest.mark.parametrize("frame", [False, True])
def test_one_array_column_is_scored_like_one_frame_column(model, clips, frame):
    X, y = clips
    column = y[["rain"]] if frame else y[["rain"]].to_numpy()
    assert model.score(X, column, labels=["rain"]) == np.mean(model.predict(X, labels=["rain"]) == y[["rain"]])


def test_accuracy_refuses_y_of_another_kind_or_width(model, clips):
    X, y = clips
    with pytest.raises(ValueError, match="fitted on several labels a clip; pass y as an indicator"):
        model.score(X, ["rain"] * 30)
    with pytest.raises(ValueError, match=r"4 labels for the 2 columns"):
        model.score(X, y.to_numpy()[:, :2])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X, y[:7])


def test_views_keep_the_order_given(model, clips):
    X, y = clips
    view = model.with_labels(["wind", "never met", "rain"])
    assert view.classes_.tolist() == ["wind", "never met", "rain"]
    np.testing.assert_array_equal(
        view.decision_function(X), model.decision_function(X, labels=["wind", "never met", "rain"])
    )
    np.testing.assert_array_equal(with_labels(model, NAMES[::-1]).predict(X), model.predict(X)[:, ::-1])
    assert model.with_labels(["wind", "dog"]).score(X, y[["wind", "dog"]].to_numpy()) == model.score(
        X, y[["dog", "wind"]]
    )
    assert model.classes_.tolist() == NAMES


@pytest.mark.parametrize("scoring", ["f1_micro", "f1_macro", "accuracy", "roc_auc", "average_precision"])
@pytest.mark.parametrize("labels", [["rain", "dog", "wind"], ["wind", "rain"]], ids=["three", "two"])
def test_scorers_of_scikit_learn_see_the_columns_of_y(model, clips, scoring, labels, request):
    if (scoring, len(labels)) == ("average_precision", 2):
        reason = "scikit-learn takes two names for the classes of a binary problem and asks for the class 1"
        request.applymarker(pytest.mark.xfail(reason=reason, raises=ValueError))
    X, y = clips
    scorer = get_scorer(scoring)
    continuous = scoring in {"roc_auc", "average_precision"}
    given = model.decision_function(X, labels=labels) if continuous else model.predict(X, labels=labels)
    settings = {"zero_division": 0} if scoring.startswith("f1") else {}
    expected = scorer._score_func(y[labels], given, **scorer._kwargs, **settings)
    assert scorer(with_labels(model, labels), X, y[labels]) == pytest.approx(expected)


def test_seen_labels_pay_the_penalty(model, clips):
    X, _ = clips
    labels = ["never met", *NAMES]
    before = model.decision_function(X, labels=labels)
    after = model.set_params(seen_penalty=0.25).decision_function(X, labels=labels)
    np.testing.assert_allclose(before - after, np.tile([0, 0.25, 0.25, 0.25, 0], (30, 1)), atol=1e-6)


@pytest.mark.parametrize("name", ["alpha", "seen_penalty"])
@pytest.mark.parametrize("value", [float("nan"), "high"], ids=str)
def test_parameters_that_act_after_training_are_checked_where_they_act(model, clips, name, value):
    with pytest.raises((ValueError, TypeError), match=name):
        model.set_params(**{name: value}).predict(clips[0])


def test_shares_of_attention_outside_their_range_are_refused_where_they_act(model, clips):
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(alpha=2.0).predict(clips[0])


def test_views_are_scored_on_their_own_candidates(rng):
    X, y = rng.normal(size=(30, 4)), indicator_frame([["rain"], ["dog", "rain"], ["wind"]] * 10)
    model = ZeroShotTemporalAttention(HashingEncoder(), threshold=0.0, random_state=0).fit(X, y)
    with pytest.warns(CandidateWarning, match="'wind'"):
        expected = model.score(X, y, labels=["dog", "rain"])
    with pytest.warns(CandidateWarning, match="left out"):
        assert model.with_labels(["dog", "rain"]).score(X, y) == expected
    with pytest.raises(ValueError, match="indicator_frame"):
        model.score(X, [["rain"], ["dog", "rain"], ["wind"]] * 10)
