"""Multi-label y checked once: an indicator with one column a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ._labels import Targets, label_array, refuse_list
from ._segments import row_chunks
from ._sparse import as_csr, column_counts, dense_rows, moved_columns


@dataclass(frozen=True)
class Indicators:
    """Which labels each clip has.

    Attributes
    ----------
    values : ndarray of shape (n, L), or csr_array where a sparse y is to stay so
        0 and 1 (or False and True), in y's dtype.
    labels : ndarray of shape (L,)
        The label of each column.
    """

    values: Any
    labels: np.ndarray

    def of(self, labels: np.ndarray) -> Any:
        """Indicator (n, n_labels) of ``labels``, in their order; a label without a column is absent from every clip."""
        if labels.tolist() == self.labels.tolist():
            return self.values
        if sparse.issparse(self.values):
            place = {label: column for column, label in enumerate(labels.tolist())}
            places = np.array([place.get(label, -1) for label in self.labels.tolist()])
            return moved_columns(self.values, places, len(labels))
        position = {label: column for column, label in enumerate(self.labels.tolist())}
        found = np.zeros((len(self.values), len(labels)), self.values.dtype)
        for column, label in enumerate(labels.tolist()):
            if label in position:
                found[:, column] = self.values[:, position[label]]
        return found

    def positive(self) -> np.ndarray:
        """Which labels have a positive clip, (L,) bool."""
        return column_counts(self.values) > 0 if sparse.issparse(self.values) else np.any(self.values, axis=0)


def is_indicator(y) -> bool:
    """Whether y is multi-label: a DataFrame, a sparse matrix, or 2-D with more than one column."""
    if hasattr(y, "columns") or sparse.issparse(y):
        return True
    shape = np.asarray(y).shape if _is_regular(y) else ()
    return len(shape) == 2 and shape[1] > 1


def check_indicators(y, labels=None, *, keep_sparse=False) -> Indicators:
    """Check a DataFrame with one column a label, or an array or a sparse matrix whose columns ``labels`` names.

    One without names gets the numbers of its columns. What is sparse is made dense, unless it may stay as it is.

    Raises
    ------
    ValueError
        For values other than 0 and 1, missing values, columns without a name or with the same one, and names that are
        not as many as the columns.
    """
    named = hasattr(y, "columns")
    kept = as_csr(y) if keep_sparse or sparse.issparse(y) else None
    if kept is None:
        values: Any = y.to_numpy() if named else np.asarray(y)
    else:
        values = kept if keep_sparse else kept.toarray()
    if named and labels is not None:
        raise ValueError("label_texts is a list, but the columns of y have names; pass a dict from column to text.")
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"y has shape {values.shape}; pass an indicator (n, n_labels) of at least one clip and label.")
    names = list(y.columns) if named else range(values.shape[1]) if labels is None else labels
    names = label_array(np.asarray(names) if isinstance(names, range) else names, "the labels of y")
    if len(names) != values.shape[1]:
        raise ValueError(
            f"There are {len(names)} labels for the {values.shape[1]} columns of y; pass a DataFrame, or name each "
            "column."
        )
    unique, counts = np.unique(names, return_counts=True)
    if len(unique) < len(names):
        raise ValueError(f"The labels of y have duplicates: {unique[counts > 1].tolist()}; name each column once.")
    return Indicators(_check_values(values, names), names)


def named_indicators(y, labels) -> Indicators:
    """Check multi-label y: a DataFrame by its own names, an array as columns of ``labels``."""
    return check_indicators(y, None if hasattr(y, "columns") else labels)


def encode_indicators(y, n_clips: int, *, labels=None, seen=None, classes=None) -> Targets:
    """Encode multi-label y: ``codes`` is the indicator (n, S) of the seen labels.

    A label with no positive clip, here or in ``seen``, is unseen. Labels met earlier (``classes``) keep their places,
    new ones follow in the order of the columns.

    Raises
    ------
    ValueError
        As for :func:`check_indicators`, and for a wrong number of clips.
    """
    given = check_indicators(y, labels, keep_sparse=True)
    if given.values.shape[0] != n_clips:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{n_clips}, {given.values.shape[0]}]"
        )
    names = given.labels.tolist()
    known = [] if classes is None else label_array(classes, "classes").tolist()
    every = list(dict.fromkeys([*known, *names]))
    kinds = {isinstance(label, str): label for label in every}
    if len(kinds) > 1:
        raise ValueError(f"Labels such as {kinds[True]!r} and {kinds[False]!r} are of different types; make them one.")
    kept = set() if seen is None else set(seen.tolist())
    kept.update(label for label, positive in zip(names, given.positive(), strict=True) if positive)
    all_labels = label_array(np.asarray(every, dtype=object if given.labels.dtype == object else None), "classes")
    seen_labels = all_labels[[label in kept for label in every]]
    dtype = given.values.dtype if sparse.issparse(given.values) else np.asarray(y).dtype
    if dtype.kind not in "biuf":  # numbers as objects
        dtype = np.dtype(int)
    return Targets(all_labels, seen_labels, given.of(seen_labels).astype(np.uint8, copy=False), dtype)


def _is_regular(y) -> bool:
    if not isinstance(y, list | tuple):
        return True
    rows = [row for row in y if isinstance(row, list | tuple | set | frozenset | np.ndarray)]
    texts = any(isinstance(label, str) for row in rows for label in row)
    if rows and (len(rows) < len(y) or len({len(row) for row in rows}) > 1 or texts):
        if all(len(row) == 1 for row in rows) and len(rows) == len(y):
            return False
        refuse_list(list(rows[0]), "y")
    return True


def _check_values(values, names):
    if sparse.issparse(values):
        bad = (values.data != 0) & (values.data != 1)
        if bad.any():
            entry = int(np.argmax(bad))
            clip = int(np.searchsorted(values.indptr, entry, side="right")) - 1
            _refuse(values.data[entry].item(), clip, names.tolist()[values.indices[entry]])
        values.eliminate_zeros()
        return values
    if values.dtype.kind not in "biuf":
        missing = [value is None or type(value).__name__ == "NAType" for value in values.flat]
        try:
            values = np.where(np.reshape(missing, values.shape), np.nan, values.astype(object)).astype(float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"y is 2-D and holds {values.dtype} values such as {values.ravel().tolist()[0]!r}; pass 1 for present "
                "and 0 for absent, as skzsl.indicator_frame makes them of lists of labels."
            ) from error
    for rows in row_chunks(values):
        bad = (values[rows] != 0) & (values[rows] != 1)
        if bad.any():
            clip, column = np.argwhere(bad)[0]
            clip += rows.start
            _refuse(values[clip, column].item(), clip, names.tolist()[column])
    return values


def _refuse(value, clip, label):
    what = "Input y contains NaN" if value != value else f"y is {value!r}"
    raise ValueError(f"{what} at clip {clip}, label {label!r}; pass 1 for present and 0 for absent.")


def balancing_chances(indicator) -> np.ndarray:
    """Chance of each clip (n,) to be drawn, with which every label that has clips is met equally often.

    Raises
    ------
    ValueError
        If no clip has a label.
    """
    counts = column_counts(indicator)
    if not counts.any():
        raise ValueError(
            f"None of the {indicator.shape[0]} clips to train on has a label to balance; pass balanced=False."
        )
    per_clip = np.divide(1.0, counts, out=np.zeros(len(counts)), where=counts > 0)
    blocks = (dense_rows(indicator, rows).astype(np.float64) for rows in row_chunks(indicator))
    chances = np.concatenate([block @ per_clip for block in blocks])
    return chances / chances.sum()


def log_odds_of_labels(indicator, chances: np.ndarray | None = None) -> np.ndarray:
    """Log-odds of the frequency of each label (C,) in ``indicator`` (n, C), or among clips drawn with ``chances``.

    Half a clip with and half a clip without the label are added, so that all are finite.
    """
    n_clips = indicator.shape[0]
    if chances is None:
        present = column_counts(indicator).astype(np.float64)
    else:
        present = n_clips * sum(chances[rows] @ dense_rows(indicator, rows) for rows in row_chunks(indicator))
    return np.log(present + 0.5) - np.log(n_clips - present + 0.5)
