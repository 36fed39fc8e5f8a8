"""Models as they can be kept anywhere: tables as arrays, folders and optimisers by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import joblib
import numpy as np

from ..text import VectorTable
from ..text._base import TextEncoder
from ._pairs import Pairs, survives_as_text


def portable(model):
    """Copy a model as far as something in it has to change, which leaves the model as it is.

    Returns
    -------
    model : object
        The same, with tables of text vectors as arrays, ``memory`` as its folder, optimisers of torch by name, paths as
        strings and memory maps as arrays.
    encoders : list
        The text encoders in it.
    """
    known: dict = {}
    return _portable(model, known), [kept for kept, _ in known.values() if isinstance(kept, TextEncoder)]


def _portable(value, known):
    if id(value) in known:
        return known[id(value)][1]
    known[id(value)] = value, value  # the first keeps the id taken
    changed = _changed(value, known)
    known[id(value)] = value, changed
    return changed


def _changed(value, known):
    if isinstance(value, joblib.Memory):
        return _portable(value.location, known)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.memmap):
        return np.array(value)
    torch = sys.modules.get("torch")
    if torch and isinstance(value, type) and vars(torch.optim).get(value.__name__) is value:
        return value.__name__
    if type(value) in (list, tuple):
        items = [_portable(item, known) for item in value]
        return value if _same(items, value) else type(value)(items)
    if type(value) is dict:
        items = [_portable(item, known) for item in value.values()]
        if not all(map(survives_as_text, value)) or len({str(key) for key in value}) < len(value):
            return Pairs(zip(value, items, strict=True))
        return value if _same(items, value.values()) else dict(zip(value, items, strict=True))
    if type(value).__module__.split(".")[0] in ("skzsl", "sklearn") and hasattr(value, "__dict__"):
        return _with_portable_attributes(value, known)
    return value


def _with_portable_attributes(thing, known):
    if isinstance(thing, type) or hasattr(thing, "goes_on_"):  # a net has a state of its own
        return thing
    attributes = {name: _table(name, value, known) for name, value in vars(thing).items()}
    if _same(attributes.values(), vars(thing).values()):
        return thing
    copied = object.__new__(thing.__class__)
    copied.__dict__.update(attributes)
    return copied


def _table(name, value, known):
    if name in ("table", "text_encoder") and (isinstance(value, Mapping) or hasattr(value, "loc")):
        return VectorTable.of(value)
    return _portable(value, known)


def _same(new, old):
    return all(a is b for a, b in zip(new, old, strict=True))
