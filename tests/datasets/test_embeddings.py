import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from skzsl import ZeroShotRidge
from skzsl.datasets import load_embeddings, load_labels
from skzsl.text import HashingEncoder

rng = np.random.default_rng(0)
CLIPS = {"dawn": rng.random((3, 4), np.float32), "dusk": rng.random((1, 4), np.float32)}
BIRDNET = "0.0\t3.0\t0.5,1.5,2.5\n3.0\t6.0\t1,2,3\n"


def folder_of(folder, clips):
    for name, clip in clips.items():
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, clip)
    return folder


def table_of(n=3, **columns):
    return pd.DataFrame({"filename": [f"{row}.wav" for row in range(n)], **columns})


def test_a_folder_of_npy_files_of_unequal_length_is_padded_and_fits(tmp_path):
    found = load_embeddings(folder_of(tmp_path, CLIPS))
    assert found.files.tolist() == found.groups.tolist() == ["dawn", "dusk"]
    assert found.X.shape == (2, 3, 4)
    assert found.X.dtype == np.float32
    assert (found.X[0] == CLIPS["dawn"]).all()
    assert (found.X[1] == np.r_[CLIPS["dusk"], np.zeros((2, 4))]).all()
    assert found.times is found.ends is found.table is None
    assert ZeroShotRidge(HashingEncoder()).fit(found.X, ["rain", "wind"]).n_features_in_ == 4


def test_files_with_one_vector_each_are_clips_of_one_segment(tmp_path):
    found = load_embeddings(folder_of(tmp_path, {"a": np.ones(4), "b": np.zeros(4)}))
    assert found.X.tolist() == [[1] * 4, [0] * 4]
    mixed = load_embeddings(folder_of(tmp_path, {"c": np.full((2, 4), 2.0)}))
    assert mixed.X.shape == (3, 2, 4)
    assert mixed.X[0].tolist() == [[1] * 4, [0] * 4]


def test_the_channel_axis_of_perch_is_left_out(tmp_path):
    clip = rng.random((5, 1, 8))
    assert (load_embeddings(folder_of(tmp_path, {"a": clip})).X[0] == clip[:, 0]).all()


def test_folders_patterns_and_lists_name_the_same_files(tmp_path):
    folder_of(tmp_path, {"site1/a": np.ones(2), "site2/b.wav": np.zeros(2)})
    of_folder = load_embeddings(tmp_path)
    for source in (str(tmp_path), str(tmp_path / "**" / "*.npy"), sorted(tmp_path.rglob("*.npy"))):
        found = load_embeddings(source)
        assert found.files.tolist() == of_folder.files.tolist() == ["site1/a", "site2/b"]
        assert (found.X == of_folder.X).all()


def test_one_npy_file_has_all_clips_and_is_not_read_into_memory(tmp_path):
    X = rng.random((5, 3, 4)).astype(np.float16)
    np.save(tmp_path / "all.npy", X)
    found = load_embeddings(tmp_path / "all.npy")
    assert isinstance(found.X, np.memmap)
    assert (found.X == X).all()
    assert found.groups is None


def test_one_npz_file_may_name_its_clips(tmp_path):
    X = rng.random((2, 4))
    np.savez(tmp_path / "panns.npz", embeddings=X, filenames=np.array(["x/a.wav", "x/b.wav"]), clipwise=np.ones((2, 3)))
    found = load_embeddings(tmp_path / "panns.npz")
    assert (found.X == X).all()
    assert found.files.tolist() == ["x/a", "x/b"]
    assert load_embeddings(tmp_path / "panns.npz", vectors="clipwise").X.tolist() == [[1, 1, 1]] * 2
    np.savez(tmp_path / "two.npz", first=X, second=X, name=np.array([b"a", b"b"]))
    with pytest.raises(ValueError, match=r"two.npz' has the arrays .*; name that of the embeddings in vectors="):
        load_embeddings(tmp_path / "two.npz")
    with pytest.raises(ValueError, match=r"vectors='third' is no array of numbers in .*\['first', 'second'\]"):
        load_embeddings(tmp_path / "two.npz", vectors="third")


def test_openl3_files_have_times(tmp_path):
    for name, clip in CLIPS.items():
        np.savez(tmp_path / f"{name}.npz", embedding=clip, timestamps=np.arange(len(clip)) * 0.5)
    found = load_embeddings(tmp_path)
    np.testing.assert_equal(found.times, [[0, 0.5, 1.0], [0, np.nan, np.nan]])
    one = load_embeddings(tmp_path / "dawn.npz")
    assert one.X.shape == (1, 3, 4)
    assert one.files.tolist() == ["dawn"]


def test_birdnet_text_files_have_starts_and_ends(tmp_path):
    (tmp_path / "dawn.birdnet.embeddings.txt").write_text(BIRDNET)
    (tmp_path / "dusk.birdnet.embeddings.txt").write_text("1.5\t4.5\t7,8,9,\n")
    (tmp_path / "README.txt").write_text("not of a clip")
    found = load_embeddings(tmp_path)
    assert found.files.tolist() == ["dawn", "dusk"]
    assert found.X.tolist() == [[[0.5, 1.5, 2.5], [1, 2, 3]], [[7, 8, 9], [0, 0, 0]]]
    np.testing.assert_equal(found.times, [[0, 3], [1.5, np.nan]])
    np.testing.assert_equal(found.ends, [[3, 6], [4.5, np.nan]])


def test_a_column_for_each_feature_goes_by_its_number(tmp_path):
    X = rng.random((3, 12))
    order = sorted(range(12), key=str)  # as names sort: 1, 10, 11, 2, ...
    features = pd.DataFrame({f"emb_{number}": X[:, number] for number in order})
    table = pd.concat([table_of(fold=[1, 2, 1]), features], axis=1)
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    for name in ("t.csv", "t.tsv"):
        found = load_embeddings(tmp_path / name)
        np.testing.assert_allclose(found.X, X, rtol=1e-12)
        assert found.files.tolist() == ["0", "1", "2"]
        assert found.table.to_dict("list") == {"filename": ["0.wav", "1.wav", "2.wav"], "fold": [1, 2, 1]}


@pytest.mark.parametrize("make", [lambda t: t, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"])
def test_tables_in_memory_and_in_parquet_have_a_vector_a_row(tmp_path, make):
    X = rng.random((3, 4)).astype(np.float32)
    table = table_of(embedding=list(X), label=["a", "b", "c"])
    table.to_parquet(tmp_path / "t.parquet")
    for source in (make(table), tmp_path / "t.parquet", tmp_path):
        found = load_embeddings(source)
        assert found.X.dtype == np.float32
        assert (found.X == X).all()
        assert found.table["label"].tolist() == ["a", "b", "c"]


def test_lists_in_a_csv_are_numbers_between_commas(tmp_path):
    table_of(embedding=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).to_csv(tmp_path / "t.csv", index=False)
    assert load_embeddings(tmp_path / "t.csv").X.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_rows_of_one_file_are_its_segments_in_the_order_of_their_start():
    table = pd.DataFrame({"file": list("babb"), "start": [3, 0, 6, 0], "end": [6, 3, 9, 3], "x0": range(4), "x1": 1})
    found = load_embeddings(table.assign(site=list("qpqq")), recording="site")
    assert found.files.tolist() == ["b", "a"]
    assert found.groups.tolist() == ["q", "p"]
    assert found.X.tolist() == [[[3, 1], [0, 1], [2, 1]], [[1, 1], [0, 0], [0, 0]]]
    np.testing.assert_equal(found.times, [[0, 3, 6], [0, np.nan, np.nan]])
    np.testing.assert_equal(found.ends, [[3, 6, 9], [3, np.nan, np.nan]])


def test_several_tables_are_one(tmp_path):
    table = table_of(4, v0=range(4), v1=1.0)
    for part in (0, 1):
        table[2 * part : 2 * part + 2].to_parquet(tmp_path / f"part{part}.parquet")
    found = load_embeddings(tmp_path)
    assert found.X.tolist() == table[["v0", "v1"]].to_numpy().tolist()
    assert found.files.tolist() == ["0", "1", "2", "3"]
    table.rename(columns={"v1": "w1"}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="pass tables of the same columns"):
        load_embeddings(tmp_path)
    table.assign(extra=1).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="pass tables of the same columns"):
        load_embeddings(tmp_path)


def test_recordings_are_found_in_names():
    table = pd.DataFrame({"file": ["1-100-A-0.wav", "1-100-B-0.wav", "2-7-A-3.wav"], "x0": 0, "x1": 1})
    assert load_embeddings(table, recording=r"\d-(\d+)-").groups.tolist() == ["100", "100", "7"]
    for expression in (r"\d-\d+-", r"^1-(\d+)-"):
        with pytest.raises(ValueError, match=r"finds no recording in '.*; pass a column"):
            load_embeddings(table, recording=expression)


def test_clips_without_a_segment_are_named_dropped_or_kept(tmp_path):
    folder_of(tmp_path, {**CLIPS, "short": np.zeros((0, 4), np.float32)})
    with pytest.raises(ValueError, match=r"1 of 3 clips have no segment: \['short.npy'\]; pass empty='drop'"):
        load_embeddings(tmp_path)
    dropped = load_embeddings(tmp_path, empty="drop")
    assert dropped.files.tolist() == ["dawn", "dusk"]
    assert dropped.empty == ["short.npy"]
    kept = load_embeddings(tmp_path, empty="keep")
    assert kept.files.tolist() == ["dawn", "dusk", "short"]
    assert kept.empty == ["short.npy"]
    assert not kept.X[2].any()
    assert (kept.X[:2] == dropped.X).all()
    with pytest.raises(ValueError, match="empty='skip'"):
        load_embeddings(tmp_path, empty="skip")


def test_rows_and_text_files_without_a_vector_are_empty_too(tmp_path):
    table = table_of(embedding=[[1.0, 2.0], None, [3.0, 4.0]])
    found = load_embeddings(table, empty="drop")
    assert found.empty == ["1.wav"]
    assert found.X.tolist() == [[1, 2], [3, 4]]
    assert found.table["filename"].tolist() == ["0.wav", "2.wav"]
    (tmp_path / "a.birdnet.embeddings.txt").write_text(BIRDNET)
    (tmp_path / "b.birdnet.embeddings.txt").write_text("\n")
    kept = load_embeddings(tmp_path, empty="keep")
    assert not kept.X[1].any()
    np.testing.assert_equal(kept.times, [[0, 3], [np.nan, np.nan]])


def test_clips_that_are_all_empty_are_refused_whatever_is_chosen(tmp_path):
    with pytest.raises(ValueError, match="1 of 1 clips have no segment"):
        load_embeddings(folder_of(tmp_path, {"a": np.zeros((0, 4))}), empty="keep")


@pytest.mark.parametrize(
    ("clips", "match"),
    [
        ({"a": np.ones((2, 4)), "b": np.ones((2, 5))}, r"'b.npy' has 5 features, others have 4"),
        ({"a": np.ones((2, 3, 4))}, r"a.npy' holds an array of shape \(2, 3, 4\)"),
        ({"a": np.array(3.0)}, r"a.npy' holds an array of shape \(\)"),
        ({"a": np.array(["x"])}, r"a.npy' holds <U1; pass an array of real numbers"),
        ({"a": np.array([None])}, r"a.npy' holds Python objects, perhaps arrays of unequal length"),
        ({"a": np.ones(2), "a.wav": np.ones(2)}, r"Clips 0 and 1, 'a.npy' and 'a.wav.npy', are both named 'a'"),
    ],
)
def test_files_that_are_no_embeddings_are_named(tmp_path, clips, match):
    with pytest.raises(ValueError, match=match):
        load_embeddings(folder_of(tmp_path, clips))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0\t3\t1,2\n3\t6\t1,x\n", "line 2: .*'x'"),
        ("0\t3\t1,2\n\n3\t6\t1,2,3\n", "line 3: 3 numbers, not 2"),
        ("0\t3\t1,2\n3\tlate\t1,2\n", r"line 2: start and end are \['3', 'late'\]"),
        ("0\t1,2\n", "line 1: 2 fields between tabs"),
    ],
)
def test_damaged_lines_of_birdnet_are_named(tmp_path, text, match):
    (tmp_path / "a.birdnet.embeddings.txt").write_text(text)
    with pytest.raises(ValueError, match=match) as caught:
        load_embeddings(tmp_path)
    assert "a.birdnet.embeddings.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("file,x0,x1\na,1,2\nb,3,low\n", "line 3: x1 is 'low'"),
        ("file,x0,x1\na,1,2\n\nb,3,4\n", "line 3: x0 is empty"),
        ("file,x0,x1\na,1,2\nb,3\n", "line 3: x1 is empty"),
        ("file,x0,x1\na,1,2\nb,3,4,5\n", "line 3"),
        ("file,x0,x1\na,1,2,9\nb,3,4,5\n", "line 2: more fields than the 3 names"),
        ("file,x0,x1\na,1,2\na,3,4\n", "line 3: 'a' is named before; name each clip once, or add a column 'start'"),
        ("file,start,x0,x1\na,0,1,2\na,0,3,4\n", "line 3: 'a' has another segment at 0.0 s"),
        ("file,start,x0,x1\na,0,1,2\na,?,3,4\n", "line 3: start is '\\?'"),
        ("file,x0,x1\na,1,2\n,3,4\n", "line 3: file is empty"),
        ('file,note,x0,x1\na,"two\nlines",1,2\nb,,3,\n', "line 4: x1 is empty"),
        ("file;x0;x1\na;1;2\nb;3;low\n", "line 3: x1 is 'low'"),
        ("file:x0:x1\na:1:2\n", "has the columns .* may hold embeddings"),
        ("file,x0,x1,y0,y1\na,1,2,3,4\n", r"of which \['x', 'y'\] may hold embeddings; name the column"),
        ("file,embedding\na,'1,2'\n", "damaged|line 2"),
    ],
)
def test_damaged_rows_of_tables_are_named(tmp_path, text, match):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=match) as caught:
        load_embeddings(tmp_path / "t.csv")
    assert "t.csv" in str(caught.value)


def test_empty_lines_at_the_end_of_a_table_are_no_rows(tmp_path):
    (tmp_path / "t.csv").write_text("file,x0,x1\na,1,2\n\n\n")
    assert load_embeddings(tmp_path / "t.csv").X.tolist() == [[1, 2]]


def test_names_that_look_like_numbers_or_nothing_stay_text(tmp_path):
    (tmp_path / "t.csv").write_text("id,x0,x1\n007,1,2\nNA,3,4\n")
    assert load_embeddings(tmp_path / "t.csv").files.tolist() == ["007", "NA"]


def test_rows_of_tables_in_memory_go_by_number():
    with pytest.raises(ValueError, match="the table, row 1: embedding is 'low'"):
        load_embeddings(table_of(embedding=[[1.0], "low", [2.0]]))
    with pytest.raises(
        ValueError, match=r"vectors='e' is no column of lists in the table; pass one of \['embedding'\]"
    ):
        load_embeddings(table_of(embedding=[[1.0], [3.0], [2.0]]), vectors="e")


def test_sources_that_are_not_there_or_of_mixed_kinds_say_what_to_pass(tmp_path):
    for source in (tmp_path, tmp_path / "none.npy", str(tmp_path / "*.npz"), []):
        with pytest.raises(FileNotFoundError, match="has no file of embeddings; pass a folder"):
            load_embeddings(source)
    with pytest.raises(FileNotFoundError, match=r"none.npy' is missing"):
        load_embeddings([tmp_path / "none.npy"])
    with pytest.raises(ValueError, match="source is int; pass a path"):
        load_embeddings(3)
    folder_of(tmp_path, CLIPS)
    table_of(x0=1, x1=2).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"kinds \['.npy', '.parquet'\]; pass files of one kind"):
        load_embeddings(tmp_path)
    (tmp_path / "a.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match="load_audioset_vggish"):
        load_embeddings(tmp_path / "a.tfrecord")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    table_of(x0=1, x1=2).to_parquet(tmp_path / "t.parquet")
    for name in [name for name in sys.modules if name.split(".")[0] in ("pyarrow", "fastparquet")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'skzsl\[tables\]'"):
        load_embeddings(tmp_path / "t.parquet")


def test_clips_without_names_are_numbered_and_match_no_table_by_chance(tmp_path):
    np.save(tmp_path / "all.npy", np.eye(3))
    (tmp_path / "labels.csv").write_text("file,label\nc.wav,rain\na.wav,dog\nb.wav,wind\n")
    found = load_embeddings(tmp_path / "all.npy")
    assert found.files.tolist() == ["0", "1", "2"]
    assert found.groups is found.hop is None
    with pytest.raises(ValueError, match="in the same order, no clips"):
        load_labels(tmp_path / "labels.csv", found.files)
    assert load_labels(tmp_path / "labels.csv").y.tolist() == ["rain", "dog", "wind"]


@pytest.mark.parametrize(("step", "hop"), [(0.48, 0.48), ([0.0, 0.48, 1.5], None)])
def test_hop_is_that_of_all_segments(tmp_path, step, hop):
    times = np.array(step) if isinstance(step, list) else step * np.arange(3)
    np.savez(tmp_path / "a.npz", embedding=np.ones((3, 2)), timestamps=times)
    np.savez(tmp_path / "b.npz", embedding=np.ones((2, 2)), timestamps=times[:2])
    assert load_embeddings(tmp_path).hop == hop


def test_a_file_with_nan_is_named(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 2)))
    np.save(tmp_path / "b.npy", [[np.nan, 1.0]])
    with pytest.raises(ValueError, match=r"'b\.npy' holds NaN"):
        load_embeddings(tmp_path)


def test_pickles_are_not_advised(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"no array at all")
    with pytest.raises(ValueError, match=r"a\.npy' is damaged or is no npy file \(it has no numbers") as caught:
        load_embeddings(tmp_path)
    assert "allow_pickle" not in str(caught.value)


def test_more_files_than_a_process_may_hold_open(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    folder_of(tmp_path, {str(number): np.ones((2, 3)) for number in range(100)})
    resource.setrlimit(resource.RLIMIT_NOFILE, (80, hard))
    try:
        assert load_embeddings(tmp_path).X.shape == (100, 2, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_index_of_names_names_the_clips(tmp_path):
    X = pd.DataFrame(rng.random((3, 4)).round(3)).add_prefix("emb_")
    named = X.set_axis(pd.Index([20, 7, 7000], name="track_id"))
    texts = X.set_axis(["b.wav", "a.wav", "c.wav"])
    for frame, files in ((named, ["20", "7", "7000"]), (texts, ["b", "a", "c"])):
        frame.to_parquet(tmp_path / "t.parquet")
        frame.to_csv(tmp_path / "t.csv")
        for source in (frame, tmp_path / "t.parquet", tmp_path / "t.csv"):
            found = load_embeddings(source)
            assert found.files.tolist() == files
            assert found.X.tolist() == X.to_numpy().tolist()
    for frame in (X[1:], texts.assign(file=["x", "y", "z"]), named.assign(track_id=["x", "y", "z"])):
        frame = frame.rename_axis("track_id") if "track_id" in frame else frame
        assert load_embeddings(frame).files.tolist() == (["0", "1"] if frame.shape == (2, 4) else ["x", "y", "z"])


def test_an_npz_file_of_all_clips_keeps_what_it_says_of_each(tmp_path):
    X = rng.random((3, 4))
    np.savez(
        tmp_path / "n.npz", embeddings=X, id=np.array([20, 0, 10]), y=np.array(["dog", "rain", "wind"]), rate=16000
    )
    found = load_embeddings(tmp_path / "n.npz")
    assert found.files.tolist() == ["20", "0", "10"]
    assert found.table["y"].tolist() == ["dog", "rain", "wind"]
    np.savez(tmp_path / "n.npz", features=np.arange(4), emb=X)  # the vectors are rows
    assert (load_embeddings(tmp_path / "n.npz").X == X).all()
    np.savez(tmp_path / "n.npz", emb=X, names=np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"n.npz' has 2 names in 'names' for 3 clips"):
        load_embeddings(tmp_path / "n.npz")
    np.savez(tmp_path / "n.npz", emb=X, names=np.array(["a", "b", "c"], dtype=object))
    with pytest.raises(ValueError, match=r"names.npy holds Python objects.*astype\(str\)"):
        load_embeddings(tmp_path / "n.npz")
    np.save(tmp_path / "n.npy", np.array([X, X[:2]], dtype=object))
    with pytest.raises(ValueError, match="save each in a file of its own"):
        load_embeddings(tmp_path / "n.npy")


@pytest.mark.parametrize(
    ("first", "match"),
    [
        ("0.0,0.0,0.5", "line 1: '0.0' is a number and no name; begin with a line of names"),
        ("a.wav,0.1,0.2", "line 1: '0.1' is a number"),
        ("1e-3,-2,3", "line 1: '1e-3' is a number"),
        ("0,0,7", "has two columns '0'"),
        ("x0,x1,x0", "has two columns 'x0'"),
    ],
)
def test_a_first_line_without_names_is_no_header(tmp_path, first, match):
    (tmp_path / "t.csv").write_text(first + "\n" + "1,2,3\n" * 3)
    with pytest.raises(ValueError, match=match):
        load_embeddings(tmp_path / "t.csv")


def test_columns_of_one_name_are_refused():
    table = pd.DataFrame([[1, 2, 3]], columns=["x0", "x1", "x0"])
    with pytest.raises(ValueError, match="the table has two columns 'x0'"):
        load_embeddings(table)
    with pytest.raises(ValueError, match=r"LazyFrame; pass a path.*collect\(\)"):
        load_embeddings(pl.LazyFrame({"x0": [1], "x1": [2]}))


def test_a_path_that_is_there_is_no_pattern(tmp_path):
    for name, value in (("emb[1].csv", 1), ("emb1.csv", 2)):
        (tmp_path / name).write_text(f"file,x0,x1\na,{value},0\n")
    assert load_embeddings(tmp_path / "emb[1].csv").X.tolist() == [[1, 0]]


def test_starts_may_be_timedeltas_and_are_no_dates():
    table = pd.DataFrame({"file": ["a", "a"], "start": pd.to_timedelta([3, 0], unit="s"), "x0": [2, 1], "x1": 0})
    found = load_embeddings(table)
    assert found.times.tolist() == [[0, 3]]
    assert found.hop == 3
    with pytest.raises(ValueError, match="start has dates; pass seconds"):
        load_embeddings(table.assign(start=pd.Timestamp("2026-01-01") + table["start"]))


def test_recordings_of_a_csv_stay_text_and_are_all_there(tmp_path):
    (tmp_path / "t.csv").write_text("file,site,x0,x1\na,1e3,1,2\nb,1000,3,4\nc,0100,5,6\n")
    assert load_embeddings(tmp_path / "t.csv", recording="site").groups.tolist() == ["1e3", "1000", "0100"]
    (tmp_path / "t.csv").write_text("file,site,x0,x1\na,n,1,2\nb,,3,4\n")
    with pytest.raises(ValueError, match="site of clip 'b' is empty"):
        load_embeddings(tmp_path / "t.csv", recording="site")


def test_decimal_commas_are_no_vectors(tmp_path):
    (tmp_path / "t.csv").write_text("file;start;label\na;0,5;dog\nb;1,5;rain\n")
    with pytest.raises(ValueError, match=r"of which \[\] may hold embeddings"):
        load_embeddings(tmp_path / "t.csv")


def test_folders_below_links_are_read_and_hidden_ones_are_not(tmp_path):
    folder_of(tmp_path / "far", {"b": np.ones(3)})
    folder_of(tmp_path / "near", {"a": np.ones(3), ".ipynb_checkpoints/a": np.zeros(3)})
    (tmp_path / "near" / "a.npy").rename(tmp_path / "near" / "A.NPY")
    (tmp_path / "near" / "link").symlink_to(tmp_path / "far")
    assert load_embeddings(tmp_path / "near").files.tolist() == ["A", "link/b"]
    (tmp_path / "near" / "c.npy").symlink_to(tmp_path / "nowhere.npy")
    with pytest.raises(FileNotFoundError, match=r"c.npy' is a link to what is not there"):
        load_embeddings(tmp_path / "near")


def test_times_that_some_files_lack_are_nan(tmp_path):
    np.savez(tmp_path / "a.npz", embedding=np.ones((2, 3)), timestamps=[[0.0], [0.5]])
    np.savez(tmp_path / "b.npz", embedding=np.ones(3), timestamps=[0.0])
    np.save(tmp_path / "c.npy", np.ones((2, 3)))
    found = load_embeddings(tmp_path)
    np.testing.assert_equal(found.times, [[0, 0.5], [0, np.nan], [np.nan, np.nan]])
    assert found.hop == 0.5


def test_segments_of_files_are_put_in_the_order_of_their_start(tmp_path):
    path = tmp_path / "a.birdnet.embeddings.txt"
    path.write_text("".join(reversed(BIRDNET.splitlines(keepends=True))))
    found = load_embeddings(tmp_path)
    assert found.X.tolist() == [[[0.5, 1.5, 2.5], [1, 2, 3]]]
    assert found.ends.tolist() == [[3, 6]]
    path.write_text(BIRDNET + "0.0\t3.0\t7,8,9\n")
    with pytest.raises(ValueError, match=r"a.birdnet.embeddings.txt' has two segments at 0.0 s"):
        load_embeddings(tmp_path)


def test_a_clip_may_go_over_from_one_table_to_the_next(tmp_path):
    table = pd.DataFrame({"file": list("aab"), "start": [0.0, 1.0, 0.0], "x0": [1, 2, 3], "x1": 0})
    whole = load_embeddings(table)
    for rows, name in ((slice(0, 1), "1.parquet"), (slice(1, 3), "2.parquet")):
        table[rows].to_parquet(tmp_path / name)
    found = load_embeddings(tmp_path)
    assert (found.X == whole.X).all()
    np.testing.assert_equal(found.times, whole.times)
    table[2:].assign(start=np.nan).to_parquet(tmp_path / "2.parquet")
    table[:2].to_parquet(tmp_path / "1.parquet")
    with pytest.raises(ValueError, match=r"2.parquet', row 0: start is nan"):
        load_embeddings(tmp_path)


def test_a_table_with_one_segment_a_file_has_times_too():
    table = pd.DataFrame({"file": list("ab"), "start": [0.0, 2.0], "x0": [1, 2], "x1": 0})
    assert load_embeddings(table).times.tolist() == [[0], [2]]
    dated = load_embeddings(table.assign(start="noon"))
    assert dated.times is None
    assert dated.table["start"].tolist() == ["noon"] * 2


@pytest.mark.parametrize("second", [None, [1.0], [[1.0, 2.0]]])
def test_a_segment_that_is_no_vector_as_long_as_the_others_is_named(second):
    table = pd.DataFrame({"file": ["a", "a"], "start": [0, 1], "embedding": [[1.0, 2.0], second]})
    with pytest.raises(ValueError, match="the table, row 1: the vector has the shape"):
        load_embeddings(table)


@pytest.mark.parametrize("dtype", ["Float32", "float[pyarrow]"])
def test_columns_of_other_dtypes_are_arrays_of_numpy(dtype):
    assert load_embeddings(table_of(x0=1, x1=2).astype({"x0": dtype, "x1": dtype})).X.dtype == np.float32


def test_folders_called_by_a_value_are_columns(tmp_path):
    table = pa.table({"file": ["a", "a", "b"], "start": [0.0, 1.0, 0.0], "x0": [1, 2, 3], "x1": [0, 0, 0]})
    table = table.append_column("site", [["north sea", "north sea", "south"]])
    whole = load_embeddings(table, recording="site")
    for number, column in enumerate(("file", "site")):
        folder = tmp_path / str(number)
        parquet.write_to_dataset(table, folder, partition_cols=[column])
        found = load_embeddings(folder, recording="site")
        assert (found.X == whole.X).all()
        assert found.files.tolist() == ["a", "b"]
        assert found.groups.tolist() == ["north sea", "south"]


def test_tensors_of_arrow_keep_their_axes_or_are_refused(tmp_path):
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(rng.random((2, 3, 4)))
    table = pa.table({"file": ["a", "b"], "embedding": tensors})
    parquet.write_table(table, tmp_path / "t.parquet")
    for source in (table, tmp_path / "t.parquet"):
        with pytest.raises(
            ValueError, match=r"tensors of the shape \[3, 4\] in 'embedding', which would lose their axes"
        ):
            load_embeddings(source)


def test_lists_without_a_segment_are_empty_in_every_table(tmp_path):
    table = pa.table({"file": ["a", "b"], "embedding": [[[1.0, 2.0], [3.0, 4.0]], []]})
    for source in (table, pl.from_arrow(table), table.to_pandas()):
        found = load_embeddings(source, empty="keep")
        assert found.X.tolist() == [[[1, 2], [3, 4]], [[0, 0], [0, 0]]]
        assert found.empty == ["b"]


def test_numbers_that_have_names_become_these():
    class Feature:
        names = ["dog", "rain"]

        def int2str(self, value):
            return self.names[value]

    class Dataset:  # as that of Hugging Face's datasets
        features = {"label": Feature(), "x0": None, "x1": None}

        def to_pandas(self):
            return pd.DataFrame({"label": [1, 0, -1], "x0": [1, 2, 3], "x1": 0})

    assert load_embeddings(Dataset()).table["label"].tolist()[:2] == ["rain", "dog"]
    assert load_embeddings(Dataset()).table["label"].isna().tolist() == [False, False, True]
    with pytest.raises(
        ValueError, match="source is dict; pass a path, a list of paths or a table, such as that of 'train'"
    ):
        load_embeddings({"train": Dataset()})


def test_columns_of_tables_may_be_in_another_order(tmp_path):
    table = table_of(x0=1, x1=[1, 2, 3])
    table[:2].to_parquet(tmp_path / "1.parquet")
    table[2:][["x1", "x0", "filename"]].to_parquet(tmp_path / "2.parquet")
    assert load_embeddings(tmp_path).X.tolist() == [[1, 1], [1, 2], [1, 3]]


def test_a_decimal_comma_is_pointed_out(tmp_path):
    (tmp_path / "t.csv").write_text("file;e_0;e_1\na;1,5;2,5\nb;3,5;4,5\n")
    with pytest.raises(ValueError, match="If '1,5' is one number, write a decimal point"):
        load_embeddings(tmp_path / "t.csv")
