import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold

from skzsl.model_selection import (
    CategoryPairs,
    ClassDisjointKFold,
    FewShotKFold,
    LeaveOneCategoryOut,
    WithinCategoryKFold,
)

CATEGORIES = {f"{kind}{i}": kind for kind in ("animal", "nature", "town") for i in range(4)}


@pytest.fixture
def y(rng):
    return rng.permutation(np.repeat(list(CATEGORIES), 6))


SPLITTERS = [
    ClassDisjointKFold(4, random_state=0),
    ClassDisjointKFold(3, shuffle=False),
    LeaveOneCategoryOut(CATEGORIES),
    CategoryPairs(CATEGORIES),
    WithinCategoryKFold(CATEGORIES, n_splits=2, random_state=0),
]


@pytest.mark.parametrize("splitter", [*SPLITTERS, FewShotKFold(SPLITTERS[2], shots=2, random_state=0)], ids=repr)
def test_folds_are_counted_repeatable_and_take_every_kind_of_y(splitter, y):
    folds = list(splitter.split(y, y))
    assert splitter.get_n_splits(y, y) == len(folds)
    for kind in (y.tolist(), pd.Series(y), y.astype(object)):
        for (train, test), (train_again, test_again) in zip(folds, splitter.split(y, kind), strict=True):
            np.testing.assert_array_equal(train, train_again)
            np.testing.assert_array_equal(test, test_again)
    assert repr(splitter).startswith(type(splitter).__name__)


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
def test_test_labels_have_no_clip_in_training(splitter, y):
    for train, test in splitter.split(y, y):
        assert len(train)
        assert len(test)
        assert set(y[train]).isdisjoint(y[test])
        assert set(np.flatnonzero(np.isin(y, y[test]))) == set(test)


@pytest.mark.parametrize("splitter", SPLITTERS[:3], ids=repr)
def test_every_clip_is_tested_once_and_the_others_train(splitter, y):
    folds = list(splitter.split(y, y))
    assert sorted(itertools.chain.from_iterable(test for _, test in folds)) == list(range(len(y)))
    assert all(len(train) + len(test) == len(y) for train, test in folds)


def test_settings_of_the_paper_have_their_sizes():
    """ESC-50: 5 categories of 10 labels of 40 clips."""
    categories = {f"label {i:02}": f"category {i // 10}" for i in range(50)}
    y = np.repeat(list(categories), 40)
    sizes = {
        "1": (WithinCategoryKFold(categories, random_state=0), 25, 320, 80),
        "2": (CategoryPairs(categories), 20, 400, 400),
        "3": (LeaveOneCategoryOut(categories), 5, 1600, 400),
        "4": (FewShotKFold(LeaveOneCategoryOut(categories), shots=5, random_state=0), 40, 1650, 350),
    }
    for splitter, n_splits, n_train, n_test in sizes.values():
        folds = list(splitter.split(y, y))
        assert len(folds) == n_splits
        assert {(len(train), len(test)) for train, test in folds} == {(n_train, n_test)}


def test_category_pairs_name_every_ordered_pair(y):
    kinds = [(y[train][0][:-1], y[test][0][:-1]) for train, test in CategoryPairs(CATEGORIES).split(y, y)]
    assert kinds == list(itertools.permutations(["animal", "nature", "town"], 2))


def test_within_category_folds_stay_in_one_category(y):
    for train, test in WithinCategoryKFold(CATEGORIES, n_splits=2, random_state=0).split(y, y):
        assert len({CATEGORIES[label] for label in y[np.r_[train, test]]}) == 1


def test_few_shot_folds_give_each_clip_its_turn(y):
    inner = LeaveOneCategoryOut(CATEGORIES)
    folds = list(FewShotKFold(inner, shots=2, random_state=0).split(y, y))
    assert len(folds) == 3 * 3
    for number, (train, test) in enumerate(folds):
        assert set(train).isdisjoint(test)
        labels, shots = np.unique(y[np.intersect1d(train, np.flatnonzero(np.isin(y, y[test])))], return_counts=True)
        assert len(labels) == 4
        assert set(shots) == {2}, number
    joined = np.concatenate(
        [
            np.setdiff1d(train, inner_train)
            for (train, _), inner_train in zip(folds, [t for t, _ in inner.split(y, y) for _ in range(3)], strict=True)
        ]
    )
    assert sorted(joined) == list(range(len(y)))


def test_few_shot_folds_take_exactly_the_shots_of_frequent_labels_too(rng):
    y = np.repeat(["a", "b", "c", "d"], [10, 100, 10, 47])
    splitter = FewShotKFold(ClassDisjointKFold(2, shuffle=False), shots=5, random_state=0)
    folds = list(splitter.split(y, y))
    assert len(folds) == 2 * 2
    for train, test in folds:
        joined = train[np.isin(y[train], y[test])]
        assert set(np.unique(y[joined], return_counts=True)[1]) == {5}
        assert set(train).isdisjoint(test)
        assert len(train) + len(test) == len(y)


def test_few_shot_folds_are_counted_alike_however_they_fall():
    y = np.repeat(["a", "b", "c", "d", "e"], [10, 20, 30, 40, 50])
    splitter = FewShotKFold(ClassDisjointKFold(3), shots=2)
    assert {len(list(splitter.split(y, y))) for _ in range(5)} == {splitter.get_n_splits(y, y)} == {15}


def test_few_shot_folds_need_labels_without_training_clips(y):
    with pytest.raises(ValueError, match=r"KFold.*has clips of one label in training and test"):
        list(FewShotKFold(KFold(3), shots=2).split(y, y))


def test_few_shot_clips_follow_the_seed(y):
    def first(seed, shuffle=True):
        splitter = FewShotKFold(LeaveOneCategoryOut(CATEGORIES), shots=2, shuffle=shuffle, random_state=seed)
        return next(iter(splitter.split(y, y)))[0].tolist()

    assert first(0) == first(0)
    assert first(0) != first(1)
    assert first(0) != first(0, shuffle=False)


def test_few_shot_default_folds_are_class_disjoint_but_for_the_shots(y):
    folds = list(FewShotKFold(shots=3, random_state=0).split(y, y))
    assert len(folds) == 5 * 2


def test_shuffling_follows_the_seed(y):
    def first(seed):
        return next(iter(ClassDisjointKFold(3, random_state=seed).split(y, y)))[1].tolist()

    assert first(0) == first(0)
    assert len({tuple(first(seed)) for seed in range(5)}) > 1


def test_splitters_can_be_parameters(y):
    splitter = FewShotKFold(ClassDisjointKFold(3, random_state=0), shots=2)
    assert clone(splitter, safe=False).splitter.n_splits == 3


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (ClassDisjointKFold(13), "n_splits=13 is more than the 12 labels"),
        (ClassDisjointKFold(1), "n_splits=1; pass a whole number"),
        (LeaveOneCategoryOut({"animal0": "animal"}), "has no category"),
        (LeaveOneCategoryOut(["animal"]), "is no dict"),
        (LeaveOneCategoryOut(dict.fromkeys(CATEGORIES, "all")), "All labels are in category 'all'"),
        (WithinCategoryKFold(CATEGORIES, n_splits=5), "more than the 4 labels in category 'animal'"),
        (FewShotKFold(shots=0), "shots == 0, must be >= 1"),
        (FewShotKFold(5, shots=2), "splitter=5 cannot split"),
        (FewShotKFold(shots=4), "has 6 clips; shots=4 needs at least 8"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_impossible_folds_are_named(splitter, message, y):
    with pytest.raises(ValueError, match=message):
        list(splitter.split(y, y))


@pytest.mark.parametrize("splitter", [LeaveOneCategoryOut(CATEGORIES), FewShotKFold()], ids=repr)
def test_counting_without_labels_is_refused(splitter):
    with pytest.raises(ValueError, match="pass y"):
        splitter.get_n_splits()


def test_recordings_of_shots_are_not_tested():
    y, recordings = np.repeat(list("abcdef"), 20), np.arange(120) // 4
    folds = FewShotKFold(ClassDisjointKFold(3, random_state=0), shots=5, random_state=0)
    for train, test in folds.split(y, y):
        assert set(recordings[train]) & set(recordings[test])
    for train, test in folds.split(None, y, recordings):
        assert not set(recordings[train]) & set(recordings[test])
        assert [np.sum(y[train] == label) for label in np.unique(y[test])] == [5, 5]
        assert [np.sum(y[test] == label) for label in np.unique(y[test])] == [12, 12]
    for one, other in zip(folds.split(y, y), folds.split(y, y, np.arange(120)), strict=True):
        np.testing.assert_array_equal(one[1], other[1])
    with pytest.raises(ValueError, match="come from recordings that train"):
        next(folds.split(y, y, y))
