"""Wrapping label texts before another encoder sees them: prompt templates, and words one by one."""

from collections.abc import Collection
from typing import Any

import numpy as np

from ._base import TextEncoder, check_vectors, fit_transform, split_words
from ._label_vectors import resolve_encoder
from ._sentence import SentenceEncoder


class _Averaging(TextEncoder):
    """Base of the wrappers: a text becomes several, which ``encoder`` encodes, and has the mean of their vectors."""

    encoder: Any

    def _fit_encode(self, texts):
        self.encoder_ = SentenceEncoder() if self.encoder is None else resolve_encoder(self.encoder)
        return self._averaged(texts, lambda parts: fit_transform(self.encoder_, parts))

    def _encode(self, texts):
        return self._averaged(texts, self.encoder_.transform)

    def _averaged(self, texts, encode):
        parts_of = self._parts(texts)
        all_parts = [part for parts in parts_of for part in parts]
        vectors = check_vectors(encode(all_parts), all_parts)
        counts = np.array([len(parts) for parts in parts_of])
        starts = np.r_[0, np.cumsum(counts)[:-1]]
        sums = np.add.reduceat(vectors, starts, axis=0, dtype=np.result_type(vectors, np.float32))
        return sums / counts[:, None].astype(sums.dtype)

    def _parts(self, texts) -> list[list[str]]:
        """The texts that each becomes, at least one."""
        raise NotImplementedError


class Prompts(_Averaging):
    """Put every label text into one or several sentences, encode those and average.

    Parameters
    ----------
    encoder : transformer, str, dict, DataFrame or None, default=None
        Encoder of the sentences, a model's name or a table; None is :class:`SentenceEncoder`.
    templates : str or list of str, default="the sound of {label}"
        Sentences with ``{label}`` where the label text goes. A parameter like any other, so GridSearchCV can choose it
        (``text_encoder__templates``).

    Attributes
    ----------
    encoder_ : transformer
        The fitted encoder.

    Raises
    ------
    ValueError
        For a template without ``{label}`` or an empty list of templates.

    Examples
    --------
    >>> from skzsl.text import HashingEncoder, Prompts
    >>> Prompts(HashingEncoder(8), ["a {label}", "{label} heard far away"]).fit_transform(["dog", "rain"]).shape
    (2, 8)
    """

    def __init__(self, encoder=None, templates="the sound of {label}") -> None:
        self.encoder = encoder
        self.templates = templates

    def _parts(self, texts):
        templates = [self.templates] if isinstance(self.templates, str) else self.templates
        if not isinstance(templates, Collection) or len(templates) == 0:
            raise ValueError(f"templates={templates!r}; pass at least one, such as 'the sound of {{label}}'.")
        for template in templates:
            if not isinstance(template, str) or "{label}" not in template:
                raise ValueError(f"Template {template!r} has no '{{label}}'; write it where the label text goes.")
        return [[template.replace("{label}", text) for template in templates] for text in texts]


class WordAverage(_Averaging):
    """Encode each word of a text alone and average the words' vectors.

    Parameters
    ----------
    encoder : transformer, str, dict, DataFrame or None, default=None
        Encoder of the words, a model's name or a table; None is :class:`SentenceEncoder`.

    Attributes
    ----------
    encoder_ : transformer
        The fitted encoder.

    References
    ----------
    Dogan et al. (2024). Multi-label zero-shot audio classification with temporal attention. Section 3.3.

    Examples
    --------
    >>> from skzsl.text import LookupEncoder, WordAverage
    >>> WordAverage(LookupEncoder({"church": [1.0, 0.0], "bells": [0.0, 1.0]})).fit_transform(["church bells"])
    array([[0.5, 0.5]])
    """

    def __init__(self, encoder=None) -> None:
        self.encoder = encoder

    def _parts(self, texts):
        words_of = [split_words(text) for text in texts]
        for text, words in zip(texts, words_of, strict=True):
            if not words:
                raise ValueError(f"Text {text!r} has no word to average; give it letters or digits.")
        return words_of
