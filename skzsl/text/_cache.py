"""What is loaded or computed once per process: text models by path and vectors by text.

Estimators keep paths, never models or tables, so that clones, pickles and parallel workers stay small.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from .._locks import only_one

_TEXT = "reading text"
_loaded: dict[Hashable, object] = {}
_vectors: dict[Hashable, dict[str, np.ndarray]] = {}


def load_once(key: Hashable, load: Callable[[], object]):
    """Return the object loaded under ``key``, calling ``load`` the first time."""
    if key not in _loaded:
        with only_one(_TEXT):
            if key not in _loaded:
                _loaded[key] = load()
    return _loaded[key]


def encode_once(key: Hashable, texts: list[str], encode: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Vectors of ``texts``, encoding only those not met before under ``key``; equal texts get equal vectors."""
    return recall(_vectors.setdefault(key, {}), texts, encode)


def recall(known: dict[str, np.ndarray], texts: list[str], encode: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Vectors of ``texts`` from ``known``, to which those missing are added by one call of ``encode``."""
    if not known.keys() >= set(texts):
        with only_one(_TEXT):  # tokenizers break in two threads, and two vectors of a text differ in their last digits
            new = [text for text in dict.fromkeys(texts) if text not in known]
            known.update(zip(new, encode(new) if new else (), strict=True))
    return np.stack([known[text] for text in texts])


def clear():
    """Forget all loaded models, tables and vectors."""
    _loaded.clear()
    _vectors.clear()
