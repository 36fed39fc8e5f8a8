"""A fitted text encoder together with the vectors it has given so far."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from ._base import check_vectors, fit_transform
from ._cache import recall
from ._lookup import LookupEncoder
from ._sentence import SentenceEncoder


class LabelVectors:
    """Vectors of label texts, each encoded once.

    Parameters
    ----------
    text_encoder : transformer, str, Mapping, DataFrame or None
        What an estimator takes as ``text_encoder``; a transformer is cloned, so the caller's stays unfitted.
    texts : list of str
        Texts to fit the encoder on.

    Attributes
    ----------
    encoder : transformer
        The fitted encoder.
    """

    def __init__(self, text_encoder, texts: list[str]):
        self.encoder = resolve_encoder(text_encoder)
        self._known: dict[str, np.ndarray] = {}
        self._known.update(zip(texts, self._checked(fit_transform(self.encoder, texts), texts), strict=True))

    def of(self, texts: list[str]) -> np.ndarray:
        """Vectors (n_texts, k) of texts, seen before or not.

        Raises
        ------
        ValueError
            If the encoder does not return one row of finite numbers for each text.
        """
        return recall(self._known, texts, lambda new: self._checked(self.encoder.transform(new), new))

    def _checked(self, vectors, texts):
        vectors = check_vectors(vectors, texts)
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            text = texts[int(np.argmin(finite))]
            raise ValueError(f"text_encoder gave NaN or infinity for {text!r}; change that text or the encoder.")
        widths = {len(vector) for vector in self._known.values()} | {vectors.shape[1]}
        if len(widths) > 1:
            raise ValueError(
                f"text_encoder gave vectors of lengths {sorted(widths)}; the length may not depend on the texts."
            )
        return vectors


def resolve_encoder(text_encoder):
    """Turn any value of an estimator's ``text_encoder`` into an unfitted transformer."""
    if text_encoder is None:
        return default_encoder()
    if isinstance(text_encoder, str) and "{label}" in text_encoder:
        raise ValueError(f"{text_encoder!r} is a template, not a model; pass Prompts(templates={text_encoder!r}).")
    if isinstance(text_encoder, str):
        return SentenceEncoder(text_encoder)
    if isinstance(text_encoder, Mapping) or hasattr(text_encoder, "loc"):
        return LookupEncoder(text_encoder)
    return clone(text_encoder)


def default_encoder() -> Pipeline:
    """Build MiniLM sentence vectors, centred on the labels of fit and scaled to unit length.

    Label names share a large common component ("all are sounds"); without it their differences stand out.
    """
    return make_pipeline(SentenceEncoder(), StandardScaler(with_std=False), Normalizer())
