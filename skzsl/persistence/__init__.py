"""Models kept in files: saved, loaded, described."""

from ._card import model_card
from ._files import load, read_header, save

__all__ = ["load", "model_card", "read_header", "save"]
