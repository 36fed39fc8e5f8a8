from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score
from tfrecords import bytes_feature, clip_record, entry, field, float_feature, framed, int_feature, slow_crc, varint

from skzsl import MultiLevelAttentionClassifier, ZeroShotRidge, _stored
from skzsl.datasets import load_audioset_vggish
from skzsl.datasets._shards import find_frames
from skzsl.datasets._tfrecord import crc32c, parse_sequence_example
from skzsl.model_selection import get_scorer
from skzsl.text import HashingEncoder

LABELS = ["Speech", "Dog", "Rain, gentle", "Siren"]
CSV = 'index,mid,display_name\n0,/m/0,"Speech"\n1,/m/1,"Dog"\n2,/m/2,"Rain, gentle"\n3,/t/3,"Siren"\n'


@pytest.fixture
def shards(tmp_path):
    """Three clips in two shards, and another file."""
    clips = [clip_record(0, [0, 2]), clip_record(1, [3], n_frames=4), clip_record(2, [], packed=False)]
    (tmp_path / "aa.tfrecord").write_bytes(framed(clips[0].record) + framed(clips[1].record))
    (tmp_path / "ab.tfrecord").write_bytes(framed(clips[2].record))
    (tmp_path / "README").write_text("not a shard")
    return SimpleNamespace(path=tmp_path, clips=clips)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 8, 100, 2047, 2048, 2049, 2051, 5000])
def test_checksum_equals_the_bitwise_loop(size):
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == slow_crc(data)


def test_shards_of_a_folder_are_read_in_the_order_of_their_names(shards):
    data = load_audioset_vggish(shards.path, labels=LABELS)
    assert data.X.shape == (3, 10, 128)
    assert data.X.dtype == np.uint8
    for row, clip in zip(data.X, shards.clips, strict=True):
        np.testing.assert_array_equal(row[: len(clip.frames)], clip.frames)
        assert not row[len(clip.frames) :].any()
    assert data.ids.tolist() == ["video000000", "video000001", "video000002"]
    assert data.start.tolist() == [30.0, 31.0, 32.0]
    assert data.end.tolist() == [40.0, 41.0, 42.0]
    expected = pd.DataFrame([[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], columns=LABELS, dtype=np.uint8)
    pd.testing.assert_frame_equal(data.y, expected)
    assert "mids" not in data


def test_one_shard_is_as_long_as_its_longest_clip(tmp_path):
    path = tmp_path / "short.tfrecord"
    path.write_bytes(framed(clip_record(n_frames=2).record) + framed(clip_record(n_frames=3).record))
    assert load_audioset_vggish(path, labels=LABELS).X.shape == (2, 3, 128)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "one by one"])
def test_numbers_are_read_in_both_encodings(packed):
    record = clip_record(5, [1, 300, 2**40, -7], packed=packed).record
    context = parse_sequence_example(record).context
    assert context["labels"].tolist() == [1, 300, 2**40, -7]
    assert context["start_time_seconds"].tolist() == [35.0]


def test_unknown_fields_are_passed_over():
    extra = varint(8 * 9) + varint(5) + varint(8 * 9 + 1) + bytes(8) + varint(8 * 9 + 5) + bytes(4)
    assert parse_sequence_example(extra + clip_record().record).context["video_id"] == [b"video000000"]


def test_labels_come_from_the_official_table_too(shards, tmp_path):
    table = tmp_path / "class_labels_indices.csv"
    table.write_text(CSV)
    data = load_audioset_vggish(shards.path, labels=table)
    assert list(data.y.columns) == LABELS
    assert data.mids.tolist() == ["/m/0", "/m/1", "/m/2", "/t/3"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "hold only the numbers of labels; pass the path of class_labels_indices.csv"),
        ([], "has no label"),
        (["a", "b", "c", "b"], r"\['b'\] more than once"),
        (["a", "b"], "aa.tfrecord': record 0 has label 2, but labels names 2"),
    ],
    ids=["none", "empty", "duplicate", "too few"],
)
def test_bad_labels_are_refused_with_the_next_step(shards, labels, message):
    with pytest.raises(ValueError, match=message):
        load_audioset_vggish(shards.path, labels=labels)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "has no rows of index"),
        ("number,name\n0,Dog\n", "has no rows of index"),
        ("index,mid,display_name\n1,/m/1,Dog\n", "does not count its labels 0, 1, 2, ...: '1'"),
    ],
    ids=["empty", "foreign", "disordered"],
)
def test_bad_label_tables_are_refused_by_name(shards, tmp_path, table, message):
    path = tmp_path / "table.csv"
    path.write_text(table)
    with pytest.raises(ValueError, match=f"table.csv' {message}"):
        load_audioset_vggish(shards.path, labels=path)
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        load_audioset_vggish(shards.path, labels="absent.csv")


def _flip(content, position):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


FIRST, SECOND = framed(clip_record(0).record), framed(clip_record(1).record)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (FIRST + SECOND[:5], f"damaged.* at byte {len(FIRST)};"),
        (FIRST + SECOND[:-1], f"damaged.* at byte {len(FIRST)};"),
        (FIRST + SECOND[:-10], f"damaged.* at byte {len(FIRST)};"),
        (_flip(FIRST, 0), "damaged.* at byte 0;"),
        (_flip(FIRST, 10), "damaged.* at byte 0;"),
        (_flip(FIRST, 700), "damaged.* at byte 0;"),
        (_flip(FIRST, len(FIRST) - 1), "damaged.* at byte 0;"),
        (b"a text of another kind", "no TFRecord file, at byte 0"),
        (FIRST + framed(b"another message"), "record 1 is no clip of AudioSet"),
        (framed(b""), "record 0 is no clip of AudioSet"),
        (framed(field(1, b"\xff" * 12)), "integer does not end"),
        (framed(field(1, b"\x0a\x7fshort")), "field is cut short"),
        (framed(clip_record(width=1024).record), r"embeddings of \[1024\] bytes, not of 128"),
        (framed(clip_record(n_frames=0).record), r"embeddings of \[\] bytes"),
        *[
            (framed(clip_record(drop=key).record), f"record 0 .*{key}")
            for key in ("video_id", "start_time_seconds", "labels", "audio_embedding")
        ],
        (framed(clip_record(labels=[-1]).record), "has label -1"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_damaged_and_foreign_shards_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "bad.tfrecord"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"bad.tfrecord'.*{message}"):
        load_audioset_vggish(path, labels=LABELS)


def test_missing_paths_say_what_to_pass(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent' is missing; pass an \.npz file"):
        load_audioset_vggish(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"has no .*tfrecord file"):
        load_audioset_vggish(tmp_path, labels=LABELS)
    (tmp_path / "features.h5").touch()
    with pytest.raises(ValueError, match=r"features.h5' is of no known form"):
        load_audioset_vggish(tmp_path / "features.h5", labels=LABELS)


def write_npz(path, **changes):
    arrays = {
        "X": np.ones((2, 10, 128), dtype=np.uint8),
        "Y_packed": np.packbits([[0, 1, 0, 1], [1, 0, 0, 0]], axis=1),
        "ytid": np.array(["one", "two"]),
        "start": np.float32([0, 30]),
        "end": np.float32([10, 40]),
        "class_name": np.array(LABELS),
        "class_mid": np.array(["/m/0", "/m/1", "/m/2", "/t/3"]),
        **changes,
    }
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_npz_form_has_its_labels(tmp_path):
    data = load_audioset_vggish(write_npz(tmp_path / "small.npz"))
    assert data.X.shape == (2, 10, 128)
    expected = pd.DataFrame([[0, 1, 0, 1], [1, 0, 0, 0]], columns=LABELS, dtype=np.uint8)
    pd.testing.assert_frame_equal(data.y, expected)
    assert data.ids.tolist() == ["one", "two"]
    assert data.end.tolist() == [10.0, 40.0]
    assert data.mids.tolist() == ["/m/0", "/m/1", "/m/2", "/t/3"]
    with pytest.raises(ValueError, match=r"small.npz' has its own labels; leave labels=None"):
        load_audioset_vggish(tmp_path / "small.npz", labels=LABELS)


def test_damaged_and_foreign_npz_files_are_refused_by_name(tmp_path):
    path = write_npz(tmp_path / "bad.npz", ytid=None)
    with pytest.raises(ValueError, match=r"bad.npz' has no \['ytid'\]"):
        load_audioset_vggish(path)
    whole = write_npz(path).read_bytes()
    for content in (b"", b"foreign", whole[:-100], whole[:1000] + bytes(100) + whole[1100:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"bad.npz' is damaged or is no npz file"):
            load_audioset_vggish(path)
    bits = np.packbits([[0, 1, 0, 1], [1, 0, 0, 0]], axis=1)
    for packed in (bits[:1], np.hstack([bits, bits]), bits.astype(np.int64), np.eye(2, 4, dtype=np.uint8)):
        with pytest.raises(ValueError, match=r"bad.npz' is damaged: Y_packed of shape"):
            load_audioset_vggish(write_npz(path, Y_packed=packed))
    with pytest.raises(ValueError, match=r"bad.npz' names a class twice"):
        load_audioset_vggish(write_npz(path, class_name=np.array([*LABELS[:3], LABELS[0]])))
    np.savez(path, X=np.array([{"code": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"bad.npz' is damaged or is no npz file"):
        load_audioset_vggish(path)


@pytest.mark.parametrize(("part", "n_clips"), [("bal_train", 22160), ("eval", 20371)])
def test_released_sets_have_their_known_sizes(data, part, n_clips):
    audioset = load_audioset_vggish(data / f"audioset_vggish_{part}.npz")
    assert audioset.X.shape == (n_clips, 10, 128)
    assert audioset.y.shape == (n_clips, 527)
    assert audioset.y.to_numpy().sum(axis=0).min() >= 59
    assert len(set(audioset.ids)) == n_clips
    assert list(audioset.y.columns[:2]) == ["Speech", "Male speech, man speaking"]
    assert (audioset.end > audioset.start).all()


def test_both_forms_give_the_same_data(data, tmp_path):
    released = load_audioset_vggish(data / "audioset_vggish_eval.npz")
    records = []
    for row in range(20):
        present = released.X[row][released.X[row].any(axis=1)]
        steps = b"".join(field(1, bytes_feature(frame.tobytes())) for frame in present)
        context = [
            entry("video_id", bytes_feature(released.ids[row].encode())),
            entry("start_time_seconds", float_feature(released.start[row])),
            entry("end_time_seconds", float_feature(released.end[row])),
            entry("labels", int_feature(np.flatnonzero(released.y.iloc[row]).tolist())),
        ]
        records.append(framed(field(1, b"".join(context)) + field(2, entry("audio_embedding", steps))))
    (tmp_path / "00.tfrecord").write_bytes(b"".join(records))
    loaded = load_audioset_vggish(tmp_path, labels=list(released.y.columns))
    pd.testing.assert_frame_equal(loaded.y, released.y[:20])
    for name in ("X", "ids", "start", "end"):
        np.testing.assert_array_equal(loaded[name], released[name][:20])


@pytest.fixture
def many_shards(tmp_path):
    """Three shards of 30 clips of 1 to 5 embeddings and 0 to 3 labels."""
    rng = np.random.default_rng(0)
    for shard in range(3):
        clips = [
            clip_record(30 * shard + n, np.flatnonzero(rng.random(4) < 0.4).tolist(), n_frames=1 + int(rng.integers(5)))
            for n in range(30)
        ]
        (tmp_path / f"{shard}.tfrecord").write_bytes(b"".join(framed(clip.record) for clip in clips))
    return tmp_path


def test_embeddings_that_stay_in_their_files_are_those_that_are_loaded(many_shards):
    loaded = load_audioset_vggish(many_shards, labels=LABELS)
    stored = load_audioset_vggish(many_shards, labels=LABELS, in_memory=False)
    assert stored.X.shape == loaded.X.shape == (90, 5, 128)
    assert "stored array of shape (90, 5, 128)" in repr(stored.X)
    for rows in (slice(None), slice(25, 65), slice(30, 60), slice(4, 4), [89, 3, 31], np.arange(90) % 2 == 0):
        np.testing.assert_array_equal(stored.X[rows], loaded.X[rows])
    assert all(isinstance(dtype, pd.SparseDtype) for dtype in stored.y.dtypes)
    pd.testing.assert_frame_equal(stored.y.sparse.to_dense(), loaded.y)
    assert stored.ids.tolist() == loaded.ids.tolist()


def test_models_learn_from_embeddings_in_their_files(many_shards, monkeypatch):
    monkeypatch.setattr(_stored, "buffer_bytes", lambda: 20 * 5 * 128)
    loaded = load_audioset_vggish(many_shards, labels=LABELS)
    stored = load_audioset_vggish(many_shards, labels=LABELS, in_memory=False)
    model = MultiLevelAttentionClassifier(hidden_size=4, max_epochs=1, shuffle=False, random_state=0)
    expected = clone(model).fit(loaded.X, loaded.y).decision_function(loaded.X)
    np.testing.assert_array_equal(model.fit(stored.X, stored.y).decision_function(stored.X), expected)
    ridge, how = ZeroShotRidge(HashingEncoder(8)), {"cv": KFold(3), "scoring": get_scorer("map")}
    whole = cross_val_score(ridge, loaded.X, loaded.y, **how)
    np.testing.assert_allclose(cross_val_score(ridge, stored.X, stored.y, **how), whole)


def test_files_that_shrink_after_they_were_loaded_are_named(many_shards):
    stored = load_audioset_vggish(many_shards, labels=LABELS, in_memory=False)
    (many_shards / "1.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1\.tfrecord' is shorter than when it was loaded"):
        stored.X[20:40]


def test_embeddings_out_of_step_are_refused_where_they_stay_in_their_files(tmp_path):
    frames = [np.random.default_rng(n).bytes(128) for n in range(3)]
    with pytest.raises(ValueError, match="do not follow each other"):
        find_frames(frames[0] + b"x" + frames[1] + b"xx" + frames[2], b"".join(frames), 128, 0)
    assert find_frames(b"x" + frames[0] + b"y" + frames[1], b"".join(frames[:2]), 128, 7) == (8, 129, 2)


def test_npz_files_are_read_whole(tmp_path):
    (tmp_path / "clips.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="compressed and read whole"):
        load_audioset_vggish(tmp_path / "clips.npz", in_memory=False)
