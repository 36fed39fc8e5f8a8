import numpy as np
import pandas as pd
import polars as pl
import pytest

from skzsl import ZeroShotRidge, _labels
from skzsl._labels import check_candidates, encode_targets, label_texts, warn_of_texts
from skzsl.exceptions import LabelTextWarning
from skzsl.text import HashingEncoder

WORDS = ["rain", "dog bark", "rain", "siren"]


@pytest.mark.parametrize(
    "y",
    [
        WORDS,
        tuple(WORDS),
        np.array(WORDS),
        np.array(WORDS, dtype=object),
        np.array(WORDS, dtype=np.dtypes.StringDType()),
        pd.Series(WORDS),
        pd.Series(WORDS, dtype="category"),
        pl.Series(WORDS),
    ],
    ids=["list", "tuple", "str", "object", "StringDType", "pandas", "categorical", "polars"],
)
def test_every_kind_of_text_labels_is_encoded(y):
    targets = encode_targets(y, 4)
    assert targets.classes.tolist() == ["dog bark", "rain", "siren"]
    assert targets.codes.tolist() == [1, 0, 1, 2]


def test_codes_count_in_the_labels_seen_so_far():
    targets = encode_targets(["rain", "wind"], 2, seen=np.array(["dog", "rain"]), classes=["zebra"])
    assert targets.seen.tolist() == ["dog", "rain", "wind"]
    assert targets.classes.tolist() == ["dog", "rain", "wind", "zebra"]
    assert targets.codes.tolist() == [1, 2]
    assert encode_targets([1, 0], 2, seen=np.array([0, 2], dtype=np.uint8), classes=[]).classes.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="of different types"):
        encode_targets([1, 0], 2, seen=np.array(["a"]))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "target y is None"),
        (["rain", ""], r"y\[1\] = '' is an empty label"),
        (["rain", "  "], r"y\[1\] = '  ' is an empty label"),
        (["rain", "\u3000"], r"y\[1\] = '\\u3000' is an empty label"),
        (np.array([" rain", "é", "\t"]).astype(">U5"), r"y\[2\] = '\\t' is an empty label"),
        (["rain", None], r"y\[1\] is None"),
        (["rain", float("nan")], r"y\[1\] is nan"),
        (pd.Series(["rain", pd.NA], dtype=object), r"y\[1\] is <NA>"),
        ([frozenset("a"), frozenset("b")], "holds lists of labels, such as frozenset"),
        (np.array(["2020", "2021"], dtype="M8[Y]"), "is a date, no label"),
        ([b"rain", b"dog"], "is a bytes, no label"),
        (np.array("rain"), "y='rain' is one label"),
        (["rain", 3], "mixes text and other labels, such as 3"),
        ([["rain"], ["dog", "siren"]], r"holds lists of labels, such as \['dog', 'siren'\]"),
        (np.ones((2, 3)), r"shape \(2, 3\) has several labels"),
        ([0.5, 1.5], "continuous"),
        (["rain"], r"inconsistent numbers of samples: \[2, 1\]"),
    ],
    ids=str,
)
def test_bad_labels_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        encode_targets(y, 2)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("rain", r"one label; pass a list of labels, such as \['rain'\]"),
        ([], "no label to choose from"),
        (["rain", "dog", "rain"], r"duplicates: \['rain'\]"),
        ({"rain"}, "has no order"),
        ({"rain": 1}, "has no order"),
        (7, "has no order"),
        (["rain", None], r"labels\[1\] is None"),
        (["rain", ""], "empty label"),
    ],
    ids=str,
)
def test_bad_candidates_are_named(labels, message):
    with pytest.raises(ValueError, match=message):
        check_candidates(labels, np.array(["a"]))


def test_candidates_keep_the_order_and_the_dtype_of_y():
    assert check_candidates(["b", "a"], np.array(["x"])).tolist() == ["b", "a"]
    assert check_candidates(["b", "a"], np.array(["x"], dtype=object)).dtype == object


def test_texts_come_from_the_mapping_or_are_the_labels():
    assert label_texts(np.array(["a", "b"]), {"a": "alpha"}) == ["alpha", "b"]
    assert label_texts(np.array([3, 5]), {3: "three", 5: "five", 7: "seven"}) == ["three", "five"]


@pytest.mark.parametrize(
    ("labels", "texts", "message"),
    [
        ([3, 5], {3: "three"}, "Label 5 has no text in label_texts"),
        (["a"], {"a": ""}, "label_texts.'a'. = '' is no text"),
        (["a"], {"a": 3}, "= 3 is no text"),
        (["a", "b"], {"a": "b"}, "'a' and 'b' share the text 'b'"),
    ],
)
def test_bad_texts_are_named(labels, texts, message):
    with pytest.raises(ValueError, match=message):
        label_texts(np.array(labels), texts)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "Labels such as 0 are numbers.*label_texts={0: 'its text', ...}"),
        (["rain", "07"], "Labels such as '07' are numbers.*label_texts={'07': 'its text', ...}"),
        ([" -1,000.5 "], "Labels such as ' -1,000.5 ' are numbers"),
        (["rain", "/m/09x0r"], "Labels such as '/m/09x0r' are machine ids"),
        (["Dog bark", "rain", " dog bark"], "Labels 'Dog bark' and ' dog bark' differ in case, blanks or how"),
        (["caf\u00e9", "rain", "cafe\u0301"], "differ in case, blanks or how letters are stored only"),
        (["dog", "rain;wind", "a|b"], "'rain;wind' may be several labels; .*sep=';'"),
        (["dog bark", "dog  bark"], "pass one of them, or tell them apart in label_texts"),
    ],
    ids=str,
)
def test_labels_that_tell_an_encoder_nothing_warn_unless_they_have_a_text(labels, message, recwarn):
    labels = np.array(labels)
    warn_of_texts(labels, {label: f"sound {number}" for number, label in enumerate(labels.tolist())})
    assert not recwarn
    with pytest.warns(LabelTextWarning, match=message) as found:
        warn_of_texts(labels, None)
    assert len(found) == 1


def test_labels_that_are_words_do_not_warn(recwarn):
    warn_of_texts(np.array(["808 drum", "dog", "dogs", "a/c", "/m", "Rain & wind", "?"]), None)
    assert not recwarn


def test_models_warn_of_labels_in_fit_and_of_candidates_later():
    X, model = np.eye(2), ZeroShotRidge(HashingEncoder())
    with pytest.warns(LabelTextWarning, match="'0' are numbers"):
        model.fit(X, ["0", "wind"])
    with pytest.warns(LabelTextWarning, match="'Wind' and 'wind' differ"):
        model.predict(X, labels=["Wind", "wind"])
    with pytest.warns(LabelTextWarning, match="'/m/09x0r' are machine ids"):
        model.with_labels(["/m/09x0r"])


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, -2, 3, 7], dtype=np.int8),
        np.array([127, -128, 127, 0] * 100, dtype=np.int8),
        np.array([2**64 - 1, 2**64 - 2] * 3, dtype=np.uint64),
        np.array([2**63 - 1, -(2**63)] * 2),
        np.array([10**15, 10**15 + 2, 10**15] * 5),
        np.array([f"label {number % 700}" for number in range(40_000)]),
        np.array(["b", "a", "ab", "b", "é", "a\u0301"]),
        np.array(["longer text", "a", "longer text"]).astype(">U11"),
        np.array([2.0, 1.0, 2.0]),
        np.array([True, False, True]),
        np.array(["b", "a", "b"], dtype=object),
    ],
    ids=lambda y: str(y.dtype),
)
@pytest.mark.parametrize("block", [2, 1 << 14])
def test_codes_are_those_of_unique(y, block, monkeypatch):
    monkeypatch.setattr(_labels, "_BLOCK", block)
    unique, inverse = np.unique(y, return_inverse=True)
    targets = encode_targets(y, len(y))
    np.testing.assert_array_equal(targets.seen, unique)
    assert targets.seen.dtype == unique.dtype
    np.testing.assert_array_equal(targets.codes, inverse)


def test_models_warn_of_texts_that_their_encoder_does_not_tell_apart(recwarn):
    X, model = np.eye(3), ZeroShotRidge(HashingEncoder())
    with pytest.warns(LabelTextWarning, match="texts 'bark dog' and 'dog bark' have one vector, so no score tells"):
        model.fit(X, ["bark dog", "rain", "dog bark"])
    recwarn.clear()
    model.fit(X, ["dog bark", "rain", "wind"])
    assert not recwarn
    with pytest.warns(LabelTextWarning, match="'ring bell' and 'bell ring' have one vector"):
        model.predict(X, labels=["ring bell", "rain", "bell ring"])
