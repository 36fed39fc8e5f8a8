import numpy as np
import pandas as pd
import pytest

from skzsl import indicator_frame


def test_rows_are_clips_and_columns_are_the_labels_that_occur_sorted():
    y = indicator_frame([["wind", "rain"], ["dog"], [], ["rain"]])
    assert y.columns.tolist() == ["dog", "rain", "wind"]
    assert y.to_numpy().tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert (y.dtypes == np.uint8).all()


def test_named_columns_come_in_the_callers_order_and_may_be_empty():
    y = indicator_frame([["dog"], []], labels=["wind", "dog"])
    assert y.columns.tolist() == ["wind", "dog"]
    assert y.to_numpy().tolist() == [[0, 1], [0, 0]]
    assert indicator_frame([], labels=["wind"]).shape == (0, 1)


def test_a_label_named_twice_is_there_once():
    assert indicator_frame([["dog", "dog"], ["rain"]]).to_numpy().tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "make",
    [list, tuple, np.array, pd.Series, lambda labels: pd.Index(labels)],
    ids=["list", "tuple", "array", "Series", "Index"],
)
def test_any_ordered_collection_of_labels_does(make):
    y = indicator_frame(pd.Series([make(["rain", "dog"]), make(["rain"])]), labels=make(["rain", "dog"]))
    assert y.to_numpy().tolist() == [[1, 1], [1, 0]]


def test_sets_of_labels_do_because_their_order_is_irrelevant():
    assert indicator_frame([{"rain", "dog"}, {"rain"}]).to_numpy().tolist() == [[1, 1], [0, 1]]


def test_frames_with_any_index_are_read_row_by_row():
    frame = pd.DataFrame({"labels": [["dog"], ["rain"]]}, index=[7, 3])
    assert indicator_frame(frame["labels"]).to_numpy().tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("label_lists", "labels", "message"),
    [
        (["rain", "dog"], None, r"label_lists\[0\] is 'rain'; pass a list of labels for each clip, such as \['rain'\]"),
        ([["rain"], b"dog"], None, r"label_lists\[1\] is b'dog'"),
        ([["rain"], 3], None, r"label_lists\[1\] is 3"),
        ([["rain"], None], None, r"label_lists\[1\] is None"),
        ([["rain"], ["dog", None]], None, r"label_lists\[1\].*None"),
        ([["rain"], ["dog", float("nan")]], None, r"label_lists\[1\].*nan"),
        ([["rain"], [" "]], None, "is an empty label"),
        ([["rain"], [["dog", "cat"]]], None, r"\['dog', 'cat'\]"),
        ([[], []], None, r"no label; pass at least one, or name the columns in labels="),
        ([], None, "no label"),
        ([["rain"], ["dog"]], ["rain"], "Label 'dog' of clip 1 is not in labels"),
        ([["rain"]], ["rain", "dog", "rain"], "has duplicates"),
        ([["rain"]], "rain", "is one label"),
        ([["rain"]], [], "pass at least one"),
    ],
    ids=str,
)
def test_what_is_no_list_of_labels_is_named(label_lists, labels, message):
    with pytest.raises(ValueError, match=message):
        indicator_frame(label_lists, labels)


def test_a_series_keeps_its_index():
    lists = pd.Series([["rain"], [], ["rain", "dog"]], index=[7, 3, 5])
    frame = indicator_frame(lists)
    assert frame.index.tolist() == [7, 3, 5]
    assert frame.loc[5].tolist() == [1, 1]
    assert indicator_frame([["rain"]]).index.tolist() == [0]
