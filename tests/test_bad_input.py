"""Bad input to every estimator, in every call: refused in words of our own, and no fitted model changes.

``python tests/test_bad_input.py`` prints how many cells there are of each kind, and what became of them.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
import time
import traceback
import warnings
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import bad_inputs
import numpy as np
import pandas as pd
import pytest
import sklearn
from bad_inputs import CANDIDATES, CLIPS, ENCODERS, LABELS, NOTHING, PARAMETERS, READ_LATER, Encoder
from fingerprint import fingerprint
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import skzsl
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

PACKAGE = Path(skzsl.__file__).parent

rng = np.random.default_rng(0)
FLAT, SEGMENTS = rng.uniform(0.1, 1.0, size=(8, 8)), rng.uniform(0.1, 1.0, size=(8, 4, 8))
NAMES = ["rain", "dog bark", "siren", "wind"]
ONE = NAMES * 2
SEVERAL = pd.DataFrame([[int(clip % 4 == label or clip % 3 == label) for label in range(4)] for clip in range(8)])
SEVERAL.columns = NAMES

TEXTS = HashingEncoder(8)
NET = {"max_epochs": 1, "batch_size": 4, "random_state": 0}
SMALL = {**NET, "hidden_size": 8}
ATTENTION = ZeroShotTemporalAttention(TEXTS, audio_sizes=(8,), text_sizes=(8,), **NET)
LEVELS = MultiLevelAttentionClassifier("1-A", **SMALL)
WINDOWS = GlobalLocalAttentionClassifier(LEVELS, n_windows=2, training="frozen_global", **SMALL)
RIDGES = ZeroShotRidgeCV(TEXTS, alphas_audio=[1.0], alphas_text=[0.1, 1.0])

FITTED = FrozenEstimator(make_pipeline(ZeroShotRidge(TEXTS)).fit(FLAT, ["sea", "bell"] * 4))

MODELS = {
    "bilinear": (ZeroShotBilinear(TEXTS, max_epochs=2, random_state=0), FLAT, ONE),
    "bilinear-minibatch": (ZeroShotBilinear(TEXTS, solver="minibatch", **NET), FLAT, ONE),
    "attention": (ATTENTION, SEGMENTS, ONE),
    "attention-several": (ATTENTION, SEGMENTS, SEVERAL),
    "contrastive": (ZeroShotContrastive(TEXTS, head="cscm", **SMALL), SEGMENTS, ONE),
    "contrastive-mlp": (ZeroShotContrastive(TEXTS, **SMALL), SEGMENTS, ONE),
    "contrastive-several": (ZeroShotContrastive(TEXTS, head="linear", **NET), FLAT, SEVERAL),
    "convex": (ZeroShotConvex(TEXTS), FLAT, ONE),
    "convex-several": (ZeroShotConvex(TEXTS, classifier=KNeighborsClassifier(2)), FLAT, SEVERAL),
    "convex-of-scores": (ZeroShotConvex(TEXTS, source_labels=list("abcdefgh")), FLAT, ONE),
    "nearest": (ZeroShotNearest(TEXTS), FLAT, ONE),
    "nearest-several": (ZeroShotNearest(TEXTS), SEGMENTS, SEVERAL),
    "ridge": (ZeroShotRidge(TEXTS), FLAT, ONE),
    "ridge-several": (ZeroShotRidge(TEXTS), SEGMENTS, SEVERAL),
    "ridge-cv": (RIDGES, FLAT, ONE),
    "ridge-cv-several": (clone(RIDGES).set_params(cv=KFold(2), scoring="accuracy"), FLAT, SEVERAL),
    "levels": (LEVELS, SEGMENTS, ONE),
    "levels-several": (LEVELS, SEGMENTS, SEVERAL),
    "windows": (GlobalLocalAttentionClassifier(LEVELS, n_windows=2, **SMALL), SEGMENTS, ONE),
    "windows-several": (WINDOWS, SEGMENTS, SEVERAL),
    "zero-rule": (ZeroRuleClassifier(), FLAT, ONE),
    "zero-rule-several": (ZeroRuleClassifier(), FLAT, SEVERAL),
    "normalizer": (ScoreNormalizer(ZeroShotBilinear(TEXTS, random_state=0)), FLAT, ONE),
    "normalizer-several": (ScoreNormalizer(ZeroShotRidge(TEXTS)), FLAT, SEVERAL),
    "events": (EventDetector(ZeroShotBilinear(TEXTS, random_state=0)), SEGMENTS, ONE),
    "events-several": (EventDetector(ZeroShotRidge(TEXTS)), SEGMENTS, SEVERAL),
    "adapter": (FewShotAdapter(FITTED), FLAT, ONE),
    "calibrated": (TemperatureTuner(ZeroShotRidge(TEXTS), cv=2), FLAT, ONE),
    "rejecting": (UnknownRejector(ZeroShotRidge(TEXTS), cv=2, random_state=0), FLAT, ONE),
    "tuner-several": (ThresholdTuner(ZeroShotRidge(TEXTS), cv=KFold(2)), FLAT, SEVERAL),
}
CALLS = {
    "fit": lambda model, X, y, labels: model.fit(X, y),
    "refit": lambda model, X, y, labels: model.fit(X, y),
    "first-partial_fit": lambda model, X, y, labels: model.partial_fit(X, y),
    "partial_fit": lambda model, X, y, labels: model.partial_fit(X, y),
    "partial_fit-classes": lambda model, X, y, labels: model.partial_fit(X, y, classes=labels),
    "predict": lambda model, X, y, labels: model.predict(X, labels=labels),
    "predict_proba": lambda model, X, y, labels: model.predict_proba(X, labels=labels),
    "decision_function": lambda model, X, y, labels: model.decision_function(X, labels=labels),
    "tag": lambda model, X, y, labels: model.tag(X, labels=labels),
    "score": lambda model, X, y, labels: model.score(X, y, **({} if labels is None else {"labels": labels})),
    "segment_scores": lambda model, X, y, labels: model.segment_scores(X, labels=labels),
    "events": lambda model, X, y, labels: model.events(X, labels=labels),
    "attention": lambda model, X, y, labels: model.attention(X, labels=labels),
    "windows": lambda model, X, y, labels: model.windows(X),
    "with_labels": lambda model, X, y, labels: model.with_labels(labels),
}
UNFITTED = ("fit", "first-partial_fit")
TRAINING = (*UNFITTED, "refit", "partial_fit")


class Cell(NamedTuple):
    """One call with one bad value."""

    value: str
    call: str
    arguments: tuple  # X, y, labels
    settings: dict[str, Any]  # parameters set before
    taken: bool = False  # whether it is legal here all the same


def calls_of(model):
    """Calls that a model has."""
    absent = {"first-partial_fit"} if getattr(model, "training", "") == "frozen_global" else set()
    method = {"refit": "fit", "first-partial_fit": "partial_fit", "partial_fit-classes": "partial_fit"}
    return [call for call in CALLS if hasattr(model, method.get(call, call)) and call not in absent]


def cells_of(kind, name):
    """All cells of one kind of bad input to one model."""
    model, X, y = MODELS[name]
    calls = calls_of(model)

    def each(bad, chosen, arguments, settings=()):
        for call in calls:
            if call in chosen:
                yield Cell(bad.name, call, arguments, dict(settings), bad.is_taken(f"{name} {call}"))

    if kind == "clips":
        for bad in CLIPS:
            yield from each(bad, set(CALLS) - {"with_labels", "partial_fit-classes"}, (bad.make(X), y, None))
        yield from each(NOTHING, {*TRAINING, "score"}, (NOTHING.make(X), NOTHING.make(y), None))
    elif kind == "labels":
        for bad in LABELS:
            yield from each(bad, {*TRAINING, "score"}, (X, bad.make(y), None))
    elif kind == "candidates":
        for bad in CANDIDATES:
            yield from each(bad, {*with_candidates(model), "partial_fit-classes"}, (X, y, bad.make(NAMES)))
    elif kind == "parameters":
        for bad in PARAMETERS:
            parameter = bad.name.split("=")[0]
            if parameter in model.get_params(deep=False):
                value = bad.make(None)
                yield from each(bad, {*TRAINING, *READ_LATER.get(parameter, ())}, (X, y, None), {parameter: value})
    else:
        new = y.rename(columns={"rain": "new"}) if isinstance(y, pd.DataFrame) else ["new", *y[1:]]
        for bad in ENCODERS:
            yield from each(bad, {*UNFITTED, "refit"}, (X, y, None), {encoder_of(model): Encoder(bad.make)})
            yield from each(bad, {"partial_fit"}, (X, new, None), {"later": bad.make})
            yield from each(bad, with_candidates(model), (X, y, ["rain", "new"]), {"later": bad.make})


def with_candidates(model):
    """Calls that take candidates."""
    given = "labels" in inspect.signature(model.score).parameters
    return set(CALLS) - {*TRAINING, "partial_fit-classes", "windows", "" if given else "score"}


def encoder_of(model):
    """Which parameter holds the text encoder, if any does."""
    return next((name for name in model.get_params() if name.split("__")[-1] == "text_encoder"), None)


@functools.cache
def _fitted(name, broken_later):
    model, X, y = MODELS[name]
    model = clone(model)
    if broken_later:
        model.set_params(**{encoder_of(model): Encoder()})
    return model.fit(X, y)


def prepared(name, cell, kept):
    """The model of a cell: new, or the fitted one of the last cell if that left it as it was."""
    if cell.call in UNFITTED:
        return clone(MODELS[name][0]).set_params(**cell.settings)
    later = "later" in cell.settings
    model = kept.pop(later, None) or copy.deepcopy(_fitted(name, later))
    if later:
        getattr(model, "estimator_", model).text_encoder_.answer = cell.settings["later"]
    else:
        model.set_params(**cell.settings)
    return model


def outcome(model, cell):
    """Who refused the call ("taken" if nobody did), and what is wrong with that, if anything is."""
    before = fingerprint(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            CALLS[cell.call](model, *cell.arguments)
    except Exception as raised:
        error = raised
    else:
        return "taken", None if cell.taken else "was taken"
    after = fingerprint(model)
    changed = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    words, wrong = whose_words(error), None
    if words is None:
        wrong = "raised elsewhere, " + traceback.format_tb(error.__traceback__)[-1].strip()
    elif changed:
        wrong = f"changed {changed[:3]}"
    elif cell.taken:
        wrong = "was refused"
    return words or "others", wrong and f"{wrong}: {type(error).__name__}: {error}"


def whose_words(error):
    """Who wrote the message of an error, by its innermost frame: we, scikit-learn, the encoder or, None, others."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    packages, announced = Path(frame.filename).parents, isinstance(error, ValueError | TypeError)
    if frame.filename == bad_inputs.__file__:
        return "the encoder"
    if PACKAGE in packages and frame.line.startswith("raise"):
        return "skzsl" if announced or type(error).__module__ == "skzsl.exceptions" else None
    return "scikit-learn" if announced and Path(sklearn.__file__).parent in packages else None


def run(kind, name):
    """Try all cells of one kind on one model; how many came out how, and what went wrong."""
    kept, counts, faults = {}, Counter(), []
    given = MODELS[name][0].get_params()
    for cell in cells_of(kind, name):
        model = prepared(name, cell, kept)
        words, wrong = outcome(model, cell)
        counts[words if wrong is None else "FAULT"] += 1
        if wrong is not None:
            faults.append(f"{name}: {cell.call} with {cell.value} {wrong}")
        elif words != "taken" and cell.call not in UNFITTED:
            later = "later" in cell.settings
            kept[later] = model if later else model.set_params(**{key: given[key] for key in cell.settings})
    if False in kept:
        _, X, _y = MODELS[name]
        np.testing.assert_array_equal(kept[False].predict_proba(X), _fitted(name, False).predict_proba(X))
    return counts, faults


KINDS = ("clips", "labels", "candidates", "parameters", "encoders")


def pairs():
    return [
        (kind, name)
        for name, (model, *_) in MODELS.items()
        for kind in KINDS
        if kind != "encoders" or encoder_of(model)
    ]


@pytest.mark.parametrize(("kind", "name"), pairs())
def test_bad_input_is_refused_in_our_words_and_changes_no_model(kind, name, record_property):
    counts, faults = run(kind, name)
    record_property("bad input", {f"{kind}: {found}": number for found, number in counts.items()})
    assert not faults, "\n".join(faults)


def test_every_estimator_is_in_the_matrix():
    classes = {type(model).__name__ for model, *_ in MODELS.values()}
    tuners = {"ThresholdTuner", "TemperatureTuner", "UnknownRejector"}
    assert classes == {name for name in skzsl.__all__ if inspect.isclass(getattr(skzsl, name))} | tuners


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    totals, spent, wrong = {kind: Counter() for kind in KINDS}, Counter(), []
    for kind, name in pairs():
        if any(fnmatch(f"{kind} {name}", pattern) for pattern in sys.argv[1:] or ["*"]):
            start = time.process_time()
            counts, faults = run(kind, name)
            spent[kind] += time.process_time() - start
            spent[name] += time.process_time() - start
            totals[kind] += counts
            wrong += faults
    print(*wrong, sep="\n")
    print(pd.DataFrame(totals).T.fillna(0).astype(int).assign(seconds=[round(spent[kind], 1) for kind in KINDS]))
    print(f"{sum(total.total() for total in totals.values())} cells", {name: round(spent[name], 1) for name in MODELS})
