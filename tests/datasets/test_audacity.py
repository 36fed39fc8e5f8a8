import os

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from skzsl.datasets import read_audacity_labels, write_audacity_labels

EVENTS = pd.DataFrame(
    {
        "clip": ["a.wav"] * 4,
        "label": ["dog, barking", 'say "ah"', "Vögel 鳥 🐦", "NA"],
        "onset": [0.0, 1.25, 3.1, 1e4],
        "offset": [0.5, 1.25, 4.000001, 12345.678901],
    }
)


def damaged(tmp_path, text, match, **options):
    path = tmp_path / "bad.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=match) as caught:
        read_audacity_labels(path, **options)
    assert "bad.txt" in str(caught.value)


def test_events_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "a.wav.txt"
    write_audacity_labels(EVENTS, path)
    assert_frame_equal(read_audacity_labels(path), EVENTS)
    assert path.read_bytes().decode().splitlines()[1] == '1.250000\t1.250000\tsay "ah"'
    assert os.listdir(tmp_path) == ["a.wav.txt"]


def test_one_clip_of_several_is_written_if_it_is_named(tmp_path):
    events = pd.concat([EVENTS, EVENTS.iloc[:1].assign(clip=3)])
    path = tmp_path / "3.txt"
    with pytest.raises(ValueError, match=r"2 clips \('a.wav', 3\), .* one file a clip, each with clip="):
        write_audacity_labels(events, path)
    assert not path.exists()
    write_audacity_labels(events, path, clip=3)
    assert read_audacity_labels(path, clip=3).to_numpy().tolist() == [[3, *EVENTS.iloc[0, 1:]]]
    keyed = EVENTS.assign(clip=[("x", 1), ("x", 2), ("x", 1), ("x", 1)])
    write_audacity_labels(keyed, path, clip=("x", 2))
    assert read_audacity_labels(path)["label"].tolist() == ['say "ah"']


@pytest.mark.parametrize("clip", [None, "no such clip"])
def test_a_clip_without_events_is_an_empty_file_and_back(tmp_path, clip):
    path = tmp_path / "empty.txt"
    write_audacity_labels(EVENTS if clip else EVENTS.iloc[:0], path, clip=clip)
    assert path.read_bytes() == b""
    events = read_audacity_labels(path)
    assert events.shape == (0, 4)
    assert events[["onset", "offset"]].dtypes.tolist() == [float, float]
    write_audacity_labels(events, path)


def test_what_audacity_writes_is_understood(tmp_path):
    path = tmp_path / "track.txt"
    path.write_bytes(
        "\ufeff2.150000\t2.150000\tpoint label\r\n"
        "\\\t6928.456055\t6928.456055\r\n"
        "3,400000\t6,100000\t region label \r\n"
        "\\\t-1.000000\t6334.588867\r\n\r\n".encode()
    )
    events = read_audacity_labels(path)
    assert events.to_numpy().tolist() == [["track", "point label", 2.15, 2.15], ["track", "region label", 3.4, 6.1]]


def test_a_fourth_field_in_every_line_is_the_score(tmp_path):
    path = tmp_path / "birds.txt"
    path.write_text("0.0\t3.0\tPica pica, Eurasian Magpie\t0.8123\n3.0\t6.0\tPica pica, Eurasian Magpie\t0.5\n")
    assert read_audacity_labels(path, clip=0)["score"].tolist() == [0.8123, 0.5]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0\t1\tdog\n\n\\\t5\t6\n2\tx\tcat\n", "line 4: offset is 'x'; correct it"),
        ("0\tnan\tdog\n", "line 1: offset is 'nan'"),
        ("1,234.5\t2\tdog\n", "line 1: onset is '1,234.5'"),
        ("0\t1\tdog\n2\t1.5\tcat\n", "line 2: offset 1.5 lies before onset 2.0; swap them"),
        ("-1\t1\tdog\n", "line 1: onset -1.0 is negative; correct it"),
        ("0\t1\t\n0\t1\tdog\n", "line 1: the label is empty; name it or remove the line"),
        ("0\t1\n", "line 1: 2 fields, not onset, offset and label"),
        ("0\t1\tdog\n0\t1\tdog\tbark\n", "line 2: 4 fields"),
        ("0\t1\tdog\tbark\n", "line 1: score is 'bark'"),
        ("1\n00:00:00,000 --> 00:00:01,000\ndog\n", "line 1: 1 fields"),
        ("0\t1\tV\xf6gel\n".encode("latin-1"), "not in UTF-8 .* save it as UTF-8"),
        ("0\t1\tdog\n".encode("utf-16"), "not in UTF-8"),
    ],
)
def test_a_damaged_line_is_named_with_its_value(tmp_path, text, match):
    damaged(tmp_path, text, match)


def test_a_missing_file_and_a_missing_folder_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt' is missing"):
        read_audacity_labels(tmp_path / "none.txt")
    with pytest.raises(FileNotFoundError, match=r"folder .*none' is missing; make it first"):
        write_audacity_labels(EVENTS, tmp_path / "none" / "a.txt")


@pytest.mark.parametrize("label", ["two\tfields", "two\nlines", "two\rlines", " ", ""])
def test_labels_that_would_end_a_field_are_refused_and_the_file_is_left(tmp_path, label):
    path = tmp_path / "a.txt"
    path.write_text("as it was")
    with pytest.raises(ValueError, match=r"tab or a line break|is empty"):
        write_audacity_labels(EVENTS.assign(label=label), path)
    assert path.read_text() == "as it was"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("failing", ["write_text", "replace"])
def test_a_failure_while_writing_leaves_the_file_as_it_was(tmp_path, monkeypatch, failing):
    path = tmp_path / "a.txt"
    path.write_text("as it was")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(*(("pathlib.Path.write_text", fail) if failing == "write_text" else ("os.replace", fail)))
        with pytest.raises(OSError, match="disk full"):
            write_audacity_labels(EVENTS, path)
    assert path.read_text() == "as it was"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_link_stays_a_link_to_the_new_file(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_audacity_labels(EVENTS, tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink()
    assert len(read_audacity_labels(tmp_path / "real.txt")) == 4


@pytest.mark.parametrize(
    ("events", "match"),
    [
        (EVENTS.to_numpy(), "events is a ndarray; pass a pandas DataFrame"),
        (EVENTS.drop(columns="offset"), r"lacks the columns \['offset'\]"),
        (EVENTS.assign(onset="1"), r"events\['onset'\] has dtype"),
        (EVENTS.assign(onset=[0, 1, float("nan"), 3]), r"events\['onset'\] is nan in row 2"),
        (EVENTS.assign(offset=[0.5, 1.0, 4, 20000]), "offset 1.0 before onset 1.25 in row 1"),
        (EVENTS.assign(label=["a", None, "b", "c"]), "events has no label in row 1"),
    ],
)
def test_what_is_no_event_table_is_refused(tmp_path, events, match):
    with pytest.raises(ValueError, match=match):
        write_audacity_labels(events, tmp_path / "a.txt")
