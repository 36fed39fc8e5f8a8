"""Clips in arrays of dask: predictions that are lazy too, and what is reduced over their partitions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TypeVar, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted

Method = TypeVar("Method", bound=Callable)


def is_lazy(X) -> bool:
    """Whether X is an array of dask."""
    return hasattr(X, "dask") and hasattr(X, "to_delayed") and hasattr(X, "chunks")


def lazily(method: Method) -> Method:
    """Let a method of clips (X, labels=None) take arrays of dask too, whose result is one, computed when asked for.

    A partition of clips is one call of the method, of a copy of the model as it is now.
    """

    @wraps(method)
    def called(self, X, labels=None, **others):
        if not is_lazy(X):
            return method(self, X, labels, **others)
        given = [name for name, value in others.items() if value is not None]
        if given:
            raise ValueError(f"X is an array of dask, whose result is one too; leave out {', '.join(given)}.")
        check_is_fitted(self)
        import dask
        import dask.array

        sample = method(self, np.zeros((1, *X.shape[1:]), X.dtype), labels)  # its shape and type are those of all
        model = dask.delayed(copy.copy(self), traverse=False)
        call = dask.delayed(method, pure=True)
        parts = [
            dask.array.from_delayed(call(model, block, labels), (n_clips, *sample.shape[1:]), sample.dtype)
            for block, n_clips in zip(partitions(X), X.chunks[0], strict=True)
        ]
        return dask.array.concatenate(parts, allow_unknown_chunksizes=True)

    return cast(Method, called)


def partitions(X) -> list:
    """Blocks of whole clips of an array of dask, not computed yet."""
    return X.rechunk(dict.fromkeys(range(1, X.ndim), -1)).to_delayed().ravel().tolist()


def reduced(function: Callable, blocks: Iterable, combine: Callable):
    """What ``function`` makes of each block, joined in pairs of neighbours, computed wherever dask computes."""
    import dask

    parts = [dask.delayed(function)(block) for block in blocks]
    while len(parts) > 1:
        pairs = [dask.delayed(combine)(*parts[place : place + 2]) for place in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0].compute()
