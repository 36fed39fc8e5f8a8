"""Texts to averages of pretrained word vectors (Word2Vec, GloVe), through gensim."""

from __future__ import annotations

import gzip
import os
import warnings
from pathlib import Path

import numpy as np

from .._compat import StrOptions
from ..exceptions import ModelIntegrityError, ModelNotFoundError, UnknownWordError, UnknownWordWarning
from ._base import TextEncoder, split_words
from ._cache import load_once


class WordVectorEncoder(TextEncoder):
    r"""Average the pretrained vectors of a text's words.

    Parameters
    ----------
    path : str or path-like
        Word vectors on disk: gensim ``.kv`` (memory-mapped), word2vec binary (``.bin``, ``.bin.gz``), or text with or
        without word2vec's header line (word2vec, GloVe). The table is read once per process and never pickled.
    lowercase : bool, default=True
        Cast the text to lower case first, as in the paper; turn off for labels with names in a cased table.
    oov : {"error", "warn", "zero"}, default="error"
        What becomes of a text none of whose words is known: an error, or a zero vector with or without a warning.
        Single unknown words are left out of the average, with a warning unless ``oov="zero"``.

    Raises
    ------
    ModelNotFoundError
        If there is no such file.
    ModelIntegrityError
        If the file cannot be read as word vectors.
    UnknownWordError
        With ``oov="error"``, for a text without any known word.

    Warns
    -----
    UnknownWordWarning
        For words that are left out, unless ``oov="zero"``.

    References
    ----------
    Xie and Virtanen (2019). Zero-shot audio classification based on class label embeddings. WASPAA. Section 2.2.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skzsl.text import WordVectorEncoder
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "vectors.txt"
    >>> _ = path.write_text("church 1 0\nbells 0 1\n")
    >>> WordVectorEncoder(path).fit_transform(["Church bells"])
    array([[0.5, 0.5]], dtype=float32)
    """

    _parameter_constraints: dict = {
        "path": [str, os.PathLike],
        "lowercase": ["boolean"],
        "oov": [StrOptions({"error", "warn", "zero"})],
    }

    def __init__(self, path, *, lowercase=True, oov="error"):
        self.path = path
        self.lowercase = lowercase
        self.oov = oov

    def _encode(self, texts):
        table = _read_table(Path(self.path))
        return np.stack([self._average(text, table) for text in texts])

    def _average(self, text, table):
        words = split_words(text.lower() if self.lowercase else text)
        known = [word for word in words if word in table]
        if not known:
            message = f"Label text {text!r} has no word that {Path(self.path).name} knows"
            if self.oov == "error":
                raise UnknownWordError(f"{message}; give it other words in label_texts or pass oov='zero'.")
            if self.oov == "warn":
                warnings.warn(f"{message}; its vector is zero.", UnknownWordWarning, stacklevel=2)
            return np.zeros(table.vector_size, dtype=np.float32)
        if len(known) < len(words) and self.oov != "zero":
            unknown = [word for word in words if word not in table]
            warnings.warn(
                f"Words {unknown} of label text {text!r} are unknown and left out of its average; pass oov='zero' to "
                "accept that silently.",
                UnknownWordWarning,
                stacklevel=2,
            )
        return np.mean([table[word] for word in known], axis=0, dtype=np.float32)


def _read_table(path):
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ModelNotFoundError(f"There are no word vectors at {str(path)!r}; pass the path of a file.")
    return load_once(("word vectors", str(path), path.stat().st_mtime_ns), lambda: _load(path))


def _load(path):
    from gensim.models import KeyedVectors

    try:
        if path.suffix == ".kv":
            return KeyedVectors.load(str(path), mmap="r")
        if ".bin" in path.suffixes:
            return KeyedVectors.load_word2vec_format(str(path), binary=True)
        return KeyedVectors.load_word2vec_format(str(path), no_header=not _has_header(path))
    except Exception as error:
        raise ModelIntegrityError(
            f"{str(path)!r} cannot be read as word vectors ({type(error).__name__}: {error}); expected a gensim .kv, "
            "a word2vec .bin or a text file of words and numbers."
        ) from error


def _has_header(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        return len(lines.readline().split()) == 2
