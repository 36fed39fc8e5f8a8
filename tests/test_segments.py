import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
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
    monkeypatch.setattr("skzsl._stored._CHUNK_BYTES", 8 * 4 * 2)  # rows two by two
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
    monkeypatch.setattr("skzsl._stored._CHUNK_BYTES", 8 * 18 * 7)
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
        (np.zeros((3, 2), dtype="M8[s]"), r"X holds datetime64\[s\] values such as"),
        (np.zeros((3, 2, 4), dtype="m8[s]"), r"X holds timedelta64\[s\] values such as"),
        (pd.DataFrame({"at": pd.to_datetime(["2026-01-01"] * 3), "x": 1.0}), "Column 'at' of X holds Timestamp"),
        (pd.DataFrame({"file": ["a.wav", "b.wav"], "x": 1.0}), "Column 'file' of X holds 'a.wav', which is no number"),
        (pd.DataFrame({"e": [[1.0], [2.0]], "x": 1.0}), r"Column 'e' of X holds a vector in each row; pass X\['e'\]"),
        (pl.DataFrame({"file": ["a.wav"], "x": [1.0]}), "X holds object values such as 'a.wav'"),
        (pd.Series([[1.0, 2.0], [1.0]]), "ragged"),
        (pd.Series([[1.0, 2.0], None]), r"X\[1\] is None, and other clips are lists"),
        (torch.ones(3, 2).to_sparse(), r"sparse tensor is no array; pass its to_dense\(\)"),
        (torch.ones(3, 2, device="meta"), "has no values"),
    ],
    ids=[
        *("ragged clips", "ragged objects", "ragged rows", "no segments", "no features", "4-D", "1-D", "text"),
        *("dates", "times", "date column", "text column", "vector column", "polars text", "ragged series", "None"),
        *("sparse tensor", "empty tensor"),
    ],
)
def test_wrong_shapes_are_named(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


def row_of_rows(clip):
    """A clip as pandas reads it from parquet: an array of arrays."""
    return pd.Series(list(clip)).to_numpy()


WRAPPED = {
    "series": lambda X: pd.Series(list(X)),
    "series of lists": lambda X: pd.Series(X.tolist()),
    "frame": lambda X: pd.DataFrame({"embedding": list(X)}),
    "parquet": lambda X: pd.DataFrame({"embedding": [row_of_rows(clip) for clip in X]}),
    "objects": lambda X: pd.Series(list(X)).to_numpy(),
    "polars": lambda X: pl.Series(X.tolist()),
    "polars frame": lambda X: pl.DataFrame({"embedding": X.tolist()}),
    "tensor": torch.from_numpy,
    "gradients": lambda X: torch.from_numpy(X).requires_grad_(),
    "list of tensors": lambda X: list(torch.from_numpy(X).requires_grad_()),
    "lists of tensors": lambda X: [list(torch.from_numpy(clip).requires_grad_()) for clip in X],
}


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_vectors_in_tables_and_tensors_are_unpacked(rng, shape, wrap):
    X, holder = rng.normal(size=shape), Holder()
    segments = check_segments(holder, wrap(X), reset=True)
    np.testing.assert_array_equal(segments.values, X)
    assert holder.n_features_in_ == 3
    assert not hasattr(holder, "feature_names_in_")


def test_tensors_in_bfloat16_become_float32_and_others_share_their_memory():
    tensor = torch.arange(6.0).reshape(3, 2)
    assert check(tensor.bfloat16()).values.dtype == np.float32
    np.testing.assert_array_equal(check(tensor.bfloat16()).values, tensor)
    assert np.shares_memory(check(tensor).values, tensor.numpy())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensors_are_fetched_from_a_gpu():
    np.testing.assert_array_equal(check(torch.ones(3, 2, device="cuda")).values, np.ones((3, 2)))


def test_names_of_a_plain_table_are_kept():
    holder = Holder()
    check_segments(holder, pd.DataFrame({"low": [1.0, 2.0], "high": [3.0, None]}).fillna(0), reset=True)
    assert holder.feature_names_in_.tolist() == ["low", "high"]


@pytest.mark.parametrize("model", [ZeroShotBilinear(HashingEncoder()), ZeroShotRidge(HashingEncoder())])
@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3)])
def test_masked_arrays_are_refused_since_their_mask_would_be_lost(rng, model, shape):
    X = np.ma.masked_array(rng.normal(size=shape), np.zeros(shape, dtype=bool))
    with pytest.raises(ValueError, match="masked array"):
        model.fit(X, list("abab"))


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: pa.Table.from_pandas(frame),
        lambda frame: frame.astype(int).astype("category"),
        lambda frame: frame.astype(object),
    ],
    ids=["pyarrow", "categories", "objects"],
)
def test_tables_of_numbers_are_taken_whatever_holds_them(change):
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    np.testing.assert_array_equal(check(change(frame)).values, frame.to_numpy())
