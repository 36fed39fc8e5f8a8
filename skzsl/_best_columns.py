"""The columns with the highest numbers of each row, without sorting the others."""

from __future__ import annotations

import numpy as np

_WIDEST = 32  # columns of a group


def best_columns(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns (n, k) of the k highest of each row, best first; among equals the column that comes first.

    Columns stand in groups. The k-th highest of the groups' maxima is a lower bound of the k-th highest number, so that
    only groups that reach it are looked at.
    """
    n_rows, n_columns = scores.shape
    if n_columns < 8 * k:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    width = min(max(n_columns // (60 * k), 4), _WIDEST)
    n_groups = n_columns // width  # group g holds the columns g, g + n_groups, g + 2 n_groups, ...
    grouped = n_groups * width
    maxima = scores[:, :grouped].reshape(n_rows, width, n_groups).max(axis=1)
    bound = np.partition(maxima, n_groups - k, axis=1)[:, n_groups - k, None]
    rows, groups = np.divmod(np.flatnonzero(maxima >= bound), n_groups)
    places = ((rows * n_columns + groups)[:, None] + n_groups * np.arange(width)).ravel()  # in the numbers row by row
    if grouped < n_columns:
        rest = np.arange(n_rows)[:, None] * n_columns + np.arange(grouped, n_columns)
        places = np.concatenate([places, rest.ravel()])
    numbers = scores.ravel()
    places = np.sort(places[numbers[places] >= bound[places // n_columns, 0]])
    return _first_of_rows(places // n_columns, places % n_columns, numbers[places], n_rows, k)


def _first_of_rows(rows, columns, values, n_rows, k):
    """Columns (n_rows, k) of the highest values of each row, of which rows and columns are in order."""
    starts = np.searchsorted(rows, np.arange(n_rows))
    within = np.arange(len(rows)) - starts[rows]
    table = np.full((n_rows, within.max() + 1), np.inf)
    table[rows, within] = -values
    return columns[starts[:, None] + np.argsort(table, axis=1, kind="stable")[:, :k]]
