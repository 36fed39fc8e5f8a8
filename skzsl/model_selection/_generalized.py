"""The generalised protocol: clips of seen labels join the test fold."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state, check_scalar

from .._compat import num_samples
from .._indicators import is_indicator
from .._labels import label_array
from ._splitters import base_splitter, check_recordings


class GeneralizedSplit(BaseCrossValidator):
    """Move a share of the training clips of each fold into its test fold, so that seen and unseen labels compete.

    Parameters
    ----------
    splitter : splitter or None, default=None
        Says which labels are unseen; None is :class:`ClassDisjointKFold`.
    seen_size : float, default=0.2
        Share of the training clips that is tested instead. With one label a clip it is taken from every label, at least
        one clip of each, and one stays; with several from all clips.
    random_state : int, RandomState instance or None, default=None
        Source of the choice.

    References
    ----------
    Chao, Changpinyo, Gong and Sha (2016). An empirical study and analysis of generalized zero-shot learning for object
    recognition in the wild. ECCV.

    Examples
    --------
    >>> from skzsl.model_selection import GeneralizedSplit, LeaveOneCategoryOut
    >>> y = ["dog", "dog", "rain", "rain"]
    >>> folds = GeneralizedSplit(LeaveOneCategoryOut({"dog": "a", "rain": "b"}), seen_size=0.5, random_state=0)
    >>> next(iter(folds.split(y, y)))
    (array([2]), array([0, 1, 3]))
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, splitter=None, *, seen_size=0.2, random_state=None) -> None:
        self.splitter = splitter
        self.seen_size = seen_size
        self.random_state = random_state

    def split(self, X, y=None, groups=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each fold.

        Parameters
        ----------
        X : array with n rows
            Clips; only their number matters.
        y : array of shape (n,), or DataFrame or array of shape (n, L)
            The label of each clip, or which labels it has.
        groups : array of shape (n,) or None
            Recording that each clip was cut from. Clips of a seen label whose recording has clips of an unseen one are
            left out, and the others of one recording stay together, so that none is on both sides. Passed to
            ``splitter`` too.

        Yields
        ------
        train, test : ndarrays of int
            Row indices, sorted.

        Raises
        ------
        ValueError
            If a label has a single training clip or recording, which cannot be on both sides, and for bad groups.
        """
        check_scalar(self.seen_size, "seen_size", Real, min_val=0, max_val=1, include_boundaries="neither")
        if np.isnan(self.seen_size):
            raise ValueError("seen_size=nan; pass a share between 0 and 1.")
        rng = check_random_state(self.random_state)
        labels = None if is_indicator(y) else label_array(y, "y")
        recordings, _ = check_recordings(groups, num_samples(y))
        for train, test in base_splitter(self.splitter, self.random_state).split(X, y, groups):
            before, train = train, train[~np.isin(recordings[train], recordings[test])]
            if labels is not None and len(lost := np.setdiff1d(labels[before], labels[train])):
                raise ValueError(
                    f"All clips of label {lost[0].item()!r} come from recordings of unseen labels; leave groups out."
                )
            joins = self._share(None if labels is None else labels[train], recordings[train], rng)
            yield train[~joins], np.sort(np.r_[test, train[joins]])

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
        """Count the folds.

        Parameters
        ----------
        X : None
            Ignored.
        y : array
            Passed to ``splitter``.
        groups : array or None
            Passed to ``splitter``.

        Returns
        -------
        n_splits : int
        """
        return base_splitter(self.splitter, self.random_state).get_n_splits(X, y, groups)

    def _share(self, labels, recordings, rng):
        """Which clips leave training."""
        parts = {"y": np.arange(len(recordings))}
        if labels is not None:
            parts = {f"label {label.item()!r}": np.flatnonzero(labels == label) for label in np.unique(labels)}
        leaving: list[int] = []
        for name, rows in parts.items():
            own, sizes = np.unique(recordings[rows], return_counts=True)
            if len(own) < 2:
                what = "clip" if len(rows) < 2 else "recording"
                raise ValueError(
                    f"{name} has {len(own)} training {what}; two are needed to train on one and test one. Leave it out "
                    "or add clips."
                )
            order = rng.permutation(len(own))
            leaving.extend(own[_fill(order, sizes, self.seen_size * len(rows))])
        joins = np.isin(recordings, leaving)
        for name, rows in parts.items():
            if joins[rows].all():
                raise ValueError(
                    f"All recordings of {name} hold other labels too and are tested for these; lower seen_size="
                    f"{self.seen_size}, or leave groups out."
                )
        return joins


def _fill(order, sizes, share):
    """Those of ``order`` that fit into a share one after the other, but neither none nor all."""
    taken: list[int] = []
    room = max(1, round(share))
    for item in order[:-1]:
        if sizes[item] <= room:
            taken.append(item)
            room -= sizes[item]
    return taken or [order[np.argmin(sizes[order])]]
