import pickle

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ZeroShotBilinear
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
