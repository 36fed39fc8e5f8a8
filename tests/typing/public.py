"""The public interface as a typed program uses it. It is not run: ``mypy --strict`` accepts it."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np

import skzsl
from skzsl import EventDetector, MultiLevelAttentionClassifier, ScoreNormalizer, ZeroShotBilinear, ZeroShotRidge
from skzsl.datasets import make_soundscapes, read_events
from skzsl.inspection import AttentionDisplay, nearest_labels
from skzsl.metrics import d_prime, generalized_accuracy, mean_average_precision, per_label_accuracy, psds
from skzsl.model_selection import ClassDisjointKFold, ThresholdTuner, get_scorer, leakage_report, zero_shot_scorer
from skzsl.preprocessing import EmbeddingScaler, Segmentwise, event_lists, event_table, indicator_frame, pad_segments
from skzsl.text import HashingEncoder, LookupEncoder, Prompts, SentenceEncoder, WordVectorEncoder


def recognise(path: Path) -> np.ndarray[Any, Any]:
    """Train on some sounds, keep the model, and recognise others."""
    sounds = make_soundscapes(2, random_state=0)
    encoder = Prompts(SentenceEncoder("all-MiniLM-L6-v2"), templates=["{label}", "the sound of {label}"])
    model = assert_type(ZeroShotBilinear(encoder, lr=0.01).fit(sounds.X, sounds.y), ZeroShotBilinear)
    labels = ["siren", "church bells"]
    assert_type(model.with_labels(labels), ZeroShotBilinear)
    assert_type(model.tag(sounds.X, labels=labels, top_k=1), list[list[tuple[Any, float]]])
    assert_type(model.score(sounds.X, sounds.y), float)
    skzsl.save(model, path, note="two clips a label")
    assert_type(skzsl.read_header(path), dict[str, Any])
    assert_type(skzsl.model_card(path, trained_on="synthesised sounds"), str)
    loaded: ZeroShotBilinear = skzsl.load(path)
    names: np.ndarray[Any, Any] = skzsl.with_labels(loaded, labels).predict(sounds.X)
    return np.concatenate([names, loaded.predict(sounds.X, labels=labels)])


def tag_and_find(clips: list[np.ndarray[Any, Any]], names: list[list[str]]) -> float:
    """Tag clips with several labels, and find when they sound."""
    X, y = pad_segments(clips), indicator_frame(names)
    tagger = MultiLevelAttentionClassifier(max_epochs=2).fit(EmbeddingScaler().fit(X).transform(X), y)
    AttentionDisplay.from_estimator(tagger, X[0], labels=["rain"]).plot()
    tuner = ThresholdTuner(ScoreNormalizer(ZeroShotRidge(HashingEncoder())), metric="f1_macro").fit(X, y)
    detector = assert_type(EventDetector(tuner, hop=1.0).fit(X, y), EventDetector)
    found, true = detector.events(X, labels=["rain"]), event_table(event_lists(read_events("true.csv"), ["a", "b"]))
    scores, edges = detector.segment_scores(X, labels=["rain"]), detector.segment_edges(X.shape[1])
    print(len(found), nearest_labels(tuner, ["rain"]))
    return psds(true, scores, edges, labels=["rain"])


def evaluate(X: np.ndarray[Any, Any], y: np.ndarray[Any, Any], vectors: dict[str, list[float]]) -> float:
    """Score labels that have no clip in training."""
    folds, scorer = ClassDisjointKFold(3, random_state=0), get_scorer("zsl_accuracy")
    model = ZeroShotRidge(LookupEncoder(vectors), standardize=False)
    print(leakage_report(X, y, folds), Segmentwise(EmbeddingScaler()), WordVectorEncoder("glove-6b-50d"))
    scores = [scorer(model.fit(X[train], y[train]), X[test], y[test]) for train, test in folds.split(X, y)]
    assert_type(generalized_accuracy(y, y, ["rain"]), tuple[float, float])
    assert_type(d_prime(y == "rain", scores), float)
    assert_type(mean_average_precision(y == "rain", scores), Any)
    return zero_shot_scorer("per_label_accuracy")(model, X, y) + per_label_accuracy(y, y) + sum(scores)
