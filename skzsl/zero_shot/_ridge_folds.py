"""What :class:`ZeroShotRidgeCV` scores in a fold: the labels that its training clips lack."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._segments import dense
from .._sparse import column_counts
from ..metrics import mean_average_precision
from ._ridge import ZeroShotRidge, positions


class Fold(NamedTuple):
    """Clips to train and to test on, and a model that knows the labels of the former."""

    model: ZeroShotRidge
    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray  # columns of the unseen labels of its test clips


def held_out(targets, test, seen):
    """Columns of the labels of test clips that are not seen."""
    codes = targets.codes[test]
    present = np.unique(codes) if codes.ndim == 1 else np.flatnonzero(column_counts(codes))
    return present[~np.isin(targets.seen[present], seen)]


def path_of(fold, sums, targets):
    """Maps of all regularisers from the sums over the training clips of a fold."""
    from ..solvers._ridge import RidgePath

    seen = fold.model.seen_classes_
    return RidgePath(sums.of_labels(positions(seen, targets.seen)), fold.model._label_vectors(seen))


def unseen_scores(fold, path, pairs, clips, targets):
    """Accuracy, or mAP where clips have several labels, of all pairs over the unseen labels of the test clips."""
    from ..solvers._ridge import clip_blocks

    vectors = fold.model._label_vectors(targets.seen[fold.labels])
    if targets.codes.ndim == 2:
        present = dense(targets.codes[fold.test][:, fold.labels])
        blocks = [path.scores(block, vectors) for block, _ in clip_blocks(clips, np.float64, fold.test)]
        return [mean_average_precision(present, np.concatenate([of(*pair) for of in blocks])) for pair in pairs]
    hits, rows = np.zeros(len(pairs)), fold.test[np.isin(targets.codes[fold.test], fold.labels)]
    for block, chosen in clip_blocks(clips, np.float64, rows):
        true = np.searchsorted(fold.labels, targets.codes[chosen])
        scores = path.scores(block, vectors)
        hits += [np.count_nonzero(np.argmax(scores(*pair), axis=1) == true) for pair in pairs]
    return hits / len(rows)
