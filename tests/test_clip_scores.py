"""Whatever is made of scores is made in blocks of clips, and is what it would be in one."""

import numpy as np
import pytest
from agreement import assert_agree
from models import CASES, candidates, data, fitted
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skzsl import ZeroShotRidge, _clip_scores
from skzsl._clip_scores import ClipScores
from skzsl.text import VectorTable

every_model = pytest.mark.parametrize(("name", "kind"), CASES)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of seven clips."""
    monkeypatch.setattr(_clip_scores, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(_clip_scores, "gen_batches", lambda n, size: [slice(i, min(i + 7, n)) for i in range(0, n, 7)])


@every_model
def test_blocks_of_clips_change_nothing(name, kind, request):
    model, (X, y), labels = fitted(name, kind), data(kind), candidates(name)

    def answers():
        tags = [dict(of_clip) for of_clip in model.tag(X, labels=labels, top_k=2)]
        return {
            "scores": model.decision_function(X, labels=labels),
            "probabilities": model.predict_proba(X, labels=labels),
            "predictions": model.predict(X, labels=labels),
            "tags": np.array([[of_clip.get(label, -1.0) for label in labels] for of_clip in tags]),
            "accuracy": model.score(X, y),
        }

    whole = answers()
    request.getfixturevalue("small_blocks")
    for what, found in answers().items():
        if what == "predictions":
            np.testing.assert_array_equal(found, whole[what])
            assert found.dtype == whole[what].dtype
        else:
            assert_agree(found, whole[what])


@every_model
def test_tags_are_the_best_of_all_probabilities(name, kind):
    model, (X, _), labels = fitted(name, kind), data(kind), candidates(name)
    probabilities, scores = model.predict_proba(X, labels=labels), model.decision_function(X, labels=labels)
    for row, of_clip, own in zip(probabilities, model.tag(X, labels=labels, top_k=2), scores, strict=True):
        assert len(of_clip) == 2
        (first, best), (second, next_best) = of_clip
        assert best >= next_best
        assert_agree([best, next_best], [row[labels.index(first)], row[labels.index(second)]])
        left = row[[label not in (first, second) for label in labels]]
        assert left.max() <= next_best + 1e-6
        assert own.shape == (3,)


@every_model
def test_probabilities_are_written_where_they_are_wanted(name, kind, tmp_path, small_blocks):
    model, (X, _), labels = fitted(name, kind), data(kind), candidates(name)
    expected = model.predict_proba(X, labels=labels)
    file = np.lib.format.open_memmap(tmp_path / "proba.npy", "w+", dtype=np.float32, shape=expected.shape)
    assert model.predict_proba(X, labels=labels, out=file) is file
    file.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), expected.astype(np.float32))


def test_a_pipeline_writes_probabilities_too(tmp_path):
    X, y = data("one")
    model = make_pipeline(FunctionTransformer(), ZeroShotRidge(VectorTable(sorted(set(y)), np.eye(4)))).fit(X, y)
    out = np.zeros((len(X), 4))
    model.predict_proba(X, out=out)
    np.testing.assert_array_equal(out, model.predict_proba(X))


@pytest.mark.parametrize("out", [np.zeros((3, 3)), np.zeros(24), [[0.0] * 3] * 24, "proba.npy"])
def test_a_place_of_another_shape_is_refused(out):
    with pytest.raises(ValueError, match=r"pass an array of shape \(24, 3\)"):
        fitted("ridge", "one").predict_proba(data("one")[0], labels=candidates("ridge"), out=out)


def test_an_overflow_in_a_later_block_names_its_clip(small_blocks):
    X, _ = data("one")
    huge = X.astype(np.float64)
    huge[17] *= 1e300
    model = fitted("ridge", "one").set_params(standardize=False)
    model._scaling = None
    model.coef_ = np.full((X.shape[-1], model.coef_.shape[1]), 1e300)
    with pytest.raises(ValueError, match="Scores of clip 17 overflow"):
        model.predict(huge * 1e-290)


def test_huge_scores_whose_sum_overflows_are_scores():
    _clip_scores.refuse_overflow(np.full((2, 3), 1e308))
    with pytest.raises(ValueError, match="Scores of clip 5 overflow float64"):
        _clip_scores.refuse_overflow(np.array([[1.0, 2.0], [np.inf, 0.0]]), 4)


def test_no_more_than_a_block_of_scores_is_held():
    held = []

    def of(rows):
        held.append(rows.stop - rows.start)
        return np.zeros((rows.stop - rows.start, 10_000), dtype=np.float32)

    scores = ClipScores(np.arange(10_000), (3000, 8), of)
    assert sum(block.shape[0] for _, block in scores) == 3000
    assert max(held) * 10_000 * 8 <= 3 * _clip_scores._BLOCK_BYTES


def test_it_is_the_same_whether_clips_or_labels_are_mapped_first(rng):
    names = [f"sound {number}" for number in range(30)]
    X, vectors = rng.normal(size=(400, 5)), rng.normal(size=(30, 9))
    model = ZeroShotRidge(VectorTable(names, vectors), standardize=False).fit(X[:60], names * 2)
    many, few = model.decision_function(X), np.concatenate([model.decision_function(clip[None]) for clip in X])
    assert_agree(many, X @ model.coef_ @ vectors[np.argsort(names)].T)
    assert_agree(few, many)


def test_a_place_that_holds_no_fractions_is_refused():
    X, _ = data("one")
    with pytest.raises(ValueError, match=r"out of type int64 cannot hold float.*; pass an array of floats"):
        fitted("ridge", "one").predict_proba(X, out=np.zeros((24, 4), dtype=np.int64))
