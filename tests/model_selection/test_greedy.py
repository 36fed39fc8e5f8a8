import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from skzsl import ZeroShotTemporalAttention
from skzsl.datasets import load_audioset_ontology, load_audioset_vggish, select_leaf_labels
from skzsl.exceptions import LeakWarning
from skzsl.model_selection import ClassDisjointKFold, GreedyLabelFolds, zero_shot_scorer
from skzsl.text import HashingEncoder


@pytest.fixture
def y(rng):
    """Labels in three groups that occur together, and some clips across the groups."""
    values = np.zeros((300, 12), dtype=np.uint8)
    for clip in range(300):
        group = clip % 3
        values[clip, rng.choice(np.arange(4) * 3 + group, size=rng.integers(1, 4), replace=False)] = 1
    values[:20, 11] = 1
    return pd.DataFrame(values, columns=[f"label {chr(97 + column)}" for column in range(12)])


def greedy_one_at_a_time(Y, n_folds):
    """The published procedure, as it reads."""
    n_clips, n_labels = Y.shape
    positives = [sum(Y[clip][label] for clip in range(n_clips)) for label in range(n_labels)]
    left = sorted((label for label in range(n_labels) if positives[label]), key=lambda label: (positives[label], label))
    folds = [[left.pop(0)] for _ in range(n_folds)]
    turn = 0
    while left:
        last = folds[turn][-1]

        def rank(label, last=last):
            together = sum(1 for clip in range(n_clips) if Y[clip][label] and Y[clip][last])
            return (-together, positives[label], label)

        taken = min(left, key=rank)
        left.remove(taken)
        folds[turn].append(taken)
        turn = (turn + 1) % n_folds
    return [sorted(fold) for fold in folds]


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_folds_equal_the_procedure_as_it_reads(y, n_folds):
    y["empty"] = 0
    folds = GreedyLabelFolds(n_folds).label_folds(y)
    expected = greedy_one_at_a_time(y.to_numpy(), n_folds)
    assert [labels.tolist() for labels in folds] == [y.columns[fold].tolist() for fold in expected]
    assert "empty" not in np.concatenate(folds)


def test_dropping_straddlers_shares_neither_clips_nor_labels(y):
    splitter = GreedyLabelFolds(4)
    values, tested = y.to_numpy().astype(bool), []
    for fold, (train, test) in enumerate(splitter.split(y, y)):
        labels = y.columns.isin(splitter.label_folds(y)[fold])
        assert not values[train][:, labels].any()
        assert not values[test][:, ~labels].any()
        assert values[test].any(axis=1).all()
        tested.append(test)
    assert len(np.unique(np.concatenate(tested))) == sum(map(len, tested))
    assert splitter.get_n_splits() == 4


def test_rotations_test_and_validate_every_fold_once(y):
    splitter = GreedyLabelFolds(3)
    folds = [{*map(int, test)} for _, test in splitter.split(y, y)]
    rotations = [[{*map(int, part)} for part in parts] for parts in splitter.rotations(y, y)]
    assert [test for _, _, test in rotations] == folds
    assert [validation for _, validation, _ in rotations] == [folds[1], folds[2], folds[0]]
    assert [train for train, _, _ in rotations] == [folds[2], folds[0], folds[1]]
    more = list(GreedyLabelFolds(4).rotations(y, y))
    assert len(more) == 4
    with pytest.raises(ValueError, match="at least 3"):
        next(GreedyLabelFolds(2).rotations(y, y))


def test_other_ways_to_straddle_warn_of_their_leaks(y):
    values = y.to_numpy().astype(bool)
    folds = [y.columns.isin(labels) for labels in GreedyLabelFolds(3).label_folds(y)]
    of_fold = np.stack([values[:, labels].sum(axis=1) for labels in folds], axis=1)
    with pytest.warns(LeakWarning) as record:
        masked = list(GreedyLabelFolds(3, straddle="mask").split(y, y))
    for fold, (train, test) in enumerate(masked):
        np.testing.assert_array_equal(test, np.flatnonzero(of_fold[:, fold]))
        shared, foreign = len(np.intersect1d(train, test)), int((of_fold[train, fold] > 0).sum())
        assert f"{shared} clips are in more than one part, and {foreign} training clips" in str(record[fold].message)
    with pytest.warns(LeakWarning, match="0 clips are in more than one part"):
        major = list(GreedyLabelFolds(3, straddle="major").split(y, y))
    for fold, (_, test) in enumerate(major):
        np.testing.assert_array_equal(test, np.flatnonzero(of_fold.argmax(axis=1) == fold))


@pytest.mark.parametrize("straddle", ["drop", "mask", "major"])
@pytest.mark.filterwarnings("ignore::skzsl.exceptions.LeakWarning")
def test_the_report_counts_what_the_folds_hold(y, straddle):
    splitter = GreedyLabelFolds(3, straddle=straddle)
    report = splitter.report(y)
    assert report["labels"].tolist() == [len(labels) for labels in splitter.label_folds(y)]
    assert report["clips"].tolist() == [len(test) for _, test in splitter.split(y, y)]
    values = y.to_numpy().astype(bool)
    inside = np.stack([y.loc[:, labels].any(axis=1) for labels in splitter.label_folds(y)], axis=1)
    assert report["straddling"].tolist() == inside[inside.sum(axis=1) > 1].sum(axis=0).tolist()
    assert values.any(axis=1).sum() >= report["clips"].max()


def test_arrays_and_polars_frames_are_split_alike(y):
    expected = [test.tolist() for _, test in GreedyLabelFolds().split(y, y)]
    for other in (y.to_numpy(), y.to_numpy().astype(bool), pl.from_pandas(y)):
        assert [test.tolist() for _, test in GreedyLabelFolds().split(other, other)] == expected


def test_bad_input_is_refused(y):
    with pytest.raises(ValueError, match="needs a multi-label y"):
        next(GreedyLabelFolds().split(y, ["rain"] * len(y)))
    with pytest.raises(ValueError, match="needs a multi-label y"):
        next(GreedyLabelFolds().split(y))
    with pytest.raises(ValueError, match="straddle='both'"):
        next(GreedyLabelFolds(straddle="both").split(y, y))
    with pytest.raises(ValueError, match="13 folds need as many"):
        GreedyLabelFolds(13).report(y)
    with pytest.raises(ValueError, match="alone"):
        next(GreedyLabelFolds(2).split(range(3), np.ones((3, 4))))
    with pytest.raises(ValueError, match="inconsistent"):
        next(GreedyLabelFolds(2).split(range(3), y))
    with pytest.raises(ValueError, match="pass a multi-label y to GreedyLabelFolds"):
        next(ClassDisjointKFold(2).split(y, y))


def test_cross_validation_and_searches_score_unseen_labels(y, rng):
    direction = rng.normal(size=(12, 16))
    X = y.to_numpy() @ direction + 0.1 * rng.normal(size=(300, 16))
    model = ZeroShotTemporalAttention(HashingEncoder(), max_epochs=2, random_state=0)
    scores = cross_val_score(model, X, y, cv=GreedyLabelFolds(), scoring=zero_shot_scorer("map"))
    assert scores.shape == (3,)
    assert (scores > 0).all()
    search = GridSearchCV(model, {"margin": [0.5, 1.0]}, cv=GreedyLabelFolds(), scoring=zero_shot_scorer("auc"))
    assert search.fit(X, y).best_params_["margin"] in {0.5, 1.0}


def test_audioset_counts_of_the_protocol(data):
    sounds = [load_audioset_vggish(data / f"audioset_vggish_{part}.npz") for part in ("bal_train", "eval")]
    y = pd.concat([part.y for part in sounds], ignore_index=True)
    ontology = load_audioset_ontology(data / "audioset_ontology.json")
    y = y[select_leaf_labels(ontology, y.columns)]
    assert y.shape[1] == 365
    assert GreedyLabelFolds().report(y)["clips"].tolist() == [10642, 10946, 11433]
