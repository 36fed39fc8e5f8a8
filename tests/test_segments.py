import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from skzsl import ZeroShotBilinear, ZeroShotRidge
from skzsl._segments import check_segments
from skzsl.text import HashingEncoder


class Holder(BaseEstimator):
    pass


def check(X, **kwargs):
    return check_segments(Holder(), X, reset=True, **kwargs)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float16, np.float32, np.float64])
def test_trailing_zero_segments_are_absent(dtype):
    X = np.ones((4, 3, 2), dtype=dtype)
    X[0, 2:] = 0
    X[1, 1] = 0
    X[2] = 0
    segments = check(X)
    np.testing.assert_array_equal(segments.lengths, [2, 3, 1, 3])
    assert segments.values.dtype == dtype
    np.testing.assert_array_equal(segments.mask()[0], [True, True, False])


def test_trailing_nan_segments_are_absent_and_change_no_mean():
    X = np.arange(12, dtype=float).reshape(2, 3, 2) + 1
    expected = X[0, :2].mean(0)
    X[0, 2] = np.nan
    np.testing.assert_allclose(check(X).mean()[0], expected)


@pytest.mark.parametrize(
    ("clip", "segment", "value"), [(0, 0, np.nan), (1, 1, np.inf), (1, 2, -np.inf)], ids=["nan", "inf", "-inf"]
)
def test_other_missing_values_are_named(clip, segment, value):
    X = np.ones((3, 3, 2))
    X[clip, segment, 0] = value
    with pytest.raises(ValueError, match=f"NaN or infinity: clip {clip}, segment {segment}"):
        check(X)


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, pd.DataFrame], ids=str)
def test_missing_values_of_clip_vectors_are_named(monkeypatch, form):
    monkeypatch.setattr("skzsl._segments._CHUNK_BYTES", 8 * 4 * 2)  # rows two by two
    for value in (np.nan, np.inf):
        X = np.ones((5, 4))
        X[3, 2] = value
        with pytest.raises(ValueError, match=r"NaN or infinity: clip 3, feature 2\. Remove"):
            check(form(X))


def test_clip_of_nan_alone_is_refused():
    X = np.ones((3, 3, 2))
    X[1] = np.nan
    with pytest.raises(ValueError, match="clip 1, segment 0"):
        check(X)


def test_many_chunks_equal_one(monkeypatch, rng):
    X = rng.integers(0, 2, size=(50, 6, 3)).astype(np.uint8)
    whole = check(X)
    monkeypatch.setattr("skzsl._segments._CHUNK_BYTES", 8 * 18 * 7)
    chunked = check(X)
    np.testing.assert_array_equal(chunked.lengths, whole.lengths)
    np.testing.assert_array_equal(chunked.mean(), whole.mean())


def test_memory_mapped_clips_are_not_copied(tmp_path, rng):
    np.save(tmp_path / "X.npy", rng.integers(0, 255, size=(20, 4, 3)).astype(np.uint8))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert np.shares_memory(check(X).values, X)


def test_feature_count_is_the_last_axis_in_two_and_three_dimensions():
    holder = Holder()
    check_segments(holder, np.ones((4, 5, 7)), reset=True)
    assert holder.n_features_in_ == 7
    check_segments(holder, np.ones((4, 7)))
    with pytest.raises(ValueError, match="5 features, but Holder is expecting 7"):
        check_segments(holder, np.ones((4, 7, 5)))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([np.ones((2, 3)), np.ones((4, 3))], "pad_segments"),
        (np.array([np.ones((2, 3)), np.ones((4, 3))], dtype=object), "pad_segments"),
        ([[1.0, 2.0], [1.0]], "ragged"),
        (np.ones((2, 0, 3)), "without segments"),
        (np.ones((2, 3, 0)), "without segments or features"),
        (np.ones((2, 2, 2, 2)), r"dim 4; pass clips as \(n, d\) or segments"),
        (np.ones(4), "Expected 2D array, got 1D"),
        (np.array([["a", "b"]]), "numeric"),
    ],
    ids=["ragged clips", "ragged objects", "ragged rows", "no segments", "no features", "4-D", "1-D", "text"],
)
def test_wrong_shapes_are_named(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


@pytest.mark.parametrize("model", [ZeroShotBilinear(HashingEncoder()), ZeroShotRidge(HashingEncoder())])
@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3)])
def test_masked_arrays_are_refused_since_their_mask_would_be_lost(rng, model, shape):
    X = np.ma.masked_array(rng.normal(size=shape), np.zeros(shape, dtype=bool))
    with pytest.raises(ValueError, match="masked array"):
        model.fit(X, list("abab"))
