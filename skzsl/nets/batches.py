"""Batches sliced from whole arrays."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import gen_batches

from .._stored import read_rows, shuffled_fills

_BLOCK_BYTES = 8 << 20
# Types whose memory torch can share; arrays of others, and reversed views, are copied.
_SHARED = {"b1", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8"}


class RowData:
    """Arrays with one row a clip, as tensors that share their memory, and optionally a subset of the rows.

    The first may be of clips that are stored (see :mod:`skzsl._stored`): then it stays so, and the rows are sorted.
    Targets may be sparse, of which batches are dense.
    """

    def __init__(self, inputs, targets=None, rows=None):
        first, *others = inputs
        self.streamed = not isinstance(first, np.ndarray | torch.Tensor)
        self.inputs = (first if self.streamed else as_tensor(first), *(as_tensor(array) for array in others))
        self.targets: Any = torch.zeros(len(first)) if targets is None else targets
        if not sparse.issparse(self.targets):
            self.targets = as_tensor(self.targets)
        self.rows = rows.sort().values if self.streamed and rows is not None else rows

    def __len__(self):
        return self.targets.shape[0] if self.rows is None else len(self.rows)

    def subset(self, rows):
        """Keep the given rows."""
        return RowData(self.inputs, self.targets, rows)

    def selected_targets(self):
        """Targets of the rows, as an array or a sparse one."""
        if sparse.issparse(self.targets):
            return self.targets if self.rows is None else self.targets[self.rows.numpy()]
        return (self.targets if self.rows is None else self.targets[self.rows]).numpy()

    def read(self, rows):
        """Values of the first array, as a tensor."""
        return self.inputs[0][rows] if not self.streamed else as_tensor(self.inputs[0][_numbers(rows)])

    def others(self, rows):
        """Values of the other arrays and the targets."""
        if not sparse.issparse(self.targets):
            return [tensor[rows] for tensor in (*self.inputs[1:], self.targets)]
        targets = torch.from_numpy(self.targets[_numbers(rows)].toarray())
        return [*(tensor[rows] for tensor in self.inputs[1:]), targets]


class RowBatches:
    """Batches of (inputs, targets) from :class:`RowData`, in a new order every epoch if ``rng`` is given.

    With ``chances`` as many rows are drawn, each with its chance and put back. Rows are gathered, cast and moved to the
    device a block at a time, and batches are views of the block. Clips that are stored are read in runs and shuffled
    within a buffer.

    Attributes
    ----------
    skip : int
        Batches to leave out at the start of the next epoch, which is drawn as if they were there.
    """

    def __init__(self, data, batch_size, device, rng=None, chances=None):
        self.data, self.batch_size, self.device, self.rng = data, int(batch_size), device, rng
        self.chances, self.skip = chances, 0

    def __len__(self):
        return -(-len(self.data) // self.batch_size)

    @property
    def n_rows(self):
        """Rows an epoch goes through."""
        return len(self.data)

    def __iter__(self):
        skipped, self.skip = self.skip * self.batch_size, 0
        for start, rows, first in self._streamed(skipped) if self._in_runs else self._blocks(skipped):
            block = [first.to(self.device, torch.float32)]
            block += [tensor.to(self.device) for tensor in self.data.others(rows)]
            batches = zip(*(tensor.split(self.batch_size) for tensor in block), strict=True)
            for *inputs, targets in islice(batches, max(0, skipped - start) // self.batch_size, None):
                yield inputs, targets

    @property
    def _in_runs(self):
        return self.data.streamed and self.rng is not None

    def _blocks(self, skipped):
        """Yield where a block starts, its rows and what they hold, but for blocks that are skipped."""
        rows, size = self.data.rows, self._block_rows()
        if self.rng is not None:
            order = torch.from_numpy(self._order())
            rows = order if rows is None else rows[order]
        for start in range(0, len(self.data), size):
            if start + size > skipped:
                chosen = slice(start, start + size) if rows is None else rows[start : start + size]
                yield start, chosen, self.data.read(chosen)

    def _streamed(self, skipped):
        """As :meth:`_blocks`, of clips that are stored."""
        rows = np.arange(len(self.data)) if self.data.rows is None else self.data.rows.numpy()
        if self.chances is not None:
            rows = rows[np.sort(self._order())]
        start, source, size = 0, self.data.inputs[0], self._block_rows()
        for held, places in shuffled_fills(rows, source, self.batch_size, self.rng):
            values = read_rows(source, held if start + len(held) > skipped else held[:0])
            for part in gen_batches(len(held), size):
                if start + part.stop > skipped:
                    yield start + part.start, torch.from_numpy(held[places[part]]), as_tensor(values[places[part]])
            start += len(held)

    def _block_rows(self):
        row_bytes = 4 * int(np.prod(self.data.inputs[0].shape[1:]))
        return self.batch_size * max(1, _BLOCK_BYTES // (row_bytes * self.batch_size))

    def _order(self):
        n_rows = len(self.data)
        if self.chances is None:
            return self.rng.permutation(n_rows)
        return self.rng.choice(n_rows, n_rows, p=self.chances)


def _numbers(rows):
    return rows.numpy() if isinstance(rows, torch.Tensor) else rows


def as_tensor(array):
    """Share the memory of an array, where torch can."""
    if isinstance(array, torch.Tensor):
        return array
    array = np.asarray(array)
    unfit = any(stride < 0 or stride % array.itemsize for stride in array.strides)
    if unfit or not array.dtype.isnative or array.dtype.str[1:] not in _SHARED:
        array = np.array(array, dtype=np.float32, order="C")  # a copy even of a row alone, whatever its strides
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
