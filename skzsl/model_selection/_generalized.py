"""The generalised protocol: clips of seen labels join the test fold."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_consistent_length, check_random_state, check_scalar

from .._compat import num_samples
from .._indicators import is_indicator
from .._labels import label_array
from ._splitters import base_splitter


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

    def __init__(self, splitter=None, *, seen_size=0.2, random_state=None):
        self.splitter = splitter
        self.seen_size = seen_size
        self.random_state = random_state

    def split(self, X, y=None, groups=None):
        """Yield the rows of each fold.

        Parameters
        ----------
        X : array with n rows
            Clips; only their number matters.
        y : array of shape (n,), or DataFrame or array of shape (n, L)
            The label of each clip, or which labels it has.
        groups : array of shape (n,) or None
            Recording that each clip was cut from: the clips of one stay together, so that a share is met as nearly as
            whole recordings can, and at least one is tested. Clips of unseen labels stay where they are. Passed to
            ``splitter`` too.

        Yields
        ------
        train, test : ndarrays of int
            Row indices, sorted.

        Raises
        ------
        ValueError
            If a label has a single training clip or recording, which cannot be on both sides.
        """
        check_scalar(self.seen_size, "seen_size", Real, min_val=0, max_val=1, include_boundaries="neither")
        rng = check_random_state(self.random_state)
        labels = None if is_indicator(y) else label_array(y, "y")
        recordings = np.arange(num_samples(X)) if groups is None else np.unique(groups, return_inverse=True)[1]
        check_consistent_length(X, recordings)
        for train, test in base_splitter(self.splitter, self.random_state).split(X, y, groups):
            joins = self._share(None if labels is None else labels[train], recordings[train], rng)
            yield train[~joins], np.sort(np.r_[test, train[joins]])

    def get_n_splits(self, X=None, y=None, groups=None):
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
        leaving = []
        for name, rows in parts.items():
            own, sizes = np.unique(recordings[rows], return_counts=True)
            if len(own) < 2:
                what = "clip" if len(rows) < 2 else "recording"
                raise ValueError(f"{name} has {len(own)} training {what}; two are needed to train on one and test one.")
            order = rng.permutation(len(own))
            n_joining = np.searchsorted(np.cumsum(sizes[order]), round(self.seen_size * len(rows)), side="right")
            leaving.append(own[order[: min(max(1, n_joining), len(own) - 1)]])
        joins = np.isin(recordings, np.concatenate(leaving))
        for name, rows in parts.items():
            if joins[rows].all():
                raise ValueError(
                    f"All recordings of {name} hold other labels too and are tested for these; lower seen_size="
                    f"{self.seen_size}, or leave groups out."
                )
        return joins
