"""The few-shot protocol: a few clips of each test label join the training clips."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.utils import check_random_state

from .._labels import label_array
from ._splitters import ClassDisjointKFold


class FewShotKFold(BaseCrossValidator):
    """Move a few clips of every test label into training, each clip once (setting 4).

    For each fold of ``splitter``, the clips of each test label are dealt into groups of ``shots``; every group in turn
    joins the training clips while the others stay in the test fold.

    Parameters
    ----------
    splitter : splitter or None, default=None
        Says which labels are tested; None is :class:`ClassDisjointKFold`.
    shots : int, default=5
        Clips of each test label in training.
    shuffle : bool, default=True
        Deal the clips out at random rather than in order.
    random_state : int, RandomState instance or None, default=None
        Source of the order.

    Notes
    -----
    The number of groups is that of the rarest test label, ``n_clips // shots``; where a more frequent label has clips
    left over, its groups are larger by at most the remainder shared out.

    Examples
    --------
    >>> from skzsl.model_selection import FewShotKFold, LeaveOneCategoryOut
    >>> y = ["dog", "dog", "dog", "dog", "rain", "rain"]
    >>> splitter = FewShotKFold(LeaveOneCategoryOut({"dog": "a", "rain": "b"}), shots=2, shuffle=False)
    >>> next(iter(splitter.split(y, y)))
    (array([0, 1, 4, 5]), array([2, 3]))
    """

    def __init__(self, splitter=None, *, shots=5, shuffle=True, random_state=None):
        self.splitter = splitter
        self.shots = shots
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X, y, groups=None):
        """Yield the rows of each fold.

        Parameters
        ----------
        X : array with n rows
            Clips; only their number matters.
        y : array of shape (n,)
            The label of each clip.
        groups : array or None
            Passed to ``splitter``.

        Yields
        ------
        train, test : ndarrays of int
            Row indices, sorted.
        """
        labels = label_array(y, "y")
        rng = check_random_state(self.random_state) if self.shuffle else None
        for train, test in self._base().split(X, y, groups):
            deal = StratifiedKFold(self._n_groups(labels[test]), shuffle=self.shuffle, random_state=rng)
            for stay, join in deal.split(test, labels[test]):
                yield np.sort(np.r_[train, test[join]]), test[stay]

    def get_n_splits(self, X=None, y=None, groups=None):
        """Count the folds.

        Parameters
        ----------
        X : None
            Ignored.
        y : array of shape (n,)
            The label of each clip.
        groups : array or None
            Passed to ``splitter``.

        Returns
        -------
        n_splits : int
        """
        if y is None:
            raise ValueError("FewShotKFold counts its folds from the labels; pass y.")
        labels = label_array(y, "y")
        rows = np.arange(len(labels))
        return sum(self._n_groups(labels[test]) for _, test in self._base().split(rows, y, groups))

    def _base(self):
        return ClassDisjointKFold(random_state=self.random_state) if self.splitter is None else self.splitter

    def _n_groups(self, labels):
        unique, counts = np.unique(labels, return_counts=True)
        if counts.min() < 2 * self.shots:
            raise ValueError(
                f"Label {unique[np.argmin(counts)].item()!r} has {counts.min()} clips; shots={self.shots} needs "
                f"at least {2 * self.shots} of each, to train on some and test on others."
            )
        return int(counts.min() // self.shots)
