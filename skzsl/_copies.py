"""Copies of objects that leave something out of what is stored of them."""

from __future__ import annotations

import copy


def whole(thing, memo, without=None):
    """Copy an object with all its attributes but one, by the ``memo`` of copy.deepcopy."""
    memo[id(thing)] = made = object.__new__(type(thing))
    made.__dict__.update(copy.deepcopy({name: value for name, value in vars(thing).items() if name != without}, memo))
    return made
