"""Scores of clips against candidates, made a block of clips at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.utils import gen_batches

_BLOCK_BYTES = 4 << 20
_FEWEST_CLIPS = 128  # of a block whose scores are more: fewer would read the label vectors too often


@dataclass(frozen=True)
class ClipScores:
    """Scores of any number of clips, of which a block is held at a time.

    Attributes
    ----------
    candidates : ndarray of shape (C,)
        The label of each column.
    shape : tuple of int
        Shape of X: clips, and what each has.
    of : callable
        Slice of clips to their scores (m, C), a new array.
    """

    candidates: np.ndarray
    shape: tuple[int, ...]
    of: Callable[[slice], np.ndarray]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield slices of clips and their scores, a few MB each or, of very many candidates, those of some clips."""
        of_clip = int(np.prod(self.shape[1:]))
        clips = _BLOCK_BYTES // (8 * max(of_clip, 1))
        scored = max(_BLOCK_BYTES // (8 * len(self.candidates)), _FEWEST_CLIPS)
        for rows in gen_batches(len(self), max(1, min(clips, scored))):
            yield rows, self.of(rows)

    def all(self, dtype=None, out=None, change=lambda scores: scores):
        """Scores (n, C) of all clips, or what ``change`` makes of each block, in an array of their type or in ``out``.

        Raises
        ------
        ValueError
            If ``out`` has another shape, or a type that cannot hold the values.
        """
        wanted = len(self), len(self.candidates)
        if out is not None and getattr(out, "shape", None) != wanted:
            raise ValueError(
                f"out has shape {getattr(out, 'shape', None)}; pass an array of shape {wanted} that can be written to, "
                "such as numpy.lib.format.open_memmap(path, 'w+', 'float32', shape)."
            )
        for rows, scores in self:
            block = change(scores)
            if out is not None and not np.can_cast(block.dtype, out.dtype, "same_kind"):
                raise ValueError(f"out of type {out.dtype} cannot hold {block.dtype}; pass an array of floats.")
            if out is None:
                if len(block) == len(self):
                    return block.astype(dtype or block.dtype, copy=False)
                out = np.empty(wanted, dtype or block.dtype)
            out[rows] = block
        return out

    def changed(self, change: Callable[[np.ndarray], np.ndarray], candidates: np.ndarray) -> ClipScores:
        """Scores of candidates that ``change`` makes of each block of these."""
        return ClipScores(candidates, self.shape, lambda rows: change(self.of(rows)))


def refuse_overflow(scores, first=0):
    """Raise a ValueError for scores, or weights of segments, that are not finite, of clips from ``first`` on."""
    flat = scores.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(flat @ flat):  # many times faster, and only huge numbers say no for nothing
            return
    finite = np.isfinite(scores).all(axis=tuple(range(1, scores.ndim)))
    if not finite.all():
        clip = first + int(np.argmin(finite))
        raise ValueError(f"Scores of clip {clip} overflow {scores.dtype}; scale the clips as those of fit were.")
