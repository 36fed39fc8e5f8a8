"""Word vectors in the text and binary forms of word2vec and GloVe, read to the end and held to their header."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from itertools import chain

import numpy as np

_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 22  # bytes
_LARGEST_SIZE = 1 << 16  # numbers a word
_HEADER = re.compile(rb"(\d{1,18}) (\d{1,18})\s*")


@dataclass(frozen=True)
class WordVectors:
    """Rows of words and their vectors, (n_words, n_features)."""

    rows: dict[str, int]
    vectors: np.ndarray

    def __post_init__(self):
        if self.vectors.ndim != 2 or not self.vectors.size or len(self.vectors) != len(self.rows):
            raise ValueError(f"it has {len(self.rows)} words with vectors of shape {self.vectors.shape}")

    def __contains__(self, word):
        return word in self.rows

    def __getitem__(self, word):
        return self.vectors[self.rows[word]]


def read_binary(path) -> WordVectors:
    """Read word2vec's binary form.

    Raises
    ------
    Exception
        Of some kind, for a file that is no such table or does not end where its header says.
    """
    with _open(path) as file:
        n_words, size = _header(file.readline(100))
        return _table(_binary_entries(file, n_words, 4 * size), size, np.frombuffer)


def read_text(path) -> WordVectors:
    """Read lines of a word and its numbers, with or without word2vec's header.

    Raises
    ------
    Exception
        Of some kind, for a file that is no such table or does not end where its header says.
    """
    with _open(path) as file:
        first = file.readline(_LONGEST_LINE)
        n_words = _header(first)[0] if len(first.split()) == 2 else None
        lines = iter(lambda: file.readline(_LONGEST_LINE), b"")
        first = next(lines, b"") if n_words is not None else first
        size = len(first.split()) - 1
        return _table(_text_entries(first, lines, n_words), size, _numbers)


def _open(path):
    return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")


def _header(line):
    match = _HEADER.fullmatch(line)
    n_words, size = map(int, match.groups()) if match else (0, 0)
    if not n_words or not 0 < size <= _LARGEST_SIZE:
        raise ValueError(f"its first line {line[:40]!r} is no number of words and numbers a word")
    return n_words, size


def _binary_entries(file, n_words, size):
    """Word and vector in bytes, ``size`` of them, of each entry."""
    held, start = b"", 0
    for row in range(n_words):
        end = held.find(b" ", start) + 1
        while not end or end + size > len(held):
            more = file.read(_CHUNK)
            if not more or (not end and len(held) - start > _LONGEST_LINE):
                raise ValueError(f"it ends after {row} of {n_words} words")
            held, start = held[start:] + more, 0
            end = held.find(b" ") + 1
        # Some writers end each vector with a line break.
        yield held[start : end - 1].lstrip(b"\n"), held[end : end + size]
        start = end + size
    if (held[start:] + file.read(_CHUNK)).strip(b"\n"):
        raise ValueError(f"it goes on after its {n_words} words")


def _text_entries(first, lines, n_words):
    """Word and numbers in text of each line."""
    n_lines = 0
    for n_lines, line in enumerate(chain([first], lines), 1):
        if not line.endswith(b"\n") and len(line) >= _LONGEST_LINE:
            raise ValueError(f"line {n_lines} does not end")
        yield line.rstrip().partition(b" ")[::2]
    if n_words not in (None, n_lines):
        raise ValueError(f"it has {n_lines} words, not the {n_words} of its first line")


def _numbers(text, dtype):
    return np.array(text.split(b" "), dtype=dtype)


def _table(entries, size, parse):
    rows: dict[str, int] = {}
    vectors = bytearray()
    for word, numbers in entries:
        vector = parse(numbers, dtype="<f4")
        if len(vector) != size:
            raise ValueError(f"word {len(rows) + 1}, {word[:40]!r}, has {len(vector)} numbers, not {size}")
        text = word.decode("utf-8")
        if not text:
            raise ValueError(f"word {len(rows) + 1} is empty")
        if text not in rows:
            rows[text] = len(rows)
            vectors += vector.data
    return WordVectors(rows, np.frombuffer(vectors, dtype="<f4").reshape(len(rows), size))
