"""Scores of segments: they agree with the clip, and say when."""

import numpy as np
import pytest
from models import BOTH_KINDS, CASES, MODELS, data, fitted, new
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from skzsl import (
    EventDetector,
    ScoreNormalizer,
    ZeroShotContrastive,
    ZeroShotRidge,
    ZeroShotTemporalAttention,
    with_labels,
)
from skzsl.model_selection import ThresholdTuner
from skzsl.preprocessing import SegmentPooling, Segmentwise
from skzsl.text import HashingEncoder

WITHOUT_THRESHOLD = ("zero rule", "tuned tagger", "events of tagger")
UNSEEN = ["heavy rain", "cat", "thunder"]


def short(kind):
    """Clips of which two lack their last segments."""
    X, y = data(kind)
    X = X.copy()
    X[3, 2:] = 0
    X[5, 1:] = 0
    return X, y


def decides(model):
    """The model that holds the threshold."""
    return model.estimator_ if isinstance(model, ThresholdTuner | EventDetector) else model


def clip_scores(model, X, labels=None):
    return model.decision_function(X, labels=list(model.classes_) if labels is None else labels)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_best_segment_has_the_score_and_the_probability_of_its_clip(name, kind):
    model, (X, _) = fitted(name, kind), short(kind)
    scores, probabilities = model.segment_scores(X), model.segment_proba(X)
    assert scores.shape == probabilities.shape == (len(X), X.shape[1], len(model.classes_))
    np.testing.assert_allclose(np.nanmax(scores, axis=1), clip_scores(model, X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.nanmax(probabilities, axis=1), model.predict_proba(X), rtol=1e-5, atol=1e-6)
    absent = ~X.any(axis=2)
    assert absent.sum() == 5
    np.testing.assert_array_equal(np.isnan(scores), np.broadcast_to(absent[:, :, None], scores.shape))
    np.testing.assert_array_equal(np.isnan(probabilities), np.isnan(scores))


@pytest.mark.parametrize("name", [name for name, kind in CASES if kind == "several" and name not in WITHOUT_THRESHOLD])
def test_label_that_is_not_predicted_has_no_segment_above_the_threshold(name):
    model, (X, _) = fitted(name, "several"), short("several")
    above = np.nan_to_num(model.segment_scores(X), nan=-np.inf) > decides(model)._thresholds(model.classes_)
    np.testing.assert_array_equal(above.any(axis=1), model.predict(X).astype(bool))


def as_clips(model, X, labels):
    """The evidence, slowly: every segment scored as a clip, one at a time."""
    return np.stack([[clip_scores(model, clip[[t]][None], labels)[0] for t in range(len(clip))] for clip in X])


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if not case[0].startswith(("normalized", "events"))])
def test_differences_between_segments_are_those_of_segments_as_clips(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    X, labels = X[:6], list(model.classes_)
    evidence, scores = as_clips(model, X, labels), model.segment_scores(X)
    if MODELS[name].unseen or name == "zero rule":
        expected = evidence - evidence.max(axis=1, keepdims=True)
        np.testing.assert_allclose(scores - clip_scores(model, X)[:, None], expected, rtol=1e-4, atol=1e-5)
    else:
        expected = evidence / evidence.max(axis=1, keepdims=True)
        np.testing.assert_allclose(scores / clip_scores(model, X)[:, None], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["z", "t", "zt"])
def test_normalizer_scales_differences_between_segments_as_it_scales_the_clip(norm):
    X, y = data("several")
    raw = ZeroShotRidge(HashingEncoder(16))
    model = ScoreNormalizer(raw, norm=norm).fit(X, y)
    labels = [*UNSEEN, "dog"]
    cohort = list(dict.fromkeys([*labels, *model.seen_classes_]))
    clips, expected = clip_scores(model.estimator_, X, cohort), model.estimator_.segment_scores(X, labels)
    expected -= expected.max(axis=1, keepdims=True)
    if "z" in norm:
        deviation = clip_scores(model.estimator_, model.cohort_, cohort).std(axis=0)
        clips = (clips - clip_scores(model.estimator_, model.cohort_, cohort).mean(axis=0)) / deviation
        expected /= deviation[: len(labels)]
    if "t" in norm:
        expected /= clips.std(axis=1)[:, None, None]
    found = model.segment_scores(X, labels)
    np.testing.assert_allclose(found - found.max(axis=1, keepdims=True), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if MODELS[case[0]].unseen])
def test_segments_are_scored_for_labels_never_seen(name, kind):
    model, (X, _) = fitted(name, kind), data(kind)
    scores = model.segment_scores(X, labels=UNSEEN)
    assert scores.shape == (len(X), X.shape[1], 3)
    np.testing.assert_allclose(scores.max(axis=1), clip_scores(model, X, UNSEEN), rtol=1e-5, atol=1e-6)
    view = with_labels(model, UNSEEN)
    order = [UNSEEN.index(label) for label in view.classes_]
    np.testing.assert_allclose(view.segment_scores(X), scores[:, :, order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if "cscm" not in case[0]])
def test_clip_vectors_are_one_segment(name, kind):
    X, y = data(kind)
    model = new(name).fit(X[:, 0], y)
    scores = model.segment_scores(X[:, 0])
    assert scores.shape == (len(X), 1, len(model.classes_))
    np.testing.assert_allclose(scores[:, 0], clip_scores(model, X[:, 0]), rtol=1e-6)
    np.testing.assert_allclose(model.segment_proba(X[:, 0])[:, 0], model.predict_proba(X[:, 0]), rtol=1e-6)


@pytest.mark.parametrize("name", BOTH_KINDS)
def test_padding_changes_no_present_segment(name):
    model, (X, _) = fitted(name, "several"), data("several")
    longer = np.concatenate([X, np.zeros_like(X[:, :2])], axis=1)
    scores = model.segment_scores(longer)
    np.testing.assert_allclose(scores[:, : X.shape[1]], model.segment_scores(X), rtol=1e-4, atol=1e-5)
    assert np.isnan(scores[:, X.shape[1] :]).all()


@pytest.mark.parametrize("name", ["temporal attention", "ridge", "multi-level", "normalized attention"])
def test_small_integers_and_memory_maps_are_scored_as_they_are(name, tmp_path):
    X, y = data("several")
    whole = np.round(X * 50).astype(np.uint8)
    model = new(name).fit(whole, y)
    np.save(tmp_path / "X.npy", whole)
    expected = model.segment_scores(whole.astype(np.float32))
    np.testing.assert_allclose(model.segment_scores(whole), expected, rtol=1e-4, atol=1e-5)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(model.segment_scores(mapped), model.segment_scores(whole))


def test_view_of_a_pipeline_scores_segments():
    X, y = data("several")
    pipeline = make_pipeline(Segmentwise(Normalizer()), ZeroShotTemporalAttention(HashingEncoder(), random_state=0))
    pipeline.fit(X, y)
    scores = with_labels(pipeline, UNSEEN).segment_scores(X)
    seen = pipeline[0].transform(X)
    np.testing.assert_array_equal(scores, pipeline[-1].segment_scores(seen, labels=UNSEEN))
    probabilities = with_labels(pipeline, UNSEEN).segment_proba(X)
    np.testing.assert_array_equal(probabilities, pipeline[-1].segment_proba(seen, labels=UNSEEN))
    assert with_labels(pipeline, UNSEEN).tag(X, top_k=2) == pipeline[-1].tag(seen, labels=UNSEEN, top_k=2)


def test_pipeline_that_pools_clips_pools_each_segment():
    X, y = data("several")
    pipeline = make_pipeline(SegmentPooling(), ZeroShotRidge(HashingEncoder())).fit(X, y)
    scores = with_labels(pipeline, UNSEEN).segment_scores(X)
    assert scores.shape == (len(X), X.shape[1], 3)
    evidence = np.stack([pipeline[-1].decision_function(X[:, t], labels=UNSEEN) for t in range(X.shape[1])], axis=1)
    np.testing.assert_allclose(np.diff(scores, axis=1), np.diff(evidence, axis=1), rtol=1e-6, atol=1e-9)
    normalized = ScoreNormalizer(make_pipeline(SegmentPooling(), ZeroShotRidge(HashingEncoder())), norm="z").fit(X, y)
    assert normalized.segment_scores(X, labels=UNSEEN).shape == scores.shape


def test_segment_fills_the_map_of_a_token_grid():
    X, y = data("one")
    settings = {"hidden_size": 8, "max_epochs": 1, "batch_size": 8, "random_state": 0}
    model = ZeroShotContrastive(HashingEncoder(), head="cscm", token_grid=(2, 2), **settings).fit(X, y)
    scores = model.segment_scores(X)
    evidence = np.stack([clip_scores(model, np.repeat(X[:, [t]], 4, axis=1)) for t in range(4)], axis=1)
    np.testing.assert_allclose(scores - scores[:, :1], evidence - evidence[:, :1], rtol=1e-4, atol=1e-4)


def test_steps_outside_pipelines_see_the_clips_as_they_are():
    X, y = data("several")
    inside = make_pipeline(FunctionTransformer(np.negative), ZeroShotRidge(HashingEncoder()))
    model = ScoreNormalizer(inside, norm="z").fit(X, y)
    expected = ScoreNormalizer(ZeroShotRidge(HashingEncoder()), norm="z").fit(-X, y).segment_scores(-X)
    np.testing.assert_allclose(model.segment_scores(X), expected, rtol=1e-6, atol=1e-9)


def test_unfitted_model_has_no_segments_to_score():
    X, _ = data("one")
    with pytest.raises(NotFittedError):
        ZeroShotRidge().segment_scores(X)
    with pytest.raises(NotFittedError):
        ZeroShotTemporalAttention().segment_proba(X)
