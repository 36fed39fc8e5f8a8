import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_validate

from skzsl import ZeroShotBilinear, indicator_frame
from skzsl.metrics import ausuc, generalized_accuracy, harmonic_mean
from skzsl.model_selection import ClassDisjointKFold, GeneralizedSplit, LeaveOneCategoryOut, get_scorer
from skzsl.text import HashingEncoder

Y = np.repeat(["dog", "cat", "rain", "wind", "bell", "horn"], [10, 5, 3, 2, 4, 6])


def test_a_share_of_every_seen_label_joins_the_test_fold():
    base = ClassDisjointKFold(3, random_state=0)
    folds = zip(base.split(Y, Y), GeneralizedSplit(base, seen_size=0.4, random_state=0).split(Y, Y), strict=True)
    for (seen, unseen), (train, test) in folds:
        assert sorted([*train, *test]) == list(range(len(Y)))
        assert set(unseen) <= set(test)
        assert set(train) <= set(seen)
        for label in set(Y[seen]):
            n_clips = int((Y[seen] == label).sum())
            assert (Y[train] == label).sum() == n_clips - min(max(1, round(0.4 * n_clips)), n_clips - 1)
        assert (np.diff(train) > 0).all()
        assert (np.diff(test) > 0).all()


def test_same_seed_same_folds_and_default_splitter():
    folds = [list(GeneralizedSplit(random_state=seed).split(Y, Y)) for seed in (0, 0, 1)]
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(folds[0], folds[1], strict=True))
    assert not all(np.array_equal(a[0], b[0]) for a, b in zip(folds[0], folds[2], strict=True))
    assert GeneralizedSplit().get_n_splits(None, Y) == ClassDisjointKFold().get_n_splits(None, Y) == len(folds[0])


def test_several_labels_a_clip():
    y = indicator_frame([[label] for label in Y])
    base = [(np.arange(20), np.arange(20, 30))]

    class Given:
        def split(self, X, y, groups=None):
            return iter(base)

    ((train, test),) = GeneralizedSplit(Given(), seen_size=0.25, random_state=0).split(y, y)
    assert len(train) == 15
    assert set(test) >= set(range(20, 30))
    assert len(test) == 15


def test_recordings_stay_on_one_side(rng):
    y = np.repeat(["a", "b", "c", "d"], 30)
    recordings = np.char.add(y, (np.arange(120) // 3).astype(str))
    folds = GeneralizedSplit(ClassDisjointKFold(2, random_state=0), seen_size=0.3, random_state=0)
    for train, test in folds.split(y, y, recordings):
        assert not set(recordings[train]) & set(recordings[test])
        for label in np.unique(y[train]):
            assert np.sum(y[test] == label) == 9
    apart, alone = list(folds.split(y, y, np.arange(120))), list(folds.split(y, y))
    for one, other in zip(apart, alone, strict=True):
        np.testing.assert_array_equal(one[1], other[1])


def test_recordings_that_leave_nothing_to_train_on_are_refused():
    y = np.repeat(["a", "b", "c", "d"], 4)
    folds = GeneralizedSplit(ClassDisjointKFold(2, random_state=0), random_state=0)
    with pytest.raises(ValueError, match="has 1 training recording; two are needed"):
        list(folds.split(y, y, y))
    shared = np.array(list("pqpq" * 3 + "rrss"))
    folds = GeneralizedSplit(LeaveOneCategoryOut({"a": 1, "b": 1, "c": 1, "d": 2}), random_state=0)
    with pytest.raises(ValueError, match="hold other labels too and are tested for these"):
        list(folds.split(y, y, shared))
    with pytest.raises(ValueError, match=r"groups of shape \(5,\) must name the recording of each of 16 clips"):
        list(folds.split(y, y, shared[:5]))
    for missing in (None, np.nan, pd.NA):
        with pytest.raises(ValueError, match=f"groups holds {missing} for clip 3"):
            list(folds.split(y, y, ["p", "q", "p", missing, *"q" * 12]))


def test_recordings_that_hold_seen_and_unseen_labels_are_on_one_side():
    y, clips = np.repeat(["a", "b", "c", "d"], 100), np.arange(400)
    folds = GeneralizedSplit(LeaveOneCategoryOut({"a": 1, "b": 1, "c": 1, "d": 2}), random_state=0)
    recordings = np.where((y == "d") & (clips % 2 == 0), clips % 60, clips)
    for train, test in folds.split(y, y, recordings):
        assert not set(recordings[train]) & set(recordings[test])
        assert set(y[test]) == set("abcd")
        assert {"d"} in (set(y[train]), set(y) - set(y[train]))
        assert len(train) + len(test) < 400
    with pytest.raises(ValueError, match="All clips of label 'd' come from recordings of unseen labels"):
        list(folds.split(y, y, clips % 300))


def test_large_recordings_leave_room_for_small_ones():
    y = np.repeat(["a", "b"], 100)
    recordings = np.where(np.arange(200) % 100 < 50, np.char.add(y, " big"), np.char.add(y, np.arange(200).astype(str)))
    for seed in range(20):
        folds = GeneralizedSplit(LeaveOneCategoryOut({"a": 1, "b": 2}), seen_size=0.2, random_state=seed)
        for train, test in folds.split(y, y, recordings):
            assert len(test) == 120
            assert len(train) == 80


def test_groups_are_routed(word_sounds):
    X, y = word_sounds
    groups = np.arange(len(y)) // 2
    model, folds = ZeroShotBilinear(HashingEncoder(), random_state=0), GeneralizedSplit(random_state=0)
    scoring = get_scorer("gzsl_ausuc")
    plain = cross_validate(model, X, y, groups=groups, cv=folds, scoring=scoring)
    with config_context(enable_metadata_routing=True):
        routed = cross_validate(model, X, y, params={"groups": groups}, cv=folds, scoring=scoring)
    np.testing.assert_array_equal(plain["test_score"], routed["test_score"])


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="seen_size"):
        next(GeneralizedSplit(seen_size=0.0).split(Y, Y))
    with pytest.raises(ValueError, match="seen_size=nan"):
        next(GeneralizedSplit(seen_size=np.nan).split(None, Y))
    with pytest.raises(ValueError, match="cannot split"):
        next(GeneralizedSplit(5).split(Y, Y))
    y = ["dog", "dog", "rain", "rain", "once"]
    with pytest.raises(ValueError, match="'once' has 1 training clip"):
        list(GeneralizedSplit(LeaveOneCategoryOut({"dog": 0, "rain": 1, "once": 1})).split(y, y))


def test_scorers_measure_both_kinds_of_labels(word_sounds):
    X, y = word_sounds
    folds = GeneralizedSplit(ClassDisjointKFold(3, random_state=0), random_state=0)
    names = ["seen_accuracy", "unseen_accuracy", "harmonic", "ausuc"]
    model = ZeroShotBilinear(HashingEncoder(), random_state=0)
    found = cross_validate(
        model, X, y, cv=folds, scoring={name: get_scorer(f"gzsl_{name}") for name in names}, return_estimator=True
    )
    for fold, (_, test) in enumerate(folds.split(X, y)):
        fitted = found["estimator"][fold]
        view = fitted.with_labels(np.unique(y))
        seen, unseen = generalized_accuracy(y[test], view.predict(X[test]), fitted.seen_classes_)
        area = ausuc(y[test], view.decision_function(X[test]), view.classes_, fitted.seen_classes_)
        expected = [seen, unseen, harmonic_mean(seen, unseen), area]
        assert [found[f"test_{name}"][fold] for name in names] == pytest.approx(expected, abs=1e-12)
    assert found["test_ausuc"].mean() > 0


def test_the_penalty_on_seen_labels_is_searched(word_sounds):
    X, y = word_sounds
    grid = {"seen_penalty": [0.0, 0.2, 0.5, 1.0, 2.0]}
    folds = GeneralizedSplit(ClassDisjointKFold(3, random_state=0), random_state=0)
    model = ZeroShotBilinear(HashingEncoder(), standardize=False, lr=0.01, max_epochs=20, random_state=0)
    search = GridSearchCV(model, grid, cv=folds, scoring=get_scorer("gzsl_harmonic"), error_score="raise").fit(X, y)
    assert search.best_params_["seen_penalty"] > 0
    assert search.best_score_ > search.cv_results_["mean_test_score"][0]


def test_a_fold_of_unseen_labels_alone_is_refused(word_sounds):
    X, y = word_sounds
    train, test = next(ClassDisjointKFold(3, random_state=0).split(X, y))
    model = ZeroShotBilinear(HashingEncoder(), random_state=0).fit(X[train], y[train])
    with pytest.raises(ValueError, match="None of the labels is seen"):
        get_scorer("gzsl_harmonic")(model, X[test], y[test])
    with pytest.raises(ValueError, match="takes one label a clip"):
        get_scorer("gzsl_ausuc")(model, X[test], indicator_frame([[label] for label in y[test]]))
