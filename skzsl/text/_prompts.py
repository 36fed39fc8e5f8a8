"""Wrapping label texts before another encoder sees them: prompt templates, and words one by one."""

from collections.abc import Collection

import numpy as np

from .._segments import dense
from ._base import TextEncoder, fit_transform, split_words
from ._label_vectors import resolve_encoder
from ._sentence import SentenceEncoder


class Prompts(TextEncoder):
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

    def __init__(self, encoder=None, templates="the sound of {label}"):
        self.encoder = encoder
        self.templates = templates

    def _fit_encode(self, texts):
        self.encoder_ = SentenceEncoder() if self.encoder is None else resolve_encoder(self.encoder)
        return self._averaged(fit_transform(self.encoder_, self._fill(texts)), texts)

    def _encode(self, texts):
        return self._averaged(self.encoder_.transform(self._fill(texts)), texts)

    def _averaged(self, vectors, texts):
        vectors = dense(vectors)
        return vectors.reshape(-1, len(texts), vectors.shape[1]).mean(axis=0)

    def _fill(self, texts):
        templates = [self.templates] if isinstance(self.templates, str) else self.templates
        if not isinstance(templates, Collection) or len(templates) == 0:
            raise ValueError(f"templates={templates!r}; pass at least one, such as 'the sound of {{label}}'.")
        for template in templates:
            if not isinstance(template, str) or "{label}" not in template:
                raise ValueError(f"Template {template!r} has no '{{label}}'; write it where the label text goes.")
        return [template.replace("{label}", text) for template in templates for text in texts]


class WordAverage(TextEncoder):
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

    def __init__(self, encoder=None):
        self.encoder = encoder

    def _fit_encode(self, texts):
        self.encoder_ = SentenceEncoder() if self.encoder is None else resolve_encoder(self.encoder)
        words_of = self._split(texts)
        return self._averaged(fit_transform(self.encoder_, _joined(words_of)), words_of)

    def _encode(self, texts):
        words_of = self._split(texts)
        return self._averaged(self.encoder_.transform(_joined(words_of)), words_of)

    def _averaged(self, vectors, words_of):
        vectors = dense(vectors)
        counts = np.array([len(words) for words in words_of])
        starts = np.r_[0, np.cumsum(counts)[:-1]]
        return np.add.reduceat(vectors, starts, axis=0) / counts[:, None].astype(vectors.dtype)

    def _split(self, texts):
        words_of = [split_words(text) for text in texts]
        for text, words in zip(texts, words_of, strict=True):
            if not words:
                raise ValueError(f"Text {text!r} has no word to average; give it letters or digits.")
        return words_of


def _joined(words_of):
    return [word for words in words_of for word in words]
