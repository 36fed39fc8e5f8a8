"""The closed form of clips in an array of dask: sums over partitions, joined."""

from __future__ import annotations

from functools import partial
from operator import add

import numpy as np

from .._fitting import all_or_nothing
from .._lazy import partitions, reduced
from .._scaling import ClipMoments, ClipVectors, Scaling
from .._segments import as_segments, check_segments
from ._weights import check_weights, counted


def fit_partitions(model, X, y, sample_weight):
    """Fit a ZeroShotRidge on an array of dask, of which a partition at a time is held; y is computed whole.

    Raises
    ------
    ValueError
        As by ``fit``; NaN, infinity and weights that are wrong are named with the partition.
    """
    if np.isnan(X.shape[0]):
        X = X.compute_chunk_sizes()
    y = y.compute() if hasattr(y, "compute") else y
    with all_or_nothing(model):
        check_segments(model, np.zeros((1, *X.shape[1:]), X.dtype), reset=True)
        weights, y = check_weights(sample_weight, np.empty((X.shape[0], 0)), y)
        targets = model._take_labels(y, X.shape[0] if weights is None else np.count_nonzero(weights))
        blocks = list(_parts(X, targets.codes, weights))
        model._scaling = None
        if model.standardize:
            model._scaling = Scaling.of_moments(reduced(_moments, blocks, add), pooled=True)
        sum_up = partial(_sums, scaling=model._scaling, n_labels=len(targets.seen))
        model._sums, model._goes_on = reduced(sum_up, blocks, add), False
        if not model._sums.finite:
            raise ValueError("The squares of the clips overflow float64; scale X, for example by its largest number.")
        model._solve(model._sums, model.alpha_audio, model.alpha_text)
    return model


def _parts(X, codes, weights):
    """Partition, where it begins, the codes of its clips that count, and their weights."""
    counted = start = 0
    for block, n_clips in zip(partitions(X), X.chunks[0], strict=True):
        of_block = None if weights is None else weights[start : start + n_clips]
        end = counted + (n_clips if of_block is None else int(np.count_nonzero(of_block)))
        if end > counted:
            yield block, start, codes[counted:end], of_block
        start, counted = start + n_clips, end


def _segments(block, start, weights):
    try:
        segments = as_segments(block)
    except ValueError as error:
        raise ValueError(f"{error} This is of the partition that begins at clip {start}.") from error
    return counted(segments, weights)


def _moments(part):
    block, start, _, weights = part
    segments, weights = _segments(block, start, weights)
    return ClipMoments.of(segments, pooled=True, weights=weights)


def _sums(part, scaling, n_labels):
    from ..solvers._ridge import clip_sums

    block, start, codes, weights = part
    segments, weights = _segments(block, start, weights)
    return clip_sums(ClipVectors(segments, scaling), codes, n_labels, weights=weights)
