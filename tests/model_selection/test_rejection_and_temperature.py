import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

import skzsl
from skzsl import ZeroShotRidge, with_labels
from skzsl.metrics import expected_calibration_error
from skzsl.model_selection import ClassDisjointKFold, TemperatureTuner, ThresholdTuner, UnknownRejector
from skzsl.model_selection._sweep import best_rejection
from skzsl.text import HashingEncoder

NAMES = [f"{rate} {source}" for rate in ("slow", "fast") for source in ("beep", "hum", "ring", "buzz", "hiss", "tap")]


@pytest.fixture
def sounds(rng):
    directions = HashingEncoder(64).fit_transform(NAMES) @ rng.normal(size=(64, 24))
    codes = np.arange(240) % 12
    return 3 * directions[codes] + rng.normal(size=(240, 24)), np.array(NAMES)[codes]


@pytest.fixture
def model():
    return ZeroShotRidge(HashingEncoder(64))


def slow_rejection(folds):
    """The best mean of both rates over every threshold between two scores and around them."""
    scores = np.unique(np.concatenate([scores for _, _, scores in folds]))
    thresholds = [scores[0] - 1, *((scores[1:] + scores[:-1]) / 2)]

    def rate(threshold):
        return np.mean(
            [
                (np.mean((right & (scores > threshold))[known]) + np.mean(scores[~known] <= threshold)) / 2
                for known, right, scores in folds
            ]
        )

    return max(rate(threshold) for threshold in thresholds), rate


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_the_exact_maximum_with_ties_too(seed):
    rng, folds = np.random.default_rng(seed), []
    for n in (20, 31):
        known = np.arange(n) % 3 > 0
        folds.append((known, known & (rng.random(n) < 0.7), (rng.normal(size=n) + known).round(1)))
    best, rate = slow_rejection(folds)
    threshold, found = best_rejection(folds)
    assert found == pytest.approx(best)
    assert rate(threshold) == pytest.approx(best)


def test_clips_of_other_labels_are_rejected_and_those_of_candidates_named(rng, sounds, model):
    _, y = sounds
    X = 3 * rng.normal(size=(12, 24))[np.arange(240) % 12] + rng.normal(size=(240, 24))
    known = np.isin(y, NAMES[:8])
    rejector = UnknownRejector(model, random_state=0).fit(X[:120][known[:120]], y[:120][known[:120]])
    assert rejector.best_score_ > 0.7
    X, y, known = X[120:], y[120:], known[120:]
    predicted = rejector.predict(X)
    assert np.mean(predicted[~known] == "unknown") > 0.6
    assert np.mean(predicted[known] == y[known]) > 0.6
    truth = np.where(known, y, "unknown")
    assert rejector.score(X, y) == rejector.score(X, truth) == np.mean(predicted == truth)
    assert rejector.classes_.tolist() == sorted(NAMES[:8])
    assert rejector.predict_proba(X).shape == (120, 8)


def test_what_is_rejected_is_a_matter_of_the_best_score_alone(sounds, model):
    X, y = sounds
    rejector = UnknownRejector(model, random_state=0).fit(X, y)
    scores = rejector.decision_function(X)
    best = rejector.classes_[scores.argmax(axis=1)]
    kept = scores.max(axis=1) > rejector.threshold_
    assert 0 < kept.sum() < len(kept)
    np.testing.assert_array_equal(rejector.predict(X), np.where(kept, best, "unknown"))
    np.testing.assert_array_equal(scores, clone(model).fit(X, y).decision_function(X))
    tags = rejector.tag(X)
    assert [len(of_clip) for of_clip in tags] == kept.astype(int).tolist()
    assert all(len(of_clip) == 2 for of_clip in rejector.tag(X, top_k=2))


def test_unseen_candidates_are_chosen_for_with_class_disjoint_folds(sounds, model):
    X, y = sounds
    rejector = UnknownRejector(model, cv=ClassDisjointKFold(3), random_state=0).fit(X, y)
    assert set(rejector.predict(X, labels=["slow beep", "rain"])) <= {"slow beep", "rain", "unknown"}
    view = with_labels(rejector, ["rain", "slow beep"])
    np.testing.assert_array_equal(view.predict(X), rejector.predict(X, labels=["rain", "slow beep"]))


def test_fitted_models_and_views_choose_on_clips_of_their_own(sounds, model):
    X, y = sounds
    known = np.isin(y, NAMES[:8])
    fitted = make_pipeline(Normalizer(), clone(model)).fit(X[:120][known[:120]], y[:120][known[:120]])
    for given in (fitted, FrozenEstimator(fitted)):
        rejector = UnknownRejector(given, cv="prefit", unknown="?").fit(X[120:], y[120:])
        scores = fitted.decision_function(X[120:])
        folds = [(known[120:], fitted.predict(X[120:]) == y[120:], scores.max(axis=1))]
        assert (rejector.threshold_, rejector.best_score_) == best_rejection(folds)
        assert "?" in rejector.predict(X)
    with pytest.raises(NotFittedError):
        UnknownRejector(model, cv="prefit").fit(X, y)
    with pytest.raises(ValueError, match=r"all are of a candidate, such as 'fast .*; hold out known and unknown ones"):
        UnknownRejector(fitted, cv="prefit").fit(X[known], y[known])
    with pytest.raises(ValueError, match="none is of a candidate"):
        UnknownRejector(fitted, cv="prefit").fit(X[~known], y[~known])


def test_numbers_are_answered_with_a_number(sounds, model):
    X, y = sounds
    codes = np.unique(y, return_inverse=True)[1]
    model.set_params(label_texts=dict(enumerate(np.unique(y).tolist())))
    rejector = UnknownRejector(model, random_state=0).fit(X, codes)
    assert -1 in rejector.predict(X)
    assert rejector.predict(X).dtype.kind == "i"
    with pytest.raises(ValueError, match="unknown='none', but labels are like 6; make them of one type"):
        UnknownRejector(model, unknown="none").fit(X, codes)
    rows = np.concatenate([np.flatnonzero(y == label)[:3] for label in np.unique(y)])
    with pytest.raises(ValueError, match=r"y has 3 clip\(s\) of a label at most, too few for 5 stratified folds"):
        UnknownRejector(model).fit(X[rows], y[rows])
    with pytest.raises(ValueError, match="unknown=3 is a label of fit"):
        UnknownRejector(model, unknown=3).fit(X, codes)


def test_folds_of_clips_need_three_labels(sounds, model):
    X, y = sounds
    for n_labels, n_folds in ((2, 5), (3, 2)):
        few = np.isin(y, NAMES[:n_labels])
        with pytest.raises(ValueError, match=f"y has {n_labels} label.s. for {n_folds} folds.* of more labels"):
            UnknownRejector(model, cv=n_folds).fit(X[few], y[few])
    assert UnknownRejector(model, cv=3, random_state=0).fit(X[few], y[few]).score(X[few], y[few]) > 0.5


def test_halves_need_two_labels_and_a_seed_settles_them(sounds, model):
    X, y = sounds
    two = [UnknownRejector(model, random_state=1).fit(X, y).threshold_ for _ in range(2)]
    assert two[0] == two[1]
    with pytest.raises(ValueError, match=r"held-out clips have one label, '.*'; hold out clips of two"):
        UnknownRejector(model, cv=ClassDisjointKFold(12)).fit(X, y)


def test_temperature_is_the_likeliest_on_held_out_labels(sounds, model):
    X, y = sounds
    tuner = TemperatureTuner(model, cv=ClassDisjointKFold(3, random_state=0)).fit(X, y)
    folds = list(ClassDisjointKFold(3, random_state=0).split(X, y))

    def loss(temperature):
        losses = []
        for train, test in folds:
            labels = np.unique(y[test])
            fitted = clone(model).set_params(temperature=temperature).fit(X[train], y[train])
            shares = fitted.predict_proba(X[test], labels=labels.tolist())
            for row, label in zip(np.log(shares), y[test], strict=True):
                right = labels == label
                others = row[~right].mean()
                losses.append(-((len(test) + 1) * row[right].item() + others) / (len(test) + 2) / len(test))
        return np.sum(losses) / len(folds)

    assert loss(tuner.temperature_) < min(loss(tuner.temperature_ * factor) for factor in (0.5, 0.95, 1.05, 2))


def test_a_model_that_is_always_right_is_not_taken_for_infallible():
    X, y = np.eye(4).repeat(3, axis=0), np.repeat(NAMES[:4], 3)
    fitted = ZeroShotRidge(HashingEncoder(64)).fit(X, y)
    shares = TemperatureTuner(fitted, cv="prefit").fit(X, y).predict_proba(X)
    assert fitted.score(X, y) == 1
    assert shares.max(axis=1).min() > 0.8
    assert shares.max() < 0.99


def test_temperature_changes_probabilities_and_nothing_else(sounds, model):
    X, y = sounds
    plain, tuner = clone(model).fit(X, y), TemperatureTuner(model).fit(X, y)
    np.testing.assert_array_equal(tuner.decision_function(X), plain.decision_function(X))
    np.testing.assert_array_equal(tuner.predict(X, labels=NAMES[:3]), plain.predict(X, labels=NAMES[:3]))
    expected = plain.set_params(temperature=tuner.temperature_).predict_proba(X)
    np.testing.assert_array_equal(tuner.predict_proba(X), expected)
    assert tuner.estimator_.temperature == tuner.temperature_ != 1
    assert model.temperature == 1


def test_probabilities_of_unseen_labels_are_better_calibrated(sounds, model):
    X, y = sounds
    unseen = np.isin(y, NAMES[::3])
    candidates = sorted(NAMES[::3])
    errors = [
        expected_calibration_error(
            y[unseen], fitted.fit(X[~unseen], y[~unseen]).predict_proba(X[unseen], labels=candidates), candidates
        )
        for fitted in (clone(model), TemperatureTuner(model))
    ]
    assert errors[1] < 0.8 * errors[0]


def test_a_fitted_model_keeps_its_own_temperature(sounds, model):
    X, y = sounds
    fitted = clone(model).fit(X[:120], y[:120])
    tuner = TemperatureTuner(fitted, cv="prefit").fit(X[120:], y[120:])
    assert fitted.temperature == 1
    assert tuner.temperature_ == tuner.estimator_.temperature != 1
    with pytest.raises(ValueError, match="held-out clips have one label, 'slow beep', of which every model is sure"):
        TemperatureTuner(fitted, cv="prefit").fit(X[y == "slow beep"], y[y == "slow beep"])


@pytest.mark.parametrize("tuner", [TemperatureTuner, UnknownRejector])
def test_several_labels_a_clip_are_refused_before_and_after_fit(tuner, sounds, model):
    X, y = sounds
    several = skzsl.indicator_frame([[label] for label in y])
    with pytest.raises(ValueError, match="several labels a clip; pass the one label of each"):
        tuner(model).fit(X, several)
    with pytest.raises(ValueError, match="was fitted on several labels a clip"):
        tuner(clone(model).fit(X, several), cv="prefit").fit(X, y)


@pytest.mark.parametrize("tuner", [TemperatureTuner(None), UnknownRejector(None, random_state=0)])
def test_tuners_keep_groups_together_and_are_saved(tuner, sounds, model, tmp_path):
    X, y = sounds
    with pytest.raises(ValueError, match="groups"):
        clone(tuner).set_params(estimator=model, cv=GroupKFold(2)).fit(X, y)
    fitted = clone(tuner).set_params(estimator=model, cv=GroupKFold(2)).fit(X, y, groups=np.arange(240) // 24)
    skzsl.save(fitted, tmp_path / "model.skzsl")
    loaded = skzsl.load(tmp_path / "model.skzsl")
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


def test_a_fold_of_other_clips_is_refused(sounds, model):
    X, y = sounds
    with pytest.raises(ValueError, match="cv has clip 999, but there are 240"):
        TemperatureTuner(model, cv=[([0, 1], [999])]).fit(X, y)


def test_a_tuner_goes_into_what_would_keep_its_parameter_from_acting(sounds, model):
    X, y = sounds
    several = skzsl.indicator_frame([[label] for label in y])
    rejector = UnknownRejector(model, random_state=0)
    for wrapper in (rejector, skzsl.EventDetector(model), TemperatureTuner(model)):
        with pytest.raises(TypeError, match=rf"{type(wrapper).__name__} has no temperature .* tune what is inside, "):
            TemperatureTuner(wrapper).fit(X, y)
    with pytest.raises(TypeError, match=r"ThresholdTuner has no threshold of its own.*ThresholdTuner\(ThresholdTuner"):
        ThresholdTuner(ThresholdTuner(model)).fit(X, several)
    with pytest.raises(TypeError, match=r"MultiLevelAttentionClassifier has no temperature .*; pass another estimator"):
        TemperatureTuner(skzsl.MultiLevelAttentionClassifier()).fit(X, y)
    inside = UnknownRejector(TemperatureTuner(model, cv=3), random_state=0).fit(X, y)
    tuned = TemperatureTuner(model, cv=3).fit(X, y)
    np.testing.assert_array_equal(inside.predict_proba(X), tuned.predict_proba(X))


def test_tuning_twice_gives_the_same(sounds, model):
    assert len({TemperatureTuner(model).fit(*sounds).temperature_ for _ in range(3)}) == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_sweep_of_rejection_finds_the_best_of_all_thresholds(seed):
    rng = np.random.default_rng(seed)
    folds = []
    for n_clips in (9, 14):
        known = rng.random(n_clips) < 0.5
        known[:2] = True, False
        folds.append((known, known & (rng.random(n_clips) < 0.4), rng.normal(size=n_clips).round(1)))

    def rate(cut):
        parts = [
            (right & (scores > cut))[known].mean() / 2 + (scores <= cut)[~known].mean() / 2
            for known, right, scores in folds
        ]
        return np.mean(parts)

    threshold, best = best_rejection(folds)
    assert rate(threshold) == pytest.approx(best, abs=1e-12)
    cuts = [-9.0, *np.concatenate([scores for *_, scores in folds])]
    assert best == pytest.approx(max(map(rate, cuts)), abs=1e-12)


def test_where_nothing_is_right_all_is_rejected():
    known = np.array([True, True, False])
    assert best_rejection([(known, np.zeros(3, dtype=bool), np.array([0.3, 0.5, 0.9]))]) == (0.9, 0.5)


def test_the_answer_is_no_candidate(sounds, model):
    X, y = sounds
    rejector = UnknownRejector(model, random_state=0, unknown="none").fit(X, y)
    calls = (rejector.predict, rejector.predict_proba, rejector.tag, rejector.segment_scores)
    for call in (*calls, lambda X, labels: rejector.score(X, y, labels=labels)):
        with pytest.raises(ValueError, match="labels has 'none', the answer for rejected clips; leave it out"):
            call(X, labels=["none", "slow beep"])
    with pytest.raises(ValueError, match="labels has 'none'"):
        rejector.with_labels(["none", "slow beep"])


@pytest.mark.parametrize("unknown", [0.5, np.nan, np.inf])
def test_answers_that_are_no_label_are_refused(sounds, model, unknown):
    X, y = sounds
    codes = np.unique(y, return_inverse=True)[1]
    with pytest.raises(ValueError, match=rf"unknown={unknown!r}; pass a whole number"):
        UnknownRejector(model, unknown=unknown).fit(X, codes)


def test_folds_may_be_masks_and_a_single_one(sounds, model):
    X, y = sounds
    rows = list(StratifiedKFold(3).split(X, y))
    masks = [tuple(np.isin(np.arange(len(y)), part) for part in fold) for fold in rows]
    found = [UnknownRejector(model, cv=cv, random_state=0).fit(X, y).threshold_ for cv in (rows, masks)]
    assert found[0] == found[1]
    assert np.isfinite(UnknownRejector(model, cv=rows[:1], random_state=0).fit(X, y).threshold_)
