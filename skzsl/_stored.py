"""Clips that stay in the file or the store that they are in, and are read some at a time."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches

_CHUNK_BYTES = 16 << 20
_PIECES = 64  # runs of clips that a buffer is filled with
_GAP = 64  # clips that are read and dropped rather than reading what is before and after them apart
_IN_MEMORY = ("iloc", "columns", "detach", "dask", "toarray")  # of tables, tensors, dask's arrays, sparse matrices


def opened(X):
    """X itself; or the rows of an array in a file or a store, which is read whole if it fits in the buffer.

    That is a memory map, a Zarr or HDF5 array, or anything else that has shape, dtype and ndim and gives rows.
    """
    if not isinstance(X, StoredRows) and not _is_stored(X):
        return X
    if fits(X.shape, X.dtype):
        return X if isinstance(X, np.ndarray) else np.asarray(X[:])
    return X if isinstance(X, StoredRows) else StoredRows(X)


def indexable(X):
    """X, of which rows can be taken in any order; of a Zarr or HDF5 array what reads them."""
    if not isinstance(X, np.ndarray):
        X = opened(X)
    return X if hasattr(X, "__getitem__") else np.asarray(X)


def buffer_bytes() -> int:
    """Bytes that may be held of clips that are stored: a quarter of scikit-learn's ``working_memory``, or 256 MB."""
    return max(1, int(get_config()["working_memory"] * (1 << 20)) // 4)


def fits(shape, dtype) -> bool:
    """Whether an array can be held of clips that are stored."""
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize <= buffer_bytes()


def chunks_of(shape) -> Iterator[slice]:
    """Slices of the rows of an array of some shape, which hold about 16 MiB of float64 each."""
    row_bytes = 8 * max(1, int(np.prod(shape[1:])))
    return gen_batches(shape[0], max(1, _CHUNK_BYTES // row_bytes))


def _is_stored(X):
    if any(hasattr(X, name) for name in _IN_MEMORY):
        return False
    if isinstance(X, np.ndarray):
        known = isinstance(X, np.memmap) and X._mmap is not None  # type: ignore[attr-defined]
    else:
        known = all(hasattr(X, name) for name in ("shape", "dtype", "ndim", "__getitem__"))
    return known and X.ndim in (2, 3) and getattr(X.dtype, "kind", "") in set("biuf") and 0 not in X.shape


class StoredRows:
    """Rows of a stored array, each read when it is asked for, into memory that is then the caller's.

    Parameters
    ----------
    source : array of shape (n, d) or (n, T, d)
        What gives rows by slices.
    """

    def __init__(self, source):
        self._source = source
        self.shape = tuple(int(size) for size in source.shape)
        self.dtype, self.ndim = np.dtype(source.dtype), len(self.shape)
        self._row_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        chunks = getattr(source, "chunks", None) or (1,)
        self._step = int(chunks[0]) if isinstance(chunks[0], Integral) else 1  # rows that are decoded together
        self._held: tuple = (0, 0, None)  # the chunks read last: first row, the one after the last, values

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<stored array of shape {self.shape} and type {self.dtype}>"

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Some rows: those of a slice, of an array of numbers or of a mask; or one."""
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:  # as scikit-learn asks for rows
            rows = rows[0]
        if isinstance(rows, int | np.integer):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"Row {rows} of {len(self)}.")
            return self[[rows]][0]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._read(start, max(start, stop))
            rows = np.arange(start, stop, step)
        rows = np.asarray(rows, dtype=None if len(rows) else np.intp)
        rows = np.flatnonzero(rows) if rows.dtype == bool else np.where(rows < 0, rows + len(self), rows)
        return self._gathered(rows)

    def _read(self, start, stop):
        if isinstance(self._source, np.memmap):
            block = np.array(self._source[start:stop])
            _forget(self._source)
            return block
        first, last, values = self._held
        if values is None or not first <= start <= stop <= last:
            first, last = start // self._step * self._step, min(-(-stop // self._step) * self._step, len(self))
            if self._step == 1 or (last - first) * self._row_bytes > buffer_bytes():
                return np.asarray(self._source[start:stop])
            values = np.asarray(self._source[first:last])
            self._held = first, last, values
        return values[start - first : stop - first]

    def _gathered(self, rows):
        order = np.argsort(rows, kind="stable")
        ordered, longest = rows[order], max(1, _CHUNK_BYTES // self._row_bytes)
        values, start = np.empty((len(rows), *self.shape[1:]), self.dtype), 0
        while start < len(rows):
            stop = int(np.searchsorted(ordered, ordered[start] + longest))
            gaps = np.flatnonzero(np.diff(ordered[start:stop]) > _GAP)
            stop = start + 1 + int(gaps[0]) if len(gaps) else stop
            first = int(ordered[start])
            block = self._read(first, int(ordered[stop - 1]) + 1)
            values[order[start:stop]] = block[ordered[start:stop] - first]
            start = stop
        return values


def _forget(source):
    """Let the system take back the pages of a mapped file: they count as this process's memory until then."""
    if source.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):  # what is changed in a copy would be lost
        source._mmap.madvise(mmap.MADV_DONTNEED)


class AsSegments:
    """Vectors (n, d) that are read by rows, as clips (n, 1, d) of one segment."""

    def __init__(self, source):
        self.source, self.dtype = source, source.dtype
        self.shape = source.shape[0], 1, source.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows) -> np.ndarray:
        return self.source[rows][:, None]


def shuffled_fills(rows, source, batch_size: int, rng) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to visit in random order, a bounded number at a time, so that a store is read in runs.

    Runs of rows are taken in random order. As many as a buffer holds are shuffled together.

    Parameters
    ----------
    rows : ndarray of int
        Rows to visit, sorted; any can be there several times.
    source : array
        What they are rows of; its shape and dtype say how many a buffer holds.
    batch_size : int
        Rows of a batch; no batch needs two buffers.
    rng : RandomState
        Source of the order.

    Yields
    ------
    held : ndarray of int
        Rows that the buffer has, sorted.
    places : ndarray of int
        Places in the buffer, in the order to visit them.
    """
    row_bytes = int(np.prod(source.shape[1:])) * np.dtype(source.dtype).itemsize
    n_held = max(1, buffer_bytes() // row_bytes)
    size = batch_size * max(1, n_held // (_PIECES * batch_size))
    n_whole, rest = divmod(len(rows), size)
    starts = size * np.arange(n_whole)
    short = rng.randint(n_whole + 1)  # before which of the whole runs the one of what is left lies
    starts[short:] += rest
    runs = [(start, start + size) for start in starts[rng.permutation(n_whole)].tolist()]
    runs += [(size * short, size * short + rest)] if rest else []  # last, where a batch may be short
    for some in gen_batches(len(runs), max(1, n_held // size)):
        held = np.concatenate([rows[start:stop] for start, stop in sorted(runs[some])])
        yield held, rng.permutation(len(held))


def content(array) -> Iterator[bytes | memoryview]:
    """Shape, type and blocks of an array, or of the clips that it is made of as it is read, to be hashed."""
    yield repr((array.shape, str(array.dtype))).encode()
    while hasattr(array, "source"):
        array = array.source
    for rows in chunks_of(array.shape):
        yield np.ascontiguousarray(array[rows]).data


def read_rows(source, rows: np.ndarray) -> np.ndarray:
    """Rows of what reads or makes them when asked, sorted, a few MB at a time."""
    values = np.empty((0, *source.shape[1:]), source.dtype)
    for part in chunks_of((len(rows), *source.shape[1:])) if len(rows) else ():
        chosen = rows[part]
        consecutive = len(chosen) == chosen[-1] + 1 - chosen[0] and bool((np.diff(chosen) == 1).all())
        block = source[int(chosen[0]) : int(chosen[-1]) + 1] if consecutive else source[chosen]
        if not len(values):
            values = np.empty((len(rows), *block.shape[1:]), block.dtype)
        values[part] = block
    return values
