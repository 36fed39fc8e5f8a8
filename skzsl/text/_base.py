"""What every text encoder shares: checked lists of strings in, a 2-D array out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self
from unicodedata import category, normalize

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._compat import fit_context
from .._segments import dense

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


class TextEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of the encoders: ``fit`` encodes texts, which checks them and gives the width; ``transform`` encodes."""

    _parameter_constraints: dict = {}

    def fit(self, X, y=None) -> Self:
        """Check the parameters and encode the texts once, so that anything missing is found now.

        Parameters
        ----------
        X : list of str
            Texts, such as label names.
        y : None
            Ignored.

        Returns
        -------
        self : object
        """
        self._learn(X)
        return self

    def fit_transform(self, X, y=None) -> np.ndarray:
        """Fit, and return the vectors of the texts, which are encoded once.

        Parameters
        ----------
        X : list of str
            Texts, such as label names.
        y : None
            Ignored.

        Returns
        -------
        vectors : ndarray of shape (n_texts, n_features)
        """
        return self._learn(X)

    @fit_context(prefer_skip_nested_validation=False)
    def _learn(self, X):
        vectors = self._fit_encode(check_texts(X))
        self._n_features_out = vectors.shape[1]
        return vectors

    def transform(self, X) -> np.ndarray:
        """Encode texts.

        Parameters
        ----------
        X : list of str
            Texts, such as label names.

        Returns
        -------
        vectors : ndarray of shape (n_texts, n_features)
        """
        check_is_fitted(self)
        return self._encode(check_texts(X))

    def _fit_encode(self, texts: list[str]) -> np.ndarray:
        return self._encode(texts)

    def _encode(self, texts: list[str]) -> np.ndarray:
        raise NotImplementedError

    def _reference(self) -> dict:
        """What a file says of the encoder, whose text model or word vectors it does not hold."""
        return {"class": type(self).__name__}

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_n_features_out")  # asked by the pipelines that end in an encoder

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def check_texts(texts) -> list[str]:
    """Check a list of texts.

    Raises
    ------
    ValueError
        For a lone string, no texts, an entry that is not a string and an empty string.
    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise ValueError(f"{texts!r} is not a list of texts; pass a list of strings.")
    texts = texts.tolist() if isinstance(texts, np.ndarray) else list(texts)
    if not texts:
        raise ValueError("The list of texts is empty; pass at least one.")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"Text {position} is {text!r}, not a string; convert it with str() if that is its text.")
        if not text.strip():
            raise ValueError(f"Text {position} is empty ({text!r}); give it at least one word.")
    return texts


def fit_transform(encoder, texts: list[str]):
    """Vectors of the texts that an encoder is fitted on; the texts are encoded once if it can do that."""
    if hasattr(encoder, "fit_transform"):
        return encoder.fit_transform(texts)
    return encoder.fit(texts).transform(texts)


def check_vectors(vectors, texts) -> np.ndarray:
    """Vectors (n_texts, k) of any encoder, sparse ones included, as an array.

    Raises
    ------
    ValueError
        If they are not one row of numbers for each text.
    """
    try:
        vectors = dense(vectors)
    except ValueError as error:
        raise ValueError(f"text_encoder gave no array for {len(texts)} texts: {error}") from error
    if vectors.ndim != 2 or len(vectors) != len(texts) or vectors.dtype.kind not in "fiu" or not vectors.size:
        raise ValueError(
            f"text_encoder turned {len(texts)} texts into shape {vectors.shape} of {vectors.dtype}; it must return "
            "one row of numbers for each text."
        )
    return vectors


def split_words(text: str) -> list[str]:
    """Words of a text: runs of letters, their marks and digits; spaces, underscores and punctuation separate.

    Letters with accents are one character each, as in tables of word vectors.
    """
    text = normalize("NFC", text)
    # The marks of Hindi or Thai vowels are no letters to re, and would part a word.
    letters = "".join("a" if category(character) in {"Mn", "Mc"} else character for character in text)
    return [text[slice(*word.span())] for word in _WORD.finditer(letters)]
