"""What nobody should pass: bad clips, labels, candidates, parameters and text encoders, for ``test_bad_input``.

Each has a name, a function that makes it, and the cells in which it is taken all the same, because it is legal there;
in all others it has to be refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Bad:
    """A bad value; ``make`` makes it of the good one."""

    name: str
    make: object
    taken: tuple = ()

    def is_taken(self, cell):
        """Whether it is legal in a cell, "model call": the last pattern decides that fits, and "!" turns it round."""
        fitting = [pattern for pattern in self.taken if fnmatch(cell, pattern.removeprefix("!"))]
        return bool(fitting) and not fitting[-1].startswith("!")


def spoilt(values, place, value):
    values = np.array(values)
    values[place] = value
    return values


# Nets take float32, in which 1e300 is infinite; the others only multiply it in the end.
_AS_FLOAT64 = (
    "*",
    *("!attention*", "!levels*", "!windows*", "!*fit"),
    *("bilinear* partial_fit", "contrastive* partial_fit", "ridge* partial_fit"),  # scaled as those of fit
    "!contrastive *",  # but for "cscm"
    *("convex-of-scores *fit", "convex-several *fit", "nearest* *fit", "zero-rule* *fit", "adapter *fit"),
)

CLIPS = [
    Bad("None", lambda X: None),
    Bad("a text", lambda X: "clips.npy"),
    Bad("a number", lambda X: 3.0),
    Bad("1-d", lambda X: X.ravel()),
    Bad("4-d", lambda X: X.reshape(len(X), 2, 2, -1)),
    Bad("empty list", lambda X: []),
    Bad("no clips", lambda X: X[:0]),
    Bad("no features", lambda X: X[..., :0]),
    Bad(
        "fewer features",
        lambda X: X[..., :3],
        ("* fit", "* refit", "* first-partial_fit", "!nearest*", "!convex-of-scores*", "!adapter*"),
    ),
    Bad(
        "fewer clips",
        lambda X: X[:-1],
        ("* predict*", "* decision_function", "* tag", "* attention", "* windows", "* segment_scores", "* events"),
    ),
    Bad("NaN", lambda X: spoilt(X, (1, ..., 0), np.nan)),
    Bad("infinity", lambda X: spoilt(X, (1, ..., 0), -np.inf)),
    Bad("overflow", lambda X: X * 1e300, _AS_FLOAT64),
    Bad("texts", lambda X: X.astype(str)),
    Bad("objects of text", lambda X: np.full(X.shape, "a", dtype=object)),
    Bad("bytes", lambda X: X.astype("S8")),
    Bad("complex", lambda X: X + 1j),
    Bad("dates", lambda X: (1e9 * X).astype("M8[s]")),
    Bad("times", lambda X: (1e9 * X).astype("m8[s]")),
    Bad("a date column", lambda X: pd.DataFrame(X.reshape(len(X), -1)).assign(when=pd.Timestamp("2026-01-01"))),
    Bad("None inside", lambda X: spoilt(X.astype(object), (1, ..., 0), None)),
    Bad("ragged rows", lambda X: [*X.reshape(len(X), -1)[:-1].tolist(), [1.0]]),
    Bad("ragged clips", lambda X: [np.ones((1 + i % 2, X.shape[-1])) for i in range(len(X))]),
    Bad("sparse", lambda X: sp.csr_array(X.reshape(len(X), -1))),
    Bad("masked", lambda X: np.ma.masked_array(X, np.zeros(X.shape, dtype=bool))),
    Bad("a dict", lambda X: {"embedding": X}),
    Bad("a set", lambda X: {1.0, 2.0}),
    Bad("a generator", lambda X: (clip for clip in X)),
    Bad("dicts", lambda X: [{"embedding": clip} for clip in X]),
    Bad("a series of numbers", lambda X: pd.Series(np.arange(len(X)))),
    Bad("a series of ragged vectors", lambda X: pd.Series([np.ones(1 + i % 2) for i in range(len(X))])),
    Bad("a frame of text", lambda X: pd.DataFrame({"file": ["a.wav"] * len(X), "x": np.arange(len(X))})),
    Bad("a tensor without memory", lambda X: torch.empty(X.shape, device="meta")),
    Bad("a sparse tensor", lambda X: torch.from_numpy(X.reshape(len(X), -1)).to_sparse()),
    Bad("booleans", lambda X: X > 0.5, ("* *",)),
    Bad("objects", lambda X: X.astype(object), ("* *",)),
    Bad("a bfloat16 tensor", lambda X: torch.from_numpy(X).bfloat16(), ("* *",)),
    Bad("a tensor with gradients", lambda X: torch.from_numpy(X).requires_grad_(), ("* *",)),
    Bad("a column of vectors", lambda X: pd.DataFrame({"embedding": list(X)}), ("* *",)),
    Bad("a series of vectors", lambda X: pd.Series(list(X)), ("* *",)),
]

NOTHING = Bad("no clips and no labels", lambda given: given[:0])


def indicator_like(y):
    return np.array([[label == other for other in sorted(set(np.ravel(y)))] for label in np.ravel(y)]).astype(int)


# One label is nothing to tell apart from another, which a pass of several may leave to the others.
_AS_ONE = (
    *("* score", "*partial_fit", "!*-several score", "!*-several partial_fit", "!contrastive*partial_fit"),
    *("!levels* first-partial_fit", "!windows* first-partial_fit", "zero-rule* *fit"),
)
_AS_NONE = (
    "*-several score",
    "levels-several partial_fit",
    "windows-several partial_fit",
    "zero-rule* *fit",
    "!tuner*",
)

LABELS = [
    Bad("None", lambda y: None, ("nearest* *fit", "convex-of-scores *fit")),
    Bad("a text", lambda y: "rain"),
    Bad("bytes", lambda y: b"rain"),
    Bad("a number", lambda y: 3),
    Bad("0-d", lambda y: np.array("rain")),
    Bad("empty list", lambda y: []),
    Bad("fewer", lambda y: y[:-1]),
    Bad("more", lambda y: pd.concat([y, y]) if hasattr(y, "columns") else [*y, *y]),
    Bad("fractions", lambda y: np.linspace(0.1, 0.9, len(y))),
    Bad("NaN inside", lambda y: [*["rain"] * (len(y) - 1), np.nan]),
    Bad("None inside", lambda y: [*["rain"] * (len(y) - 1), None]),
    Bad("NA inside", lambda y: pd.Series([*["rain"] * (len(y) - 1), pd.NA], dtype=object)),
    Bad("an empty label", lambda y: [*["rain"] * (len(y) - 1), ""]),
    Bad("a blank label", lambda y: [*["rain"] * (len(y) - 1), " \t"]),
    Bad("text and numbers", lambda y: [*["rain"] * (len(y) - 1), 3]),
    Bad("labels as bytes", lambda y: [b"rain", b"wind"] * (len(y) // 2)),
    Bad("dates", lambda y: np.array(["2026-01-01"] * len(y), dtype="M8[D]")),
    Bad("times", lambda y: np.arange(len(y)).astype("m8[s]")),
    Bad("complex", lambda y: np.arange(len(y)) + 1j),
    Bad("a dict", lambda y: dict(enumerate(np.arange(len(y))))),
    Bad("a set", lambda y: set(range(len(y)))),
    Bad("a generator", lambda y: (label for label in range(len(y)))),
    Bad("sets", lambda y: [frozenset({"rain"})] * len(y)),
    Bad("lists of labels", lambda y: [["rain"], ["rain", "wind"]] * (len(y) // 2)),
    Bad("objects", lambda y: [BaseEstimator()] * len(y)),
    Bad("a class", lambda y: np.ndarray),
    Bad("3-d", lambda y: np.zeros((len(y), 2, 2))),
    Bad("records", lambda y: np.zeros(len(y), dtype=[("a", int)])),
    Bad("sparse twos", lambda y: sp.csr_array(2 * np.eye(len(y)))),
    Bad("one label", lambda y: ["rain"] * len(y), _AS_ONE),
    Bad("no label at all", lambda y: np.zeros((len(y), 4), dtype=int), _AS_NONE),
    Bad("no columns", lambda y: np.zeros((len(y), 0))),
    Bad("twos", lambda y: np.full((len(y), 4), 2)),
    Bad("halves", lambda y: np.full((len(y), 4), 0.5)),
    Bad("a NaN indicator", lambda y: np.full((len(y), 4), np.nan)),
    Bad("an indicator of text", lambda y: np.full((len(y), 4), "yes")),
    Bad("an indicator of dates", lambda y: np.zeros((len(y), 4), dtype="M8[s]")),
    Bad("duplicate columns", lambda y: pd.DataFrame(np.eye(len(y), 2, dtype=int), columns=["rain", "rain"])),
    Bad("columns without names", lambda y: pd.DataFrame(np.eye(len(y), 2, dtype=int), columns=["rain", ""])),
    Bad("columns of two kinds", lambda y: pd.DataFrame(np.eye(len(y), 2, dtype=int), columns=["rain", 3])),
    Bad(
        "the other kind",
        lambda y: ["rain", "wind"] * (len(y) // 2) if hasattr(y, "columns") else indicator_like(y),
        (
            *("* fit", "* refit", "* first-partial_fit"),
            *("!bilinear*", "!normalizer *", "!events *", "!tuner*", "!calibrated*", "!rejecting*", "!adapter*"),
        ),
    ),
]

CANDIDATES = [
    Bad("a text", lambda labels: "rain"),
    Bad("bytes", lambda labels: b"rain"),
    Bad("a number", lambda labels: 3),
    Bad("0-d", lambda labels: np.array("rain")),
    Bad("empty list", lambda labels: [], ("* partial_fit-classes",)),
    Bad("empty array", lambda labels: np.array([], dtype=str), ("* partial_fit-classes",)),
    Bad("duplicates", lambda labels: [*labels, labels[0]], ("* partial_fit-classes",)),
    Bad("None inside", lambda labels: [*labels, None]),
    Bad("NaN inside", lambda labels: [*labels, np.nan]),
    Bad("NaN alone", lambda labels: [np.nan]),
    Bad("an empty label", lambda labels: [*labels, ""]),
    Bad("a blank label", lambda labels: [*labels, "\u3000"]),
    Bad("text and numbers", lambda labels: [*labels, 3]),
    Bad("labels as bytes", lambda labels: [label.encode() for label in labels]),
    Bad("lists", lambda labels: [[label, label] for label in labels]),
    Bad("ragged lists", lambda labels: [["rain"], ["rain", "wind"]]),
    Bad("2-d", lambda labels: np.array([labels, labels])),
    Bad("3-d", lambda labels: np.array([[labels]])),
    Bad("a set", lambda labels: set(labels)),
    Bad("a frozen set", lambda labels: frozenset(labels)),
    Bad("a dict", lambda labels: dict.fromkeys(labels)),
    Bad("a generator", lambda labels: (label for label in labels)),
    Bad("dates", lambda labels: np.array(["2026-01-01"], dtype="M8[D]")),
    Bad("complex", lambda labels: [1j]),
    Bad("objects", lambda labels: [BaseEstimator()]),
    Bad("a class", lambda labels: str),
    Bad("records", lambda labels: np.zeros(2, dtype=[("a", int)])),
    Bad("sparse", lambda labels: sp.csr_array(np.eye(2))),
    Bad("a frame", lambda labels: pd.DataFrame(np.eye(2), columns=labels[:2])),
    Bad("unknown", lambda labels: ["never heard", *labels], ("*", "!levels*", "!windows*")),
]

NUMBER = [None, "a lot", [1.0], np.nan]
ABOVE_0 = [*NUMBER, 0, -1]
COUNT = ["a lot", np.nan, 0, 1.5]
SHARE = [*NUMBER, -0.1, 1.5]
FLAG = [None, "yes", 2]
NAME = [None, "nothing of the kind", []]
SIZES = [None, (), (0,), ("a",), 3, (1.5,), (8, 3), [[8]], {3}]
ALPHAS = [None, [], [0.0], ["a"], 3.0, [[1.0]], [np.nan]]


class NoTransform(BaseEstimator):
    """A text encoder that cannot encode."""

    def fit(self, texts, y=None):
        return self


def nan(model, X, y):
    return np.nan


def good(model, X, y):
    return "good"


_VALUES = {
    "alpha": SHARE,
    "alpha_audio": ABOVE_0,
    "alpha_text": ABOVE_0,
    "alphas_audio": ALPHAS,
    "alphas_text": ALPHAS,
    "architecture": [None, "", "2-B", "0-A", "2-A-1", ["2-A"]],
    "attention_activation": NAME,
    "audio_sizes": SIZES,
    "averaged_epochs": [None, -1, 1.5, 99],
    "balanced": FLAG,
    "batch_norm": FLAG,
    "batch_size": COUNT,
    "callbacks": [["a"], [object()], "a", 3, [("a",)], [("a", 1)], [("a", "b", "c")], {"a": 1}, [np.ndarray]],
    "classifier": ["svm", object(), BaseEstimator()],
    "clip_score": NAME,
    "context": COUNT,
    "cv": ["five", 1, 0, 99, 2.5, object(), [], [([0], [99])], [(["a"], [1])], [3]],
    "device": [None, "gpu9", "cuda:99", "meta", "mps"],
    "dropout": [*SHARE, 1.0],
    "estimator": [None, "a", object(), BaseEstimator()],
    "global_net": ["a", object(), BaseEstimator()],
    "head": NAME,
    "hidden_size": COUNT,
    "hop": ABOVE_0,
    "init": NAME,
    "label_texts": [3, "a", object(), {"rain": ""}, {"rain": 3}, {"rain": "wind"}, {"rain": None}],
    "locality": [*NUMBER, -1.0],
    "logit_scale": [*ABOVE_0, "fixed"],
    "lr": ABOVE_0,
    "margin": [*NUMBER, -1.0],
    "max_epochs": COUNT,
    "max_gap": [*NUMBER, -1.0],
    "memory": [3, object(), []],
    "metric": NAME,
    "min_duration": [*NUMBER, -1.0],
    "mixup": [*NUMBER, -1.0],
    "n_cohort": [*COUNT, 1],
    "n_conv_layers": [None, -1, 1.5],
    "n_jobs": ["two", 1.5, []],
    "n_top": COUNT,
    "n_windows": COUNT,
    "norm": NAME,
    "one_cycle": FLAG,
    "optimizer": [None, "Nothing", 3, dict, print],
    "overlap": [*SHARE, 1.0],
    "patience": COUNT,
    "random_state": ["a", 1.5, [1, 2], -1],
    "release": [*NUMBER, -1.0],
    "scoring": ["nothing", 3, nan, good],
    "seen_penalty": [*NUMBER, np.inf],
    "shuffle": FLAG,
    "smoother": NAME,
    "smoothing": [*NUMBER, -1.0],
    "solver": NAME,
    "source_labels": [3, "a", [], [1, 2], ["rain"], ["rain", ""]],
    "standardize": FLAG,
    "strategy": NAME,
    "stream": NAME,
    "suppress": FLAG,
    "temperature": ABOVE_0,
    "text_encoder": [3, object(), NoTransform(), [], {}, {"rain": [1.0]}, {"rain": "a"}, "{label}", "./nothing"],
    "text_sizes": SIZES,
    "unknown": [[], object(), 3, "rain", np.nan],
    "C": ABOVE_0,
    "text_weight": [*NUMBER, -1.0],
    "threshold": [None, "a", np.nan, [0.1], [0.1] * 9, {"rain": "a"}, {"rain": np.nan}, [[0.1]], object()],
    "token_grid": [3, "a", (0, 1), (1, 2, 3), (1.5, 2), (5, 5), ("a", "b")],
    "train_on": NAME,
    "training": NAME,
    "validation_fraction": [0, 1.5, "a", np.nan, [0.1]],
    "verbose": [None, "yes"],
    "warm_start": FLAG,
    "weight_decay": [*NUMBER, -1.0],
    "window": COUNT,
}
# Where only the type of a value is read: the online solver has no net, and a fitted text encoder is kept.
_UNREAD = {"device": ("bilinear *",), "optimizer": ("bilinear *",), "text_encoder": ("* partial_fit",)}


_LEGAL = {"threshold=None": ("events* *",), "window=1.5": ("events* *",)}


def _bad_parameter(name, value):
    of_the_type = isinstance(value, str | dict) or callable(value)
    unread = _UNREAD.get(name, ()) if of_the_type else ()
    return Bad(f"{name}={value!r}", lambda _: value, (*unread, *_LEGAL.get(f"{name}={value!r}", ())))


PARAMETERS = [_bad_parameter(name, value) for name, values in _VALUES.items() for value in values]
_SCORING = ("predict", "predict_proba", "decision_function", "tag", "score")
READ_LATER = {
    **dict.fromkeys(("alpha", "clip_score", "n_top", "norm", "seen_penalty", "stream"), _SCORING),
    "temperature": ("predict_proba", "tag"),
}


class Encoder(BaseEstimator):
    """Vectors of texts, or what ``answer`` makes of them."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, texts, y=None):
        self.fitted_ = True
        return self

    def transform(self, texts):
        vectors = np.random.default_rng(0).normal(size=(len(texts), 8))
        return vectors if self.answer is None else self.answer(vectors)


def raises(vectors):
    raise RuntimeError("this encoder is broken")


def ragged(vectors):
    return [row[: 1 + number % 2] for number, row in enumerate([*vectors, *vectors])]


ENCODERS = [
    Bad("raises", raises),
    Bad("too few rows", lambda vectors: vectors[:-1]),
    Bad("too many rows", lambda vectors: np.r_[vectors, vectors]),
    Bad("1-d", lambda vectors: vectors[:, 0]),
    Bad("3-d", lambda vectors: vectors[:, None]),
    Bad(
        "another width",
        lambda vectors: vectors[:, :3],
        ("* fit", "* refit", "* first-partial_fit", "!nearest*"),
    ),
    Bad("NaN", lambda vectors: vectors * np.nan),
    Bad("infinity", lambda vectors: vectors * np.inf),
    Bad("texts", lambda vectors: vectors.astype(str)),
    Bad("objects", lambda vectors: vectors.astype(object)),
    Bad("complex", lambda vectors: vectors + 1j),
    Bad("dates", lambda vectors: vectors.astype("M8[s]")),
    Bad("no columns", lambda vectors: vectors[:, :0]),
    Bad("None", lambda vectors: None),
    Bad("a number", lambda vectors: 3.0),
    Bad("ragged", ragged),
    Bad("a generator", lambda vectors: (row for row in vectors)),
    Bad("a dict", lambda vectors: {"vectors": vectors}),
    Bad("a sparse tensor", lambda vectors: torch.from_numpy(vectors).to_sparse()),
    Bad("a frame of text", lambda vectors: pd.DataFrame({"a": ["x"] * len(vectors)})),
    Bad("a bfloat16 tensor", lambda vectors: torch.from_numpy(vectors).bfloat16(), ("* *",)),
    Bad("a tensor with gradients", lambda vectors: torch.from_numpy(vectors).requires_grad_(), ("* *",)),
]
