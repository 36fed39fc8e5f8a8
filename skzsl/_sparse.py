"""Indicators of labels that are sparse: of many clips and labels they keep only what is there."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def as_csr(y) -> sparse.csr_array | None:
    """A copy of a sparse matrix, or of a table whose columns are all sparse, by rows; None for any other y.

    Raises
    ------
    ValueError
        For a matrix that is not of two dimensions or not of numbers, and for columns that leave out other values than
        zeros.
    """
    values = y if sparse.issparse(y) else _of_table(y)
    if values is None:
        return None
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise ValueError(f"y is sparse, of shape {values.shape} and type {values.dtype}; pass (n, n_labels) numbers.")
    values = sparse.csr_array(values, copy=True)
    values.sum_duplicates()
    return values


def _of_table(y):
    import pandas as pd

    dtypes = list(y.dtypes) if isinstance(y, pd.DataFrame) else []
    if not dtypes or not all(isinstance(dtype, pd.SparseDtype) for dtype in dtypes):
        return None
    other = [dtype.fill_value for dtype in dtypes if dtype.fill_value != 0]
    if other:
        raise ValueError(f"Sparse columns of y leave out {other[0]!r}; pass columns of pd.SparseDtype(fill_value=0).")
    return y.sparse.to_coo()


def named_frame(indicator, names):
    """Frame of an indicator whose columns have names; that of a sparse one is sparse."""
    import pandas as pd

    if sparse.issparse(indicator):
        return pd.DataFrame.sparse.from_spmatrix(indicator, columns=names)
    return pd.DataFrame(indicator, columns=names)


def moved_columns(indicator: sparse.csr_array, places: np.ndarray, n_columns: int) -> sparse.csr_array:
    """The same rows with each column at its place among ``n_columns``; those at -1 are left out."""
    moved = sparse.csr_array(
        (np.ones(np.count_nonzero(places >= 0), indicator.dtype), (np.flatnonzero(places >= 0), places[places >= 0])),
        shape=(len(places), n_columns),
    )
    found = sparse.csr_array(indicator @ moved)
    found.sort_indices()
    return found


def dense_rows(indicator, rows) -> np.ndarray:
    """Some rows of an indicator, as an array."""
    chosen = indicator[rows]
    return chosen.toarray() if sparse.issparse(chosen) else chosen


def column_counts(indicator) -> np.ndarray:
    """How many rows have each column, (L,) int64."""
    if sparse.issparse(indicator):
        return np.bincount(indicator.indices, minlength=indicator.shape[1]).astype(np.int64)
    return indicator.sum(axis=0, dtype=np.int64)
