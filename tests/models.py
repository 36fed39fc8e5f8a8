"""The models that keep one contract, and where each departs from it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from skzsl import (
    EventDetector,
    FewShotAdapter,
    GlobalLocalAttentionClassifier,
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroRuleClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotConvex,
    ZeroShotNearest,
    ZeroShotRidge,
    ZeroShotRidgeCV,
    ZeroShotTemporalAttention,
)
from skzsl.model_selection import TemperatureTuner, ThresholdTuner, UnknownRejector
from skzsl.text import HashingEncoder

NAMES = ["rain", "dog", "wind", "cat"]
N_CLIPS, N_SEGMENTS, N_FEATURES = 24, 4, 8


@dataclass(frozen=True)
class Model:
    """An estimator, and what it does otherwise than most."""

    estimator: Any
    kinds: tuple = ("one", "several")  # labels a clip
    unseen: bool = True  # scores labels that it never met
    joint: tuple = ()  # kinds of y for which the score of a candidate depends on the others
    epochs: bool = False  # trains in passes over the clips


def _net(kind, *given, **settings):
    defaults = {"max_epochs": 2, "lr": 0.01, "batch_size": 8, "random_state": 0, "device": "cpu"}
    return kind(*given, **{**defaults, **settings})


_TEXTS = HashingEncoder(16)
_SOURCES = ["heavy rain", "barking dog", "strong wind", "cat meow", "siren", "church bell", "engine hum", "sea"]
_KNOWN = ZeroShotRidge(_TEXTS).fit(np.random.default_rng(1).random((6, N_FEATURES)), ["siren", "sea"] * 3)
_ATTENTION = _net(ZeroShotTemporalAttention, _TEXTS, audio_sizes=(8,), text_sizes=(8,), threshold=0.0)
_TAGGER = _net(MultiLevelAttentionClassifier, "2-A-1-A", hidden_size=8)
_LOCAL = {"hidden_size": 8, "n_windows": 2, "window": 2}

MODELS = {
    "bilinear, online": Model(ZeroShotBilinear(_TEXTS, max_epochs=2, random_state=0), kinds=("one",), epochs=True),
    "bilinear, minibatch": Model(
        _net(ZeroShotBilinear, _TEXTS, solver="minibatch", lr=1.0), kinds=("one",), epochs=True
    ),
    "temporal attention": Model(_ATTENTION, epochs=True),
    **{
        f"contrastive, {head}": Model(_net(ZeroShotContrastive, _TEXTS, head=head, hidden_size=8), epochs=True)
        for head in ("cscm", "mlp", "linear")
    },
    "convex": Model(ZeroShotConvex(_TEXTS)),
    "convex of class scores": Model(ZeroShotConvex(_TEXTS, source_labels=_SOURCES)),
    "nearest": Model(ZeroShotNearest(HashingEncoder(N_FEATURES))),
    "ridge": Model(ZeroShotRidge(_TEXTS)),
    "ridge, cross-validated": Model(ZeroShotRidgeCV(_TEXTS, alphas_audio=[1.0, 10.0], alphas_text=[1.0], cv=2)),
    "normalized ridge": Model(ScoreNormalizer(ZeroShotRidge(_TEXTS)), joint=("one", "several")),
    "normalized attention": Model(ScoreNormalizer(_ATTENTION, norm="z")),
    "tuned ridge": Model(ThresholdTuner(ZeroShotRidge(_TEXTS), cv=KFold(2)), kinds=("several",)),
    "adapted ridge": Model(FewShotAdapter(FrozenEstimator(make_pipeline(_KNOWN))), kinds=("one",)),
    "calibrated ridge": Model(TemperatureTuner(ZeroShotRidge(_TEXTS), cv=2), kinds=("one",)),
    "rejecting ridge": Model(UnknownRejector(ZeroShotRidge(_TEXTS), cv=2, random_state=0), kinds=("one",)),
    "rejecting tagger": Model(
        UnknownRejector(_TAGGER, cv=2, random_state=0), kinds=("one",), unseen=False, joint=("one",)
    ),
    "multi-level": Model(_TAGGER, unseen=False, joint=("one",), epochs=True),
    "global-local": Model(
        _net(GlobalLocalAttentionClassifier, None, **_LOCAL), unseen=False, joint=("one",), epochs=True
    ),
    "global-local, frozen": Model(
        _net(GlobalLocalAttentionClassifier, _TAGGER, training="frozen_global", **_LOCAL), unseen=False, joint=("one",)
    ),
    "tuned tagger": Model(ThresholdTuner(_TAGGER, strategy="top_k", cv=KFold(2)), kinds=("several",), unseen=False),
    "events of ridge": Model(EventDetector(ZeroShotRidge(_TEXTS))),
    "events of tagger": Model(EventDetector(_TAGGER, smoothing=3.0, threshold=0.4), unseen=False, joint=("one",)),
    "zero rule": Model(ZeroRuleClassifier(), unseen=False),
}
# Those that see a clip as one vector, which is of unit length if they standardize.
POOLED = ["bilinear, minibatch", "contrastive, mlp", "contrastive, linear"]
CASES = [(name, kind) for name, model in MODELS.items() for kind in model.kinds]
BOTH_KINDS = [name for name, model in MODELS.items() if len(model.kinds) == 2]
EPOCHS = [(name, kind) for name, kind in CASES if MODELS[name].epochs]
NETS = [(name, kind) for name, kind in EPOCHS if name != "bilinear, online"]


@cache
def data(kind):
    """Clips (24, 4, 8) of 0 or more, in float32, and the one label or the several labels of each."""
    rng = np.random.default_rng(0)
    values = (rng.random((N_CLIPS, len(NAMES))) < 0.4).astype(np.uint8)
    values[: len(NAMES)] |= np.eye(len(NAMES), dtype=np.uint8)
    X = rng.random((N_CLIPS, N_SEGMENTS, N_FEATURES)) + (values @ rng.random((len(NAMES), N_FEATURES)))[:, None]
    X = X.astype(np.float32)
    X.setflags(write=False)
    if kind == "several":
        return X, pd.DataFrame(values, columns=NAMES)
    return X, np.array(NAMES)[np.where(values.any(axis=1), values.argmax(axis=1), 0)]


def new(name, **parameters):
    """An unfitted model."""
    return clone(MODELS[name].estimator).set_params(**parameters)


@cache
def _fitted(name, kind):
    return new(name).fit(*data(kind))


def fitted(name, kind):
    """A fitted model of the test's own: what it is asked first can change the last digits of what it answers later."""
    return copy.deepcopy(_fitted(name, kind))


def candidates(name):
    """Labels that a model scores, in an order of their own: unseen ones too where it can."""
    return ["siren", "dog", "heavy rain"] if MODELS[name].unseen else ["wind", "rain", "dog"]
