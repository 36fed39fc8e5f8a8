import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from sklearn.exceptions import NotFittedError
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import (
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroShotBilinear,
    ZeroShotConvex,
    ZeroShotNearest,
    ZeroShotTemporalAttention,
    indicator_frame,
    with_labels,
)
from skzsl.inspection import ConfusionSimilarityDisplay, label_report, nearest_labels
from skzsl.metrics import per_label_accuracy
from skzsl.model_selection import ThresholdTuner
from skzsl.text import HashingEncoder, LookupEncoder

mpl.use("agg")

TABLE = {"low": [1.0, 0.0, 0.0], "deep": [0.9, 0.1, 0.0], "high": [0.0, 1.0, 0.0], "shrill": [0.0, 0.8, 0.3]}


@pytest.fixture
def clips(rng):
    y = np.repeat(list(TABLE), [8, 6, 7, 5])
    return np.array([TABLE[label] for label in y]) + 0.3 * rng.normal(size=(len(y), 3)), y


@pytest.fixture
def model(clips):
    X, y = clips
    seen = np.isin(y, ["low", "high"])
    return make_pipeline(StandardScaler(), ZeroShotBilinear(LookupEncoder(TABLE), random_state=0)).fit(X[seen], y[seen])


def cosine(one, other):
    a, b = np.array(TABLE[one]), np.array(TABLE[other])
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_nearest_labels_are_those_of_fit_by_cosine(model):
    table = nearest_labels(model, ["shrill", "deep"], n_nearest=2)
    assert table["label"].tolist() == ["shrill", "shrill", "deep", "deep"]
    assert table["seen label"].tolist() == ["high", "low", "low", "high"]
    expected = [cosine(*row) for row in table[["label", "seen label"]].to_numpy()]
    np.testing.assert_allclose(table["similarity"], expected, atol=1e-12)
    assert nearest_labels(model, ["low"])["seen label"].tolist() == ["high"]  # not itself, and no more than there are
    with pytest.raises(ValueError, match="n_nearest=0"):
        nearest_labels(model, ["deep"], n_nearest=0)


def test_report_of_single_labels(model, clips):
    X, y = clips
    view = with_labels(model, list(TABLE))
    report = label_report(view, X, y)
    predicted = view.predict(X)
    assert sorted(report["label"]) == sorted(TABLE)
    assert report["accuracy"].is_monotonic_increasing
    for row in report.to_dict("records"):
        mine = y == row["label"]
        assert row["support"] == mine.sum()
        assert row["seen"] == (row["label"] in {"low", "high"})
        assert row["accuracy"] == pytest.approx(np.mean(predicted[mine] == row["label"]), abs=1e-12)
        others = predicted[mine & (predicted != row["label"])]
        if len(others):
            names, counts = np.unique(others, return_counts=True)
            assert counts[names.tolist().index(row["taken for"])] == counts.max()
        else:
            assert row["taken for"] == ""
        assert row["nearest seen"] in {"low", "high"} - {row["label"]}
        assert row["similarity"] == pytest.approx(cosine(row["label"], row["nearest seen"]), abs=1e-12)


def test_candidates_without_a_clip_are_left_out_and_others_refused(model, clips):
    X, y = clips
    unseen = np.isin(y, ["deep"])
    assert label_report(with_labels(model, ["deep", "shrill"]), X[unseen], y[unseen])["label"].tolist() == ["deep"]
    with pytest.raises(ValueError, match=r"\['deep', 'shrill'\] of y are not among the candidates"):
        label_report(model, X, y)


def test_report_of_several_labels_a_clip(clips):
    X, y = clips
    frame = indicator_frame([[label] if row % 4 else [label, "high"] for row, label in enumerate(y)])
    model = ZeroShotTemporalAttention(LookupEncoder(TABLE), max_epochs=2, random_state=0).fit(X, frame)
    report = label_report(model, X, frame)
    scores = dict(zip(model.classes_, model.decision_function(X).T, strict=True))
    for row in report.to_dict("records"):
        truth = frame[row["label"]]
        assert row["support"] == truth.sum()
        assert row["average precision"] == pytest.approx(average_precision_score(truth, scores[row["label"]]), abs=1e-8)
        assert row["AUC"] == pytest.approx(roc_auc_score(truth, scores[row["label"]]), abs=1e-8)
    assert report["average precision"].is_monotonic_increasing


def test_confusions_against_the_similarity_of_texts(model, clips):
    X, y = clips
    view = with_labels(model, list(TABLE))
    display = ConfusionSimilarityDisplay.from_estimator(view, X, y)
    predicted = view.predict(X)
    assert len(display.pairs) == 12
    for (true, other), similarity, confusion in zip(display.pairs, display.similarity, display.confusion, strict=True):
        assert similarity == pytest.approx(cosine(true, other), abs=1e-12)
        assert confusion == pytest.approx(np.mean(predicted[y == true] == other), abs=1e-12)
    np.testing.assert_array_equal(display.points_.get_offsets(), np.c_[display.similarity, display.confusion])
    worst = display.pairs[int(np.argmax(display.confusion))]
    assert display.names_[0].get_text() == " as ".join(worst)
    assert display.mean_ > np.mean(display.similarity)  # alike texts are mixed up here


def test_a_perfect_model_has_no_confusion_to_name(model, clips):
    X = clips[0]
    predicted = with_labels(model, list(TABLE)).predict(X)
    display = ConfusionSimilarityDisplay.from_estimator(with_labels(model, list(TABLE)), X, predicted)
    assert np.isnan(display.mean_)
    assert display.names_ == []


def test_a_model_without_texts_is_refused(clips):
    X, y = clips
    tagger = MultiLevelAttentionClassifier("1-A", max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(TypeError, match="scores no label texts"):
        nearest_labels(tagger, ["low"])
    with pytest.raises(TypeError, match="scores no label texts"):
        label_report(tagger, X, y)


def test_normalisers_and_tuners_are_looked_into(model, clips):
    X, y = clips
    normalizer = ScoreNormalizer(model).fit(X, y)
    table = nearest_labels(normalizer, ["deep"], n_nearest=1)
    assert table["seen label"].tolist() == ["low"]
    view = with_labels(normalizer, list(TABLE)[1:])
    kept = y != "low"
    report = label_report(view, X[kept], y[kept])
    assert report["accuracy"].mean() == pytest.approx(per_label_accuracy(y[kept], view.predict(X[kept])))
    assert len(ConfusionSimilarityDisplay.from_estimator(view, X[kept], y[kept]).pairs) == 6

    frame = indicator_frame([[label] for label in y])
    temporal = ZeroShotTemporalAttention(LookupEncoder(TABLE), max_epochs=1, random_state=0)
    tuner = ThresholdTuner(ScoreNormalizer(temporal).fit(X, frame), cv="prefit").fit(X, frame)
    assert nearest_labels(tuner, ["deep"], n_nearest=1)["seen label"].tolist() == ["low"]
    assert label_report(tuner, X, frame)["support"].sum() == len(y)
    tagger = MultiLevelAttentionClassifier("1-A", max_epochs=1, random_state=0).fit(X, frame)
    with pytest.raises(TypeError, match="MultiLevelAttentionClassifier scores no label texts"):
        label_report(ThresholdTuner(tagger, cv="prefit").fit(X, frame), X, frame)
    with pytest.raises(NotFittedError):
        nearest_labels(ScoreNormalizer(model), ["deep"])


def test_models_fitted_without_labels_lean_on_their_sources_or_on_nothing(clips):
    X, y = clips
    convex = ZeroShotConvex(TABLE, source_labels=["low", "high"]).fit([[0.5, 0.5]])
    assert nearest_labels(convex, ["deep", "low"], n_nearest=1)["seen label"].tolist() == ["low", "high"]
    nearest = ZeroShotNearest(TABLE).fit(X)
    with pytest.raises(ValueError, match=r"ZeroShotNearest was fitted without y.*pass y to fit"):
        nearest_labels(nearest, ["deep"])
    report = label_report(with_labels(nearest, list(TABLE)), X, y)
    assert sorted(report["label"]) == sorted(TABLE)
    assert report[["nearest seen", "similarity"]].isna().all(axis=None)


def test_sources_are_compared_by_the_vectors_that_are_mixed(rng):
    X = rng.random((6, 2))
    texts = {"rain": "dog bark"}
    model = ZeroShotConvex(HashingEncoder(32), source_labels=["dog bark", "rain"], label_texts=texts).fit(X)
    table = nearest_labels(model, ["rain drop"], n_nearest=2).set_index("seen label")["similarity"]
    vectors = HashingEncoder(32).fit_transform(["rain drop", "dog bark", "rain"]).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert_agree(table[["dog bark", "rain"]], vectors[1:] @ vectors[0])


def test_confusions_keep_the_type_of_labels(clips):
    X, y = clips
    names, numbers = np.unique(y, return_inverse=True)
    model = ZeroShotBilinear(HashingEncoder(), label_texts=dict(enumerate(names))).fit(X, numbers)
    found = set(label_report(model, X, np.roll(numbers, 1))["taken for"]) - {""}
    assert found
    assert all(isinstance(label, int) for label in found)


def test_labels_may_be_objects(clips):
    X, y = clips
    model = ZeroShotBilinear(TABLE, random_state=0).fit(X, y.astype(object))
    report, expected = (label_report(model, X, labels) for labels in (y.astype(object), y))
    pd.testing.assert_frame_equal(report, expected, check_dtype=False)
    display = ConfusionSimilarityDisplay.from_estimator(model, X, y.astype(object))
    assert display.pairs[0] == ("deep", "high")


def test_labels_that_cannot_be_confused_are_refused(model, clips):
    X, y = clips
    with pytest.raises(ValueError, match=r"\['deep', 'shrill'\] of y are not among the candidates"):
        ConfusionSimilarityDisplay.from_estimator(model, X, y)
    low = y == "low"
    with pytest.raises(ValueError, match="'low' is the only candidate"):
        ConfusionSimilarityDisplay.from_estimator(with_labels(model, ["low"]), X[low], y[low])
    for function in (ConfusionSimilarityDisplay.from_estimator, label_report):
        with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[26, 25\]"):
            function(with_labels(model, list(TABLE)), X, y[:-1])
