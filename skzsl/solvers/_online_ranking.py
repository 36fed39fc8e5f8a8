"""The online ranking solver: training algorithm 1 of Xie & Virtanen (2019), compiled."""

from __future__ import annotations

import numba
import numpy as np
from sklearn.utils import check_random_state, gen_batches

from .._stored import read_rows, shuffled_fills

_CHUNK_BYTES = 8 << 20


def online_ranking(clips, codes, vectors, *, lr, max_epochs, shuffle=True, random_state=None, coef=None) -> np.ndarray:
    """Learn the bilinear map by training algorithm 1, one clip at a time.

    For every clip, every wrong label whose loss ``1 + F(x, c) - F(x, y)`` is positive moves the map by
    ``lr * beta(floor((C - 1) / rank))`` along ``x (phi(c) - phi(y))^T``; ranks follow the stable descending order
    of the losses before any update of that clip.

    Parameters
    ----------
    clips : ndarray of shape (n, d), or ClipVectors
        Clip vectors of any real dtype; cast to float64 a chunk at a time. Those that are streamed are shuffled within
        a buffer.
    codes : ndarray of shape (n,), int
        Row of ``vectors`` that belongs to each clip.
    vectors : ndarray of shape (C, k), float64
        Text vector of every training label.
    lr : float
        Learning rate.
    max_epochs : int
        Passes over the clips.
    shuffle : bool
        Draw a new order of the clips before every epoch.
    random_state : int, RandomState instance or None
        Source of the orders.
    coef : ndarray of shape (d, k) or None
        Map to start from; zeros if None.

    Returns
    -------
    coef : ndarray of shape (d, k), float64

    Raises
    ------
    ValueError
        For a code without a label vector, and if scores overflow.

    Notes
    -----
    All updates of one clip share ``x``, so they are one rank-1 update. The map always is ``start + M^T U`` for label
    rows ``U``: either ``U`` = the label vectors and ``M`` is (C, d), so that scores come from the Gram matrix of the
    labels and only rows of labels with a positive loss change; or, where labels outnumber text dimensions, ``U`` =
    identity and ``M`` is (k, d). The cheaper form is taken; both give the same map.

    References
    ----------
    Xie and Virtanen (2019). Zero-shot audio classification based on class label embeddings. WASPAA.
    """
    codes = np.asarray(codes)
    if len(codes) and not 0 <= codes.min() <= codes.max() < len(vectors):
        raise ValueError(f"codes run from {codes.min()} to {codes.max()}, but there are {len(vectors)} label vectors.")
    rng = check_random_state(random_state)
    (n_clips, n_features), (n_labels, n_dims) = clips.shape, vectors.shape
    vectors = np.ascontiguousarray(vectors, dtype=np.float64)
    in_label_space = _label_space_is_cheaper(n_clips * max_epochs, n_features, n_labels, n_dims)
    scorer = np.ascontiguousarray(vectors @ vectors.T) if in_label_space else vectors
    weights = np.zeros((scorer.shape[1], n_features))
    start = None if coef is None else np.asarray(coef, dtype=np.float64) @ vectors.T
    steps = lr * _rank_weights(n_labels)
    chunk = max(1, _CHUNK_BYTES // (8 * n_features))
    for _ in range(max_epochs):
        for batch, labels in _in_order(clips, codes, chunk, rng if shuffle else None):
            batch = np.ascontiguousarray(batch, dtype=np.float64)
            offsets = np.zeros((len(batch), n_labels)) if start is None else batch @ start
            if not _run(batch, labels, scorer, weights, offsets, steps, in_label_space):
                raise ValueError(_divergence(lr))
    learned = weights.T @ vectors if in_label_space else weights.T.copy()
    learned = learned if coef is None else coef + learned
    if not np.isfinite(learned).all():
        raise ValueError(_divergence(lr))
    return learned


def _in_order(clips, codes, chunk, rng):
    """Clips and their codes, a chunk at a time, in a new order if ``rng`` is given."""
    if rng is not None and getattr(clips, "streamed", False):
        for held, places in shuffled_fills(np.arange(len(codes)), clips, 1, rng):
            values = read_rows(clips, held)
            for part in gen_batches(len(held), chunk):
                yield values[places[part]], codes[held[places[part]]]
        return
    order = None if rng is None else rng.permutation(len(codes))
    for part in gen_batches(len(codes), chunk):
        rows = part if order is None else order[part]
        yield clips[rows], codes[rows]


def _divergence(lr):
    return (
        f"Training diverged: scores are no longer finite. Lower lr={lr} or scale the clips, for example with "
        "StandardScaler or Normalizer."
    )


def _label_space_is_cheaper(n_steps, n_features, n_labels, n_dims):
    in_label_space = n_steps * (2 * n_features + n_labels) * n_labels
    to_label_space_and_back = (n_labels + n_features) * n_labels * n_dims
    in_text_space = n_steps * 2 * (n_features + n_labels) * n_dims
    return in_label_space + to_label_space_and_back <= in_text_space


def _rank_weights(n_labels):
    """``beta(floor((C - 1) / r))`` at index r - 1, for r = 1..C - 1."""
    harmonic = np.cumsum(1.0 / np.arange(1, max(n_labels, 2)))
    ranks = np.arange(1, n_labels)
    return harmonic[(n_labels - 1) // ranks - 1]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _run(clips, codes, scorer, weights, offsets, steps, in_label_space):
    n_labels, n_rows = scorer.shape
    n_features = clips.shape[1]
    projection = np.empty(n_rows)
    losses = np.empty(n_labels)
    moves = np.empty(n_labels)
    row_moves = np.empty(n_rows)
    ranked = np.empty(n_labels, np.int64)
    spare = np.empty(n_labels, np.int64)
    for i in range(clips.shape[0]):
        clip = clips[i]
        true = codes[i]
        for r in range(n_rows):
            total = 0.0
            for j in range(n_features):
                total += weights[r, j] * clip[j]
            projection[r] = total
        for c in range(n_labels):
            total = 0.0
            for r in range(n_rows):
                total += scorer[c, r] * projection[r]
            losses[c] = offsets[i, c] + total
        true_score = losses[true]
        if not abs(true_score) < np.inf:
            return False
        n_wrong = 0
        for c in range(n_labels):
            losses[c] = 1.0 + losses[c] - true_score
            moves[c] = 0.0
            if losses[c] > 0.0 and c != true:
                ranked[n_wrong] = c
                n_wrong += 1
        if n_wrong == 0:
            continue
        _sort_descending(losses, ranked, spare, n_wrong)
        for rank in range(n_wrong):
            step = steps[rank]
            moves[ranked[rank]] = -step
            moves[true] += step
        if not in_label_space:
            for r in range(n_rows):
                row_moves[r] = 0.0
            for c in range(n_labels):
                if moves[c] != 0.0:
                    for r in range(n_rows):
                        row_moves[r] += moves[c] * scorer[c, r]
        else:
            for r in range(n_rows):
                row_moves[r] = moves[r]
        for r in range(n_rows):
            move = row_moves[r]
            if move != 0.0:
                for j in range(n_features):
                    weights[r, j] += move * clip[j]
    return True


@numba.njit(cache=True, nogil=True)
def _sort_descending(values, index, spare, size):
    """Stable merge sort of ``index[:size]`` by falling ``values[index]``; runs of 8 by insertion."""
    for start in range(0, size, 8):
        for i in range(start + 1, min(start + 8, size)):
            item = index[i]
            j = i
            while j > start and values[index[j - 1]] < values[item]:
                index[j] = index[j - 1]
                j -= 1
            index[j] = item
    width = 8
    while width < size:
        for start in range(0, size, 2 * width):
            middle, stop = min(start + width, size), min(start + 2 * width, size)
            left, right = start, middle
            for k in range(start, stop):
                if left < middle and (right >= stop or values[index[left]] >= values[index[right]]):
                    spare[k] = index[left]
                    left += 1
                else:
                    spare[k] = index[right]
                    right += 1
        for k in range(size):
            index[k] = spare[k]
        width *= 2
