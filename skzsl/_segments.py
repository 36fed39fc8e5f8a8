"""Clips checked once: (n, d) clip vectors or (n, T, d) segments, whose trailing all-zero segments are absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from ._lazy import is_lazy
from ._stored import AsSegments, StoredRows, chunks_of, opened

_LISTS = list | tuple | np.ndarray


@dataclass(frozen=True)
class Segments:
    """Checked clips, still in the caller's dtype and memory.

    Attributes
    ----------
    values : ndarray of shape (n, d) or (n, T, d), or StoredRows
        Embeddings; never copied whole to a wider dtype. Stored ones are read by rows, as the clips of any rows are.
    lengths : ndarray of shape (n,) or None
        Present segments of each clip; None where clips are single vectors.
    """

    values: Any
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def mask(self, rows=slice(None)) -> np.ndarray:
        """Which segments of the clips ``rows`` are present, (n, T) bool."""
        if self.lengths is None:
            return np.ones((len(self), 1), dtype=bool)[rows]
        return np.arange(self.values.shape[1]) < self.lengths[rows, None]

    def three_d(self) -> Any:
        """The clips as (n, T, d): a clip vector is one segment."""
        if self.lengths is not None:
            return self.values
        return AsSegments(self.values) if isinstance(self.values, StoredRows) else self.values[:, None]

    def __getitem__(self, rows) -> Segments:
        """Some of the clips."""
        return Segments(self.values[rows], None if self.lengths is None else self.lengths[rows])

    def mean(self) -> np.ndarray:
        """Mean over the present segments of each clip, (n, d); clip vectors are returned as they are."""
        if self.lengths is None:
            return self.values[:]
        means = np.empty((len(self), self.values.shape[-1]), np.result_type(self.values.dtype, np.float32))
        for rows in row_chunks(self.values):
            present = self.mask(rows)[:, :, None]
            np.sum(self.values[rows], axis=1, dtype=means.dtype, where=present, out=means[rows])
            means[rows] /= self.lengths[rows, None]
        return means

    def max(self) -> np.ndarray:
        """Maximum over the present segments of each clip, (n, d); clip vectors are returned as they are."""
        if self.lengths is None:
            return self.values[:]
        maxima = np.empty((len(self), self.values.shape[-1]), self.values.dtype)
        for rows in row_chunks(self.values):
            block, mask = self.values[rows], self.mask(rows)
            maxima[rows] = (block if mask.all() else np.where(mask[:, :, None], block, block[:, :1])).max(axis=1)
        return maxima


def check_segments(estimator, X, *, reset=False) -> Segments:
    """Check X, set or compare ``n_features_in_`` of ``estimator`` and find the absent segments.

    Raises
    ------
    ValueError
        For ragged lists, masked arrays, wrong dimensions, a wrong number of features, no segments, and NaN or infinity
        in a clip vector or a present segment.
    """
    values = clip_array(X, estimator)
    named = hasattr(X, "columns") and X.shape == values.shape
    vectors = np.broadcast_to(np.zeros((), values.dtype), (len(values), values.shape[-1]))
    validate_data(estimator, X if named else vectors, reset=reset, skip_check_array=True)
    return as_segments(values)


def as_segments(values) -> Segments:
    """Find the absent segments of clips; NaN and infinity in a clip vector or a present segment are refused."""
    if values.ndim == 3:
        return Segments(values, present_segments(values))
    _refuse_non_finite_vectors(values)
    return Segments(values)


def clip_array(X, estimator=None) -> Any:
    """X as one array of numbers, (n, d) or (n, T, d), NaN and infinity included; arrays of numbers are not copied.

    Tensors are taken from torch, and clips out of the rows of a table that holds one in each. Of an array in a file or
    a store that is too large to be held, rows are read when they are asked for.

    Raises
    ------
    ValueError
        For ragged lists, masked arrays, columns of text, dates, wrong dimensions, and no segments or features.
    """
    if is_lazy(X):
        raise ValueError(
            "X is an array of dask, which only predictions and ZeroShotRidge.fit take as it is; pass X.compute(), or "
            "one partition after the other to partial_fit."
        )
    X = opened(X)
    if isinstance(X, StoredRows):
        return X
    X = _unpacked(X)
    _refuse_ragged(X)
    if np.ma.isMaskedArray(X):
        raise ValueError(
            "X is a masked array, whose mask would be lost; pass X.filled(0.0): trailing zeros are absent."
        )
    values = check_array(X, allow_nd=True, ensure_all_finite=False, estimator=estimator, input_name="X")
    if values.ndim > 3:
        raise ValueError(f"X has dim {values.ndim}; pass clips as (n, d) or segments as (n, T, d).")
    if 0 in values.shape[1:]:
        raise ValueError(
            f"X of shape {values.shape} has clips without segments or features; pass at least one of each."
        )
    if values.dtype == object:  # numbers as objects, such as those of categories
        with suppress(TypeError, ValueError):
            values = values.astype(np.float64)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"X holds {values.dtype} values such as {values.flat[0]!r}; pass numbers.")
    return values


def row_chunks(values) -> Iterator[slice]:
    """Slices of rows that hold about 16 MiB of float64 each."""
    return chunks_of(values.shape)


def _unpacked(X):
    """X without its wrapping: tensors as arrays, and clips that a table or an array of objects holds in a list."""
    if _is_tensor(X):
        return _from_torch(X)
    if isinstance(X, list | tuple):
        return [_unpacked(clip) for clip in X] if X and not isinstance(X[0], Number) else X
    if hasattr(X, "__array__") and getattr(X, "shape", (0, 0))[1:] in {(), (1,)}:
        values = np.asarray(X)
        if values.dtype == object and values.size and isinstance(values.flat[0], _LISTS):
            return _unpacked(values.ravel().tolist())
        X = values if values.ndim < 2 else X
    if hasattr(X, "iloc"):
        _refuse_columns(X)
    return X


def _is_tensor(X):
    return hasattr(X, "detach") and hasattr(X, "is_meta")  # torch may not have been imported


def _from_torch(tensor):
    """Copy a tensor from its device and graph to an array, which shares its memory where both can.

    Raises
    ------
    ValueError
        For tensors that are sparse or have no values.
    """
    if str(tensor.layout) != "torch.strided":
        raise ValueError("A sparse tensor is no array; pass its to_dense().")
    if tensor.is_meta:
        raise ValueError("A tensor on the device 'meta' has no values; pass one that has.")
    tensor = tensor.detach().cpu()
    known = hasattr(np, str(tensor.dtype).removeprefix("torch."))
    return (tensor if known else tensor.float()).numpy()  # numpy has no bfloat16


def _refuse_columns(X):
    """Refuse what is no number in a table, by the name of its column."""
    import pandas as pd

    numbers = {"integer", "floating", "mixed-integer-float", "boolean", "decimal", "empty"}
    for number, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        column = X.iloc[:, number] if getattr(dtype, "kind", None) in {"O", "M", "m"} else ()
        for value in column if pd.api.types.infer_dtype(column) not in numbers else ():
            if isinstance(value, _LISTS):
                raise ValueError(f"Column {name!r} of X holds a vector in each row; pass X[{name!r}] alone.")
            if not isinstance(value, Number | np.bool_ | None) and type(value).__name__ != "NAType":
                raise ValueError(f"Column {name!r} of X holds {value!r}, which is no number; leave that column out.")


def _refuse_ragged(X):
    clips = X if isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype == object) else ()
    alone = [position for position, clip in enumerate(clips) if clip is None or isinstance(clip, Number)]
    if 0 < len(alone) < len(clips):
        raise ValueError(f"X[{alone[0]}] is {clips[alone[0]]!r}, and other clips are lists; drop or fill that clip.")
    shapes = {np.shape(clip) for clip in clips if isinstance(clip, _LISTS) and _is_regular(clip)}
    if len(shapes) > 1 and any(len(shape) > 1 for shape in shapes):
        lengths = sorted({shape[0] for shape in shapes})
        raise ValueError(
            f"X is a list of clips with different shapes ({lengths[0]} to {lengths[-1]} segments); "
            "pass skzsl.preprocessing.pad_segments(X)."
        )
    if len(shapes) > 1:
        lengths = sorted({shape[0] for shape in shapes if shape})
        raise ValueError(f"X is a ragged list: its rows have {lengths} values; every clip needs the same number.")


def _is_regular(clip) -> bool:
    try:
        np.shape(clip)
    except ValueError:
        return False
    return True


def present_segments(X) -> np.ndarray:
    """Count the segments of each clip (n, T, d) up to its last present one; NaN or infinity among them is refused."""
    lengths = np.empty(len(X), dtype=np.intp)
    for rows in row_chunks(X):
        block = X[rows]
        present: np.ndarray = np.any(block, axis=2)
        if block.dtype.kind == "f":
            present &= ~np.isnan(block).all(axis=2)
        last = block.shape[1] - np.argmax(present[:, ::-1], axis=1)
        lengths[rows] = np.where(present.any(axis=1), last, 1)
        if block.dtype.kind == "f":
            _refuse_non_finite_segments(block, lengths[rows], rows.start)
    return lengths


def _refuse_non_finite_vectors(X):
    for rows in row_chunks(X) if X.dtype.kind == "f" else ():
        finite = np.isfinite(X[rows])
        if not finite.all():
            clip, feature = np.argwhere(~finite)[0]
            raise ValueError(
                f"Input X contains NaN or infinity: clip {rows.start + clip}, feature {feature}. Remove that clip or "
                "fill it."
            )


def _refuse_non_finite_segments(block, lengths, first):
    bad = ~np.isfinite(block).all(axis=2) & (np.arange(block.shape[1]) < lengths[:, None])
    if bad.any():
        clip, segment = np.argwhere(bad)[0]
        raise ValueError(
            f"Input X contains NaN or infinity: clip {first + clip}, segment {segment}. Only trailing segments may be "
            "all NaN (absent); remove or fill the others."
        )


def dense(values) -> np.ndarray:
    """What any transformer gives, sparse matrices and tensors included, as an array."""
    if _is_tensor(values):
        return _from_torch(values)
    return values.toarray() if hasattr(values, "toarray") else np.asarray(values)
