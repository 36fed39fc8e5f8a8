"""A fitted text encoder together with the vectors it has given so far."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from .._copies import whole
from ..exceptions import LabelTextWarning, MissingExtraWarning, ModelIntegrityError, warn
from . import _glove
from ._base import check_vectors, fit_transform
from ._cache import KnownVectors, load_once
from ._kernel import TextKernel
from ._lookup import LookupEncoder
from ._names import NameReader
from ._sentence import SentenceEncoder
from ._word_vectors import WordVectorEncoder

_PROOF = 16  # known texts that a stored encoder is asked for again
_SAME = 0.01  # by how much of its length a vector may differ that another processor computes


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
        self._known = KnownVectors()
        self._stored = False  # whether the vectors come from a file or a pickle, and the encoder is not proved
        vectors = self._checked(fit_transform(self.encoder, texts), texts)
        _warn_of_twins(texts, vectors)
        self._known.add(texts, vectors)

    def of(self, texts: list[str]) -> np.ndarray:
        """Vectors (n_texts, k) of texts, seen before or not.

        Raises
        ------
        ValueError
            If the encoder does not return one row of finite numbers for each text.
        ModelIntegrityError
            If the encoder of a model that was stored gives a known text another vector than it did then.
        """
        return self._known.of(texts, self._encode)

    def _encode(self, new):
        if self._stored:
            self._prove(list(self._known.rows)[:_PROOF])
        vectors = self._checked(self.encoder.transform(new), new)
        _warn_of_twins(new, vectors)
        return vectors

    def _prove(self, texts):
        """Refuse a text model other than that of fit: scores against its vectors mean nothing."""
        known = self._known.of(texts, self._encode)
        for text, vector, own in zip(texts, self._checked(self.encoder.transform(texts), texts), known, strict=True):
            if np.linalg.norm(vector - own) > _SAME * np.linalg.norm(own):
                raise ModelIntegrityError(
                    f"text_encoder gives {text!r} another vector than when this model was stored, so it can score no "
                    "new label; install the text model and word vectors of that time (skzsl.read_header names them)."
                )
        self._stored = False

    def __deepcopy__(self, memo):
        return whole(self, memo)

    def __getstate__(self):
        texts = list(self._known.rows)
        return {"encoder": self.encoder, "texts": json.dumps(texts), "vectors": self.of(texts)}

    def __setstate__(self, state):
        self.encoder, self._stored = state["encoder"], True
        self._known = KnownVectors()
        self._known.add(json.loads(state["texts"]), state["vectors"])

    def _checked(self, vectors, texts):
        vectors = check_vectors(vectors, texts)
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            text = texts[int(np.argmin(finite))]
            raise ValueError(f"text_encoder gave NaN or infinity for {text!r}; change that text or the encoder.")
        known = self._known.vectors
        widths = {vectors.shape[1]} if known is None else {known.shape[1], vectors.shape[1]}
        if len(widths) > 1:
            raise ValueError(
                f"text_encoder gave vectors of lengths {sorted(widths)}; the length may not depend on the texts."
            )
        return vectors


def _warn_of_twins(texts, vectors):
    """Issue a LabelTextWarning for texts that the encoder does not tell apart, such as what is cut to one beginning."""
    met: dict = {}
    for text, row in zip(texts, vectors.round(5) + 0.0, strict=True):
        first = met.setdefault(row.tobytes(), text)
        if first != text and row.any():
            warn(
                f"The texts {_short(first)} and {_short(text)} have one vector, so no score tells their labels apart; "
                "give them other texts (label_texts), shorter ones if they begin alike, or pass one of the labels.",
                LabelTextWarning,
            )
            return


def _short(text):
    return repr(text if len(text) <= 60 else f"{text[:30]}...{text[-27:]}")


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
    """Build MiniLM sentence vectors, joined with GloVe's where these are installed, through a Gaussian kernel.

    Label names share a large common component ("all are sounds"): each part is centred on the labels of fit and scaled
    to unit length, and so is the result. Sentences count three times as much as words.

    Warns
    -----
    MissingExtraWarning
        Once, if GloVe's vectors are not installed.
    """
    vectors = _centred(SentenceEncoder())
    if _glove.is_installed():
        parts = [("sentences", vectors), ("words", _centred(WordVectorEncoder(_glove.NAME, oov="zero")))]
        weights = {"sentences": 0.75**0.5, "words": 0.25**0.5}
        vectors = make_pipeline(FeatureUnion(parts, transformer_weights=weights), Normalizer())
    else:
        load_once("advice on GloVe", _advise)
    return make_pipeline(NameReader(), vectors, _centred(TextKernel()))


def _centred(*first):
    return make_pipeline(*first, StandardScaler(with_std=False), Normalizer())


def _advise():
    warn(
        "text_encoder=None reads labels by MiniLM alone, since GloVe's word vectors are not installed; labels never "
        "trained on are recognised better with them: pip install 'skzsl[glove]'.",
        MissingExtraWarning,
    )
