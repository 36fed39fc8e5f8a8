"""Label text to vectors: scikit-learn transformers on lists of strings."""

from ._hashing import HashingEncoder
from ._label_vectors import LabelVectors
from ._lookup import LookupEncoder
from ._prompts import Prompts, WordAverage
from ._sentence import SentenceEncoder
from ._word_vectors import WordVectorEncoder

__all__ = [
    "HashingEncoder",
    "LabelVectors",
    "LookupEncoder",
    "Prompts",
    "SentenceEncoder",
    "WordAverage",
    "WordVectorEncoder",
]
