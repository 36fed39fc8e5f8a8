"""Embeddings that stay in the TFRecord files they are in, and are read by rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Place(NamedTuple):
    """Where the embeddings of a clip are in its file: the first byte, bytes from one to the next, and how many."""

    offset: int
    stride: int
    n_frames: int


def find_frames(record: bytes, frames: bytes, width: int, start: int) -> Place:
    """Find the embeddings of a record that begins at byte ``start`` of its file.

    Raises
    ------
    ValueError
        If they do not follow each other at one distance.
    """
    n_frames = len(frames) // width
    first = record.find(frames[:width])
    second = record.find(frames[width : 2 * width], first + width) if n_frames > 1 else first + width
    stride = second - first
    found = b"".join(record[first + stride * i : first + stride * i + width] for i in range(n_frames))
    if found != frames:
        raise ValueError("its embeddings do not follow each other as TensorFlow writes them; pass in_memory=True")
    return Place(start + first, stride, n_frames)


class ShardedRows:
    """Clips (n, T, width) of bytes in files, read by slices of rows.

    Parameters
    ----------
    shards : list of path
        The files.
    counts : list of int
        Clips of each.
    places : list of Place
        One for each clip.
    width : int
        Bytes of an embedding.
    """

    ndim, dtype = 3, np.dtype(np.uint8)

    def __init__(self, shards, counts, places, width):
        self._shards, self._starts = shards, np.append(0, np.cumsum(counts))
        self._offsets, self._strides, self._n_frames = (
            np.array(values, dtype)
            for values, dtype in zip(zip(*places, strict=True), (np.int64, np.int32, np.int32), strict=True)
        )
        self.shape = len(places), int(self._n_frames.max()), width

    def __getitem__(self, rows) -> np.ndarray:
        start, stop, _ = rows.indices(len(self._offsets))
        values = np.zeros((max(0, stop - start), *self.shape[1:]), np.uint8)
        for shard in range(int(np.searchsorted(self._starts, start, side="right")) - 1, len(self._shards)):
            first, last = max(start, int(self._starts[shard])), min(stop, int(self._starts[shard + 1]))
            if first >= last:
                break
            values[first - start : last - start] = self._read(self._shards[shard], slice(first, last))
        return values

    def _read(self, path, rows):
        offsets, strides, n_frames = self._offsets[rows], self._strides[rows], self._n_frames[rows]
        n_segments, width = self.shape[1:]
        size = int(offsets[-1] + strides[-1] * (n_frames[-1] - 1) + width - offsets[0])
        content = np.fromfile(path, np.uint8, count=size, offset=int(offsets[0]))
        if len(content) < size:
            raise ValueError(f"{str(path)!r} is shorter than when it was loaded; load it again.")
        steps = np.arange(n_segments)
        present = steps < n_frames[:, None]
        at = np.where(present, offsets[:, None] - offsets[0] + strides[:, None] * steps, 0)
        frames = sliding_window_view(content, width)[at]
        frames[~present] = 0
        return frames
