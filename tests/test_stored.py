"""Clips in files and stores: read by rows, and never whole where they are larger than the buffer."""

import numpy as np
import pytest
import zarr
from models import data, new
from sklearn import config_context

from skzsl import _stored
from skzsl._segments import check_segments
from skzsl._stored import StoredRows, opened, read_rows, shuffled_fills
from skzsl.zero_shot import ZeroShotRidge

N, T, D = 300, 3, 5


class Counted:
    """An array as HDF5 has them: rows by slices alone, whose reads are counted."""

    def __init__(self, values, chunks=None):
        self.values, self.chunks, self.most = values, chunks, 0
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        block = self.values[rows]
        self.most = max(self.most, len(block))
        return block


def mapped(values, path):
    np.save(path / "clips.npy", values)
    return np.load(path / "clips.npy", mmap_mode="r")


STORES = {
    "memory map": mapped,
    "changed memory map": lambda values, path: np.load(_saved(values, path), mmap_mode="c"),
    "view of a memory map": lambda values, path: mapped(np.concatenate([values[:7], values]), path)[7:],
    "zarr": lambda values, path: zarr.create_array(path / "clips.zarr", data=values, chunks=(40, *values.shape[1:])),
    "slices": lambda values, path: Counted(values),
    "slices of chunks": lambda values, path: Counted(values, (64, *values.shape[1:])),
}


def _saved(values, path):
    np.save(path / "clips.npy", values)
    return path / "clips.npy"


@pytest.fixture
def small_buffer(monkeypatch):
    monkeypatch.setattr(_stored, "buffer_bytes", lambda: 64 * T * D * 4)
    monkeypatch.setattr(_stored, "_CHUNK_BYTES", 32 * T * D * 8)


@pytest.fixture
def clips():
    values = np.random.default_rng(0).normal(size=(N, T, D)).astype(np.float32)
    values[::7, 2:] = 0.0
    return values


ROWS = [slice(None), slice(3, 150), slice(250, 10), slice(5, 200, 7), [3], [290, 1, 1, 60, -1], [], "third"]


@pytest.mark.usefixtures("small_buffer")
@pytest.mark.parametrize("n_dims", [2, 3])
@pytest.mark.parametrize("store", STORES)
def test_stored_rows_are_those_of_the_array(clips, tmp_path, store, n_dims):
    clips = clips if n_dims == 3 else clips[:, 0].copy()
    clips = np.repeat(clips, 3, axis=0)
    rows = opened(STORES[store](clips, tmp_path))
    assert isinstance(rows, StoredRows)
    assert (rows.shape, rows.dtype, len(rows)) == (clips.shape, clips.dtype, len(clips))
    for chosen in ROWS:
        chosen = np.arange(len(clips)) % 3 == 0 if chosen == "third" else chosen
        np.testing.assert_array_equal(rows[chosen], clips[chosen])
    np.testing.assert_array_equal(rows[-2], clips[-2])
    np.testing.assert_array_equal(np.asarray(rows), clips)
    with pytest.raises(IndexError, match="Row 900 of 900"):
        rows[900]


@pytest.mark.usefixtures("small_buffer")
def test_rows_far_apart_are_not_read_with_all_between(clips):
    stored = Counted(clips)
    np.testing.assert_array_equal(opened(stored)[[299, 0, 150, 2]], clips[[299, 0, 150, 2]])
    assert stored.most == 3


def test_what_fits_the_buffer_is_read_whole(clips, tmp_path):
    assert type(opened(zarr.create_array(tmp_path / "clips.zarr", data=clips))) is np.ndarray
    small = mapped(clips, tmp_path)
    assert opened(small) is small


@pytest.mark.usefixtures("small_buffer")
def test_lists_tables_and_arrays_in_memory_are_not_stored(clips):
    for X in (clips, clips.tolist(), clips.astype(object)):
        assert opened(X) is X


@pytest.mark.usefixtures("small_buffer")
@pytest.mark.parametrize("store", STORES)
def test_stored_clips_are_checked_as_those_in_memory(clips, tmp_path, store):
    model = ZeroShotRidge()
    segments = check_segments(model, STORES[store](clips, tmp_path), reset=True)
    assert isinstance(segments.values, StoredRows)
    assert model.n_features_in_ == D
    np.testing.assert_array_equal(segments.lengths, check_segments(model, clips).lengths)
    np.testing.assert_array_equal(segments[10:20].values, clips[10:20])
    np.testing.assert_array_equal(segments.mean(), check_segments(model, clips).mean())


@pytest.mark.usefixtures("small_buffer")
def test_not_a_number_in_a_store_is_named_by_its_clip(clips):
    clips[123, 1, 0] = np.nan
    with pytest.raises(ValueError, match="clip 123, segment 1"):
        check_segments(ZeroShotRidge(), Counted(clips), reset=True)
    with pytest.raises(ValueError, match="clip 123, feature 0"):
        check_segments(ZeroShotRidge(), Counted(clips[:, 1]), reset=True)


@pytest.mark.usefixtures("small_buffer")
def test_no_more_than_a_chunk_of_a_store_is_read_at_once(clips):
    stored = Counted(np.repeat(clips, 4, axis=0))
    check_segments(ZeroShotRidge(), stored, reset=True)
    assert 0 < stored.most <= 32


@pytest.mark.usefixtures("small_buffer")
@pytest.mark.parametrize("batch_size", [1, 10, 64, 100, 1000])
@pytest.mark.parametrize("rows", [np.arange(N), np.sort(np.random.default_rng(0).choice(N, N))], ids=["all", "drawn"])
def test_shuffled_fills_visit_every_row_as_often_as_it_is_given(clips, rows, batch_size):
    fills = list(shuffled_fills(rows, clips, batch_size, np.random.RandomState(0)))
    visited = np.concatenate([held[places] for held, places in fills])
    np.testing.assert_array_equal(np.sort(visited), rows)
    assert not np.array_equal(visited, rows)
    assert all(len(held) % batch_size == 0 for held, _ in fills[:-1])
    assert all(len(held) < 64 + 2 * batch_size for held, _ in fills)
    for held, _ in fills:
        np.testing.assert_array_equal(read_rows(opened(Counted(clips)), held), clips[held])


@pytest.mark.usefixtures("small_buffer")
def test_rows_at_either_end_of_a_store_are_visited_at_any_time(clips):
    first = [next(shuffled_fills(np.arange(N), clips, 7, np.random.RandomState(seed)))[0] for seed in range(40)]
    assert {0, 150, N - 1} <= set(np.concatenate(first).tolist())


@pytest.mark.parametrize(
    "name", ["normalized ridge", "tuned ridge", "calibrated ridge", "rejecting ridge", "events of ridge"]
)
@pytest.mark.parametrize("working_memory", [1, 1e-4], ids=["read whole", "read in blocks"])
def test_what_holds_a_model_takes_clips_from_a_store(name, working_memory, tmp_path):
    X, y = data("several" if name == "tuned ridge" else "one")
    store = zarr.create_array(tmp_path / "clips.zarr", data=X, chunks=(5, *X.shape[1:]))
    with config_context(working_memory=working_memory):
        model = new(name).fit(store, y)
        proba = model.predict_proba(store)
    np.testing.assert_allclose(proba, new(name).fit(X, y).predict_proba(X), rtol=1e-5, atol=1e-6)
