"""Folds of labels for clips with several labels."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_scalar, indexable

from .._indicators import check_indicators, is_indicator
from ..exceptions import LeakWarning, warn

if TYPE_CHECKING:
    import pandas as pd


class GreedyLabelFolds(BaseCrossValidator):
    """Folds of labels that occur together, for multi-label y (Dogan et al., 2024).

    The rarest labels seed the folds. Then, in turn, each fold takes of the labels left the one that shares most clips
    with the label it took last; on a tie the rarer one, then the one whose column comes first. Labels without a
    positive clip belong to no fold.

    Parameters
    ----------
    n_folds : int, default=3
        Number of folds.
    straddle : {"drop", "mask", "major"}, default="drop"
        What happens to clips with labels of several folds. "drop": a clip belongs to a fold only if all its labels do,
        so that neither labels nor clips are shared. "mask": it belongs to every fold that has one of its labels.
        "major": it belongs to the fold that has most of its labels, on a tie the first. With the last two, training
        clips have labels of other folds: a LeakWarning counts them, and taking only the columns of the training labels
        (:meth:`label_folds`) hides them.

    References
    ----------
    Dogan, Xie, Heittola and Virtanen (2024). Multi-label zero-shot audio classification with temporal attention.
    IWAENC.

    Examples
    --------
    >>> import numpy as np
    >>> from skzsl import indicator_frame
    >>> from skzsl.model_selection import GreedyLabelFolds
    >>> y = indicator_frame([["dog"], ["dog", "rain"], ["rain", "wind"], ["cat"], ["wind"], ["cat", "dog"]])
    >>> folds = GreedyLabelFolds(2)
    >>> [labels.tolist() for labels in folds.label_folds(y)]
    [['cat', 'dog'], ['rain', 'wind']]
    >>> for train, test in folds.split(y, y):
    ...     print(train, test)
    [2 4] [0 3 5]
    [0 3 5] [2 4]
    """

    def __init__(self, n_folds=3, *, straddle="drop") -> None:
        self.n_folds = n_folds
        self.straddle = straddle

    def split(self, X, y=None, groups=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows to train and to test: every fold is tested once, and all others train.

        Parameters
        ----------
        X : array with n rows
            Clips; only their number matters.
        y : DataFrame or array of shape (n, n_labels)
            Which labels each clip has.
        groups : None
            Ignored.

        Yields
        ------
        train, test : ndarrays of int
            Row indices.
        """
        yield from self._parts(X, y, n_parts=2)

    def rotations(self, X, y) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield rows to train, to validate and to test: every fold is tested once and validates once.

        With three folds, the protocol of the paper: fold i tests, fold i + 1 validates and the others train.

        Parameters
        ----------
        X : array with n rows
            Clips; only their number matters.
        y : DataFrame or array of shape (n, n_labels)
            Which labels each clip has.

        Yields
        ------
        train, validation, test : ndarrays of int
            Row indices.

        Raises
        ------
        ValueError
            With fewer than three folds, or labels than folds.
        """
        if self.n_folds < 3:
            raise ValueError(f"n_folds={self.n_folds}; training, validation and test need at least 3.")
        yield from self._parts(X, y, n_parts=3)

    def label_folds(self, y) -> list[np.ndarray]:
        """List the labels of each fold.

        Parameters
        ----------
        y : DataFrame or array of shape (n, n_labels)
            Which labels each clip has.

        Returns
        -------
        folds : list of ndarrays of labels
            In the order of the columns of y.
        """
        y, folds = self._assign(y)
        return [y.labels[folds == fold] for fold in range(self.n_folds)]

    def report(self, y) -> pd.DataFrame:
        """Count the labels and clips of each fold.

        Parameters
        ----------
        y : DataFrame or array of shape (n, n_labels)
            Which labels each clip has.

        Returns
        -------
        counts : pandas.DataFrame
            One row a fold: its ``labels``, its ``clips``, and ``straddling``, the clips that have labels of it and of
            others.
        """
        import pandas as pd

        y, folds = self._assign(y)
        of_fold = _labels_of_fold(y, folds, self.n_folds)
        return pd.DataFrame(
            {
                "labels": [int((folds == fold).sum()) for fold in range(self.n_folds)],
                "clips": [int(self._rows(of_fold, [fold]).sum()) for fold in range(self.n_folds)],
                "straddling": ((of_fold > 0) & ((of_fold > 0).sum(axis=1, keepdims=True) > 1)).sum(axis=0),
            },
            index=pd.RangeIndex(self.n_folds, name="fold"),
        )

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
        """Count the folds.

        Parameters
        ----------
        X, y, groups : None
            Ignored.

        Returns
        -------
        n_splits : int
        """
        return self.n_folds

    def _parts(self, X, y, n_parts):
        y, folds = self._assign(y)
        indexable(X, y.values)
        of_fold = _labels_of_fold(y, folds, self.n_folds)
        for test in range(self.n_folds):
            others = [(test + step) % self.n_folds for step in range(1, self.n_folds)]
            parts = [others, [test]] if n_parts == 2 else [others[1:], others[:1], [test]]
            rows = [self._rows(of_fold, part) for part in parts]
            for part, inside in zip(parts, rows, strict=True):
                if not inside.any():
                    raise ValueError(
                        f"No clip has its labels in fold(s) {sorted(part)} alone; use fewer folds or another straddle."
                    )
            if self.straddle != "drop":
                held_out = np.setdiff1d(range(self.n_folds), parts[0])
                _warn_of_leaks(rows, rows[0] & (of_fold[:, held_out] > 0).any(axis=1), self.straddle)
            yield tuple(np.flatnonzero(inside) for inside in rows)

    def _rows(self, of_fold, part):
        """Clips that belong to the folds of ``part``; ``of_fold`` (n, n_folds) counts each clip's labels."""
        inside = of_fold[:, part].sum(axis=1)
        if self.straddle == "mask":
            return inside > 0
        if self.straddle == "major":
            return np.isin(of_fold.argmax(axis=1), part) & of_fold.any(axis=1)
        return (inside > 0) & (inside == of_fold.sum(axis=1))

    def _assign(self, y):
        """Fold of each column of y, -1 for those without a positive clip."""
        check_scalar(self.n_folds, "n_folds", Integral, min_val=2)
        if self.straddle not in {"drop", "mask", "major"}:
            raise ValueError(f"straddle={self.straddle!r}; pass 'drop', 'mask' or 'major'.")
        if y is None or not is_indicator(y):
            raise ValueError(
                "GreedyLabelFolds needs a multi-label y; pass skzsl.indicator_frame of lists of labels, or use "
                "ClassDisjointKFold for one label a clip."
            )
        y = check_indicators(y)
        positives = y.values.sum(axis=0, dtype=np.int64)
        # float32 counts exactly to 2^24 clips, and multiplies far faster than integers.
        together = y.values.astype(np.float32).T @ y.values.astype(np.float32)
        left = [label for label in np.argsort(positives, kind="stable").tolist() if positives[label]]
        if len(left) < self.n_folds:
            raise ValueError(f"y has {len(left)} labels with a positive clip; {self.n_folds} folds need as many.")
        folds, last = np.full(len(positives), -1), left[: self.n_folds]
        folds[last], left = range(self.n_folds), left[self.n_folds :]
        while left:
            for fold in range(min(self.n_folds, len(left))):
                # The first maximum: labels are left in the order rarer, then lower column.
                last[fold] = left.pop(int(np.argmax(together[last[fold], left])))
                folds[last[fold]] = fold
        return y, folds


def _labels_of_fold(y, folds, n_folds):
    return np.stack([y.values[:, folds == fold].sum(axis=1, dtype=np.int64) for fold in range(n_folds)], axis=1)


def _warn_of_leaks(rows, trained_with_others, straddle):
    shared = int((np.sum(rows, axis=0) > 1).sum())
    warn(
        f"straddle={straddle!r}: {shared} clips are in more than one part, and {int(trained_with_others.sum())} "
        "training clips have labels of the other parts; keep only the training labels' columns of y (label_folds), or "
        "use straddle='drop'.",
        LeakWarning,
    )
