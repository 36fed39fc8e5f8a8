"""Word vectors that gensim saved (``.kv``), read without gensim: what is pickled becomes records that do nothing."""

from __future__ import annotations

import mmap
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ._vector_files import WordVectors

_TABLES = {"KeyedVectors", "Word2VecKeyedVectors", "EuclideanKeyedVectors"}
_ARRAYS = {"_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar"}
_NAMES = {
    "gensim.models.keyedvectors": {*_TABLES, "Vocab", "CompatVocab"},
    "numpy": _ARRAYS,
    "numpy.core.multiarray": _ARRAYS,
    "numpy.core.numeric": _ARRAYS,
    "numpy._core.multiarray": _ARRAYS,
    "numpy._core.numeric": _ARRAYS,
    "_codecs": {"encode"},
    "builtins": {"frozenset"},
    "__builtin__": {"frozenset"},
}
_WORDS = ("index_to_key", "index2word", "index2entity")  # from gensim 4 down
_FLOATS = {"f2", "f4", "f8"}
_REFUSED = "INST OBJ DICT LIST EMPTY_SET ADDITEMS EXT1 EXT2 EXT4 PERSID BINPERSID NEXT_BUFFER READONLY_BUFFER"


def read_keyed_vectors(path: Path) -> WordVectors:
    """Words and vectors of a ``.kv`` file; vectors in a ``.npy`` file beside it are memory-mapped.

    A pickle can run any code. Here it can name a few classes only, and gets records in their place.

    Raises
    ------
    Exception
        Of some kind, for a file that is no such table.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        table = _Records(content, encoding="latin1").load()
        if content.read(1):
            raise ValueError("it goes on after its end")
    if getattr(table, "name", None) not in _TABLES:
        raise ValueError(f"it holds {type(table).__name__!r}, not KeyedVectors")
    state = table.state
    words = next(state[name] for name in _WORDS if name in state)
    rows = {word: row for row, word in enumerate(words) if isinstance(word, str)}
    if len(rows) < len(words) or state.get("key_to_index", rows) != rows:
        raise ValueError("its words are no list of different texts, or not in the order of their rows")
    vectors = _array(state["vectors"]) if "vectors" in state else _mapped(path.with_name(f"{path.name}.vectors.npy"))
    return WordVectors(rows, vectors)


class _Record:
    """What a pickled object was made from, and its state."""

    name = ""
    args: tuple = ()
    state: Any = None

    def __new__(cls, *args):
        record = object.__new__(cls)
        record.args = args
        return record

    def __setstate__(self, state):
        self.state = state


# In Python, as that in C allocates what a damaged file says.
_Unpickler: Any = pickle._Unpickler


class _Records(_Unpickler):
    """A reader of pickles that imports nothing."""

    dispatch = dict(_Unpickler.dispatch)
    for _opcode in _REFUSED.split():
        del dispatch[getattr(pickle, _opcode)[0]]

    def find_class(self, module, name):
        if name not in _NAMES.get(module, ()):
            raise ValueError(f"it names {module}.{name}, which no word vectors need; nothing was run")
        return type(name, (_Record,), {"name": name})

    def load_setitem(self):
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self):
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_frozenset(self):
        _check_keys(self.stack)
        super().load_frozenset()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.FROZENSET[0]] = load_frozenset
    dispatch[pickle.BYTEARRAY8[0]] = _Unpickler.load_binbytes8  # its own form allocates first


def _check_keys(keys):
    # To hash a deeply nested tuple can end the process.
    if not all(isinstance(key, str | int) for key in keys):
        raise ValueError("it has keys that are no texts")


def _array(record):
    """Array of a record that numpy wrote."""
    if record.name == "_frombuffer":
        content, dtype, shape, by_columns = record.args
        by_columns = by_columns == "F"
    else:
        _, shape, dtype, by_columns, content = record.state
    kind, order = dtype.args[0], dtype.state[1]
    if kind not in _FLOATS or order not in ("<", ">"):
        raise ValueError(f"its vectors are of type {kind!r}, not of real numbers")
    if isinstance(content, _Record):
        content = content.args[0].encode("latin1")
    return np.frombuffer(content, dtype=order + kind).reshape(shape, order="F" if by_columns else "C")


def _mapped(path):
    with open(path, "rb") as file:
        if np.lib.format.read_magic(file) != (1, 0):  # later ones let a header be as long as it says
            raise ValueError(f"{path.name} is of a form that numpy does not write for vectors")
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(vectors, np.memmap) or vectors.dtype.kind != "f":
        raise ValueError(f"{path.name} holds no array of real numbers")
    if vectors.offset + vectors.nbytes != path.stat().st_size:
        raise ValueError(f"{path.name} goes on after its array of shape {vectors.shape}")
    return vectors
