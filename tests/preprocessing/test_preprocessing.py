import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from skzsl import ZeroShotBilinear
from skzsl.preprocessing import SegmentPooling, Segmentwise, pad_segments
from skzsl.text import HashingEncoder


@pytest.fixture
def ragged(rng):
    return [rng.normal(size=(length, 3)) for length in (4, 1, 2, 4)]


@pytest.mark.parametrize("pooling", ["mean", "max", "mean+max"])
def test_pooling_of_padded_clips_equals_pooling_each_clip(ragged, pooling):
    pool = {"mean": lambda clip: clip.mean(0), "max": lambda clip: clip.max(0)}
    expected = [np.concatenate([pool[name](clip) for name in pooling.split("+")]) for clip in ragged]
    np.testing.assert_allclose(SegmentPooling(pooling).fit_transform(pad_segments(ragged)), expected)


def test_negative_values_are_not_beaten_by_padding():
    X = pad_segments([np.full((3, 2), -5.0), np.full((1, 2), -7.0)])
    np.testing.assert_array_equal(SegmentPooling("max").fit_transform(X)[1], [-7.0, -7.0])


def test_clip_vectors_pass_through_pooling(rng):
    X = rng.normal(size=(5, 3))
    np.testing.assert_array_equal(SegmentPooling("mean").fit_transform(X), X)
    assert SegmentPooling("mean+max").fit_transform(X).shape == (5, 6)


def test_segmentwise_fits_on_present_segments_and_keeps_absent_ones_zero(ragged):
    rows = np.concatenate(ragged)
    scaler = StandardScaler().fit(rows)
    out = Segmentwise(StandardScaler()).fit(pad_segments(ragged)).transform(pad_segments(ragged))
    np.testing.assert_allclose(out[1, 0], scaler.transform(ragged[1])[0])
    assert not out[1, 1:].any()
    assert not out[2, 2:].any()


def test_segmentwise_may_change_the_width_and_takes_clip_vectors(ragged, rng):
    assert Segmentwise(PCA(2)).fit_transform(pad_segments(ragged)).shape == (4, 4, 2)
    assert Segmentwise(PCA(2)).fit_transform(rng.normal(size=(6, 3))).shape == (6, 2)
    sparse = Segmentwise(KBinsDiscretizer(2, encode="onehot", quantile_method="averaged_inverted_cdf"))
    bins = sparse.fit_transform(rng.normal(size=(6, 4, 3)))
    assert bins.shape == (6, 4, 6)
    assert bins.sum() == 6 * 4 * 3


def test_three_dimensional_clips_go_through_a_pipeline(rng):
    X, y = rng.integers(1, 255, size=(12, 5, 4)).astype(np.uint8), ["rain", "dog", "siren"] * 4
    model = make_pipeline(SegmentPooling("mean+max"), StandardScaler(), ZeroShotBilinear(HashingEncoder()))
    assert set(model.fit(X, y).predict(X, labels=["wind", "cat"])) <= {"wind", "cat"}


def test_bad_lists_of_clips_are_refused():
    with pytest.raises(ValueError, match="empty"):
        pad_segments([])
    with pytest.raises(ValueError, match=r"Clip 1 has shape \(3,\)"):
        pad_segments([np.ones((2, 3)), np.ones(3)])
    with pytest.raises(ValueError, match="Clip 1 has 4 features, clip 0 has 3"):
        pad_segments([np.ones((2, 3)), np.ones((2, 4))])
