import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

from skzsl._indicators import check_indicators, encode_indicators, is_indicator

VALUES = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 1]])
NAMES = ["rain", "dog", "wind"]
FRAME = pd.DataFrame(VALUES, columns=NAMES)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (VALUES, True),
        (VALUES.tolist(), True),
        (FRAME, True),
        (FRAME[["rain"]], True),
        (pl.DataFrame(VALUES, schema=NAMES), True),
        (VALUES[:, :1], False),
        (np.array(["rain", "dog"]), False),
        (["rain", "dog"], False),
        ([["rain"], ["dog"]], False),
        (pd.Series(["rain", "dog"]), False),
        (pl.Series(["rain", "dog"]), False),
        (None, False),
    ],
    ids=[
        "array", "lists", "DataFrame", "one column", "polars", "column vector", "text array", "text list",
        "one label in each list", "Series", "polars Series", "None",
    ],
)  # fmt: skip
def test_two_dimensions_are_multilabel_and_a_column_vector_is_not(y, expected):
    assert is_indicator(y) is expected


RAGGED = [["rain"], ["rain", "dog"], []]


@pytest.mark.parametrize(
    "y",
    [
        RAGGED,
        tuple(RAGGED),
        [set(labels) for labels in RAGGED],
        [["rain", "dog"], ["dog", "wind"]],
        [("rain", "dog"), ("dog", "wind")],
        [["rain"], "dog"],
        [np.array(["rain", "dog"]), np.array(["dog"])],
    ],
    ids=["lists", "tuple", "sets", "equal lengths", "tuples", "mixed", "arrays"],
)
def test_lists_of_labels_are_refused_by_naming_indicator_frame(y):
    with pytest.raises(ValueError, match=r"skzsl\.indicator_frame"):
        is_indicator(y)


def test_sparse_matrices_are_refused_with_the_next_step():
    with pytest.raises(ValueError, match=r"sparse matrix; pass y\.toarray\(\)"):
        is_indicator(sp.csr_matrix(VALUES))


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32], ids=lambda kind: np.dtype(kind).name)
def test_values_stay_in_the_type_they_came_in(kind):
    checked = check_indicators(FRAME.astype(kind))
    assert checked.values.dtype == kind
    assert checked.labels.tolist() == NAMES
    np.testing.assert_array_equal(checked.values, VALUES)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.assign(rain=FRAME["rain"].astype(bool)),
        FRAME.astype("Int64"),
        FRAME.astype("boolean"),
        FRAME.astype(pd.SparseDtype(int, 0)),
        FRAME.astype(object),
        pl.DataFrame(VALUES, schema=NAMES).with_columns(pl.col("dog").cast(pl.Boolean)),
    ],
    ids=["mixed", "nullable", "nullable bool", "sparse", "object", "polars mixed"],
)
def test_every_kind_of_column_is_read(frame):
    np.testing.assert_array_equal(check_indicators(frame).values, VALUES)


@pytest.mark.parametrize(
    ("y", "labels", "message"),
    [
        (FRAME * 2, None, r"y is 2 at clip 0, label .*'rain'.*; pass 1 for present"),
        (FRAME - 1, None, r"y is -1 at clip 0, label .*'dog'"),
        (FRAME * 0.5, None, r"y is 0\.5 at clip 0, label .*'rain'"),
        (FRAME.astype(float).mask(FRAME == 1), None, r"contains NaN at clip 0, label .*'rain'"),
        (pl.DataFrame({"a": [1, None], "b": [0, 1]}), None, r"contains NaN at clip 1, label .*'a'"),
        (np.array([["rain", "dog"]]), None, r"holds <U4 values such as .*'rain'.*indicator_frame"),
        (pd.DataFrame(VALUES, columns=["a", "b", "a"]), None, r"duplicates: \['a'\]"),
        (VALUES, ["a", "b", "a"], r"duplicates: \['a'\]"),
        (pd.DataFrame(VALUES, columns=["a", None, "c"]), None, "None"),
        (pd.DataFrame(VALUES, columns=["a", " ", "c"]), None, "empty label"),
        (pd.DataFrame(VALUES, columns=["a", 3, "c"]), None, "mixes text and other labels"),
        (VALUES, ["a", "b"], "2 labels for the 3 columns"),
        (FRAME, NAMES, "columns of y have names; pass a dict from column to text"),
        (FRAME.iloc[:0], None, r"shape \(0, 3\)"),
        (FRAME[[]], None, r"shape \(3, 0\)"),
        (np.zeros((2, 2, 2)), None, r"shape \(2, 2, 2\)"),
    ],
    ids=[
        "two", "minus one", "half", "NaN", "null", "text", "duplicate columns", "duplicate names", "no name",
        "blank name", "mixed names", "too few names", "names twice", "no clip", "no label", "3-D",
    ],
)  # fmt: skip
def test_what_is_no_indicator_is_named(y, labels, message):
    with pytest.raises(ValueError, match=message):
        check_indicators(y, labels)


def test_missing_values_of_nullable_columns_are_called_missing():
    with pytest.raises(ValueError, match=r"NaN at clip 1, label .*'dog'"):
        check_indicators(pd.DataFrame({"rain": [1, 0], "dog": pd.array([1, None], dtype="Int64")}))


def test_messages_show_labels_as_people_write_them():
    for y in (FRAME * 2, FRAME.astype(float).mask(FRAME == 1), np.array([["rain", "dog"]])):
        with pytest.raises(ValueError, match=r"^[^(]*$"):  # 'rain', not np.str_('rain')
            check_indicators(y)


def test_only_labels_with_a_positive_clip_are_seen_and_the_order_of_columns_is_kept():
    targets = encode_indicators(FRAME, 3)
    assert targets.classes.tolist() == NAMES
    assert targets.seen.tolist() == ["rain", "wind"]
    assert targets.codes.dtype == np.uint8
    np.testing.assert_array_equal(targets.codes, VALUES[:, [0, 2]])


def test_arrays_take_their_names_from_the_list_or_from_their_positions():
    assert encode_indicators(VALUES, 3, labels=NAMES).seen.tolist() == ["rain", "wind"]
    assert encode_indicators(VALUES, 3).seen.tolist() == [0, 2]


def test_earlier_labels_keep_their_places_and_new_ones_follow():
    targets = encode_indicators(
        FRAME[["wind", "rain"]], 3, seen=np.array(["cat"]), classes=np.array(["cat", "rain", "siren"])
    )
    assert targets.classes.tolist() == ["cat", "rain", "siren", "wind"]
    assert targets.seen.tolist() == ["cat", "rain", "wind"]
    np.testing.assert_array_equal(targets.codes, np.c_[np.zeros(3), VALUES[:, 0], VALUES[:, 2]])


def test_as_many_clips_as_rows_are_needed():
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[5, 3\]"):
        encode_indicators(FRAME, 5)


def test_names_and_numbers_of_columns_are_never_mixed():
    with pytest.raises(ValueError, match=r"type"):
        encode_indicators(VALUES, 3, seen=np.array(["rain"]), classes=np.array(["rain", "dog"]))
