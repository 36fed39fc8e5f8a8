"""Texts to fixed random vectors of their words: offline, deterministic, without meaning."""

import hashlib
from numbers import Integral

import numpy as np

from .._compat import Interval
from ._base import TextEncoder


class HashingEncoder(TextEncoder):
    """Give every word its own fixed random direction and every text the mean of its words, at unit length.

    Texts that share words are similar; it knows nothing else: no model, no download, no meaning. It is for tests,
    for labels that are numbers, and for labels composed of a small set of words.

    Parameters
    ----------
    n_features : int, default=256
        Width of the vectors; the wider, the closer different words are to being orthogonal.

    Examples
    --------
    >>> from skzsl.text import HashingEncoder
    >>> vectors = HashingEncoder(n_features=64).fit_transform(["fast high beep", "slow high beep", "rain"])
    >>> vectors.shape
    (3, 64)
    >>> bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
    True
    """

    _parameter_constraints: dict = {"n_features": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, n_features=256) -> None:
        self.n_features = n_features

    def _encode(self, texts):
        sums = np.stack([sum(self._direction(word) for word in text.split()) for text in texts])
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def _direction(self, word):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
        return np.random.Generator(np.random.PCG64(seed)).standard_normal(self.n_features)
