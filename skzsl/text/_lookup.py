"""Texts to vectors by a given table."""

import json
from collections.abc import Mapping
from typing import Self

import numpy as np

from ..exceptions import UnknownWordError
from ._base import TextEncoder


class VectorTable(Mapping):
    """Vectors by text, in one array: what a table of :class:`LookupEncoder` is stored as.

    Parameters
    ----------
    texts : list of str
        The texts.
    vectors : array of shape (n_texts, k)
        The vector of each: a memory map too, ``numpy.load(path, mmap_mode="r")``, of which no more is read than is
        asked for. It is not copied, by clones either, and is not to be changed.

    Examples
    --------
    >>> from skzsl.text import VectorTable
    >>> table = VectorTable(["rain", "dog bark"], [[1.0, 0.0], [0.0, 1.0]])
    >>> table
    VectorTable(2 texts, 2 numbers each)
    >>> table["rain"]
    array([1., 0.])
    """

    def __init__(self, texts, vectors) -> None:
        self._rows = {text: row for row, text in enumerate(texts)}
        self._vectors = np.asarray(vectors)
        if self._vectors.ndim != 2 or not len(self._vectors) == len(self._rows) == len(texts):
            raise ValueError(
                f"{len(self._rows)} texts and vectors of shape {self._vectors.shape}; give each text one vector, once."
            )

    @classmethod
    def of(cls, table) -> Self:
        """Take the vectors of any table that :class:`LookupEncoder` takes."""
        texts = list(table) if isinstance(table, Mapping) else list(table.index)
        return cls(texts, np.stack(list(table.values())) if isinstance(table, Mapping) else table.to_numpy())

    def __getitem__(self, text):
        return self._vectors[self._rows[text]]

    def __iter__(self):
        return iter(self._rows)

    def __len__(self):
        return len(self._rows)

    def __repr__(self):
        return f"VectorTable({len(self)} texts, {self._vectors.shape[1]} numbers each)"

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        return {"texts": json.dumps(list(self._rows)), "vectors": self._vectors}

    def __setstate__(self, state):
        self.__dict__.update(vars(VectorTable(json.loads(state["texts"]), state["vectors"])))


class LookupEncoder(TextEncoder):
    """Look every text up in a table of vectors that you have already.

    Parameters
    ----------
    table : dict of str to array of shape (k,), VectorTable, or DataFrame indexed by text
        The vectors, checked as texts use them. They are part of the encoder and of its pickles; for large tables see
        :class:`WordVectorEncoder`, which keeps the path only.

    Raises
    ------
    UnknownWordError
        On ``fit`` or ``transform`` of a text that the table lacks.
    ValueError
        If the table is empty, its vectors differ in length or hold NaN or infinity.

    Examples
    --------
    >>> from skzsl.text import LookupEncoder
    >>> LookupEncoder({"rain": [1.0, 0.0], "dog bark": [0.0, 1.0]}).fit_transform(["dog bark"])
    array([[0., 1.]])
    """

    def __init__(self, table) -> None:
        self.table = table

    def _encode(self, texts):
        if not isinstance(self.table, Mapping) and not hasattr(self.table, "loc"):
            raise ValueError(
                f"table is of type {type(self.table).__name__}; pass a dict of text -> vector, such as "
                "dict(zip(texts, vectors)), or a DataFrame indexed by text."
            )
        if len(self.table) == 0:
            raise ValueError("The table is empty; give it a vector for each text.")
        rows = [self._row(text) for text in texts]
        widths = {row.shape for row in rows}
        if len(widths) > 1:
            raise ValueError(f"Vectors of the table have shapes {sorted(widths)}; all need one length, such as (300,).")
        vectors = np.stack(rows)
        if not np.isfinite(vectors).all():
            text = texts[int(np.argmin(np.isfinite(vectors).all(axis=1)))]
            raise ValueError(f"The table's vector of {text!r} holds NaN or infinity; replace it.")
        return vectors

    def _row(self, text):
        try:
            row = self.table[text] if isinstance(self.table, Mapping) else self.table.loc[text]
        except KeyError:
            raise UnknownWordError(f"Text {text!r} is not in the lookup table; add it or change the label.") from None
        try:
            row = np.asarray(row, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The table has no vector of numbers for text {text!r}: {error}.") from error
        if row.ndim != 1:
            raise ValueError(f"The table has {row.shape} numbers for text {text!r}; give each text one vector, once.")
        return row
