"""Fitted models with other candidates: what they are scored on, kept as, and found inside."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline

from skzsl import (
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroRuleClassifier,
    ZeroShotRidge,
    indicator_frame,
    with_labels,
)
from skzsl.inspection import LabelMapDisplay, label_report
from skzsl.metrics import ausuc, mean_average_precision
from skzsl.model_selection import get_scorer, zero_shot_scorer
from skzsl.text import HashingEncoder

NAMES = ["low hum", "high hum", "low beep", "high beep"]


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.fixture
def clips(rng):
    y = pd.DataFrame((rng.random((40, 4)) < 0.4).astype(np.uint8), columns=NAMES)
    return rng.normal(size=(40, 8)) + y.to_numpy() @ rng.normal(size=(4, 8)), y


@pytest.mark.parametrize("keep", [through_joblib, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize(
    "model",
    [
        MultiLevelAttentionClassifier(max_epochs=2, hidden_size=8, random_state=0, threshold=0.3),
        ZeroShotRidge(HashingEncoder()),
        ScoreNormalizer(ZeroShotRidge(HashingEncoder())),
        ZeroRuleClassifier(),
    ],
)
def test_kept_models_are_no_views_and_kept_views_are(clips, model, keep):
    X, y = clips
    model.fit(X, y)
    two = y[["high beep", "low hum"]]
    assert keep(model).score(X, two) == model.score(X, two)
    view = model.with_labels(["high beep", "low beep"])
    assert keep(view).score(X, y[["low beep", "high beep"]]) == view.score(X, y[["low beep", "high beep"]])
    np.testing.assert_array_equal(keep(view).predict(X), view.predict(X))


def test_models_from_a_memory_are_no_views(clips, tmp_path):
    X, y = clips
    scores = [
        ZeroShotRidge(HashingEncoder(), memory=str(tmp_path)).fit(X, y[NAMES[:3]]).score(X, y[["high beep"]])
        for _ in range(2)
    ]
    assert scores[0] == scores[1]


def test_a_view_that_is_fitted_is_no_view_any_more(clips):
    X, y = clips
    view = ZeroShotRidge(HashingEncoder()).fit(X, y).with_labels(["low beep"])
    assert view.fit(X, y).score(X, y[NAMES[:2]]) == ZeroShotRidge(HashingEncoder()).fit(X, y).score(X, y[NAMES[:2]])


@pytest.mark.parametrize("steps", [1, 2])
def test_frozen_models_and_pipelines_are_seen_through(clips, steps):
    X, y = clips
    fitted = make_pipeline(*["passthrough"] * (steps - 1), ZeroShotRidge(HashingEncoder())).fit(X, y)
    frozen = FrozenEstimator(fitted)
    labels = ["low ring", "high hum"]
    expected = with_labels(fitted, labels).decision_function(X)
    np.testing.assert_array_equal(with_labels(frozen, labels).decision_function(X), expected)
    assert get_scorer("map")(frozen, X, y) == get_scorer("map")(fitted, X, y)
    normalized = ScoreNormalizer(frozen).fit(X, y)
    np.testing.assert_array_equal(
        normalized.decision_function(X), ScoreNormalizer(fitted).fit(X, y).decision_function(X)
    )


def test_two_candidates_are_scored_like_any_number(clips):
    X, y = clips
    names = np.array(NAMES)[y.to_numpy().argmax(axis=1)]
    model = make_pipeline("passthrough", ZeroShotRidge(HashingEncoder()).fit(X, names))
    two = ["high hum", "low beep"]
    scores = model[-1].decision_function(X, labels=two)
    expected = mean_average_precision(y[two].to_numpy(), scores)
    assert get_scorer("map")(model, X, y[two]) == pytest.approx(expected)
    display = LabelMapDisplay.from_estimator(model, X, y[two])
    assert np.mean(display.precisions) == pytest.approx(expected)
    report = label_report(with_labels(model, two), X, y[two])
    assert report["average precision"].mean() == pytest.approx(expected)

    kept, seen = np.isin(names, two), np.isin(names, ["high hum", "high beep"])
    model = ZeroShotRidge(HashingEncoder()).fit(X[seen], names[seen])
    expected = ausuc(names[kept], model.decision_function(X[kept], labels=two), two, two[:1])
    assert zero_shot_scorer("ausuc", candidates=two)(model, X[kept], names[kept]) == pytest.approx(expected)


def test_what_scores_no_texts_is_refused_before_it_is_fitted(clips):
    tagger = ZeroRuleClassifier()
    with pytest.raises(TypeError, match="ZeroRuleClassifier is no zero-shot estimator"):
        ScoreNormalizer(make_pipeline("passthrough", tagger)).fit(*clips)
    assert not hasattr(tagger, "classes_")


def test_lists_that_mix_text_and_numbers_are_refused():
    with pytest.raises(ValueError, match="mixes text"):
        indicator_frame([["rain"], [1]])


def test_pipelines_of_a_class_of_their_own_keep_it(clips):
    class Negated(Pipeline):
        def decision_function(self, X):
            return -super().decision_function(X)

    X, y = clips
    model = Negated([("model", ZeroShotRidge(HashingEncoder()))]).fit(X, y)
    view = with_labels(model, ["siren", "sea", "wind"])
    np.testing.assert_array_equal(view.decision_function(X), -view[-1].decision_function(X))
