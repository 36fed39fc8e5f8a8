import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

from skzsl._indicators import (
    balancing_chances,
    check_indicators,
    encode_indicators,
    is_indicator,
    log_odds_of_labels,
)

VALUES = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 1]])
NAMES = ["rain", "dog", "wind"]
FRAME = pd.DataFrame(VALUES, columns=NAMES)
FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


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


SPARSE = {
    **{f"{form} array": lambda values, form=form: sp.coo_array(values).asformat(form) for form in FORMATS},
    "csr matrix": sp.csr_matrix,
    "with zeros": lambda values: sp.csr_array((values.ravel(), np.tile(range(3), 3), range(0, 10, 3)), values.shape),
}


@pytest.mark.parametrize("make", SPARSE.values(), ids=SPARSE)
@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32], ids=lambda kind: np.dtype(kind).name)
def test_sparse_matrices_are_read_and_may_stay_sparse(make, kind):
    y = make(VALUES.astype(kind))
    assert is_indicator(y)
    checked, kept = check_indicators(y, NAMES), check_indicators(y, NAMES, keep_sparse=True)
    assert checked.values.dtype == kept.values.dtype == kind
    np.testing.assert_array_equal(checked.values, VALUES)
    np.testing.assert_array_equal(kept.values.toarray(), VALUES)
    assert kept.values.nnz == VALUES.sum()
    assert kept.positive().tolist() == checked.positive().tolist()
    for labels in (NAMES, NAMES[::-1], [NAMES[2], "none", NAMES[0]]):
        np.testing.assert_array_equal(kept.of(np.array(labels)).toarray(), checked.of(np.array(labels)))


def test_tables_of_sparse_columns_may_stay_sparse():
    y = FRAME.astype(pd.SparseDtype(np.uint8, 0))
    kept = check_indicators(y, keep_sparse=True)
    assert sp.issparse(kept.values)
    np.testing.assert_array_equal(kept.values.toarray(), VALUES)
    assert kept.labels.tolist() == NAMES
    targets = encode_indicators(y, 3)
    assert sp.issparse(targets.codes)
    assert targets.indicator_dtype == np.uint8
    assert not sp.issparse(encode_indicators(FRAME.assign(rain=1), 3).codes)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (sp.csr_array(VALUES * 2), r"y is 2 at clip 0, label .*'rain'"),
        (sp.coo_array(([1, 1], ([1, 1], [2, 2])), shape=(3, 3)), r"y is 2 at clip 1, label .*'wind'"),
        (sp.csr_array(np.where(VALUES, np.nan, 0)), r"contains NaN at clip 0, label .*'rain'"),
        (sp.csr_array(VALUES * 1j), "complex"),
        (sp.coo_array(VALUES[0]), r"shape \(3,\)"),
        (FRAME.astype(pd.SparseDtype(float, np.nan)), "fill_value=0"),
    ],
    ids=["twos", "ones twice", "NaN", "complex", "1-D", "other fill"],
)
def test_sparse_values_that_are_no_indicator_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        check_indicators(y, None if hasattr(y, "columns") else NAMES, keep_sparse=True)


def test_sparse_indicators_weigh_labels_as_dense_ones_do():
    dense = (np.random.default_rng(0).random((200, 7)) < 0.2).astype(np.uint8)
    chances = balancing_chances(dense)
    np.testing.assert_array_equal(balancing_chances(sp.csr_array(dense)), chances)
    np.testing.assert_array_equal(log_odds_of_labels(sp.csr_array(dense)), log_odds_of_labels(dense))
    np.testing.assert_array_equal(log_odds_of_labels(sp.csr_array(dense), chances), log_odds_of_labels(dense, chances))


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
