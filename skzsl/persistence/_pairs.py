"""Dicts whose keys JSON would change."""

from __future__ import annotations

from collections.abc import Mapping


class Pairs(Mapping):
    """What a dict with keys such as None or True is loaded as.

    Parameters
    ----------
    items : dict
        Its keys and values.
    """

    def __init__(self, items):
        self._items = dict(items)

    def __getitem__(self, key):
        return self._items[key]

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return repr(self._items)

    def __getstate__(self):
        return {"keys": list(self._items), "values": list(self._items.values())}

    def __setstate__(self, state):
        self._items = dict(zip(state["keys"], state["values"], strict=True))


def survives_as_text(key) -> bool:
    """Whether a key of a dict comes back from JSON as it was."""
    return isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool))
