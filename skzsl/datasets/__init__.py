"""Sounds to try things on: synthesised soundscapes with their exact truth, and loaders of real embeddings."""

from ._esc50 import load_esc50_embeddings
from ._soundscapes import make_soundscapes

__all__ = ["load_esc50_embeddings", "make_soundscapes"]
