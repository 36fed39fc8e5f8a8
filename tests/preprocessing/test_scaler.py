import math
import pickle
import statistics
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from agreement import assert_agree
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skzsl import _segments, _stored
from skzsl._scaling import ClipVectors, Moments, Scaling
from skzsl._segments import Segments
from skzsl.preprocessing import EmbeddingScaler

POOLINGS = [None, "mean+max"]
SHAPES = {"clips": (12, 5), "segments": (12, 4, 5), "one segment": (12, 1, 5)}


def uneven(shape, rng):
    """Features of different sizes and offsets, clips that differ from each other."""
    X = rng.normal(size=shape) + rng.normal(size=(shape[0], *[1] * (len(shape) - 2), shape[-1]))
    return 5 + X * np.logspace(-1, 1, shape[-1])


def ragged(X, filling):
    X = X.copy()
    for clip, length in enumerate([1, 2, 4, 3] * (len(X) // 4)):
        X[clip, length:] = filling
    return X


def present(X):
    """Segments of each clip, lists of lists of floats."""
    clips = [[list(map(float, segment)) for segment in clip] for clip in (X if X.ndim == 3 else X[:, None])]
    return [[segment for segment in clip if any(x != 0 and not math.isnan(x) for x in segment)] for clip in clips]


def column(rows, feature):
    return [row[feature] for row in rows]


def slowly(X, pooling):
    """What the class documents, feature by feature; of segments those that are present, one after another."""
    clips = present(X)
    segments = [segment for clip in clips for segment in clip]
    features = range(X.shape[-1])
    means = [[statistics.fmean(column(clip, j)) for j in features] for clip in clips]
    maxima = [[max(column(clip, j)) for j in features] for clip in clips]
    rows = segments if pooling is None else means
    if pooling and X.ndim == 3:
        rows = [mean + maximum for mean, maximum in zip(means, maxima, strict=True)]
    scaled, squares = [], 0.0
    for place in range(len(rows[0])):
        j = place % len(features)
        of_segments = statistics.pvariance(column(segments, j))
        share = min(statistics.pvariance(column(means, j)) / of_segments, 1.0) if X.ndim == 3 else 1.0
        mean, variance = statistics.fmean(column(rows, place)), statistics.pvariance(column(rows, place))
        scaled.append([share * (row[place] - mean) / variance**0.25 for row in rows])
        squares += share**2 * variance**0.5 / len(rows[0])
    scaled = np.array(scaled).T / math.sqrt(squares)
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True) if pooling else scaled


def scaled_rows(X, pooling):
    out = EmbeddingScaler(pooling).fit_transform(X)
    return out[Segments(X, _segments.present_segments(X)).mask()] if out.ndim == 3 else out


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_scaling_is_the_formula(shape, pooling, rng):
    X = uneven(shape, rng)
    assert_agree(scaled_rows(X, pooling), slowly(X, pooling), 1e-10)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("filling", [0.0, np.nan])
def test_absent_segments_count_for_nothing(filling, pooling, rng):
    X = ragged(uneven((12, 4, 5), rng), filling)
    expected = slowly(X, pooling)
    assert_agree(scaled_rows(X, pooling), expected, 1e-10)
    if pooling is None:
        out = EmbeddingScaler().fit_transform(X)
        assert not out[~Segments(X, _segments.present_segments(X)).mask()].any()
    more = np.concatenate([X, np.full((12, 3, 5), filling)], axis=1)
    assert_agree(scaled_rows(more, pooling), expected, 1e-10)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("factor", "step"), [(1000, 0), (1, 5), (1000, 5), (1e-12, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_units_and_offsets_change_nothing(shape, pooling, factor, step, dtype, rng):
    X = uneven(shape, rng).astype(dtype)
    other = (factor * X.astype(np.float64) + step).astype(dtype)
    assert_agree(EmbeddingScaler(pooling).fit_transform(other), EmbeddingScaler(pooling).fit_transform(X))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_numbers_of_any_width_agree_and_stay_as_they_are(shape, pooling, rng, tmp_path):
    X = rng.integers(1, 127, size=shape).astype(np.uint8)
    kinds = {dtype: X.astype(dtype) for dtype in (np.int8, np.int32, np.float16, np.float32, np.float64, np.uint8)}
    np.save(tmp_path / "X.npy", X)
    kinds["memory map"] = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = EmbeddingScaler(pooling).fit_transform(X.astype(np.float64))
    for dtype, same in kinds.items():
        scaler = EmbeddingScaler(pooling).fit(same)
        out = scaler.transform(same)
        assert_agree(out, expected)
        assert out.dtype == (np.float64 if dtype in {np.int32, np.float64} else np.float32)
        assert {type(value) for value in (out, scaler.mean_, scaler.weight_)} == {np.ndarray}
        np.testing.assert_array_equal(same, X)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_constant_features_become_zero(shape, pooling, rng):
    X = uneven(shape, rng).astype(np.float32)
    X[..., 1], X[..., 3] = 1 / 3, 0
    scaler = EmbeddingScaler(pooling).fit(X)
    assert not scaler.weight_[[1, 3]].any()
    out = scaler.transform(X + 7)
    assert not out[..., [1, 3]].any()
    assert out.any()


def test_a_feature_that_tells_no_clips_apart_becomes_zero(rng):
    X = rng.normal(size=(20, 4, 3))
    X[:, :, 0] = [1, 2, 3, 4]
    out = EmbeddingScaler().fit_transform(X)
    assert not out[:, :, 0].any()
    assert out[:, :, 1:].any()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", [(5, 3), (5, 2, 3), (1, 3), (1, 1, 3)])
@pytest.mark.parametrize("value", [0.0, 1 / 3, 1e6])
def test_clips_that_are_all_alike_are_taken(shape, pooling, value):
    out = EmbeddingScaler(pooling).fit_transform(np.full(shape, value))
    assert np.isfinite(out).all()
    assert out.any() == bool(value)


def test_a_single_clip_is_taken(rng):
    X = uneven((1, 6, 4), rng)
    pooled = EmbeddingScaler("mean+max").fit_transform(X)
    assert np.linalg.norm(pooled) == pytest.approx(1)
    out = EmbeddingScaler().fit_transform(X)
    assert_agree(out, EmbeddingScaler().fit_transform(1000 * X + 5))
    assert np.mean(out**2) == pytest.approx(1)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_pooled_clips_have_unit_length(shape, rng):
    X = uneven(shape, rng).astype(np.float32)
    scaler = EmbeddingScaler("mean+max").fit(X)
    for clips in (X, X[:3], 100 * X):
        np.testing.assert_allclose(np.linalg.norm(scaler.transform(clips), axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_segments_have_a_mean_square_of_one(shape, rng):
    X = uneven(shape, rng)
    assert np.mean(EmbeddingScaler().fit_transform(X) ** 2) == pytest.approx(1)
    if len(shape) == 3:
        X = ragged(X, 0.0)
        lengths = _segments.present_segments(X)
        assert np.sum(EmbeddingScaler().fit_transform(X) ** 2) == pytest.approx(lengths.sum() * X.shape[2])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_blocks_do_not_matter(shape, pooling, rng, monkeypatch):
    X = uneven(shape, rng).astype(np.float32)
    X = ragged(X, np.nan) if shape == SHAPES["segments"] else X
    whole = EmbeddingScaler(pooling).fit(X)
    expected = whole.transform(X)
    for n_bytes in (1, 700):
        monkeypatch.setattr(_stored, "_CHUNK_BYTES", n_bytes)
        scaler = EmbeddingScaler(pooling).fit(X)
        np.testing.assert_allclose(scaler.mean_, whole.mean_, rtol=1e-12)
        np.testing.assert_allclose(scaler.weight_, whole.weight_, rtol=1e-12)
        assert_agree(scaler.transform(X), expected)


def test_moments_of_blocks_are_those_of_all_rows(rng):
    rows = 1e6 + rng.normal(size=(50, 3))
    moments = Moments(3)
    for block in (rows[:1], rows[1:1], rows[1:30], rows[30:]):
        moments.add(block)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.variance(), rows.var(axis=0), rtol=1e-8)
    assert not Moments(3).variance().any()


def test_clip_vectors_are_made_as_they_are_read(rng):
    X = rng.integers(0, 255, size=(7, 4, 3)).astype(np.uint8)
    segments = Segments(X, _segments.present_segments(X))
    scaling = Scaling.of(segments, pooled=True)
    vectors = ClipVectors(segments, scaling)
    assert (len(vectors), vectors.shape, vectors.dtype) == (7, (7, 6), np.float32)
    for rows in (slice(2, 5), np.array([6, 0, 0]), np.arange(7) % 2 == 0):
        assert_agree(vectors[rows], vectors.all()[rows])
    assert_agree(vectors.all(), scaling(segments))
    means = ClipVectors(segments)
    assert means.shape == (7, 3)
    assert_agree(means.all(), X.mean(axis=1))
    assert_agree(means[slice(1, 3)], X[1:3].mean(axis=1))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_clips_and_segments_may_take_turns(pooling, rng):
    vectors, segments = uneven((12, 5), rng), uneven((12, 4, 5), rng)
    of_vectors = EmbeddingScaler(pooling).fit(vectors)
    of_segments = EmbeddingScaler(pooling).fit(segments)
    if pooling:
        assert_agree(of_vectors.transform(segments), of_vectors.transform(segments.mean(axis=1)))
        one_segment = np.broadcast_to(vectors[:, None], (12, 3, 5))
        assert_agree(of_segments.transform(vectors), of_segments.transform(one_segment))
        return
    assert_agree(of_vectors.transform(segments)[:, 2], of_vectors.transform(segments[:, 2]))
    assert_agree(of_segments.transform(vectors), of_segments.transform(vectors[:, None])[:, 0])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(
    "X",
    [np.array([[1e200], [-1e200]]), np.array([[[1e200]], [[-1e200]]]), np.array([[[3e38], [3e38]], [[0], [1]]], "f4")],
    ids=["clips", "segments", "sum of float32"],
)
def test_squares_that_overflow_are_refused(X, pooling):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"overflow.*; scale X, for example with Normalizer"):
            EmbeddingScaler(pooling).fit(X)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_nan_and_infinity_are_refused(pooling, rng):
    scaler = EmbeddingScaler(pooling).fit(uneven((4, 3, 2), rng))
    for shape, place in [((4, 2), (1, 0)), ((4, 3, 2), (1, 0, 1))]:
        for bad in (np.nan, np.inf):
            X = np.ones(shape)
            X[place] = bad
            for method in (EmbeddingScaler(pooling).fit, scaler.transform):
                with pytest.raises(ValueError, match="NaN or infinity: clip 1"):
                    method(X)


def test_other_poolings_are_refused(rng):
    with pytest.raises(ValueError, match="pooling"):
        EmbeddingScaler("mean").fit(uneven((4, 3, 2), rng))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_scalers_are_copied_stored_and_named(shape, pooling, rng):
    X = uneven(shape, rng)
    scaler = EmbeddingScaler(pooling).fit(X)
    out = scaler.transform(X)
    for same in (pickle.loads(pickle.dumps(scaler)), clone(scaler).fit(X)):
        np.testing.assert_array_equal(same.transform(X), out)
    names = scaler.get_feature_names_out().tolist()
    assert names == [f"embeddingscaler{column}" for column in range(out.shape[-1])]
    if out.ndim == 2:
        frame = scaler.set_output(transform="pandas").transform(X)
        pd.testing.assert_frame_equal(frame, pd.DataFrame(out, columns=names))


class Counting(np.ndarray):
    """Clips that count how often each is read."""

    def __getitem__(self, rows):
        block = np.asarray(self)[rows]
        if hasattr(self, "read"):
            self.read[rows] += 1
        return block


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_clips_are_measured_in_one_pass(shape, pooled, rng, monkeypatch):
    monkeypatch.setattr(_stored, "_CHUNK_BYTES", 700)
    X = uneven(shape, rng).view(Counting)
    X.read = np.zeros(len(X), dtype=int)
    Scaling.of(Segments(X, np.full(len(X), shape[1]) if len(shape) == 3 else None), pooled=pooled)
    assert X.read.tolist() == [1] * len(X)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_bytes_are_not_widened_as_a_whole(pooling):
    X = np.tile(np.arange(1, 251, dtype=np.uint8), 800_000).reshape(2000, 100, 1000)
    tracemalloc.start()
    try:
        scaler = EmbeddingScaler(pooling).fit(X)
        if pooling:
            scaler.transform(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert X.nbytes == 200_000_000
    assert peak < 100_000_000


@parametrize_with_checks([EmbeddingScaler(), EmbeddingScaler("mean+max")], xfail_strict=True)
def test_scaler_keeps_the_contract(estimator, check):
    check(estimator)
