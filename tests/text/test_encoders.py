import pickle
import unicodedata
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import Normalizer, StandardScaler

from skzsl import ZeroShotRidge, with_labels
from skzsl.exceptions import UnknownWordError
from skzsl.text import HashingEncoder, LookupEncoder, Prompts, WordAverage
from skzsl.text._base import split_words

TABLE = {"dog": [1.0, 0.0], "rain": [0.0, 1.0], "church": [2.0, 0.0], "bells": [0.0, 4.0]}
ENCODERS = [
    HashingEncoder(8),
    LookupEncoder(TABLE),
    Prompts(HashingEncoder(8), ["{label}", "a {label}"]),
    WordAverage(LookupEncoder(TABLE)),
]


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: type(encoder).__name__)
def test_encoders_are_transformers_of_lists_of_strings(encoder):
    texts = ["dog", "rain"]
    vectors = encoder.fit_transform(texts)
    assert vectors.shape == (2, len(encoder.get_feature_names_out()))
    for same in (clone(encoder).fit(texts), pickle.loads(pickle.dumps(encoder))):
        np.testing.assert_array_equal(same.transform(np.array(texts)), vectors)
    for kind in (tuple(texts), np.array(texts, dtype=object), pd.Series(texts)):
        np.testing.assert_array_equal(encoder.transform(kind), vectors)
    np.testing.assert_allclose(encoder.transform(["rain"])[0], vectors[1])


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: type(encoder).__name__)
@pytest.mark.parametrize(
    ("texts", "message"),
    [("dog", "not a list of texts"), ([], "empty"), (["dog", ""], "Text 1 is empty"), (["dog", 3], "Text 1 is 3")],
    ids=["lone string", "none", "empty", "number"],
)
def test_bad_texts_are_named(encoder, texts, message):
    with pytest.raises(ValueError, match=message):
        clone(encoder).fit(texts)


def test_encoders_join_and_scale_in_pipelines_and_unions():
    union = make_union(make_pipeline(LookupEncoder(TABLE), StandardScaler(with_std=False)), HashingEncoder(3))
    vectors = make_pipeline(union, Normalizer()).fit_transform(["dog", "rain"])
    assert vectors.shape == (2, 5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    np.testing.assert_allclose(vectors[0, :2], -vectors[1, :2])


def test_words_hash_to_fixed_nearly_orthogonal_directions():
    vectors = HashingEncoder(4096).fit_transform(["fast beep", "fast hum", "dog", "fast beep"])
    np.testing.assert_array_equal(vectors[0], vectors[3])
    assert vectors[0] @ vectors[1] == pytest.approx(0.5, abs=0.06)
    assert vectors[0] @ vectors[2] == pytest.approx(0.0, abs=0.06)


def test_hashing_does_not_depend_on_the_process():
    import subprocess
    import sys

    code = "from skzsl.text import HashingEncoder as H; print(H(3).fit_transform(['dog bark']).tolist())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(HashingEncoder(3).fit_transform(["dog bark"]).tolist())


def test_lookup_takes_tables_indexed_by_text():
    frame = pd.DataFrame(TABLE).T
    np.testing.assert_array_equal(LookupEncoder(frame).fit_transform(["rain"]), [[0.0, 1.0]])


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"rain": [1.0]}, UnknownWordError, "'dog' is not in the lookup table"),
        ({"rain": [1.0], "dog": [1.0, 2.0]}, ValueError, "all need one length"),
        ({"rain": [[1.0]], "dog": [[1.0]]}, ValueError, "one vector, once"),
        (np.ones((2, 3)), ValueError, "type ndarray; pass a dict"),
        ({"rain": [1.0], "dog": [np.nan]}, ValueError, "vector of 'dog' holds NaN"),
        ({"rain": "loud"}, ValueError, "no vector of numbers for text 'rain'"),
    ],
)
def test_bad_tables_are_named(table, error, message):
    with pytest.raises(error, match=message):
        LookupEncoder(table).fit(["rain", "dog"])


def test_prompts_average_the_encoded_sentences():
    encoder = HashingEncoder(16)
    expected = (encoder.fit_transform(["a dog", "a rain"]) + encoder.fit_transform(["dog far", "rain far"])) / 2
    np.testing.assert_allclose(Prompts(encoder, ["a {label}", "{label} far"]).fit_transform(["dog", "rain"]), expected)


def test_braces_in_labels_stay_as_they_are():
    expected = HashingEncoder(16).fit_transform(["a {label} {x}"])
    np.testing.assert_allclose(Prompts(HashingEncoder(16), "a {label}").fit_transform(["{label} {x}"]), expected)


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ("a sound", "'a sound' has no '{label}'"),
        ([], "templates=.*pass at least one"),
        (None, "templates=None"),
        (["{label}", 3], "3 has no"),
    ],
)
def test_templates_need_a_place_for_the_label(templates, message):
    with pytest.raises(ValueError, match=message):
        Prompts(HashingEncoder(), templates).fit(["dog"])


def test_wrappers_take_what_estimators_take():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["dog bark", "rain drop"]
    assert Prompts(TfidfVectorizer(), ["a {label}", "{label}"]).fit_transform(texts).shape[0] == 2
    assert WordAverage(TfidfVectorizer()).fit_transform(texts).shape[0] == 2
    np.testing.assert_allclose(Prompts(TABLE, "{label}").fit_transform(["dog"]), [[1.0, 0.0]])
    with pytest.raises(ValueError, match=r"is a template, not a model; pass Prompts\(templates="):
        Prompts("the sound of {label}").fit(["dog"])


def test_word_average_is_the_mean_of_single_words():
    vectors = WordAverage(LookupEncoder(TABLE)).fit_transform(["church bells", "dog", "church_bells, dog!"])
    np.testing.assert_allclose(vectors, [[1.0, 2.0], [1.0, 0.0], [1.0, 4 / 3]])
    with pytest.raises(ValueError, match=r"'\?!' has no word"):
        WordAverage(HashingEncoder()).fit(["?!"])


class Counting(BaseEstimator):
    """Numbers for texts, which says what it was asked for; nothing else than fit and transform."""

    asked: ClassVar[list] = []

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        self.asked.append(list(X))
        return np.array([[len(text), text.count("a")] for text in X], dtype=float)


@pytest.mark.parametrize(
    ("encoder", "asked"),
    [
        (Counting(), ["a dog", "bell", "rain"]),
        (Prompts(Counting(), "hear {label}"), ["hear a dog", "hear bell", "hear rain"]),
        (WordAverage(Counting()), ["a", "dog", "bell", "rain"]),
        (make_pipeline(Counting(), StandardScaler()), ["a dog", "bell", "rain"]),
        (Prompts(make_pipeline(WordAverage(Counting()), Normalizer()), "{label}"), ["a", "dog", "bell", "rain"]),
    ],
)
def test_labels_are_encoded_once_in_a_fit(encoder, asked):
    Counting.asked.clear()
    X = np.random.default_rng(0).normal(size=(4, 3))
    model = ZeroShotRidge(text_encoder=encoder).fit(X, ["a dog", "rain", "bell", "a dog"])
    assert Counting.asked == [asked]
    new = with_labels(model, ["a dog", "bell", "cat", "rain"])
    np.testing.assert_allclose(new.decision_function(X)[:, [0, 1, 3]], model.decision_function(X))
    assert all("cat" in text for texts in Counting.asked[1:] for text in texts)


class Misshapen(Counting):
    def transform(self, X):
        return np.ones(len(X))


@pytest.mark.parametrize("wrapper", [Prompts, WordAverage])
def test_wrapped_encoders_give_one_row_for_each_text(wrapper):
    with pytest.raises(ValueError, match=r"turned 2 texts into shape \(2,\)"):
        wrapper(Misshapen()).fit(["dog", "rain"])


def test_marks_are_parts_of_words():
    words = ["कुत्ता", "नमस्ते", "สุนัข", "naïve", "dog's"]
    for form in ("NFC", "NFD"):
        assert split_words(unicodedata.normalize(form, ", ".join(words))) == words
    assert split_words("don't_stop  now!") == ["don't", "stop", "now"]
