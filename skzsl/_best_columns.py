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
    bound = np.partition(maxima, n_groups - k, axis=1)[:, n_groups - k]
    rows, groups = np.nonzero(maxima >= bound[:, None])
    columns = (groups[:, None] + n_groups * np.arange(width)).ravel()
    rows = np.repeat(rows, width)
    if grouped < n_columns:
        rest = np.arange(grouped, n_columns)
        rows = np.concatenate([rows, np.repeat(np.arange(n_rows), len(rest))])
        columns = np.concatenate([columns, np.tile(rest, n_rows)])
    values = scores[rows, columns]
    reach = values >= bound[rows]
    rows, columns, values = rows[reach], columns[reach], values[reach]
    order = np.lexsort((columns, -values, rows))
    first = np.searchsorted(rows[order], np.arange(n_rows))
    return columns[order][first[:, None] + np.arange(k)]
