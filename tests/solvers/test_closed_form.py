import numpy as np
import pytest
from agreement import assert_agree

from skzsl._scaling import ClipVectors
from skzsl._segments import Segments
from skzsl.solvers import _ridge
from skzsl.solvers._ridge import RidgePath, clip_sums, ridge_map

SHAPES = [(60, 6, 5, 4), (40, 5, 3, 12), (7, 20, 4, 3), (7, 20, 3, 6), (12, 12, 6, 6), (1, 3, 2, 1)]


def clips_of(values, lengths=None):
    return ClipVectors(Segments(values, lengths))


def problem(rng, n_clips, d, k, n_labels, *, multilabel=False):
    clips, vectors = rng.normal(size=(n_clips, d)), rng.normal(size=(n_labels, k))
    codes = (
        (rng.random((n_clips, n_labels)) < 0.3).astype(np.uint8) if multilabel else rng.integers(0, n_labels, n_clips)
    )
    return clips, codes, vectors


def signs(codes, n_labels):
    present = codes if codes.ndim == 2 else codes[:, None] == np.arange(n_labels)
    return np.where(present, 1.0, -1.0)


def normal_equations(clips, codes, vectors, alpha_audio, alpha_text):
    """The same equation as one linear system for all entries of W, stacked by columns: (B^T kron A) vec(W)."""
    audio = clips.T @ clips + alpha_audio * np.eye(clips.shape[1])
    text = vectors.T @ vectors + alpha_text * np.eye(vectors.shape[1])
    right = clips.T @ signs(codes, len(vectors)) @ vectors
    solution = np.linalg.solve(np.kron(text.T, audio), right.ravel(order="F"))
    return solution.reshape(right.shape, order="F")


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("alpha_audio", "alpha_text"), [(1.0, 1.0), (0.1, 10.0), (100.0, 0.01)])
def test_map_equals_the_normal_equations(rng, shape, multilabel, alpha_audio, alpha_text):
    clips, codes, vectors = problem(rng, *shape, multilabel=multilabel)
    sums = clip_sums(clips_of(clips), codes, len(vectors))
    expected = normal_equations(clips, codes, vectors, alpha_audio, alpha_text)
    np.testing.assert_allclose(ridge_map(sums, vectors, alpha_audio, alpha_text), expected, rtol=0, atol=1e-8)
    path = RidgePath(sums, vectors)
    np.testing.assert_allclose(path.coef(alpha_audio, alpha_text), expected, rtol=0, atol=1e-8)


def test_map_minimises_the_loss_of_the_paper(rng):
    """|XWS^T - Y|^2 + alpha_text |XW|^2 + alpha_audio |WS^T|^2 + alpha_audio alpha_text |W|^2."""
    clips, codes, vectors = problem(rng, 30, 5, 4, 6)
    targets = signs(codes, 6)

    def loss(W):
        fit = np.square(clips @ W @ vectors.T - targets).sum() + 2.0 * np.square(clips @ W).sum()
        return fit + 0.5 * np.square(W @ vectors.T).sum() + 0.5 * 2.0 * np.square(W).sum()

    W = ridge_map(clip_sums(clips_of(clips), codes, 6), vectors, 0.5, 2.0)
    for _ in range(20):
        step = 1e-3 * rng.normal(size=W.shape)
        assert loss(W) < loss(W + step)


def test_smaller_side_is_the_one_that_is_kept_and_solved(rng):
    clips, codes, vectors = problem(rng, 7, 20, 4, 3)
    few = clip_sums(clips_of(clips), codes, 3)
    assert few.gram is None
    assert few.clips.shape == (7, 20)
    many = clip_sums(clips_of(np.repeat(clips, 3, axis=0)), np.repeat(codes, 3), 3)
    assert many.clips is None
    assert many.gram.shape == (20, 20)
    np.testing.assert_allclose(ridge_map(many, vectors, 3.0, 1.0), ridge_map(few, vectors, 1.0, 1.0), atol=1e-8)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("n_labels", [3, 70])
@pytest.mark.parametrize("density", [0.005, 0.3])
def test_sums_equal_the_products(rng, monkeypatch, multilabel, n_labels, density):
    """Blocks of 8 clips; few and many labels, sparse and dense indicators."""
    monkeypatch.setattr(_ridge, "_BLOCK_BYTES", 8 * 8 * 6)
    clips = rng.normal(size=(101, 6))
    codes = rng.integers(0, n_labels, 101)
    if multilabel:
        codes = (rng.random((101, n_labels)) < density).astype(np.uint8)
    present = signs(codes, n_labels) > 0
    sums = clip_sums(clips_of(clips), codes, n_labels)
    np.testing.assert_allclose(sums.gram, clips.T @ clips, atol=1e-12)
    np.testing.assert_allclose(sums.sums, present.T @ clips, atol=1e-12)
    np.testing.assert_allclose(sums.total, clips.sum(axis=0), atol=1e-12)
    narrow = clip_sums(clips_of(clips.astype(np.float32)), codes, n_labels, alpha_audio=1.0)
    assert_agree(narrow.sums, present.T @ clips)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("cuts", [(3,), (30,), (3, 6, 9), (1, 2, 40), (19, 20, 21)])
def test_sums_of_parts_add_up(rng, multilabel, cuts):
    """Parts below and above the number of features, in which clips turn into their products."""
    clips, codes, vectors = problem(rng, 50, 20, 4, 5, multilabel=multilabel)
    parts = zip(np.split(clips, cuts), np.split(codes, cuts), strict=True)
    parts = [clip_sums(clips_of(part), part_codes, 5) for part, part_codes in parts]
    together = parts[0]
    for part in parts[1:]:
        together = together + part
    expected = ridge_map(clip_sums(clips_of(clips), codes, 5), vectors, 0.1, 0.1)
    np.testing.assert_allclose(ridge_map(together, vectors, 0.1, 0.1), expected, rtol=0, atol=1e-9)
    assert together.n_clips == 50


@pytest.mark.parametrize("n_clips", [8, 30])
def test_labels_can_be_chosen_and_added(rng, n_clips):
    clips, codes, _ = problem(rng, n_clips, 12, 4, 3)
    sums = clip_sums(clips_of(clips), codes, 3)
    grown = sums.of_labels(np.array([2, -1, 0, 1, -1]))
    expected = clip_sums(clips_of(clips), np.array([2, 3, 0])[codes], 5)
    vectors = rng.normal(size=(5, 4))
    np.testing.assert_allclose(ridge_map(grown, vectors, 1, 1), ridge_map(expected, vectors, 1, 1), atol=1e-12)
    np.testing.assert_array_equal(grown.of_labels(np.array([2, 3, 0])).sums, sums.sums)


@pytest.mark.parametrize("n_clips", [9, 80])
@pytest.mark.parametrize("multilabel", [False, True])
def test_rows_choose_clips(rng, n_clips, multilabel):
    clips, codes, vectors = problem(rng, 100, 12, 4, 5, multilabel=multilabel)
    rows = np.sort(rng.permutation(100)[:n_clips])
    chosen = clip_sums(clips_of(clips), codes, 5, rows)
    expected = clip_sums(clips_of(clips[rows]), codes[rows], 5)
    np.testing.assert_allclose(ridge_map(chosen, vectors, 1, 1), ridge_map(expected, vectors, 1, 1), atol=1e-12)


@pytest.mark.parametrize(("alpha_audio", "tolerance"), [(1.0, 1e-4), (None, 1e-9)], ids=["fast", "float64"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float32, ">f4", ">f8", np.longdouble])
def test_any_dtype_gives_the_map_of_its_values(rng, dtype, alpha_audio, tolerance):
    clips = np.round(20 * rng.normal(size=(300, 6)) + 100).clip(0, 255).astype(dtype)
    codes, vectors = rng.integers(0, 4, 300), rng.normal(size=(4, 5))
    expected = normal_equations(clips.astype(np.float64), codes, vectors, 1.0, 1.0)
    actual = ridge_map(clip_sums(clips_of(clips), codes, 4, alpha_audio=alpha_audio), vectors, 1.0, 1.0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.fixture
def dtypes(monkeypatch):
    """In what all clips were summed up so far, once for each time."""
    taken, summed = [], _ridge._summed
    monkeypatch.setattr(_ridge, "_summed", lambda *a: (taken.append(np.dtype(a[4]).name), summed(*a))[1])
    return taken


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_narrow_clips_that_condition_well_are_read_once_in_float32(rng, dtypes, dtype):
    clips, codes = rng.integers(0, 5, (300, 6)).astype(dtype), rng.integers(0, 4, 300)
    clip_sums(clips_of(clips), codes, 4, alpha_audio=1.0)
    assert dtypes == ["float32"]


def test_clips_for_which_float32_is_no_help_are_read_once_in_float64(rng, dtypes):
    clips, codes = rng.normal(size=(300, 6)), rng.integers(0, 4, 300)
    clip_sums(clips_of(clips), codes, 4, alpha_audio=1.0)
    clip_sums(clips_of(clips.astype(np.float32)), codes, 4)
    assert dtypes == ["float64", "float64"]


@pytest.mark.parametrize("offset", [0.0, 0.3, 1.0, 3.0, 5.0, 10.0, 50.0])
@pytest.mark.parametrize("rank", [8, 32])
@pytest.mark.parametrize("alpha_audio", [1e-3, 1.0, 1e4])
def test_float32_clips_give_the_map_of_float64_however_they_condition(rng, rank, offset, alpha_audio):
    clips = (rng.normal(size=(2000, rank)) @ rng.normal(size=(rank, 32)) + offset).astype(np.float32)
    codes, vectors = rng.integers(0, 12, 2000), rng.normal(size=(12, 5))
    wide, fast = (
        ridge_map(clip_sums(clips_of(c), codes, 12, alpha_audio=alpha_audio), vectors, alpha_audio, 1.0)
        for c in (clips.astype(np.float64), clips)
    )
    assert np.linalg.norm(fast - wide) < 1e-3 * np.linalg.norm(wide)


@pytest.mark.parametrize(("rank", "offset", "alpha"), [(6, 5e3, 1.0), (3, 0.0, 1e-3), (3, 0.0, 1e-300)])
def test_float32_clips_that_condition_badly_are_summed_up_again_in_float64(rng, dtypes, rank, offset, alpha):
    clips = (10 * rng.normal(size=(2000, rank)) @ rng.normal(size=(rank, 6)) + offset).astype(np.float32)
    codes = rng.integers(0, 4, 2000)
    again, wide = clip_sums(clips_of(clips), codes, 4, alpha_audio=alpha), clip_sums(clips_of(clips), codes, 4)
    assert dtypes == ["float32", "float64", "float64"]
    np.testing.assert_array_equal(again.gram, wide.gram)


def test_float32_blocks_keep_their_accuracy_over_many_clips(rng):
    """The error is that of rounding single blocks and does not add up; features share a large mean, the hard case."""
    clips = (rng.normal(size=(60_000, 16)) + 3).astype(np.float32)
    codes = rng.integers(0, 100, len(clips))
    narrow, wide = (clip_sums(clips_of(c), codes, 100, alpha_audio=1.0) for c in (clips, clips.astype(np.float64)))
    assert np.abs(narrow.gram - wide.gram).any()
    assert np.abs(narrow.gram / wide.gram - 1).max() < 1e-6
    assert np.abs(narrow.sums / wide.sums - 1).max() < 1e-6


def test_clips_whose_squares_overflow_float32_are_summed_in_float64(rng):
    clips = (1e25 * rng.normal(size=(30, 4))).astype(np.float32)
    sums = clip_sums(clips_of(clips), rng.integers(0, 3, 30), 3, alpha_audio=1.0)
    np.testing.assert_allclose(sums.gram, clips.T.astype(np.float64) @ clips.astype(np.float64))
    assert sums.finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_clips", [3, 30])
def test_sums_tell_of_values_that_are_not_finite(rng, value, dtype, n_clips):
    clips = rng.normal(size=(n_clips, 4)).astype(dtype)
    codes = rng.integers(0, 3, n_clips)
    assert clip_sums(clips_of(clips), codes, 3, alpha_audio=1.0).finite
    clips[n_clips // 2, 2] = value
    assert not clip_sums(clips_of(clips), codes, 3, alpha_audio=1.0).finite


def test_clips_are_the_means_of_their_present_segments(rng):
    values, lengths = rng.normal(size=(30, 4, 5)), rng.integers(1, 5, 30)
    for clip, length in enumerate(lengths):
        values[clip, length:] = 0
    means = np.stack([clip[:length].mean(axis=0) for clip, length in zip(values, lengths, strict=True)])
    codes = rng.integers(0, 3, 30)
    sums, expected = clip_sums(clips_of(values, lengths), codes, 3), clip_sums(clips_of(means), codes, 3)
    np.testing.assert_allclose(sums.gram, expected.gram, atol=1e-12)
    np.testing.assert_allclose(sums.sums, expected.sums, atol=1e-12)


def test_regulariser_that_rounding_swallows_is_an_error():
    sums = clip_sums(clips_of(np.full((5, 3), 1e3)), np.array([0, 1, 0, 1, 0]), 2)
    with pytest.raises(np.linalg.LinAlgError):
        ridge_map(sums, np.eye(2), 1e-300, 1.0)
