"""Texts to averages of pretrained word vectors (Word2Vec, GloVe)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .._compat import StrOptions
from ..exceptions import ModelIntegrityError, ModelNotFoundError, UnknownWordError, UnknownWordWarning, warn
from . import _glove
from ._base import TextEncoder, split_words
from ._cache import load_once
from ._keyed_vectors import read_keyed_vectors
from ._vector_files import read_binary, read_text


class WordVectorEncoder(TextEncoder):
    r"""Average the pretrained vectors of a text's words.

    Parameters
    ----------
    path : str or path-like
        "glove-6b-50d", the vectors that the extra ``skzsl[glove]`` installs, whose files are checked against pinned
        hashes and read without importing that package; or word vectors on disk: gensim ``.kv`` (memory-mapped),
        word2vec binary (``.bin``, ``.bin.gz``), or text with or without word2vec's header line (word2vec, GloVe). None
        of them runs code. The table is read once per process and never pickled.
    lowercase : bool, default=True
        Cast the text to lower case first, as in the paper; turn off for labels with names in a cased table.
    oov : {"error", "warn", "zero"}, default="error"
        What happens to a text without any known word: an error, or a zero vector with or without a warning.
        Single unknown words are left out of the average, with a warning unless ``oov="zero"``.

    Raises
    ------
    ModelNotFoundError
        If there is no such file, or the extra is not installed.
    ModelIntegrityError
        If the file cannot be read as word vectors, a vector of them is not finite, or an installed file does not have
        its pinned hash.
    UnknownWordError
        With ``oov="error"``, for a text without any known word.

    Warns
    -----
    UnknownWordWarning
        For words that are left out, unless ``oov="zero"``.

    References
    ----------
    Xie and Virtanen (2019). Zero-shot audio classification based on class label embeddings. WASPAA. Section 2.2.

    Pennington, Socher and Manning (2014). GloVe: global vectors for word representation. EMNLP.

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

    def __init__(self, path, *, lowercase=True, oov="error") -> None:
        self.path = path
        self.lowercase = lowercase
        self.oov = oov

    def _reference(self):
        return {**super()._reference(), **_glove.reference(Path(self.path))}

    def _encode(self, texts):
        table = _read_table(Path(self.path))
        words_of = [split_words(text.lower() if self.lowercase else text) for text in texts]
        known_of = [[word for word in words if word in table] for words in words_of]
        self._report(texts, words_of, known_of)
        vectors = np.zeros((len(texts), table.vectors.shape[1]), dtype=np.float32)
        for row, known in enumerate(known_of):
            if known:
                with np.errstate(over="ignore", invalid="ignore"):
                    vectors[row] = np.mean([table[word] for word in known], axis=0, dtype=np.float32)
            if not np.isfinite(vectors[row]).all():
                raise ModelIntegrityError(
                    f"{str(self.path)!r} is damaged: the mean vector of {known} is not finite; get it again."
                )
        return vectors

    def _report(self, texts, words_of, known_of):
        name = Path(self.path).name
        blank = [text for text, known in zip(texts, known_of, strict=True) if not known]
        if blank and self.oov == "error":
            raise UnknownWordError(
                f"Label text {blank[0]!r} has no word that {name} knows; give it other words in label_texts or use "
                "WordVectorEncoder(oov='zero')."
            )
        if blank and self.oov == "warn":
            warn(f"{name} knows no word of {blank}; their vectors are zero.", UnknownWordWarning)
        unknown = {word for words, known in zip(words_of, known_of, strict=True) if known for word in words}
        unknown -= {word for known in known_of for word in known}
        if unknown and self.oov != "zero":
            warn(
                f"{name} does not know {sorted(unknown)}; they are left out of the averages of their label texts. Use "
                "WordVectorEncoder(oov='zero') to accept that silently.",
                UnknownWordWarning,
            )


def _read_table(path):
    if str(path) == _glove.NAME and not path.exists():
        return load_once(("word vectors", _glove.NAME), _glove.read_installed)
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ModelNotFoundError(f"There are no word vectors at {str(path)!r}; pass the path of a file.")
    return load_once(("word vectors", str(path), path.stat().st_mtime_ns), lambda: _load(path))


def _load(path):
    try:
        return _read(path)
    except Exception as error:
        raise ModelIntegrityError(
            f"{str(path)!r} cannot be read as word vectors ({type(error).__name__}: {error}); expected a gensim .kv, "
            "a word2vec .bin or a text file of words and numbers, separated by blanks. Get it again."
        ) from error


def _read(path):
    if path.suffix == ".kv":
        return read_keyed_vectors(path)
    return read_binary(path) if ".bin" in path.suffixes else read_text(path)
