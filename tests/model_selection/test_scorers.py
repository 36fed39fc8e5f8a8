import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ZeroShotBilinear, ZeroShotTemporalAttention
from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import (
    d_prime,
    f1_at_k,
    lwlrap,
    mean_average_precision,
    mean_roc_auc,
    multilabel_f1,
    precision_at_k,
    recall_at_k,
)
from skzsl.model_selection import ClassDisjointKFold, FewShotKFold, get_scorer, zero_shot_scorer
from skzsl.text import HashingEncoder, Prompts


@pytest.fixture
def fitted(word_sounds):
    X, y = word_sounds
    unseen = np.isin(y, ["slow beep", "fast hum"])
    return ZeroShotBilinear(HashingEncoder(), random_state=0).fit(X[~unseen], y[~unseen]), X, y, unseen


def test_unseen_candidates_leave_seen_clips_out(fitted):
    model, X, y, unseen = fitted
    expected = model.score(X[unseen], y[unseen], labels=["fast hum", "slow beep"])
    assert zero_shot_scorer()(model, X[unseen], y[unseen]) == expected
    assert zero_shot_scorer()(model, X, y) == expected
    assert get_scorer("zsl_accuracy")(model, X, y) == expected


def test_other_candidates_are_the_labels_asked_for(fitted):
    model, X, y, unseen = fitted
    everything = np.unique(y)
    assert zero_shot_scorer(candidates="test")(model, X, y) == model.score(X, y, labels=everything)
    assert zero_shot_scorer(candidates="all")(model, X[unseen], y[unseen]) == model.score(
        X[unseen], y[unseen], labels=everything
    )
    given = ["fast hum", "slow beep", "wind"]
    assert zero_shot_scorer(candidates=given)(model, X[unseen], y[unseen]) == model.score(
        X[unseen], y[unseen], labels=given
    )


def test_any_function_of_labels_serves_as_metric(fitted):
    model, X, y, unseen = fitted
    predicted = model.predict(X[unseen], labels=["fast hum", "slow beep"])

    def macro_f1(y_true, y_pred):
        return f1_score(y_true, y_pred, average="macro")

    assert zero_shot_scorer(macro_f1)(model, X, y) == macro_f1(y[unseen], predicted)
    assert repr(zero_shot_scorer(macro_f1)) == "zero_shot_scorer(metric='macro_f1', candidates='unseen')"


def test_per_label_accuracy_weighs_labels_alike(fitted):
    model, X, y, _unseen = fitted
    rows = np.r_[np.flatnonzero(y == "slow beep"), np.flatnonzero(y == "fast hum")[:1]]
    accuracies = [
        model.score(X[rows][y[rows] == label], y[rows][y[rows] == label], labels=["slow beep", "fast hum"])
        for label in ("slow beep", "fast hum")
    ]
    assert get_scorer("zsl_per_label_accuracy")(model, X[rows], y[rows]) == pytest.approx(np.mean(accuracies))


def test_no_unseen_label_is_an_error_not_a_nan(fitted):
    model, X, y, unseen = fitted
    with pytest.raises(ValueError, match=r"All labels of y were seen in training.*candidates='test'"):
        zero_shot_scorer()(model, X[~unseen], y[~unseen])
    with pytest.raises(ValueError, match=r"\['fast hum', 'slow beep'\] of y are not among the candidates"):
        zero_shot_scorer(candidates=["wind"])(model, X[unseen], y[unseen])


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="metric='acc'"):
        zero_shot_scorer("acc")
    with pytest.raises(ValueError, match="candidates='seen'"):
        zero_shot_scorer(candidates="seen")
    with pytest.raises(ValueError, match="'zsl' is neither"):
        get_scorer("zsl")
    assert "accuracy" in repr(get_scorer("accuracy"))


def test_scorers_survive_pickling(fitted):
    model, X, y, _ = fitted
    scorer = zero_shot_scorer("per_label_accuracy")
    assert pickle.loads(pickle.dumps(scorer))(model, X, y) == scorer(model, X, y)


def test_class_disjoint_cross_validation_recognises_unseen_labels(word_sounds):
    X, y = word_sounds
    model = make_pipeline(StandardScaler(), ZeroShotBilinear(HashingEncoder(), random_state=0))
    scores = cross_val_score(model, X, y, cv=ClassDisjointKFold(4, random_state=0), scoring=zero_shot_scorer())
    assert scores.mean() > 0.6


def test_few_shot_cross_validation_scores_among_the_test_labels(word_sounds):
    X, y = word_sounds
    model = ZeroShotBilinear(HashingEncoder(), random_state=0)
    folds = FewShotKFold(ClassDisjointKFold(4, random_state=0), shots=2, random_state=0)
    result = cross_validate(
        model, X, y, cv=folds, scoring=zero_shot_scorer(candidates="test"), return_estimator=True, error_score="raise"
    )
    assert len(result["test_score"]) == 4 * 5
    assert result["test_score"].mean() > 0.7
    assert all(len(estimator.seen_classes_) == 12 for estimator in result["estimator"])


def test_parallel_search_over_the_text_encoder_gives_the_scores_of_a_serial_one(word_sounds):
    X, y = word_sounds
    model = ZeroShotBilinear(Prompts(HashingEncoder()), random_state=0)
    grid = {"text_encoder__templates": ["{label}", "the sound of {label}"], "lr": [0.001, 0.01]}
    folds, scoring = ClassDisjointKFold(3, random_state=0), get_scorer("zsl_accuracy")
    searches = [
        GridSearchCV(model, grid, cv=folds, scoring=scoring, n_jobs=n_jobs, error_score="raise").fit(X, y)
        for n_jobs in (1, 2)
    ]
    serial, parallel = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(serial, parallel)
    np.testing.assert_array_equal(*(search.best_estimator_.coef_ for search in searches))
    assert serial.max() > 0.6


@pytest.fixture
def tagged(rng):
    """A multi-label model that has not seen two of its labels, with clips of all."""
    labels = [f"{rate} {source}" for rate in ("slow", "fast") for source in ("beep", "buzz", "hum", "ring")]
    values = (rng.random((160, 8)) < 0.2).astype(int)
    values[np.arange(160), np.arange(160) % 8] = 1
    y = pd.DataFrame(values, columns=labels)
    X = values @ rng.normal(size=(8, 12)) + 0.3 * rng.normal(size=(160, 12))
    train = ~y[["slow hum", "fast ring"]].any(axis=1)
    model = ZeroShotTemporalAttention(HashingEncoder(), max_epochs=3, threshold=0.5, random_state=0)
    return model.fit(X[train], y[train]), X, y


METRICS = {
    "f1_at_2": lambda y_true, scores: f1_at_k(y_true, scores, k=2),
    "precision_at_1": lambda y_true, scores: precision_at_k(y_true, scores, k=1),
    "recall_at_2": lambda y_true, scores: recall_at_k(y_true, scores, k=2),
    "map": mean_average_precision,
    "auc": mean_roc_auc,
    "d_prime": d_prime,
    "lwlrap": lwlrap,
    "f1_micro": lambda y_true, scores: multilabel_f1(y_true, scores > 0.5, average="micro"),
    "f1_macro": lambda y_true, scores: multilabel_f1(y_true, scores > 0.5),
}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_named_scorers_measure_class_disjoint_and_generalised_prediction(tagged, name):
    model, X, y = tagged
    unseen = ["slow hum", "fast ring"]
    scores = pd.DataFrame(model.decision_function(X), columns=y.columns)
    assert set(model.seen_classes_) == set(y.columns) - set(unseen)
    assert get_scorer(f"zsl_{name}")(model, X, y) == pytest.approx(METRICS[name](y[unseen], scores[unseen]))
    assert get_scorer(f"gzsl_{name}")(model, X, y) == pytest.approx(METRICS[name](y, scores))
    few = y.columns[[5, 1]]
    assert zero_shot_scorer(name, few)(model, X, y) == pytest.approx(METRICS[name](y[few], scores[few]))


@pytest.mark.parametrize("name", [*sorted(METRICS), "zsl_map", "gzsl_f1_macro"])
def test_columns_are_matched_by_name_whatever_their_order(tagged, name):
    model, X, y = tagged
    scorer, expected = get_scorer(name), get_scorer(name)(model, X, y)
    for other in (y[y.columns[::-1]], pl.from_pandas(y[y.columns[[3, 1, 0, 2, 7, 5, 4, 6]]]), y.astype(bool)):
        assert scorer(model, X, other) == pytest.approx(expected)
    assert scorer(make_pipeline(model), X, y) == pytest.approx(expected)
    assert scorer(model, X, y.to_numpy()) == pytest.approx(expected)


def test_bare_names_take_the_labels_that_have_a_clip(tagged):
    model, X, y = tagged
    rows = y["slow beep"] == 0
    present = y.columns.drop("slow beep")
    scores = pd.DataFrame(model.decision_function(X[rows]), columns=y.columns)
    assert get_scorer("map")(model, X[rows], y[rows]) == pytest.approx(
        mean_average_precision(y.loc[rows, present], scores[present])
    )
    with pytest.warns(UndefinedLabelWarning, match="1 of 8"):
        get_scorer("gzsl_map")(model, X[rows], y[rows])


def test_labels_without_a_column_are_absent(tagged):
    model, X, y = tagged
    with pytest.warns(UndefinedLabelWarning, match="1 of 8"):
        value = get_scorer("gzsl_f1_macro")(model, X, y.drop(columns="slow beep"))
    assert 0 < value < 1
    assert zero_shot_scorer("lwlrap", ["slow hum", "wind"])(model, X, y) > 0


def test_functions_of_scores_serve_as_metrics(tagged):
    model, X, y = tagged
    scorer = zero_shot_scorer(partial(f1_at_k, k=2), "all", response_method="decision_function")
    assert pickle.loads(pickle.dumps(scorer))(model, X, y) == f1_at_k(y, model.decision_function(X), k=2)
    exact = zero_shot_scorer(lambda y_true, y_pred: (y_true == y_pred).all(axis=1).mean(), "all")
    assert exact(model, X, y) == model.score(X, y)
    assert "response_method='decision_function'" in repr(scorer)


def test_ranking_metrics_of_one_label_a_clip_compare_clips(fitted):
    model, X, y, unseen = fitted
    labels = ["fast hum", "slow beep"]
    probabilities = model.predict_proba(X[unseen], labels=labels)
    truth = y[unseen][:, None] == labels
    assert get_scorer("zsl_map")(model, X, y) == pytest.approx(mean_average_precision(truth, probabilities))
    predicted = model.predict(X[unseen], labels=labels)
    assert get_scorer("zsl_f1_macro")(model, X, y) == pytest.approx(f1_score(y[unseen], predicted, average="macro"))


def test_multilabel_scoring_refuses_what_it_cannot_score(tagged):
    model, X, y = tagged
    with pytest.raises(ValueError, match="takes one label a clip"):
        get_scorer("zsl_accuracy")(model, X, y)
    with pytest.raises(ValueError, match="All labels of y were seen"):
        get_scorer("zsl_map")(model, X, y[model.seen_classes_])
    with pytest.raises(ValueError, match="no positive clip"):
        get_scorer("map")(model, X, y * 0)
    with pytest.raises(ValueError, match="response_method='score'"):
        zero_shot_scorer("map", response_method="score")


@pytest.mark.parametrize("name", ["zsl_accuracy", "gzsl_ausuc", "f1_macro"])
def test_a_model_that_is_not_fitted_is_refused(word_sounds, name):
    for model in (ZeroShotBilinear(HashingEncoder()), make_pipeline(ZeroShotBilinear(HashingEncoder()))):
        with pytest.raises(NotFittedError):
            get_scorer(name)(model, *word_sounds)


def test_candidates_may_be_an_array(rng):
    X, y = rng.normal(size=(12, 4)), np.array(["rain", "dog", "wind", "cat"] * 3)
    model = ZeroShotBilinear(HashingEncoder(8), random_state=0).fit(X, y)
    for candidates in (np.unique(y), pd.Index(np.unique(y)), pd.Series(np.unique(y))):
        assert zero_shot_scorer(candidates=candidates)(model, X, y) == model.score(X, y)


@pytest.mark.parametrize("name", ["zsl_ausuc", "zsl_harmonic", "zsl_seen_accuracy", "zsl_unseen_accuracy"])
def test_what_compares_seen_with_unseen_labels_is_not_of_unseen_ones_alone(name):
    with pytest.raises(ValueError, match=f"'{name}' would leave seen labels out, which it compares; pass 'g{name}'"):
        get_scorer(name)
