import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from skzsl import ScoreNormalizer, ZeroShotNearest, indicator_frame, with_labels
from skzsl.model_selection import ClassDisjointKFold, GreedyLabelFolds, ThresholdTuner, zero_shot_scorer
from skzsl.preprocessing import SegmentPooling
from skzsl.text import HashingEncoder

ENCODER = HashingEncoder(24)
LABELS = ["rain", "heavy rain", "dog bark", "siren"]


@pytest.fixture
def shared_space(rng):
    """Segments around the text vectors of their labels, padded to different lengths."""
    y = np.repeat(LABELS, 6)
    vectors = ENCODER.fit_transform(y.tolist())
    X = 3 * vectors[:, None] + 0.3 * rng.normal(size=(24, 5, 24))
    for clip, segments in zip(X, rng.integers(1, 6, size=24), strict=True):
        clip[segments:] = 0
    return X, y


def written_out(X, labels):
    scores = np.empty((len(X), len(labels)))
    for i, clip in enumerate(X):
        segments = [segment for segment in clip if any(segment)]
        mean = sum(segments) / len(segments)
        for j, label in enumerate(labels):
            vector = ENCODER.fit_transform([label])[0]
            scores[i, j] = sum(mean * vector) / (sum(mean**2) ** 0.5 * sum(vector**2) ** 0.5)
    return scores


def test_scores_are_cosines_as_written_out(shared_space):
    X, y = shared_space
    labels = ["wind", "heavy wind", "rain"]
    model = ZeroShotNearest(ENCODER).fit(X, y)
    np.testing.assert_allclose(model.decision_function(X, labels=labels), written_out(X, labels), atol=1e-8)
    np.testing.assert_allclose(model.decision_function(X), written_out(X, sorted(LABELS)), atol=1e-8)
    assert model.score(X, y) == 1
    shares = np.exp(written_out(X, labels) / 0.07)
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X, labels=labels), shares, atol=1e-8)


def test_clips_need_no_labels(shared_space):
    X, y = shared_space
    model, labelled = ZeroShotNearest(ENCODER).fit(X), ZeroShotNearest(ENCODER).fit(X, y)
    np.testing.assert_array_equal(model.predict(X, labels=LABELS), y)
    np.testing.assert_array_equal(model.decision_function(X, LABELS), labelled.decision_function(X, LABELS))
    assert model.score(X, y, labels=LABELS) == with_labels(model, LABELS).score(X, y) == 1
    assert model.classes_.tolist() == model.seen_classes_.tolist() == []
    assert [tags[0][0] for tags in model.tag(X, labels=LABELS)] == y.tolist()
    for ask in (model.predict, model.predict_proba, model.decision_function, model.tag):
        with pytest.raises(ValueError, match=r"without y .* pass labels=\[\.\.\.\]"):
            ask(X)
    labelled.fit(X)
    assert not hasattr(labelled, "text_encoder_")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(labelled)).predict(X, labels=LABELS), y)


def test_text_vectors_are_used_as_they_are(shared_space):
    X, y = shared_space
    vectors = dict(zip(LABELS, 5 + ENCODER.fit_transform(LABELS), strict=True))
    clip = X[:1].sum(axis=1)
    expected = [clip[0] @ vectors[label] / np.linalg.norm(clip) / np.linalg.norm(vectors[label]) for label in LABELS]
    model = ZeroShotNearest(vectors).fit(X, y)
    np.testing.assert_allclose(model.decision_function(clip, labels=LABELS)[0], expected, atol=1e-12)


def test_several_labels_a_clip_are_those_above_the_threshold(rng):
    y = indicator_frame([["rain", "siren"], ["siren"], ["dog bark", "rain"], []], labels=[*LABELS, "wind"])
    X = y.to_numpy() @ ENCODER.fit_transform(list(y)) + 0.01 * rng.normal(size=(4, 24))
    model = ZeroShotNearest(ENCODER, threshold=0.5).fit(X, y)
    cosines = written_out(X[:, None], list(y))
    np.testing.assert_array_equal(model.predict(X), cosines > 0.5)
    np.testing.assert_array_equal(model.predict(X)[:2], y[:2])
    np.testing.assert_allclose(model.predict_proba(X), 1 / (1 + np.exp(-(cosines - 0.5) / 0.07)), atol=1e-8)
    assert model.seen_classes_.tolist() == ["rain", "dog bark", "siren"]
    np.testing.assert_array_equal(model.set_params(threshold={None: 0.1, "wind": 2}).predict(X)[:, -1], 0)
    tuner = ThresholdTuner(ZeroShotNearest(ENCODER), cv=GreedyLabelFolds(2))
    tuner.fit(np.tile(X, (5, 1)), indicator_frame([["rain", "siren"], ["siren"], ["dog bark"], ["wind"]] * 5))
    assert np.isfinite(tuner.threshold_)


def test_seen_labels_can_be_penalised(shared_space):
    X, y = shared_space
    model = ZeroShotNearest(ENCODER).fit(X[:18], y[:18])
    plain = model.decision_function(X, labels=LABELS)
    penalised = model.set_params(seen_penalty=0.2).decision_function(X, labels=LABELS)
    np.testing.assert_allclose(plain - penalised, [[0.2, 0.2, 0.2, 0.0]] * 24)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_narrow_types_are_compared_in_full_precision(rng, dtype):
    X = (rng.random((6, 24)) * 200).astype(dtype)
    model = ZeroShotNearest(ENCODER).fit(X, ["rain", "siren"] * 3)
    np.testing.assert_allclose(
        model.decision_function(X, labels=LABELS), written_out(X.astype(float)[:, None], LABELS), atol=1e-8
    )


def test_silent_huge_and_tiny_clips_have_finite_cosines(rng):
    clip = rng.normal(size=24)
    X = np.stack([clip, clip * 1e200, clip * 1e-200, clip * 0])
    scores = ZeroShotNearest(ENCODER).fit(X).decision_function(X, labels=LABELS)
    np.testing.assert_allclose(scores[1:3], scores[[0, 0]])
    np.testing.assert_array_equal(scores[3], 0)


@pytest.mark.parametrize("y", [["rain", "siren"], None], ids=["with y", "without y"])
def test_vectors_of_another_length_are_refused(y):
    model = ZeroShotNearest(HashingEncoder(7))
    with pytest.raises(ValueError, match=r"X has 24 features .* vectors of 7 numbers, .* the text side of the model"):
        model.fit(np.ones((2, 24)), y).predict(np.ones((2, 24)), labels=LABELS)
    assert hasattr(model, "classes_") == (y is None)


def test_labels_without_a_direction_are_refused():
    table = {"rain": [1.0, 0.0], "siren": [0.0, 1.0], "silence": [0.0, 0.0]}
    with pytest.raises(ValueError, match="text vector of 'silence' is zero"):
        ZeroShotNearest(table).fit(np.eye(2), ["rain", "silence"])
    with pytest.raises(ValueError, match="text vector of 'silence' is zero"):
        ZeroShotNearest(table).fit(np.eye(2)).predict(np.eye(2), labels=["rain", "silence"])


def test_an_encoder_must_be_named():
    with pytest.raises(ValueError, match=r"text_encoder=None; pass the text side .* ClapTextEncoder"):
        ZeroShotNearest(None).fit(np.eye(2), ["rain", "siren"])
    with pytest.raises(TypeError, match="text_encoder"):
        ZeroShotNearest()


def test_each_label_is_encoded_once():
    encoded = []

    def encode(texts):
        encoded.extend(texts)
        return ENCODER.fit_transform(texts)

    model = ZeroShotNearest(FunctionTransformer(encode)).fit(np.eye(3, 24), ["rain", "siren", "rain"])
    model.predict(np.eye(2, 24), labels=["rain", "wind"])
    model.predict(np.eye(2, 24), labels=["rain", "wind"])
    assert encoded == ["rain", "siren", "wind"]


def test_it_survives_scikit_learn(shared_space):
    X, y = shared_space
    model = ZeroShotNearest(ENCODER).fit(X, y)
    for same in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        np.testing.assert_array_equal(same.decision_function(X), model.decision_function(X))
    pipeline = make_pipeline(SegmentPooling(), Normalizer(), ZeroShotNearest(ENCODER))
    assert pipeline.fit(X, y).predict(X, labels=LABELS).tolist() == y.tolist()
    assert pipeline.fit(X).predict(X, labels=LABELS).tolist() == y.tolist()
    search = GridSearchCV(pipeline, {"zeroshotnearest__temperature": [0.1, 1.0]}, cv=2, error_score="raise", n_jobs=2)
    search.set_params(scoring="neg_log_loss").fit(X, y)
    assert search.best_params_ == {"zeroshotnearest__temperature": 0.1}
    folds = ClassDisjointKFold(2, random_state=0)
    assert cross_val_score(model, X, y, cv=folds, scoring=zero_shot_scorer("accuracy")).tolist() == [1, 1]
    assert ScoreNormalizer(model).fit(X, y).score(X, y) > 0.9
