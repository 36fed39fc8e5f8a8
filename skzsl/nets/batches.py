"""Batches sliced from whole arrays."""

from __future__ import annotations

import warnings

import numpy as np
import torch

_BLOCK_BYTES = 8 << 20
# Types whose memory torch can share; arrays of others, and reversed views, are copied.
_SHARED = {"b1", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8"}


class RowData:
    """Arrays with one row a clip, as tensors that share their memory, and optionally a subset of the rows."""

    def __init__(self, inputs, targets=None, rows=None):
        self.inputs = tuple(as_tensor(array) for array in inputs)
        self.targets = torch.zeros(len(self.inputs[0])) if targets is None else as_tensor(targets)
        self.rows = rows

    def __len__(self):
        return len(self.targets) if self.rows is None else len(self.rows)

    def subset(self, rows):
        """Keep the given rows."""
        return RowData(self.inputs, self.targets, rows)

    def selected_targets(self):
        """Targets of the rows, as an array."""
        return (self.targets if self.rows is None else self.targets[self.rows]).numpy()


class RowBatches:
    """Batches of (inputs, targets) from :class:`RowData`, in a new order every epoch if ``rng`` is given.

    With ``chances`` as many rows are drawn, each with its chance and put back. Rows are gathered, cast and moved to the
    device a block at a time, and batches are views of the block.
    """

    def __init__(self, data, batch_size, device, rng=None, chances=None):
        self.data, self.batch_size, self.device, self.rng = data, int(batch_size), device, rng
        self.chances = chances

    def __len__(self):
        return -(-len(self.data) // self.batch_size)

    @property
    def n_rows(self):
        """Rows an epoch goes through."""
        return len(self.data)

    def __iter__(self):
        for rows in self._blocks():
            first, *others = (tensor[rows] for tensor in (*self.data.inputs, self.data.targets))
            block = [first.to(self.device, torch.float32), *(tensor.to(self.device) for tensor in others)]
            for *inputs, targets in zip(*(tensor.split(self.batch_size) for tensor in block), strict=True):
                yield inputs, targets

    def _blocks(self):
        row_bytes = 4 * self.data.inputs[0][0].numel()
        size = self.batch_size * max(1, _BLOCK_BYTES // (row_bytes * self.batch_size))
        rows = self.data.rows
        if self.rng is not None:
            order = torch.from_numpy(self._order())
            rows = order if rows is None else rows[order]
        if rows is not None:
            return rows.split(size)
        return (slice(start, start + size) for start in range(0, len(self.data), size))

    def _order(self):
        n_rows = len(self.data)
        if self.chances is None:
            return self.rng.permutation(n_rows)
        return self.rng.choice(n_rows, n_rows, p=self.chances)


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
