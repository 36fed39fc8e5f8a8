"""Checks of what a schema asks skops for, before skops does any of it."""

from __future__ import annotations

import json

_OLDEST = 2  # protocol of skops that the first files have; its older ones name functions in another way
_KEYS = {"builtins.str", "builtins.int", "builtins.float", "numpy.str_"}  # skops calls them, each on the text of a key
_SIZED = {"numpy.bytes_", "numpy.void"}  # of a number they make as many bytes
_N_WORDS = 624  # of the state of a RandomState: numpy draws from any position that it is given
_POOL = 4  # words that numpy mixes seeds in; the time grows with the square


def check_schema(schema) -> None:
    """Refuse a schema with parts that no model has, and that would take long, take much memory or crash.

    Raises
    ------
    ValueError
        If there are such parts.
    """
    if schema["protocol"] < _OLDEST:
        raise ValueError(f"protocol {schema['protocol']} is older than any model file")
    _Checked().form(schema)


class _Checked:
    """Forms of the parts of one schema.

    skops takes the first part of an id for all others, so those have to say the same: else a few lines could stand for
    2^100 parts, or one part be checked and another be made.
    """

    def __init__(self):
        self._forms: dict[tuple, int] = {}
        self._of_id: dict[int, int] = {}
        self._reader: dict[str, int] = {}

    def form(self, value) -> int:
        """Number of all that a value says, but for ids and names of entries."""
        said: list = [type(value)]
        if isinstance(value, list):
            for item in value:
                said.append(self.form(item))
        elif isinstance(value, dict):
            for key in sorted(value.keys() - {"__id__", "file"}):
                said += [key, self.form(value[key])]
        else:
            said.append(value)
        number = self._forms.setdefault(tuple(said), len(self._forms))
        if isinstance(value, dict) and _is_part(value):
            self._check_part(value, number)
        return number

    def _check_part(self, part, form):
        key = part.get("__id__")
        if type(key) is not int or key <= 0 or self._of_id.setdefault(key, form) != form:
            raise ValueError(f"parts of id {key!r} differ")
        if "file" in part and self._reader.setdefault(part["file"], key) != key:
            raise ValueError(f"entry {part['file']!r} is read by two parts")
        loader, name = part["__loader__"], _name(part)
        if loader == "DictNode":
            _check_keys(part["key_types"])
        if loader == "NdArrayNode" and name in _SIZED:
            raise ValueError(f"{name} is kept in arrays only")
        if loader == "RandomGeneratorNode":
            drawn, seeds = (part["content"][name]["content"] for name in ("bit_generator", "seed_seq"))
            if json.loads(drawn["bit_generator"]["content"]) != "PCG64":  # others draw from any position too
                raise ValueError("of numpy's generators, files keep those of default_rng only")
            if json.loads(seeds["pool_size"]["content"]) > _POOL:
                raise ValueError("the seeds of a generator take too long to mix")
        if loader == "RandomStateNode":
            position = json.loads(part["content"]["content"]["state"]["content"]["pos"]["content"])
            if not 0 <= position <= _N_WORDS:
                raise ValueError(f"a RandomState is at position {position} of {_N_WORDS}")


def _is_part(value):
    """Whether a dict is a part, and not a dict of a model whose keys are such."""
    return isinstance(value.get("__loader__"), str) or not isinstance(value.get("__id__", {}), dict)


def _check_keys(kinds):
    if (kinds["__loader__"], _name(kinds)) != ("ListNode", "builtins.list"):
        raise ValueError("the keys of a dict have no list of types")
    for kind in kinds["content"]:
        if kind["__loader__"] != "TypeNode" or _name(kind) not in _KEYS:
            raise ValueError(f"a dict has keys of {_name(kind)}, which no file keeps")


def _name(part):
    return f"{part['__module__']}.{part['__class__']}"
