"""What is loaded or computed once per process: text models by path and vectors by text.

Estimators keep paths, never models or tables, so that clones, pickles and parallel workers stay small.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np
from tqdm.auto import tqdm

from .._locks import only_one

_TEXT = "reading text"
_BATCH = 2048  # texts encoded at once
_SECONDS = 2  # after which a bar shows how far it is
_loaded: dict[Hashable, object] = {}


class KnownVectors:
    """Vectors by text, in one array, to which an encoder adds those of new texts.

    Attributes
    ----------
    rows : dict of str to int
        Row of each text.
    vectors : ndarray of shape (n_texts, k) or None
        Read-only; None before the first text.
    """

    def __init__(self):
        self._known: tuple[dict[str, int], np.ndarray | None] = {}, None  # one object, so that threads see what fits

    @property
    def rows(self) -> dict[str, int]:
        return self._known[0]

    @property
    def vectors(self) -> np.ndarray | None:
        return self._known[1]

    def of(self, texts: list[str], encode: Callable[[list[str]], np.ndarray]) -> np.ndarray:
        """Vectors (n_texts, k) of texts; those not met before are encoded, many of them in batches.

        Texts that are most of all those known come to stand in their order: their vectors are a part of the array, and
        no copy, whenever they are asked for again.
        """
        if not self.rows.keys() >= set(texts):
            with only_one(
                _TEXT
            ):  # tokenizers break in two threads, and two vectors of a text differ in their last digits
                self._encode([text for text in dict.fromkeys(texts) if text not in self.rows], encode)
        found = self._look_up(texts)
        if found.base is None and 2 * len(texts) > len(self.rows):
            with only_one(_TEXT):
                order = list(dict.fromkeys([*texts, *self.rows]))
                self._keep(order, self._look_up(order))
            found = self._look_up(texts)
        return found

    def _look_up(self, texts):
        """Vectors of texts: a part of the array where they stand in their order, else a copy."""
        rows, vectors = self._known
        wanted = np.fromiter(map(rows.__getitem__, texts), dtype=np.intp, count=len(texts))
        one_piece = wanted[-1] - wanted[0] == len(wanted) - 1 and (np.diff(wanted) == 1).all()
        return vectors[wanted[0] : wanted[-1] + 1] if one_piece else vectors[wanted]  # type: ignore[index]

    def add(self, texts: list[str], vectors: np.ndarray) -> None:
        """Take in the vectors of new texts."""
        before = [] if self.vectors is None else [self.vectors]
        self._keep([*self.rows, *texts], np.concatenate([*before, vectors]))

    def _keep(self, texts, vectors):
        """Hold texts in this order."""
        vectors.flags.writeable = False
        self._known = dict(zip(texts, range(len(vectors)), strict=True)), vectors

    def _encode(self, new, encode):
        starts, done = range(0, len(new), _BATCH), []
        bar = tqdm(total=len(new), desc="Encoding texts", unit="text", delay=_SECONDS, disable=len(starts) < 2)
        try:
            with bar:
                for start in starts:
                    done.append(encode(new[start : start + _BATCH]))
                    bar.update(len(done[-1]))
        finally:  # what was encoded before an interrupt is not lost
            if done:
                vectors = np.concatenate(done)
                self.add(new[: len(vectors)], vectors)


_vectors: dict[Hashable, KnownVectors] = {}


def load_once(key: Hashable, load: Callable[[], object]):
    """Return the object loaded under ``key``, calling ``load`` the first time."""
    if key not in _loaded:
        with only_one(_TEXT):
            if key not in _loaded:
                _loaded[key] = load()
    return _loaded[key]


def encode_once(key: Hashable, texts: list[str], encode: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Vectors of ``texts``, encoding only those not met before under ``key``; equal texts get equal vectors."""
    return _vectors.setdefault(key, KnownVectors()).of(texts, encode)


def clear():
    """Forget all loaded models, tables and vectors."""
    _loaded.clear()
    _vectors.clear()
