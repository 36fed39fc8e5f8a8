"""The closed form of ESZSL (Romera-Paredes & Torr, 2015): sums over the clips and the map that they give."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, eigh, svd
from scipy.linalg.lapack import dpocon
from sklearn.utils import gen_batches

from .._scaling import ClipVectors
from .._sparse import dense_rows

_BLOCK_BYTES = 4 << 20
_BLOCK_CLIPS = 1 << 13
_FEW_LABELS = 64
_DENSE = 0.02
_BITS = 62
_RCOND = 1e-4  # the eps of float32 over it is about a thousandth, the error of the map that is put up with


@dataclass(frozen=True)
class ClipSums:
    """What the map depends on, of any number of clips: either sums over them or, while d outnumbers them, the clips.

    Attributes
    ----------
    n_clips : int or float
        Clips, or the sum of their weights.
    sums : ndarray of shape (S, d)
        Sum of the clips of each label.
    total : ndarray of shape (d,)
        Sum of all clips.
    gram : ndarray of shape (d, d) or None
        ``clips^T clips``.
    clips : ndarray of shape (n, d) or None
        The clips, where there is no ``gram``.
    indicator : ndarray of shape (n, S) or None
        Which labels each of ``clips`` has.
    """

    n_clips: float
    sums: np.ndarray
    total: np.ndarray
    gram: np.ndarray | None = None
    clips: np.ndarray | None = None
    indicator: np.ndarray | None = None

    @property
    def mean_square(self) -> float:
        """Mean square length of a clip, or 1 where all are zero."""
        squares = np.diagonal(self._product()) if self.clips is None else np.square(self.clips)
        return float(squares.sum() / self.n_clips or 1.0)

    @property
    def finite(self) -> bool:
        """Whether no clip has NaN or infinity and no sum overflowed: the diagonal holds sums of squares."""
        squares = np.diagonal(self._product()) if self.clips is None else np.square(self.clips)
        return bool(np.isfinite(squares).all() and np.isfinite(self.sums).all() and np.isfinite(self.total).all())

    def __add__(self, other: ClipSums) -> ClipSums:
        """Sums over the clips of both, which have the same labels."""
        n_clips, sums, total = self.n_clips + other.n_clips, self.sums + other.sums, self.total + other.total
        if self.clips is None or other.clips is None or n_clips >= len(total):
            return ClipSums(n_clips, sums, total, self._product() + other._product())
        clips = np.concatenate([self.clips, other.clips])
        return ClipSums(n_clips, sums, total, clips=clips, indicator=np.concatenate([self.indicator, other.indicator]))

    def of_labels(self, columns: np.ndarray) -> ClipSums:
        """The same with other labels: column of each among the present ones, or -1 for labels without a clip yet."""
        known = columns >= 0
        sums = np.where(known[:, None], self.sums[columns], 0.0)
        if self.indicator is None:
            return ClipSums(self.n_clips, sums, self.total, self.gram)
        indicator = np.where(known, self.indicator[:, columns], 0)
        return ClipSums(self.n_clips, sums, self.total, clips=self.clips, indicator=indicator)

    def cross(self, columns: np.ndarray) -> np.ndarray:
        """``Y columns`` (n, r) for ``clips``, else ``clips^T Y columns`` (d, r); Y is 1 for present, -1 for absent."""
        if self.indicator is not None:
            return 2 * (self.indicator @ columns) - columns.sum(axis=0)
        return 2 * (self.sums.T @ columns) - np.outer(self.total, columns.sum(axis=0))

    def _product(self):
        if self.gram is not None:
            return self.gram
        clips = np.asarray(self.clips)
        return clips.T @ clips


def clip_sums(
    clips: ClipVectors,
    codes: np.ndarray,
    n_labels: int,
    rows: np.ndarray | None = None,
    *,
    alpha_audio: float | str | None = None,
    weights: np.ndarray | None = None,
) -> ClipSums:
    """Sum up clips in blocks of them.

    Parameters
    ----------
    clips : ClipVectors
        Clips of any real dtype, which may hold NaN or infinity; see ``finite`` of what is returned.
    codes : ndarray of shape (n,) or (n, n_labels), or csr_array
        Label of each clip, or which labels it has.
    n_labels : int
        Number S of labels.
    rows : ndarray of int or None
        Clips to take; None takes all.
    alpha_audio : float, "auto" or None
        The one regulariser that the sums are for: clips of up to 32-bit floats may then be multiplied in float32. None
        multiplies all in float64.
    weights : ndarray of shape (n,) or None
        How often each clip counts.

    Returns
    -------
    sums : ClipSums

    Notes
    -----
    In float32, for speed, each block is multiplied in float32 and added in float64: ``gram`` is off by about
    eps = 1e-7 of its norm, however many the clips, and the map by eps times the condition number of ``gram +
    alpha_audio I``. Where that is more than a thousandth, or a product overflows, the clips are summed up again, in
    float64.
    """
    n_clips, n_features = len(clips) if rows is None else len(rows), clips.shape[1]
    narrow = clips.dtype == np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        if n_clips < n_features and weights is None:
            return _kept(clips, codes, n_labels, rows)
        if alpha_audio is not None and narrow:
            sums = _summed(clips, codes, n_labels, rows, np.float32, weights)
            if sums.finite and _well_conditioned(sums.gram, audio_regulariser(alpha_audio, sums)):
                return sums
        return _summed(clips, codes, n_labels, rows, np.float64, weights)


def sums_of_sets(
    sets: list[np.ndarray], n_clips: int, sum_up: Callable[[np.ndarray | None], ClipSums]
) -> Iterator[ClipSums]:
    """Yield the sums over the clips of each set of rows, then those over all clips.

    Clips that are in the same sets are summed up together, so that each is read once, unless that makes more parts than
    it saves or a set has a clip twice.
    """
    membership = np.zeros(n_clips, dtype=np.int64)
    for number, rows in enumerate(sets[:_BITS]):
        membership[rows] += 1 << number
    patterns, pattern_of = np.unique(membership, return_inverse=True)
    repeated = any(len(np.unique(rows)) < len(rows) for rows in sets)
    if repeated or len(sets) > _BITS or len(patterns) > 2 * len(sets) + 1:
        yield from (sum_up(rows) for rows in sets)
        yield sum_up(None)
        return
    parts = [sum_up(np.flatnonzero(pattern_of == part)) for part in range(len(patterns))]
    for number in range(len(sets)):
        inside = [part for part, pattern in zip(parts, patterns, strict=True) if pattern >> number & 1]
        yield reduce(operator.add, inside)
    yield reduce(operator.add, parts)


def ridge_map(sums: ClipSums, vectors: np.ndarray, alpha_audio: float, alpha_text: float) -> np.ndarray:
    """Solve ``(X^T X + alpha_audio I) W (S^T S + alpha_text I) = X^T Y S`` for W (d, k).

    Each side is factorised by Cholesky in its smaller form: clips or features, labels or text dimensions.

    Parameters
    ----------
    sums : ClipSums
        Of the clips X and of Y (n, S), 1 for present and -1 for absent labels.
    vectors : ndarray of shape (S, k)
        Text vectors of the labels.
    alpha_audio, alpha_text : float
        Regularisers, above 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a regulariser is lost in rounding next to a singular matrix.
    """
    cross = sums.cross(_ridge_inverse(np.asarray(vectors, dtype=np.float64), alpha_text))
    if sums.clips is not None:
        return sums.clips.T @ cho_solve(_cholesky(sums.clips @ sums.clips.T, alpha_audio), cross)
    return cho_solve(_cholesky(sums.gram, alpha_audio), cross)


class RidgePath:
    """The maps of all pairs of regularisers, from one factorisation of each side.

    Parameters
    ----------
    sums : ClipSums
        Of the training clips.
    vectors : ndarray of shape (S, k)
        Text vectors of the training labels.
    """

    def __init__(self, sums: ClipSums, vectors: np.ndarray):
        left, self._singular, self._text = svd(np.asarray(vectors, dtype=np.float64), full_matrices=False)
        gram = sums.gram if sums.clips is None else sums.clips @ sums.clips.T
        eigenvalues, basis = eigh(gram)
        self._eigenvalues = np.maximum(eigenvalues, 0.0)[:, None]
        self._cross = basis.T @ sums.cross(left)
        self._audio = basis if sums.clips is None else sums.clips.T @ basis

    def coef(self, alpha_audio: float, alpha_text: float) -> np.ndarray:
        """The map (d, k) of :func:`ridge_map`."""
        return self._audio @ self._weights(alpha_audio, alpha_text) @ self._text

    def scores(self, clips: np.ndarray, vectors: np.ndarray) -> Callable[[float, float], np.ndarray]:
        """Make a function of two regularisers that gives the scores (n, L) of clips (n, d) and label vectors (L, k)."""
        clips, labels = clips @ self._audio, self._text @ vectors.T
        return lambda alpha_audio, alpha_text: clips @ (self._weights(alpha_audio, alpha_text) @ labels)

    def _weights(self, alpha_audio, alpha_text):
        weights = self._cross / (self._eigenvalues + alpha_audio)
        return weights * (self._singular / (self._singular**2 + alpha_text))


def audio_regulariser(alpha: float | str, sums: ClipSums) -> float:
    """``alpha``, or for "auto" 2.5 times the root of the number of clips, times their mean square length.

    For clips of unit length that is 100 for 1,600 clips: as more come, it falls next to the eigenvalues of the sums.
    """
    return 2.5 * np.sqrt(sums.n_clips) * sums.mean_square if isinstance(alpha, str) else alpha


def text_regulariser(alpha: float | str, vectors: np.ndarray) -> float:
    """``alpha``, or for "auto" a hundredth of the sum of squares of the label vectors (S, k)."""
    return float(np.square(vectors, dtype=np.float64).sum() / 100 or 1.0) if isinstance(alpha, str) else alpha


def clip_blocks(clips: ClipVectors, dtype, rows: np.ndarray | None = None) -> Iterator[tuple]:
    """Clips (b, d) as ``dtype``, a few MB at a time, with what selects them."""
    n_features = clips.shape[1]
    size = max(n_features, min(_BLOCK_CLIPS, _BLOCK_BYTES // (np.dtype(dtype).itemsize * n_features)))
    for batch in gen_batches(len(clips) if rows is None else len(rows), size):
        chosen = batch if rows is None else rows[batch]
        yield clips[chosen].astype(dtype, copy=False), chosen


def _summed(clips, codes, n_labels, rows, dtype, weights=None):
    n_features = clips.shape[1]
    gram, sums, total = np.zeros((n_features, n_features)), np.zeros((n_labels, n_features)), np.zeros(n_features)
    n_clips: float = 0
    for block, chosen in clip_blocks(clips, dtype, rows):
        if weights is not None:  # a clip counts as often in the sums, whose squares have the root of that
            root = np.sqrt(weights[chosen])[:, None].astype(dtype)
            block = block * root
        gram += block.T @ block
        if weights is not None:
            block = block * root
        sums += _sums_of_labels(block, codes[chosen], n_labels)
        total += np.ones(len(block), dtype) @ block if codes.ndim == 2 else 0.0
        n_clips += len(block) if weights is None else float(weights[chosen].sum())
    return ClipSums(n_clips, sums, total if codes.ndim == 2 else sums.sum(axis=0), gram)


def _kept(clips, codes, n_labels, rows):
    blocks = list(clip_blocks(clips, np.float64, rows))
    clips = np.concatenate([block for block, _ in blocks])
    indicator = dense_rows(codes, slice(None) if rows is None else rows).copy()  # codes may be the caller's own array
    if codes.ndim == 1:
        indicator = (indicator[:, None] == np.arange(n_labels)).astype(np.uint8)
    return ClipSums(len(clips), indicator.T @ clips, clips.sum(axis=0), clips=clips, indicator=indicator)


def _sums_of_labels(block, codes, n_labels):
    """Sum of the clips of each label, (n_labels, d)."""
    # Where labels are few, each sums up many clips of the block, one by one: float64 keeps them exact.
    dtype = np.float64 if n_labels < _FEW_LABELS else block.dtype
    if sparse.issparse(codes) and codes.nnz > _DENSE * np.prod(codes.shape):
        codes = codes.toarray()
    if codes.ndim == 1:
        labels, starts = codes, np.arange(len(codes) + 1)
    elif sparse.issparse(codes):
        labels, starts = codes.indices, codes.indptr
    else:
        counts = np.count_nonzero(codes, axis=1)
        if counts.sum() > _DENSE * codes.size:
            return codes.T.astype(block.dtype) @ block
        labels, starts = np.nonzero(codes)[1], np.append(0, np.cumsum(counts))
    indices, starts = labels.astype(np.int32), starts.astype(np.int32)
    return sparse.csc_array((np.ones(len(indices), dtype), indices, starts), shape=(n_labels, codes.shape[0])) @ block


def _ridge_inverse(matrix, alpha):
    """``matrix (matrix^T matrix + alpha I)^-1``, the shape of ``matrix`` (a, b), by the smaller of a and b."""
    if matrix.shape[1] <= matrix.shape[0]:
        return cho_solve(_cholesky(matrix.T @ matrix, alpha), matrix.T).T
    return cho_solve(_cholesky(matrix @ matrix.T, alpha), matrix)


def _well_conditioned(gram, alpha):
    """Whether ``gram + alpha I`` forgives that ``gram`` was rounded to float32."""
    try:
        factor, _ = _cholesky(gram, alpha)
    except np.linalg.LinAlgError:
        return False
    reciprocal, _ = dpocon(factor, np.linalg.norm(gram, 1) + alpha)
    return reciprocal >= _RCOND


def _cholesky(gram, alpha):
    shifted = gram.copy()
    shifted[np.diag_indices_from(shifted)] += alpha
    return cho_factor(shifted, overwrite_a=True)
