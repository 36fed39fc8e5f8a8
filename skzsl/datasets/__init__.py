"""Sounds to try things on: synthesised soundscapes with their exact truth, and loaders of real embeddings."""

from ._audioset import load_audioset_vggish
from ._esc50 import load_esc50_embeddings
from ._ontology import load_audioset_ontology, select_leaf_labels
from ._soundscapes import make_soundscapes

__all__ = [
    "load_audioset_ontology",
    "load_audioset_vggish",
    "load_esc50_embeddings",
    "make_soundscapes",
    "select_leaf_labels",
]
