"""Vectors of many texts: encoded in batches, held in one array, looked up in memory maps."""

import copy

import numpy as np
import pytest
from sklearn.base import clone

from skzsl import ZeroShotRidge
from skzsl.text import HashingEncoder, LookupEncoder, VectorTable, _cache
from skzsl.text._cache import KnownVectors

TEXTS = [f"sound {number}" for number in range(10)]


def encode(texts):
    return np.array([[len(text), hash(text) % 97] for text in texts], dtype=float)


def test_texts_are_encoded_once_and_in_batches(monkeypatch):
    monkeypatch.setattr(_cache, "_BATCH", 4)
    asked = []
    known = KnownVectors()

    def count(texts):
        asked.append(list(texts))
        return encode(texts)

    np.testing.assert_array_equal(known.of(TEXTS, count), encode(TEXTS))
    assert asked == [TEXTS[:4], TEXTS[4:8], TEXTS[8:]]
    mixed = [*TEXTS[::-2], "another", TEXTS[0]]
    np.testing.assert_array_equal(known.of(mixed, count), encode(mixed))
    assert asked[3:] == [["another"]]


def test_known_texts_in_their_order_are_not_copied():
    known = KnownVectors()
    vectors = known.of(TEXTS, encode)
    assert np.shares_memory(known.of(TEXTS[2:5], encode), vectors)
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 0.0


def test_most_of_all_texts_come_to_stand_in_their_order():
    known = KnownVectors()
    known.of(TEXTS[3:5], encode)
    for order in (TEXTS[::-1], TEXTS, [*TEXTS[5:], *TEXTS[:5]]):
        np.testing.assert_array_equal(known.of(order, encode), encode(order))
        assert np.shares_memory(known.of(order, encode), known.vectors)
    few = TEXTS[7], TEXTS[2]
    np.testing.assert_array_equal(known.of([*few], encode), encode(few))
    assert not np.shares_memory(known.of([*few], encode), known.vectors)  # and the others stay where they are
    assert np.shares_memory(known.of(order, encode), known.vectors)
    twice = [*TEXTS, TEXTS[0]]
    np.testing.assert_array_equal(known.of(twice, encode), encode(twice))


def test_what_was_encoded_before_an_interrupt_is_kept(monkeypatch):
    monkeypatch.setattr(_cache, "_BATCH", 3)
    known, asked = KnownVectors(), []

    def interrupted(texts):
        asked.append(texts)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return encode(texts)

    with pytest.raises(KeyboardInterrupt):
        known.of(TEXTS, interrupted)
    assert list(known.rows) == TEXTS[:6]
    np.testing.assert_array_equal(known.of(TEXTS, interrupted), encode(TEXTS))
    assert asked[3:] == [TEXTS[6:9], TEXTS[9:]]


def test_a_bar_shows_only_when_it_takes_seconds(monkeypatch, capsys):
    monkeypatch.setattr(_cache, "_BATCH", 2)
    KnownVectors().of(TEXTS, encode)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(_cache, "_SECONDS", 0)
    KnownVectors().of(TEXTS, encode)
    assert "Encoding texts" in capsys.readouterr().err


def test_label_vectors_given_to_the_caller_are_the_callers(word_sounds):
    X, y = np.eye(4), ["low hum", "low beep", "high hum", "high beep"]
    model = ZeroShotRidge(HashingEncoder(16)).fit(X, y)
    before = model.predict_proba(X)
    model.label_vectors()[:] = 0.0
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_a_table_may_be_a_memory_map(tmp_path, rng):
    vectors = rng.normal(size=(10, 3)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    table = VectorTable(TEXTS, mapped)
    encoder = clone(LookupEncoder(table))
    assert encoder.table is table
    assert copy.deepcopy(table) is table
    assert np.shares_memory(table["sound 3"], mapped)
    np.testing.assert_array_equal(encoder.fit_transform(TEXTS[3:5]), vectors[3:5])
    assert repr(encoder) == "LookupEncoder(table=VectorTable(10 texts, 3 numbers each))"
    X = rng.normal(size=(20, 4))
    own = ZeroShotRidge(dict(zip(TEXTS, vectors, strict=True))).fit(X, TEXTS * 2)
    assert (ZeroShotRidge(table).fit(X, TEXTS * 2).coef_ == own.coef_).all()
