"""What the property tests draw: clips and the ways to hold them, labels and the ways to hold those, events."""

import numpy as np
import pandas as pd
import polars as pl
import torch
from hypothesis import strategies as st
from models import CASES, MODELS, N_FEATURES, NAMES

cases = st.sampled_from(CASES)
seeds = st.integers(0, 2**32 - 1)
_words = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=6)
labels_of_any_script = st.lists(_words, min_size=1, max_size=3).map(" ".join)
several_labels = st.lists(labels_of_any_script, min_size=2, max_size=6, unique_by=lambda label: label.casefold())


@st.composite
def clips(draw, *, most=6, segments=(None, 1, 2, 5), largest=255):
    """Whole numbers that every dtype holds, (n, d) or (n, T, d), with absent segments, zeros and repetitions."""
    rng, n = np.random.default_rng(draw(seeds)), draw(st.integers(1, most))
    n_segments = draw(st.sampled_from(segments))
    shape = (n, N_FEATURES) if n_segments is None else (n, n_segments, N_FEATURES)
    X = rng.integers(1, largest + 1, shape)
    if draw(st.booleans()):  # sparse, as embeddings behind a ReLU are
        X *= rng.random(shape) < 0.3
    if draw(st.booleans()):
        X[-1] = X[0]
    if n_segments is not None:
        lengths = draw(st.lists(st.integers(0, n_segments), min_size=n, max_size=n))
        X[np.arange(n_segments) >= np.array(lengths)[:, None]] = 0
    return X.astype(np.float32)


def spread(X):
    """X as every second row, segment and feature of a larger array."""
    wide = np.full([2 * size for size in X.shape], 7, dtype=X.dtype)
    every_second = (slice(None, None, 2),) * X.ndim
    wide[every_second] = X
    return wide[every_second]


def misaligned(X):
    """X one byte off where the processor would have it."""
    return np.frombuffer(b"." + X.tobytes(), dtype=X.dtype, offset=1).reshape(X.shape)


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def mapped(X, folder):
    """X in a file."""
    path = folder / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


CONTAINERS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "backwards": lambda X: X[::-1].copy()[::-1],
    "features backwards": lambda X: X[..., ::-1].copy()[..., ::-1],
    "every second": spread,
    "misaligned": misaligned,
    "read-only": read_only,
    "repeated without memory": lambda X: np.broadcast_to(X[:1], X.shape) if (X[:1] == X).all() else X,
    "another byte order": lambda X: X.astype(X.dtype.newbyteorder()),
    "objects": lambda X: X.astype(object),
    "list of arrays": list,
    "lists": lambda X: X.tolist(),
    "tuple": lambda X: tuple(X.tolist()),
    "tensor": torch.as_tensor,
    "frame": lambda X: pd.DataFrame(X) if X.ndim == 2 else X,
    "polars": lambda X: pl.DataFrame(X) if X.ndim == 2 else X,
    "series of clips": lambda X: pd.Series(list(X)) if X.ndim == 3 else X,
}
DTYPES = ["u1", "i2", "u2", "i8", "f2", "f4", "f8", "g"]


@st.composite
def held(draw):
    """A dtype and the name of a way to hold an array of it, which numpy, torch and polars have together."""
    name = draw(st.sampled_from(sorted(CONTAINERS)))
    narrow = {"tensor": ["u1", "i2", "i8", "f2", "f4", "f8"], "polars": ["u1", "i2", "i8", "f4", "f8"]}
    return np.dtype(draw(st.sampled_from(narrow.get(name, DTYPES)))), name


@st.composite
def candidates(draw, name):
    """Labels that a model can score: those of fit in any order, others of any script too where it can."""
    if not MODELS[name].unseen:
        return draw(st.permutations(NAMES))[: draw(st.integers(1, len(NAMES)))]
    return draw(st.lists(st.sampled_from(NAMES) | labels_of_any_script, min_size=1, max_size=6, unique=True))


LISTS = {
    "list": list,
    "tuple": tuple,
    "numpy text": np.array,
    "numpy scalars": lambda y: list(np.array(y)),
    "objects": lambda y: np.array(y, dtype=object),
    "numpy strings": lambda y: np.array(y, dtype=np.dtypes.StringDType()),
    "series": pd.Series,
    "series with another index": lambda y: pd.Series(y, index=np.arange(len(y))[::-1] * 3),
    "index": pd.Index,
    "categories": pd.Categorical,
    "polars": pl.Series,
    "a column": lambda y: np.array(y)[:, None][:, 0],
    "backwards": lambda y: np.array(y[::-1])[::-1],
}
INDICATORS = {
    "frame": lambda frame: frame,
    "bool": lambda frame: frame.astype(bool),
    "float": lambda frame: frame.astype(float),
    "nullable": lambda frame: frame.astype("Int64"),
    "objects": lambda frame: frame.astype(object),
    "another index": lambda frame: frame.set_axis(np.arange(len(frame))[::-1] * 3, axis=0),
    "polars": lambda frame: pl.DataFrame(frame.to_dict("list")),
    "Fortran order": lambda frame: pd.DataFrame(np.asfortranarray(frame.to_numpy()), columns=frame.columns),
    "columns as objects": lambda frame: frame.set_axis(frame.columns.astype(object), axis=1),
}

_times = st.integers(0, 10**7).map(lambda time: time / 1e6)  # what files of six decimals hold
_spans = st.tuples(labels_of_any_script, _times, _times).map(lambda event: (event[0], *sorted(event[1:])))
lists_of_events = st.lists(st.lists(_spans, max_size=5), min_size=1, max_size=5)


@st.composite
def scored(draw):
    """Truth and scores (n, L), in which every label has a clip with and one without it; with ties or without."""
    rng, n, n_labels = np.random.default_rng(draw(seeds)), draw(st.integers(2, 12)), draw(st.integers(1, 5))
    y_true = rng.integers(0, 2, (n, n_labels))
    y_true[0], y_true[1] = 1, 0
    return y_true, rng.integers(-9, 10, (n, n_labels)) / draw(st.sampled_from([1, 4, 1024]))
