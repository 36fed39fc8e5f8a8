"""Every model on clips that are stored: fits and predictions are those of clips in memory, or shuffled in runs."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skzsl import _stored
from skzsl._stored import StoredRows
from skzsl.nets.batches import RowBatches, RowData
from skzsl.tagging import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl.text import HashingEncoder
from skzsl.zero_shot import (
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotConvex,
    ZeroShotNearest,
    ZeroShotRidge,
    ZeroShotRidgeCV,
    ZeroShotTemporalAttention,
)

N, T, D = 120, 3, 16
LABELS = np.array(["dog bark", "dog howl", "rain", "heavy rain", "cat", "wind"])
TEXT = HashingEncoder(D)
NETS = {
    "bilinear": ZeroShotBilinear(TEXT, solver="minibatch", batch_size=8, max_epochs=2),
    "contrastive": ZeroShotContrastive(TEXT, batch_size=8, max_epochs=2),
    "contrastive, cscm": ZeroShotContrastive(TEXT, head="cscm", batch_size=8, max_epochs=2),
    "temporal attention": ZeroShotTemporalAttention(TEXT, batch_size=8, max_epochs=2),
    "multi-level": MultiLevelAttentionClassifier(batch_size=8, max_epochs=2, hidden_size=8),
    "global-local": GlobalLocalAttentionClassifier(batch_size=8, max_epochs=2, hidden_size=8),
    "global-local, multi-level": GlobalLocalAttentionClassifier(
        global_net=MultiLevelAttentionClassifier(max_epochs=2, hidden_size=8, random_state=0, shuffle=False),
        **{"training": "frozen_global", "batch_size": 8, "max_epochs": 2, "hidden_size": 8},
    ),
}
SHUFFLED = {"online": ZeroShotBilinear(TEXT, max_epochs=2), **NETS}
OTHERS = {
    "ridge": ZeroShotRidge(TEXT),
    "ridge of clips as they are": ZeroShotRidge(TEXT, standardize=False),
    "ridge cv": ZeroShotRidgeCV(TEXT),
    "nearest": ZeroShotNearest(TEXT),
    "convex": ZeroShotConvex(TEXT),
}


class Stored:
    """An array in no memory, whose reads are counted."""

    def __init__(self, values):
        self.values, self.most = values, 0
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __getitem__(self, rows):
        block = self.values[rows]
        self.most = max(self.most, len(block))
        return block


@pytest.fixture(autouse=True)
def small_buffer(monkeypatch):
    monkeypatch.setattr(_stored, "buffer_bytes", lambda: 32 * T * D)
    monkeypatch.setattr(_stored, "_CHUNK_BYTES", 16 * T * D * 8)
    monkeypatch.setattr(_stored, "_GAP", 2)
    monkeypatch.setattr("skzsl.solvers._online_ranking._CHUNK_BYTES", 16 * T * D * 8)
    monkeypatch.setattr("skzsl._clip_scores._BLOCK_BYTES", 16 * T * D * 8)
    monkeypatch.setattr("skzsl.nets.batches._BLOCK_BYTES", 16 * T * D * 4)
    monkeypatch.setattr("skzsl.nets.inference._BATCH_BYTES", 16 * T * D * 4)


@pytest.fixture(params=[2, 3], ids=["vectors", "segments"])
def clips(request):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(LABELS, N // len(LABELS)))
    X = rng.integers(1, 60, (N, T, D), dtype=np.uint8)
    X[np.arange(N), :, np.searchsorted(np.sort(LABELS), y)] += 150
    X[::5, 2:] = 0
    return (X if request.param == 3 else X[:, 0].repeat(T, axis=1)), y


def learned(model):
    if getattr(model, "_net", None) is not None:
        return {name: weight.numpy() for name, weight in model.module_.state_dict().items()}
    return {"map": getattr(model, "coef_", 0)}


def assert_same(model, other, X):
    for name, weight in learned(model).items():
        assert_array_equal(weight, learned(other)[name], err_msg=name)
    assert_array_equal(model.decision_function(X), other.decision_function(X))


@pytest.mark.parametrize(
    ("name", "clips"),
    [*((name, 3) for name in SHUFFLED), ("online", 2), ("contrastive", 2), ("temporal attention", 2)],
    indirect=["clips"],
)
def test_models_that_train_in_order_learn_from_a_store_what_they_learn_in_memory(clips, name):
    X, y = clips
    model = SHUFFLED[name]
    model = model.__class__(**{**model.get_params(deep=False), "shuffle": False, "random_state": 0})
    stored = Stored(X)
    expected = model.__class__(**model.get_params(deep=False)).fit(X, y)
    assert_same(model.fit(stored, y), expected, X)
    assert_array_equal(model.decision_function(stored), expected.decision_function(X))
    assert 0 < stored.most <= 40


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_learn_from_a_store_what_they_learn_in_memory(clips, name):
    X, y = clips
    if name == "nearest":
        X = X[..., :D]
    model = OTHERS[name]
    expected = model.__class__(**model.get_params(deep=False)).fit(X, y)
    model.fit(Stored(X), y)
    np.testing.assert_allclose(model.decision_function(Stored(X)), expected.decision_function(X), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("clips", [3], indirect=True)
@pytest.mark.parametrize("name", list(SHUFFLED)[:-1])
def test_shuffled_fits_of_stored_clips_learn_as_much(clips, name):
    X, y = clips
    model = SHUFFLED[name]
    model = model.__class__(**{**model.get_params(deep=False), "max_epochs": 8, "random_state": 0})
    stored = Stored(X)
    assert model.fit(stored, y).score(stored, y) > 1.4 / len(LABELS)
    assert 0 < stored.most <= 40


def test_a_store_that_fits_the_buffer_is_shuffled_as_memory_is(clips, monkeypatch):
    X, y = clips
    monkeypatch.setattr(_stored, "buffer_bytes", lambda: 1 << 20)
    model, other = (ZeroShotTemporalAttention(TEXT, max_epochs=2, random_state=0) for _ in range(2))
    assert_same(model.fit(Stored(X), y), other.fit(X, y), X)


def test_a_training_on_stored_clips_is_remembered_by_what_they_hold(clips, tmp_path):
    X, y = clips
    model = ZeroShotRidge(TEXT, memory=str(tmp_path))
    first = model.fit(Stored(X), y).coef_
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skzsl.solvers._ridge._summed", lambda *arguments: calls.append(arguments))
        assert_array_equal(model.fit(Stored(X.copy()), y).coef_, first)
        with pytest.raises(AttributeError, match="NoneType"):
            model.fit(Stored(X + 1), y)
    assert len(calls) == 1


@pytest.mark.parametrize("clips", [3], indirect=True)
@pytest.mark.parametrize("name", ["temporal attention", "bilinear"])
def test_clips_of_a_store_are_held_out_as_those_in_memory(clips, name):
    X, y = clips
    model = NETS[name].__class__(**{**NETS[name].get_params(deep=False), "validation_fraction": 0.2, "random_state": 0})
    model.fit(Stored(X), y)
    assert all(np.isfinite(epoch["valid_loss"]) for epoch in model.history_)
    held_out = [
        [part.rows.sort().values.tolist() for part in model._net.get_split_datasets((given,), np.arange(N))]
        for given in (X, StoredRows(Stored(X)))
    ]
    assert held_out[0] == held_out[1]
    assert len(held_out[0][1]) == 24


def batches_of(X, batch_size, rng, *, chances=None, rows=None, skip=0):
    data = RowData((StoredRows(Stored(X)), np.ones((len(X), T), bool)), np.arange(len(X)))
    batches = RowBatches(data if rows is None else data.subset(rows), batch_size, "cpu", rng, chances)
    batches.skip = skip
    return [(inputs[0].numpy(), targets.numpy()) for inputs, targets in batches]


@pytest.mark.parametrize("rows", [None, torch.randperm(N)[:70]], ids=["all", "some"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_of_a_store_hold_every_clip_once_with_its_target(rows, shuffled):
    X = np.random.default_rng(0).integers(0, 255, (N, T, D), dtype=np.uint8)
    batches = batches_of(X, 9, np.random.RandomState(0) if shuffled else None, rows=rows)
    for block, targets in batches:
        assert_array_equal(block, X[targets])
    visited = np.concatenate([targets for _, targets in batches])
    assert_array_equal(np.sort(visited), np.arange(N) if rows is None else np.sort(rows.numpy()))
    assert {len(targets) for _, targets in batches[:-1]} == {9}
    assert np.array_equal(np.sort(visited), visited) != shuffled


def test_clips_of_a_store_are_drawn_by_their_chances():
    X = np.random.default_rng(0).integers(0, 255, (N, T, D), dtype=np.uint8)
    chances = np.where(np.arange(N) % 4 == 0, 1.0, 0.0) / (N / 4)
    batches = batches_of(X, 9, np.random.RandomState(0), chances=chances)
    visited = np.concatenate([targets for _, targets in batches])
    assert len(visited) == N
    assert not (visited % 4).any()
    for block, targets in batches:
        assert_array_equal(block, X[targets])


@pytest.mark.parametrize("skip", [1, 3, 8, 13])
@pytest.mark.parametrize("kind", ["stored", "shuffled", "in memory", "in memory, shuffled"])
def test_batches_can_be_left_out_of_an_epoch_that_is_the_same_else(kind, skip, monkeypatch):
    monkeypatch.setattr("skzsl.nets.batches._BLOCK_BYTES", 4 * T * D * 20)
    X = np.random.default_rng(0).integers(0, 255, (N, T, D), dtype=np.uint8)
    first = X if "memory" in kind else StoredRows(Stored(X))
    data = RowData((first,), np.arange(N))
    epochs = []
    for left_out in (0, skip):
        batches = RowBatches(data, 9, "cpu", np.random.RandomState(0) if "shuffled" in kind else None)
        batches.skip = left_out
        epochs.append([targets.numpy() for _ in range(2) for _, targets in batches])
    assert len(epochs[1]) == len(epochs[0]) - skip
    for expected, found in zip(epochs[0][skip:], epochs[1], strict=True):
        assert_array_equal(found, expected)
