"""What one thread of a process does at a time."""

from __future__ import annotations

import os
import threading

_locks: dict[tuple[str, int], threading.RLock] = {}  # type: ignore[valid-type]


def only_one(what: str):
    """Lock under a name, for ``with``.

    A forked process has its own, since it would find its parent's locked for ever if another thread held it.
    """
    return _locks.setdefault((what, os.getpid()), threading.RLock())
