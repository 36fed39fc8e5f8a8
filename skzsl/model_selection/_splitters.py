"""Splitters by label: which labels are seen, which are not. All yield plain row indices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from sklearn.model_selection import BaseCrossValidator, KFold
from sklearn.utils import check_random_state, indexable

from .._indicators import is_indicator
from .._labels import label_array


class _LabelSplitter(BaseCrossValidator):
    """Base: a subclass lists (training labels, test labels), and the rows follow."""

    def split(self, X, y=None, groups=None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each fold.

        Parameters
        ----------
        X : array with n rows
            Clips; only their number matters.
        y : array of shape (n,)
            The label of each clip.
        groups : None
            Ignored.

        Yields
        ------
        train, test : ndarrays of int
            Row indices.
        """
        labels, codes = _encode(y)
        indexable(X, y)
        for train_labels, test_labels in self._label_folds(labels):
            yield np.flatnonzero(train_labels[codes]), np.flatnonzero(test_labels[codes])

    def get_n_splits(self, X=None, y=None, groups=None) -> int:
        """Count the folds.

        Parameters
        ----------
        X : None
            Ignored.
        y : array of shape (n,)
            The label of each clip.
        groups : None
            Ignored.

        Returns
        -------
        n_splits : int

        Raises
        ------
        ValueError
            Without y.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} counts its folds from the labels; pass y.")
        return len(self._label_folds(_encode(y)[0]))

    def _label_folds(self, labels):
        """List (train, test) masks over ``labels``."""
        raise NotImplementedError


class ClassDisjointKFold(_LabelSplitter):
    """K folds of labels: the labels of a test fold have no clip in training.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds; every label is tested once.
    shuffle : bool, default=True
        Deal the labels out at random rather than in sorted order.
    random_state : int, RandomState instance or None, default=None
        Source of the order.

    Examples
    --------
    >>> from skzsl.model_selection import ClassDisjointKFold
    >>> y = ["dog", "rain", "cat", "dog"]
    >>> for train, test in ClassDisjointKFold(3, shuffle=False).split(y, y):
    ...     print(train, test)
    [0 1 3] [2]
    [1 2] [0 3]
    [0 2 3] [1]
    """

    def __init__(self, n_splits=5, *, shuffle=True, random_state=None) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

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
        return self.n_splits

    def _label_folds(self, labels):
        _need_labels(labels, self.n_splits, "in all")
        return _fold_masks(_k_fold(self), np.arange(len(labels)), len(labels))


class LeaveOneCategoryOut(_LabelSplitter):
    """Test on the labels of one category, train on those of all others (setting 3 of Xie & Virtanen, 2019).

    Parameters
    ----------
    categories : dict
        Category of each label. Categories without a clip in y make no fold.

    Examples
    --------
    >>> from skzsl.model_selection import LeaveOneCategoryOut
    >>> y = ["dog", "rain", "cat", "dog"]
    >>> splitter = LeaveOneCategoryOut({"dog": "animal", "cat": "animal", "rain": "nature"})
    >>> [test.tolist() for _, test in splitter.split(y, y)]
    [[0, 2, 3], [1]]
    """

    def __init__(self, categories) -> None:
        self.categories = categories

    def _label_folds(self, labels):
        return [(~members, members) for members in _category_masks(self.categories, labels, at_least=2)]


class CategoryPairs(_LabelSplitter):
    """Train on the labels of one category, test on those of another, for every ordered pair (setting 2).

    Parameters
    ----------
    categories : dict
        Category of each label. Folds are ordered by training category, then by test category, both sorted.

    Examples
    --------
    >>> from skzsl.model_selection import CategoryPairs
    >>> y = ["dog", "rain", "cat"]
    >>> splitter = CategoryPairs({"dog": "animal", "cat": "animal", "rain": "nature"})
    >>> [(train.tolist(), test.tolist()) for train, test in splitter.split(y, y)]
    [([0, 2], [1]), ([1], [0, 2])]
    """

    def __init__(self, categories) -> None:
        self.categories = categories

    def _label_folds(self, labels):
        return list(itertools.permutations(_category_masks(self.categories, labels, at_least=2), 2))


class WithinCategoryKFold(_LabelSplitter):
    """Within each category alone, K folds of its labels (setting 1).

    Parameters
    ----------
    categories : dict
        Category of each label. Folds are ordered by category, sorted.
    n_splits : int, default=5
        Folds of each category.
    shuffle : bool, default=True
        Deal the labels of a category out at random rather than in sorted order.
    random_state : int, RandomState instance or None, default=None
        Source of the orders.

    Examples
    --------
    >>> from skzsl.model_selection import WithinCategoryKFold
    >>> y = ["dog", "cat", "rain", "wind"]
    >>> categories = {"dog": "animal", "cat": "animal", "rain": "nature", "wind": "nature"}
    >>> splitter = WithinCategoryKFold(categories, n_splits=2, shuffle=False)
    >>> [(train.tolist(), test.tolist()) for train, test in splitter.split(y, y)]
    [([0], [1]), ([1], [0]), ([3], [2]), ([2], [3])]
    """

    def __init__(self, categories, n_splits=5, *, shuffle=True, random_state=None) -> None:
        self.categories = categories
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _label_folds(self, labels):
        folds = _k_fold(self)
        if self.shuffle:
            folds.random_state = check_random_state(self.random_state)
        found = []
        for members in _category_masks(self.categories, labels):
            _need_labels(labels[members], self.n_splits, f"in category {self.categories[labels[members][0]]!r}")
            found += _fold_masks(folds, np.flatnonzero(members), len(labels))
        return found


def _encode(y):
    if y is not None and is_indicator(y):
        raise ValueError("This splitter takes one label a clip; pass a multi-label y to GreedyLabelFolds.")
    return np.unique(label_array(y, "y"), return_inverse=True)


def _k_fold(splitter):
    return KFold(
        splitter.n_splits, shuffle=splitter.shuffle, random_state=splitter.random_state if splitter.shuffle else None
    )


def _fold_masks(folds, members, n_labels):
    found = []
    for train, test in folds.split(members):
        masks = np.zeros((2, n_labels), dtype=bool)
        masks[0, members[train]] = masks[1, members[test]] = True
        found.append((masks[0], masks[1]))
    return found


def _category_masks(categories, labels, at_least=1):
    if not isinstance(categories, Mapping):
        raise ValueError(f"categories={categories!r} is no dict; pass a dict of label -> category.")
    for label in labels.tolist():
        if label not in categories:
            raise ValueError(f"Label {label!r} has no category; add it to categories.")
    of_label = np.array([str(categories[label]) for label in labels.tolist()])
    names = np.unique(of_label)
    if len(names) < at_least:
        raise ValueError(f"All labels are in category {names[0].item()!r}; at least {at_least} categories are needed.")
    return [of_label == name for name in names]


def _need_labels(labels, n_splits, where):
    if not isinstance(n_splits, int | np.integer) or n_splits < 2:
        raise ValueError(f"n_splits={n_splits!r}; pass a whole number of at least 2.")
    if len(labels) < n_splits:
        raise ValueError(f"n_splits={n_splits} is more than the {len(labels)} labels {where}; pass fewer folds.")


def base_splitter(splitter, random_state):
    """Return the splitter that says which labels are unseen, ClassDisjointKFold for None."""
    if splitter is not None and not hasattr(splitter, "split"):
        raise ValueError(f"splitter={splitter!r} cannot split; pass one such as ClassDisjointKFold(5).")
    return ClassDisjointKFold(random_state=random_state) if splitter is None else splitter


def check_recordings(groups, n_clips):
    """A number for the recording of each clip (n,), and the names; without groups every clip is one of its own."""
    import pandas as pd

    if groups is None:
        return np.arange(n_clips), range(n_clips)
    recordings = np.asarray(groups, dtype=object)
    if recordings.shape != (n_clips,):
        raise ValueError(f"groups of shape {recordings.shape} must name the recording of each of {n_clips} clips.")
    for clip in np.flatnonzero(pd.isna(recordings))[:1]:
        raise ValueError(
            f"groups holds {recordings[clip]} for clip {clip}; give clips of unknown recordings a name each."
        )
    recordings = recordings.tolist()
    names = list(dict.fromkeys(recordings))
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers[name] for name in recordings]), names
