import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skzsl import indicator_frame
from skzsl.exceptions import LeakWarning
from skzsl.model_selection import ClassDisjointKFold, leakage_report
from skzsl.text import LookupEncoder

Y = np.array(["dog", "rain", "Dogs", "bell", "rain"])
FOLDS = [([0, 1], [2, 3, 4])]


def counts(report):
    return dict(zip(report["kind"], report["count"], strict=True))


def test_everything_shared_is_counted_and_named(rng):
    X = rng.normal(size=(5, 3, 4))
    X[3] = X[0]
    parents = {"Dogs": ["pet"], "pet": ["animal"], "bell": ["rain"]}
    with pytest.warns(LeakWarning, match=r"Fold 0: 1 labels \('rain'\); 1 clips \(row 3\); 1 sources \('b'\)"):
        report = leakage_report(X, Y, FOLDS, groups=["a", "b", "c", "b", "d"], parents=parents)
    assert counts(report) == {"labels": 1, "clips": 1, "sources": 1, "similar texts": 1, "relatives": 1}
    examples = dict(zip(report["kind"], report["examples"], strict=True))
    assert examples["similar texts"] == "'Dogs' ~ 'dog'"
    assert examples["relatives"] == "'bell' is a 'rain'"


def test_clean_folds_neither_warn_nor_count(rng):
    y = np.repeat(["siren", "wind", "horn", "frog"], 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = leakage_report(
            rng.normal(size=(12, 4)),
            y,
            ClassDisjointKFold(2, random_state=0),
            groups=np.repeat(range(4), 3),
            parents={},
        )
    assert report["count"].tolist() == [0] * 10
    assert report["fold"].tolist() == [0] * 5 + [1] * 5


def test_relatives_at_any_distance_and_in_both_directions():
    y = ["animal", "bark", "wind", "dog"]
    parents = {"bark": ["dog"], "dog": ["pet"], "pet": ["animal"], "animal": ["pet"]}  # a cycle ends
    with pytest.warns(LeakWarning):
        report = leakage_report(None, y, [([0, 2], [1, 3]), ([1, 2], [0]), ([2], [3])], parents=parents)
    assert report[report["kind"] == "relatives"]["count"].tolist() == [2, 1, 0]
    assert "clips" not in report["kind"].tolist()


def test_vectors_find_what_words_do_not():
    table = {"siren": [1.0, 0.0], "alarm": [0.99, 0.1], "wind": [0.0, 1.0]}
    y, folds = ["siren", "wind", "alarm"], [([0, 1], [2])]
    assert counts(leakage_report(None, y, folds)) == {"labels": 0, "similar texts": 0}
    for text_encoder in (LookupEncoder(table), table, pd.DataFrame(table).T):
        with pytest.warns(LeakWarning, match="'alarm' ~ 'siren'"):
            leakage_report(None, y, folds, text_encoder=text_encoder)
    assert leakage_report(None, y, folds, text_encoder=LookupEncoder(table), min_similarity=0.999)["count"].sum() == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("church bells", "Bell, church", True),
        ("dog_bark", "dog bark", True),
        ("glass", "glas", False),
        ("bus", "bu", True),
        ("rain", "train", False),
        ("!", "?", False),
    ],
)
def test_words_are_compared_without_order_case_and_plural(one, other, same):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)
        report = leakage_report(None, [one, other], [([0], [1])])
    assert counts(report)["similar texts"] == same


def test_several_labels_a_clip():
    y = indicator_frame([["dog", "rain"], ["rain"], ["bell"], ["dog"]])
    with pytest.warns(LeakWarning, match=r"1 labels \('dog'\)"):
        report = leakage_report(np.arange(8).reshape(4, 2), y, [([0, 1], [2, 3])])
    assert counts(report) == {"labels": 1, "clips": 0, "similar texts": 0}


def test_long_lists_are_cut_and_other_folds_counted():
    y = list("abcdeabcde")
    halves = (np.arange(5), np.arange(5, 10))
    with pytest.warns(LeakWarning, match=r"5 labels \('a', 'b', 'c', \.\.\.\)\. 1 other folds"):
        leakage_report(None, y, [halves, halves[::-1]])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"groups of shape \(2,\) must name the recording of each of 5 clips"):
        leakage_report(None, Y, FOLDS, groups=["a", "b"])
    with pytest.raises(ValueError, match="X has 3 rows and y 5"):
        leakage_report(np.zeros((3, 2)), Y, FOLDS)
    with pytest.raises(ValueError, match="folds is empty"):
        leakage_report(None, Y, [])


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, pd.DataFrame, pl.DataFrame], ids=str)
def test_clips_of_any_table_are_compared_by_row(rng, form):
    X = rng.normal(size=(5, 3))
    X[3] = X[0]
    with pytest.warns(LeakWarning):
        assert counts(leakage_report(form(X), Y, FOLDS))["clips"] == 1
    with pytest.warns(LeakWarning):
        assert counts(leakage_report([[1.0, 2], [3, 4], [1, 2], [5, 6], [7, 8]], Y, FOLDS))["clips"] == 1
    with pytest.raises(ValueError, match="ragged"):
        leakage_report([[1.0, 2.0], [1.0]], ["dog", "rain"], [([0], [1])])


def test_one_parent_may_stand_alone():
    with pytest.warns(LeakWarning, match="'bark' is a 'animal'"):
        leakage_report(None, ["animal", "bark"], [([0], [1])], parents={"bark": "dog", "dog": ["animal"]})
    with pytest.raises(ValueError, match="parents is a list; pass a dict"):
        leakage_report(None, Y, FOLDS, parents=["dog"])


def test_groups_are_of_any_type_but_none_is_missing():
    with pytest.warns(LeakWarning, match=r"2 sources \('a', 7\)"):
        leakage_report(None, Y, FOLDS, groups=["a", 7, "a", 7, 8])
    with pytest.raises(ValueError, match=r"groups of shape \(5, 2\) must name the recording"):
        leakage_report(None, Y, FOLDS, groups=[("site", "day")] * 5)
    for missing in (None, np.nan, pd.NA):
        with pytest.raises(ValueError, match=r"groups holds .* for clip 1; give clips of unknown recordings a name"):
            leakage_report(None, Y, FOLDS, groups=pd.Series(["a", missing, "a", missing, "b"], index=range(5, 10)))
