"""Sounds to try things on: synthesised soundscapes with their exact truth."""

from ._soundscapes import make_soundscapes

__all__ = ["make_soundscapes"]
