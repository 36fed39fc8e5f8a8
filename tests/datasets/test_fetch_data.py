import errno
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from file_server import Answer, serving
from tfrecords import clip_record, framed

from skzsl import indicator_frame
from skzsl.datasets import (
    _audioset_features,
    _audioset_tables,
    _download,
    _esc50_table,
    fetch_audioset_features,
    fetch_audioset_ontology,
    fetch_audioset_tables,
    fetch_esc50_table,
    load_audioset_ontology,
    load_audioset_vggish,
)
from skzsl.datasets._remote import RemoteFile
from skzsl.exceptions import DataIntegrityError, DataNotFoundError

ESC50 = (
    "filename,fold,target,category,esc10,src_file,take\n"
    "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
    "1-100038-A-14.wav,1,14,chirping_birds,False,100038,A\n"
)
LABELS = 'index,mid,display_name\n0,/m/0,"Speech"\n1,/m/1,"Dog"\n2,/t/2,"Rain, gentle"\n'
SEGMENTS = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n"
    "# num_ytids=2, num_segs=2, num_unique_labels=3, num_positive_labels=4\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
    '--aE2O5G5WE, 0.000, 10.000, "/m/0,/m/1,/t/2"\n'
    '0000_nan000, 30.000, 38.500, "/m/1"\n'
)
ONTOLOGY = (
    '[{"id": "/m/0", "name": "Animal", "description": "Any.", "child_ids": ["/m/1"], "restrictions": []},'
    ' {"id": "/m/1", "name": "Dog", "description": "Barks.", "child_ids": [], "restrictions": ["abstract"]}]'
)
PAGE = b"<html><body>Please log in to this network.</body></html>"
ROOT = "audioset_v1_embeddings"


def archive(files):
    """A gzipped tar archive of pairs of a name and bytes, or a name and the path that a link of that name leads to."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            if isinstance(content, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(content)
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


SHARDS = {
    f"{ROOT}/{folder}/{n}a.tfrecord": framed(clip_record(n, [n]).record)
    for n, folder in enumerate(["bal_train", "unbal_train", "eval"])
}


@pytest.fixture(autouse=True)
def server(monkeypatch, tmp_path):
    files = {
        "esc50.csv": ESC50.encode(),
        "ontology.json": ONTOLOGY.encode(),
        "class_labels_indices.csv": LABELS.encode(),
        "eval_segments.csv": SEGMENTS.encode(),
        "balanced_train_segments.csv": SEGMENTS.encode(),
        "features.tar.gz": archive(SHARDS.items()),
    }
    with serving(**files) as server:

        def local(module, name):
            remote = getattr(module, name)
            known = remote.sha256 and hashlib.sha256(files[remote.name]).hexdigest()
            monkeypatch.setattr(module, name, RemoteFile(server.address(remote.name), known))

        local(_esc50_table, "TABLE")
        local(_audioset_tables, "ONTOLOGY")
        local(_audioset_tables, "LABELS")
        local(_audioset_features, "ARCHIVE")
        here = {subset: RemoteFile(server.address(far.name)) for subset, far in _audioset_tables.SEGMENTS.items()}
        monkeypatch.setattr(_audioset_tables, "SEGMENTS", here)
        monkeypatch.setattr(_download, "_PAUSE", 0.01)
        monkeypatch.setenv("SKZSL_DATA_HOME", str(tmp_path / "home"))
        yield server


def test_the_table_of_esc50_has_its_columns(server, tmp_path):
    expected = pd.read_csv(io.StringIO(ESC50))
    pd.testing.assert_frame_equal(fetch_esc50_table(), expected)
    pd.testing.assert_frame_equal(fetch_esc50_table(data_home=tmp_path / "home", download_if_missing=False), expected)
    assert len(server.asked) == 1


def test_the_ontology_is_as_it_is_loaded(tmp_path):
    assert fetch_audioset_ontology() == load_audioset_ontology(tmp_path / "home" / "audioset" / "ontology.json")


def test_tables_of_clips_have_the_names_of_their_labels(server):
    tables = fetch_audioset_tables()
    assert set(tables) == {"labels", "labels_path", "balanced_train", "eval"}
    assert tables.labels["display_name"].tolist() == ["Speech", "Dog", "Rain, gentle"]
    assert tables.eval["id"].tolist() == ["--aE2O5G5WE", "0000_nan000"]
    assert tables.eval[["start", "end"]].to_numpy().tolist() == [[0.0, 10.0], [30.0, 38.5]]
    assert tables.eval["labels"].tolist() == [["Speech", "Dog", "Rain, gentle"], ["Dog"]]
    assert indicator_frame(tables.eval["labels"])["Dog"].tolist() == [1, 1]
    assert len(server.asked) == 3


def test_labels_alone_are_fetched_alone(server):
    assert fetch_audioset_tables([]).labels_path.read_text() == LABELS
    assert len(server.asked) == 1


@pytest.mark.parametrize("subsets", ["eval", ["eval", "test"]], ids=["one string", "unknown"])
def test_unknown_subsets_are_refused_before_anything_is_downloaded(server, subsets):
    with pytest.raises(ValueError, match=r"subsets has '(eval|test)'; pass a list of \['balanced_train'"):
        fetch_audioset_tables(subsets)
    assert not server.asked


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (PAGE, "does not begin as AudioSet's tables of clips do, but with '<html>"),
        (b"", "does not begin as AudioSet's tables of clips do, but with ''"),
        (SEGMENTS[: SEGMENTS.index("0000")].encode(), "has 1 clips with 3 labels, but states 2 and 4"),
        (SEGMENTS[:-6].encode(), "eval_segments.csv"),
        (SEGMENTS.replace(",/t/2", "").encode(), "has 2 clips with 3 labels, but states 2 and 4"),
        (SEGMENTS.replace("30.000", "later").encode(), "could not convert string to float"),
        (b"\xff" + SEGMENTS.encode()[1:-4] + b"\xff\n\xff\xfe", "eval_segments.csv"),
    ],
    ids=["page", "empty", "a clip less", "cut", "a label less", "no number", "no text"],
)
def test_a_damaged_table_of_clips_is_not_kept(server, tmp_path, sent, message):
    server.script = [Answer(), Answer(body=sent)]
    with pytest.raises(DataIntegrityError, match=message):
        fetch_audioset_tables(["eval"])
    assert not (tmp_path / "home" / "audioset" / "eval_segments.csv").exists()
    assert len(fetch_audioset_tables(["eval"]).eval) == 2


def test_a_table_of_other_labels_is_refused(server):
    server.files["eval_segments.csv"] = SEGMENTS.replace("/m/0", "/m/9").encode()
    with pytest.raises(
        ValueError, match=r"eval_segments.csv has the label '/m/9', but class_labels_indices.csv has not"
    ):
        fetch_audioset_tables(["eval"])


@pytest.mark.parametrize(
    "fetch", [fetch_esc50_table, fetch_audioset_ontology, fetch_audioset_tables, fetch_audioset_features]
)
def test_nothing_is_downloaded_where_it_may_not_be(server, tmp_path, fetch):
    with pytest.raises(DataNotFoundError, match="is missing; pass download_if_missing=True"):
        fetch(download_if_missing=False)
    assert not server.asked
    assert not (tmp_path / "home").exists()


def test_features_are_unpacked_once_and_can_be_loaded(server, tmp_path):
    server.script = [Answer(stop_after=1000)]
    folders = fetch_audioset_features()
    labels = fetch_audioset_tables([]).labels_path
    for n, subset in enumerate(["balanced_train", "unbalanced_train", "eval"]):
        found = load_audioset_vggish(folders[subset], labels=labels)
        np.testing.assert_array_equal(found.X[0], clip_record(n).frames)
        assert found.y.iloc[0].tolist() == [label == n for label in range(3)]
    asked = len(server.asked)
    assert fetch_audioset_features(download_if_missing=False) == folders
    assert len(server.asked) == asked
    names = {path.name for path in (tmp_path / "home" / "audioset").iterdir() if path.suffix != ".lock"}
    assert names == {ROOT, "features.tar.gz.sha256", "class_labels_indices.csv"}


def test_an_archive_put_there_by_hand_is_unpacked(server, tmp_path):
    (tmp_path / "home" / "audioset").mkdir(parents=True)
    (tmp_path / "home" / "audioset" / "features.tar.gz").write_bytes(server.files["features.tar.gz"])
    folders = fetch_audioset_features(download_if_missing=False)
    assert [path.name for path in folders.eval.iterdir()] == ["2a.tfrecord"]
    assert not server.asked


def damaged(packed):
    """The same archive with another checksum at its end."""
    return packed[:-8] + bytes(byte ^ 1 for byte in packed[-8:-4]) + packed[-4:]


GOOD = archive(SHARDS.items())


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (PAGE, "Not a gzipped file"),
        (b"", "empty file|has no folder"),
        (GOOD[: len(GOOD) // 2], "ended before|unexpected end of data"),
        (damaged(GOOD), "CRC check failed"),
        (archive([("readme", b"nothing else")]), f"has no folder {ROOT}/bal_train"),
        (archive([*SHARDS.items(), ("../../outside", b"x")]), "outside"),
        (archive([*SHARDS.items(), (f"{ROOT}/link", Path("/etc"))]), "absolute path"),
        (archive([(f"{ROOT}/up", Path("../../..")), *SHARDS.items()]), "outside"),
    ],
    ids=["page", "empty", "cut", "checksum", "other files", "file outside", "link to a root", "link outside"],
)
def test_what_is_not_the_archive_of_features_is_removed(server, tmp_path, sent, message):
    server.script = [Answer(body=sent)]
    with pytest.raises(DataIntegrityError, match=message):
        fetch_audioset_features()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    assert fetch_audioset_features().eval.is_dir()


def test_an_archive_that_was_put_there_by_hand_is_not_removed(tmp_path):
    own = tmp_path / "home" / "audioset" / "features.tar.gz"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    with pytest.raises(DataIntegrityError, match=r"is damaged .* It is '.*features.tar.gz.damaged' now"):
        fetch_audioset_features()
    assert own.with_name("features.tar.gz.damaged").read_bytes() == b"mine"


def test_what_a_killed_unpacking_left_is_not_taken(tmp_path):
    stale = tmp_path / "home" / "audioset" / f"{ROOT}.part" / ROOT / "eval" / "half.tfrecord"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"half")
    assert [path.name for path in fetch_audioset_features().eval.iterdir()] == ["2a.tfrecord"]
    assert not stale.exists()


def test_a_disk_that_is_full_while_unpacking_keeps_the_archive(server, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extractall", full)
        with pytest.raises(OSError, match=rf"No space left on device: cannot write '.*{ROOT}'.*make room"):
            fetch_audioset_features()
    assert not (tmp_path / "home" / "audioset" / ROOT).exists()
    assert fetch_audioset_features().eval.is_dir()
    assert len(server.asked) == 1


def test_a_disk_that_takes_two_names_for_one_is_refused(server, tmp_path):
    # What extracting "2A" and "2a" does on such a disk, one name twice does on all.
    server.files["features.tar.gz"] = archive([*SHARDS.items(), (f"{ROOT}/eval/2a.tfrecord", b"x")])
    with pytest.raises(OSError, match=r"names differ only in case for the same: .* pass another data_home"):
        fetch_audioset_features()
    assert not (tmp_path / "home" / "audioset" / ROOT).exists()


@pytest.fixture
def pinned(monkeypatch):
    """The known hashes as they are in the package."""
    monkeypatch.undo()
    return {
        remote.name: remote.sha256
        for remote in (_esc50_table.TABLE, _audioset_tables.LABELS, _audioset_tables.ONTOLOGY)
    }


def sha256(text):
    return hashlib.sha256(text).hexdigest()


def test_the_known_hash_of_the_ontology_is_that_of_the_official_file(pinned, data):
    assert sha256((data / "audioset_ontology.json").read_bytes()) == pinned["ontology.json"]


def test_the_known_hash_of_the_labels_is_that_of_the_table_written_anew(pinned, data):
    with np.load(data / "audioset_vggish_eval.npz") as stored:
        rows = enumerate(zip(stored["class_mid"], stored["class_name"], strict=True))
        lines = [f'{number},{mid},"{name}"\n' for number, (mid, name) in rows]
    assert sha256("".join(["index,mid,display_name\n", *lines]).encode()) == pinned["class_labels_indices.csv"]


def test_the_known_hash_of_esc50_is_that_of_the_table_written_anew(pinned, data):
    with np.load(data / "esc50_yamnet.npz") as stored:
        names = np.char.replace(stored["class_name"], " ", "_")[stored["y"]]
        lines = sorted(
            f"{clip}-{target}.wav,{fold},{target},{name},{short},{recording},{clip[-1]}\n"
            for clip, fold, target, name, short, recording in zip(
                stored["clip"], stored["fold"], stored["y"], names, stored["esc10"], stored["freesound_id"], strict=True
            )
        )
    header = "filename,fold,target,category,esc10,src_file,take\n"
    assert sha256("".join([header, *lines]).encode()) == pinned["esc50.csv"]
