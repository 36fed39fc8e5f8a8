"""The few-shot protocol: a few clips of each test label join the training clips."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state, check_scalar

from .._labels import label_array
from ._splitters import base_splitter, check_recordings


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
    The rarest label of y sets the number of groups, ``n_clips // shots``. Clips of more frequent labels beyond that
    many groups are always tested and never join.

    Examples
    --------
    >>> from skzsl.model_selection import FewShotKFold, LeaveOneCategoryOut
    >>> y = ["dog", "dog", "dog", "rain", "rain"]
    >>> splitter = FewShotKFold(LeaveOneCategoryOut({"dog": "a", "rain": "b"}), shots=1, shuffle=False)
    >>> next(iter(splitter.split(y, y)))
    (array([0, 3, 4]), array([1, 2]))
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, splitter=None, *, shots=5, shuffle=True, random_state=None) -> None:
        self.splitter = splitter
        self.shots = shots
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X, y=None, groups=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each fold.

        Parameters
        ----------
        X : array with n rows
            Clips; only their number matters.
        y : array of shape (n,)
            The label of each clip.
        groups : array of shape (n,) or None
            Recording that each clip was cut from: clips are dealt recording by recording, and those whose recording
            trains are not tested. Passed to ``splitter`` too.

        Yields
        ------
        train, test : ndarrays of int
            Row indices, sorted.

        Raises
        ------
        ValueError
            If labels have too few clips or recordings for the shots, if ``splitter`` is not class-disjoint, and for bad
            groups.
        """
        labels = label_array(y, "y")
        recordings, _ = check_recordings(groups, len(labels))
        rng, n_groups = check_random_state(self.random_state), self._n_groups(labels)
        base = base_splitter(self.splitter, self.random_state)
        for train, test in base.split(X, y, groups):
            if np.isin(labels[train], labels[test]).any():
                raise ValueError(
                    f"{base!r} has clips of one label in training and test; shots are dealt from labels "
                    "without a training clip: pass a class-disjoint splitter."
                )
            groups_of = _deal(labels[test], recordings[test], self.shots, rng if self.shuffle else None)
            for group in range(n_groups):
                known = np.sort(np.r_[train, test[groups_of == group]])
                new = test[~np.isin(recordings[test], recordings[known])]
                lost = np.setdiff1d(labels[test], labels[new])
                if len(lost):
                    raise ValueError(
                        f"All clips of label {lost[0].item()!r} come from recordings that train; lower shots="
                        f"{self.shots}, or leave groups out."
                    )
                yield known, new

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
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

        Raises
        ------
        ValueError
            Without y.
        """
        if y is None:
            raise ValueError("FewShotKFold counts its folds from the labels; pass y.")
        base = base_splitter(self.splitter, self.random_state)
        return base.get_n_splits(X, y, groups) * self._n_groups(label_array(y, "y"))

    def _n_groups(self, labels):
        check_scalar(self.shots, "shots", Integral, min_val=1)
        unique, counts = np.unique(labels, return_counts=True)
        if counts.min() < 2 * self.shots:
            raise ValueError(
                f"Label {unique[np.argmin(counts)].item()!r} has {counts.min()} clips; shots={self.shots} needs "
                f"at least {2 * self.shots} of each, to train on some and test on others."
            )
        return int(counts.min() // self.shots)


def _deal(labels, recordings, shots, rng):
    """Group of each clip: ``shots`` clips of every label in group 0, as many in group 1, recording by recording."""
    groups = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        own, recording = np.unique(recordings[rows], return_inverse=True)
        place = np.arange(len(own)) if rng is None else np.argsort(rng.permutation(len(own)))
        groups[rows[np.argsort(place[recording], kind="stable")]] = np.arange(len(rows)) // shots
    return groups
