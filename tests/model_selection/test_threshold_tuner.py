import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from joblib import Memory
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline

from skzsl import ZeroShotTemporalAttention, with_labels
from skzsl.metrics import multilabel_f1
from skzsl.model_selection import GreedyLabelFolds, ThresholdTuner, zero_shot_scorer
from skzsl.model_selection._sweep import best_k, best_threshold, top_k
from skzsl.text import HashingEncoder


@pytest.fixture
def sounds(rng):
    labels = [
        f"{rate} {source}" for rate in ("slow", "fast") for source in ("beep", "hum", "ring", "buzz", "hiss", "tap")
    ]
    values = (rng.random((240, 12)) < 0.12).astype(np.uint8)
    values[np.arange(240), np.arange(240) % 12] = 1
    direction = rng.normal(size=(12, 20))
    X = values[:, None] @ direction + 0.5 * rng.normal(size=(240, 3, 20))
    return X.astype(np.float32), pd.DataFrame(values, columns=labels)


@pytest.fixture
def model():
    return ZeroShotTemporalAttention(
        HashingEncoder(), max_epochs=3, text_sizes=(32, 16), audio_sizes=(16,), random_state=0
    )


def random_folds(rng, ties):
    folds = []
    for n_labels in (4, 7):
        y_true = rng.random((25, n_labels)) < 0.3
        y_true[0], y_true[:, 1] = True, False
        scores = rng.normal(size=y_true.shape) + y_true
        folds.append((y_true, np.round(scores) if ties else scores))
    return folds


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.filterwarnings("ignore::skzsl.exceptions.UndefinedLabelWarning")
def test_the_sweep_finds_the_best_of_all_thresholds(rng, average, ties):
    folds = random_folds(rng, ties)
    threshold, f1 = best_threshold(folds, average)
    cuts = np.unique(np.concatenate([scores.ravel() for _, scores in folds]))
    cuts = np.concatenate([[cuts[0] - 1], (cuts[1:] + cuts[:-1]) / 2])

    def mean_f1(cut):
        return np.mean([multilabel_f1(y_true, scores > cut, average=average) for y_true, scores in folds])

    assert f1 == pytest.approx(max(map(mean_f1, cuts)), abs=1e-12)
    assert mean_f1(threshold) == pytest.approx(f1, abs=1e-12)


def test_predicting_everything_can_be_the_best_choice():
    threshold, f1 = best_threshold([(np.ones((3, 2), dtype=bool), np.arange(6.0).reshape(3, 2))], "micro")
    assert threshold < 0
    assert f1 == 1


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.filterwarnings("ignore::skzsl.exceptions.UndefinedLabelWarning")
def test_the_best_k_is_the_best_of_all(rng, average):
    folds = random_folds(rng, ties=True)
    k, f1 = best_k(folds, average)
    all_f1 = [
        np.mean([multilabel_f1(y_true, top_k(scores, k), average=average) for y_true, scores in folds])
        for k in range(1, 5)
    ]
    assert f1 == pytest.approx(max(all_f1), abs=1e-12)
    assert k == np.argmax(all_f1) + 1


def test_thresholds_are_chosen_on_held_out_labels(sounds, model):
    X, y = sounds
    folds = GreedyLabelFolds(3)
    tuner = ThresholdTuner(model, cv=folds).fit(X, y)
    scores = [
        zero_shot_scorer("f1_micro")(
            clone(model).set_params(threshold=tuner.threshold_).fit(X[train], y.iloc[train]), X[test], y.iloc[test]
        )
        for train, test in folds.split(X, y)
    ]
    assert tuner.best_score_ == pytest.approx(np.mean(scores))
    assert tuner.estimator_.threshold == tuner.threshold_
    assert model.threshold == 1.51
    np.testing.assert_array_equal(tuner.predict(X), tuner.decision_function(X) > tuner.threshold_)
    np.testing.assert_array_equal(tuner.classes_, y.columns)


def test_every_label_can_have_a_threshold_of_its_own(sounds, model):
    X, y = sounds
    tuner = ThresholdTuner(model, strategy="per_label", metric="f1_macro", cv=KFold(3)).fit(X, y)
    assert set(tuner.threshold_) == {None, *y.columns}
    scores = np.concatenate(
        [clone(model).fit(X[train], y.iloc[train]).decision_function(X[test]) for train, test in KFold(3).split(X)]
    )
    held_out = scores > [tuner.threshold_[label] for label in y.columns]
    assert multilabel_f1(y, held_out) >= multilabel_f1(y, scores > tuner.threshold_[None]) - 0.02
    labels = ["slow wail", y.columns[3]]
    expected = tuner.decision_function(X, labels=labels) > [tuner.threshold_[None], tuner.threshold_[y.columns[3]]]
    np.testing.assert_array_equal(tuner.predict(X, labels=labels), expected)


def test_the_k_best_labels_can_be_predicted(sounds, model):
    X, y = sounds
    tuner = ThresholdTuner(model, strategy="top_k", cv=3).fit(X, y)
    assert (tuner.predict(X).sum(axis=1) == tuner.k_).all()
    assert tuner.predict(X).dtype == np.uint8
    assert not hasattr(tuner, "threshold_")
    assert hasattr(tuner.set_params(strategy="global").fit(X, y), "threshold_")
    assert not hasattr(tuner, "k_")


def test_fitted_models_are_tuned_on_other_clips_and_stay_as_they_were(sounds, model):
    X, y = sounds
    train, validation, test = next(GreedyLabelFolds(3).rotations(X, y))
    pipeline = make_pipeline(model).fit(X[train], y.iloc[train])
    tuner = ThresholdTuner(pipeline, cv="prefit").fit(X[validation], y.iloc[validation])
    assert pipeline[-1].threshold == 1.51
    assert tuner.best_score_ == pytest.approx(
        zero_shot_scorer("f1_micro", "test")(tuner, X[validation], y.iloc[validation])
    )
    assert tuner.score(X[test], y.iloc[test]) == zero_shot_scorer("f1_micro")(tuner, X[test], y.iloc[test])
    view = with_labels(tuner, ["slow wail", "fast hum"])
    np.testing.assert_array_equal(view.predict(X), tuner.predict(X, labels=["slow wail", "fast hum"]))


@pytest.mark.parametrize("steps", [0, 1])
def test_frozen_models_are_tuned_and_stay_as_they_were(sounds, model, steps):
    X, y = sounds
    fitted = model.fit(X, y)
    frozen = FrozenEstimator(fitted)
    tuner = ThresholdTuner(make_pipeline("passthrough", frozen) if steps else frozen, cv=KFold(2)).fit(X, y)
    np.testing.assert_array_equal(tuner.predict(X), tuner.decision_function(X) > tuner.threshold_)
    assert fitted.threshold == clone(fitted).threshold != tuner.threshold_
    assert set(vars(frozen)) == {"estimator"}


def test_columns_of_y_are_matched_by_name(sounds, model):
    X, y = sounds
    tuner = ThresholdTuner(model.fit(X, y), cv="prefit")
    assert_agree(tuner.fit(X, y[y.columns[::-1]]).threshold_, tuner.fit(X, y).threshold_)


def test_it_works_in_parallel_and_with_memory(sounds, model, tmp_path):
    X, y = sounds
    expected = ThresholdTuner(model, cv=GreedyLabelFolds()).fit(X, y).threshold_
    remembering = clone(model).set_params(memory=Memory(tmp_path, verbose=0))
    for n_jobs in (1, 2):
        assert ThresholdTuner(remembering, cv=GreedyLabelFolds(), n_jobs=n_jobs).fit(X, y).threshold_ == expected


def test_labels_one_a_clip_need_no_threshold(sounds, model):
    X, _ = sounds
    with pytest.raises(ValueError, match="without a threshold"):
        ThresholdTuner(model).fit(X, ["rain", "dog"] * 120)


def test_folds_without_labels_are_refused(sounds, model):
    X, y = sounds
    y.iloc[:80] = 0
    with pytest.raises(ValueError, match="80 held-out clips have no label"):
        ThresholdTuner(model, cv=KFold(3)).fit(X, y)


def test_the_default_folds_hold_labels_out(sounds, model):
    X, y = sounds
    assert (
        ThresholdTuner(model).fit(X, y).threshold_ == ThresholdTuner(model, cv=GreedyLabelFolds(3)).fit(X, y).threshold_
    )


def test_tuned_models_tag_clips(sounds, model):
    X, y = sounds
    pipeline = make_pipeline(model)
    labels = ["slow wail", *y.columns[:4]]
    tuner = ThresholdTuner(pipeline).fit(X, y)
    predicted = tuner.predict(X, labels=labels)
    assert [len(tags) for tags in tuner.tag(X, labels=labels)] == predicted.sum(axis=1).tolist()
    best = ThresholdTuner(pipeline, strategy="top_k").fit(X, y)
    assert {len(tags) for tags in best.tag(X)} == {best.k_}
    assert {len(tags) for tags in best.tag(X, top_k=1)} == {1}


def test_tags_are_the_k_predicted_labels_whatever_their_thresholds(sounds, model):
    X, y = sounds
    uneven = model.set_params(threshold={y.columns[0]: 50.0, None: 0.0})
    tuner = ThresholdTuner(uneven, strategy="top_k", cv=KFold(2)).fit(X, y)
    marked = [set(y.columns[row > 0]) for row in tuner.predict(X)]
    assert any(y.columns[0] in labels for labels in marked)
    assert [{label for label, _ in tags} for tags in tuner.tag(X)] == marked


def test_what_is_fitted_inside_is_kept_as_it_is(sounds, model):
    X, y = sounds
    search = GridSearchCV(model, {"alpha": [0.0, 1.0]}, cv=KFold(2), scoring="f1_micro")
    tuner = ThresholdTuner(search, cv=KFold(2)).fit(X, y)
    assert set(tuner.estimator_.best_params_) == {"alpha"}
    assert tuner.estimator_.best_estimator_.threshold == tuner.threshold_
    tuner = ThresholdTuner(model, cv=KFold(2)).fit(X, y)
    some = y[y.columns[::-2]]
    expected = clone(model).set_params(threshold=tuner.threshold_).fit(X, y).score(X, some)
    assert tuner.estimator_.score(X, some) == expected


def test_neighbouring_floats_are_parted():
    low = np.nextafter(1, 2)
    high = np.nextafter(low, 3)
    threshold, f1 = best_threshold([(np.array([[True], [False]]), np.array([[high], [low]]))], "micro")
    assert f1 == 1.0
    assert low <= threshold < high


def test_groups_reach_the_splitter(sounds, model):
    X, y = sounds
    groups = np.arange(240) // 2
    tuner = ThresholdTuner(model, cv=GroupKFold(3)).fit(X, y, groups=groups)
    folds = list(GroupKFold(3).split(X, y, groups))
    assert tuner.threshold_ == ThresholdTuner(model, cv=folds).fit(X, y).threshold_
    with pytest.raises(ValueError, match="groups"):
        ThresholdTuner(model, cv=GroupKFold(3)).fit(X, y)


def test_prefit_models_must_be_fitted(sounds, model):
    with pytest.raises(NotFittedError):
        ThresholdTuner(model, cv="prefit").fit(*sounds)


def test_what_was_chosen_acts_until_the_next_fit(sounds, model):
    X, y = sounds
    for chosen, other in (("top_k", "global"), ("global", "top_k")):
        tuner = ThresholdTuner(model, strategy=chosen, cv=3).fit(X, y)
        before = tuner.predict(X)
        np.testing.assert_array_equal(tuner.set_params(strategy=other).predict(X), before)
