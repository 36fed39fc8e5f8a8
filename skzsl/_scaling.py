"""What makes embeddings of any front end comparable, without labels, from moments of one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ._segments import Segments, row_chunks
from ._stored import StoredRows, fits


@dataclass(frozen=True)
class Scaling:
    """``(x - mean) * weight`` of segments; of clips, their means and maxima side by side, at unit length.

    Attributes
    ----------
    mean, weight : ndarray of shape (d,), or (2 d,) for means and maxima of segments
    pooled : bool
        Whether it makes a vector of each clip.
    """

    mean: np.ndarray
    weight: np.ndarray
    pooled: bool

    @classmethod
    def of(cls, segments: Segments, *, pooled: bool, weights: np.ndarray | None = None) -> Scaling:
        """Measure clips, in one pass over them.

        The weight of a feature is ``share / sqrt(deviation)``: its standard deviation, and the share of its variance
        over segments that lies between clips (1 where a clip is one vector, or all have one mean). A feature that is
        constant has weight 0, unless all are. Segments have a mean square of 1 over all features. ``weights`` (n,) are
        how often each clip counts.

        Raises
        ------
        ValueError
            If sums or squares overflow.
        """
        return cls.of_moments(ClipMoments.of(segments, pooled=pooled, weights=weights), pooled=pooled)

    @classmethod
    def of_moments(cls, moments: ClipMoments, *, pooled: bool) -> Scaling:
        """Make it of what was measured, here or in several places."""
        of_segments, of_means, of_maxima = moments
        n_features, several = len(of_segments.mean), of_means.count > 0
        with np.errstate(over="ignore", invalid="ignore"):
            variance, between = of_segments.variance(), of_means.variance()
            used = [of_means, of_maxima] if several and pooled else [of_segments]
            variances = np.concatenate([moments.variance() for moments in used])
        if not all(np.isfinite(measured).all() for measured in (variance, between, variances)):
            raise ValueError(
                "Squares of the clips overflow float64, or sums of them float32; scale X, for example with Normalizer."
            )
        share = np.ones(n_features)
        if between.any():  # there are several clips of several segments, and they differ
            share = np.divide(between, variance, out=np.zeros(n_features), where=variance > 0)
        mean = np.concatenate([moments.mean for moments in used])
        weight = np.tile(np.minimum(share, 1.0), len(used))
        weight *= np.power(variances, -0.25, out=np.zeros(len(mean)), where=variances > 0)
        if not weight.any():  # clips that are all alike, or one clip, have no deviations to go by
            return cls(np.zeros(len(mean)), np.ones(len(mean)), pooled)
        return cls(mean, weight / np.sqrt(np.mean(weight**2 * variances)), pooled)

    def __call__(self, segments: Segments) -> np.ndarray:
        """Scaled clips (n, d'), or segments (n, T, d), absent ones 0, of 32-bit floats or as wide as they are."""
        dtype = np.result_type(segments.values.dtype, np.float32)
        mean, weight = self.mean.astype(dtype), self.weight.astype(dtype)
        if not self.pooled:
            scaled = segments.values - mean
            scaled *= weight
            if segments.lengths is None:
                return scaled
            scaled[~segments.mask()] = 0.0
            return scaled
        clips = segments.mean()
        if len(mean) > clips.shape[1]:
            clips = np.hstack([clips, segments.max()])
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (clips - mean) * weight
            length = np.linalg.norm(scaled, axis=1, keepdims=True)
            if not np.isfinite(length).all():
                scaled /= np.maximum(np.abs(scaled).max(axis=1, keepdims=True), 1.0)
                length = np.linalg.norm(scaled, axis=1, keepdims=True)
        if not np.isfinite(length).all():
            raise ValueError(f"Clips overflow {dtype}, far larger than those that scale them; scale them alike.")
        return np.divide(scaled, length, out=scaled, where=length > 0)


class ClipVectors:
    """Clip vectors (n, d') that are made as they are read, by rows: means of segments or what a :class:`Scaling` makes.

    Parameters
    ----------
    segments : Segments
        Clips.
    scaling : Scaling or None
        One that pools; None takes the means.
    """

    def __init__(self, segments: Segments, scaling: Scaling | None = None):
        self._segments, self._scaling = segments, scaling
        n_features = segments.values.shape[-1] if scaling is None else len(scaling.mean)
        self.shape = len(segments), n_features
        self.dtype = np.result_type(segments.values.dtype, np.float32)

    def __len__(self) -> int:
        return len(self._segments)

    def __getitem__(self, rows) -> np.ndarray:
        """Vectors of some clips."""
        clips = self._segments[rows]
        return clips.mean() if self._scaling is None else self._scaling(clips)

    def blocks(self):
        """Yield slices of clips that hold a few MB."""
        return row_chunks(self._segments.values)

    @property
    def source(self):
        """Clips that the vectors are made of."""
        return self._segments.values

    @property
    def streamed(self) -> bool:
        """Whether the clips are stored and too many to be held, so that they are to be read in runs."""
        return isinstance(self._segments.values, StoredRows) and not fits(self.shape, self.dtype)

    def held(self, *, passes=2) -> np.ndarray | ClipVectors:
        """Vectors of all clips, or these where they are streamed, or in memory and read in one pass alone."""
        once = passes == 1 and not isinstance(self._segments.values, StoredRows)
        return self if self.streamed or once else self.all()

    def all(self) -> np.ndarray:
        """Vectors of all clips."""
        if self._scaling is None:
            return self._segments.mean()
        vectors = np.empty(self.shape, self.dtype)
        for rows in self.blocks():
            vectors[rows] = self[rows]
        return vectors


class ClipMoments(NamedTuple):
    """Moments of the segments of clips and, where a clip has several, of their means and maxima."""

    segments: Moments
    means: Moments
    maxima: Moments

    @classmethod
    def of(cls, segments: Segments, *, pooled: bool, weights: np.ndarray | None = None) -> ClipMoments:
        """Measure clips in one pass over them, the maxima only if they are ``pooled``."""
        n_features, several = segments.values.shape[-1], segments.lengths is not None
        of_segments, of_means, of_maxima = found = cls(*(Moments(n_features) for _ in range(3)))
        with np.errstate(over="ignore", invalid="ignore"):
            for rows in row_chunks(segments.values):
                clips, often = segments[rows], None if weights is None else weights[rows]
                block, mask = clips.three_d(), clips.mask()
                of_each = None if often is None else np.broadcast_to(often[:, None], mask.shape)[mask]
                of_segments.add(block.reshape(-1, n_features) if mask.all() else block[mask], of_each)
                if several:
                    of_means.add(clips.mean(), often)
                if several and pooled:
                    of_maxima.add(clips.max(), often)
        return found

    def __add__(self, other):
        """Moments over the clips of both."""
        return ClipMoments(*(own.joined(others) for own, others in zip(self, other, strict=True)))


class Moments:
    """Mean and variance of each feature over rows that come in blocks.

    Attributes
    ----------
    count : int or float
        Rows, or the sum of their weights.
    mean : ndarray of shape (d,)
    """

    def __init__(self, n_features: int):
        self.count, self.mean, self._squares = 0.0, np.zeros(n_features), np.zeros(n_features)

    def add(self, rows: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Take in some rows (m, d), each as often as its weight says."""
        count = len(rows) if weights is None else weights.sum()
        if not count:
            return
        block = rows.astype(np.float64)
        mean = block.mean(axis=0) if weights is None else weights @ block / count
        block -= mean
        squares = np.einsum("ij,ij->j", block, block if weights is None else weights[:, None] * block)
        self._add(count, mean, squares)

    def joined(self, other: Moments) -> Moments:
        """Moments over the rows of both."""
        both = Moments(len(self.mean))
        for part in (self, other):
            if part.count:
                both._add(part.count, part.mean, part._squares)
        return both

    def _add(self, count, mean, squares):
        """By the update of Chan, Golub & LeVeque (1983), which has no difference of large sums."""
        step, total = mean - self.mean, self.count + count
        self._squares = self._squares + (squares + step**2 * self.count * count / total)
        self.mean = self.mean + step * count / total
        self.count = total

    def variance(self) -> np.ndarray:
        """Variance of each feature (d,), 0 where it is constant but for rounding."""
        count, epsilon = self.count or 1, np.finfo(np.float64).eps
        variance = self._squares / count
        constant = (variance <= count * epsilon * variance + (count * self.mean * epsilon) ** 2) & np.isfinite(variance)
        tiny = variance < float(np.finfo(np.float32).tiny) ** 2
        return np.where(constant | tiny, 0.0, variance)
