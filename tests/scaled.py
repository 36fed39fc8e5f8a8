"""What estimators make of clips (n, T, d) without absent segments, if told to standardize, in plain numpy."""

import numpy as np


def scaling(X):
    """Mean and weight of the features of segments."""
    segments = X.reshape(-1, X.shape[-1])
    return _scaling(segments, _share(X))


def clip_vectors(X, of=None):
    """Means and maxima, scaled by those of the clips ``of``, at unit length."""
    of = X if of is None else of
    mean, weight = _scaling(_pooled(of), np.tile(_share(of), 2) if of.ndim == 3 else 1.0)
    scaled = (_pooled(X) - mean) * weight
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)


def _share(X):
    return X.mean(axis=1).var(axis=0) / X.reshape(-1, X.shape[-1]).var(axis=0)


def _pooled(X):
    return np.hstack([X.mean(axis=1), X.max(axis=1)]) if X.ndim == 3 else X


def _scaling(rows, share):
    weight = share / np.sqrt(rows.std(axis=0))
    level = np.mean(np.square((rows - rows.mean(axis=0)) * weight))
    return rows.mean(axis=0), weight / np.sqrt(level)
