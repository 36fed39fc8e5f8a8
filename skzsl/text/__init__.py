"""Label text to vectors: scikit-learn transformers on lists of strings."""

from ._clap import ClapTextEncoder
from ._hashing import HashingEncoder
from ._kernel import TextKernel
from ._lookup import LookupEncoder, VectorTable
from ._names import NameReader
from ._prompts import Prompts, WordAverage
from ._sentence import SentenceEncoder
from ._word_vectors import WordVectorEncoder

__all__ = [
    "ClapTextEncoder",
    "HashingEncoder",
    "LookupEncoder",
    "NameReader",
    "Prompts",
    "SentenceEncoder",
    "TextKernel",
    "VectorTable",
    "WordAverage",
    "WordVectorEncoder",
]
