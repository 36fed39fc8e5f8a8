import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from skzsl.datasets import read_raven_table, write_raven_table

EVENTS = pd.DataFrame(
    {
        "clip": 5,
        "label": ["dog, barking", 'say "ah"', "Vögel 鳥"],
        "onset": [0.0, 1.25, 3.1],
        "offset": [0.5, 1.25, 4.000001],
        "score": [0.25, 1.0, 0.123457],
    }
)
HEADER = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def read(tmp_path, *lines, **options):
    path = tmp_path / "table.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return read_raven_table(path, **options)


@pytest.mark.parametrize("events", [EVENTS, EVENTS.drop(columns="score"), EVENTS.iloc[:1]], ids=len)
@pytest.mark.parametrize("label_column", ["Annotation", "Common Name", "Call Type"])
def test_events_come_back_as_they_were_written(tmp_path, events, label_column):
    path = tmp_path / "table.txt"
    write_raven_table(events, path, label_column=label_column)
    known = None if label_column != "Call Type" else label_column
    assert_frame_equal(read_raven_table(path, clip=5, label_column=known), events)


def test_a_table_has_the_columns_that_raven_opens(tmp_path):
    path = tmp_path / "table.txt"
    write_raven_table(EVENTS, path, band=(500, 12000))
    header, first, *_ = path.read_text().splitlines()
    assert header == f"{HEADER}\tAnnotation\tConfidence"
    assert first == "1\tSpectrogram 1\t1\t0.000000\t0.500000\t500.000000\t12000.000000\tdog, barking\t0.250000"


def test_a_clip_without_events_is_a_header_and_back(tmp_path):
    path = tmp_path / "table.txt"
    write_raven_table(EVENTS, path, clip="other")
    assert path.read_text() == f"{HEADER}\tAnnotation\tConfidence\n"
    assert read_raven_table(path).shape == (0, 5)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"label_column": "View"}, "label_column='View' has another meaning"),
        ({"label_column": "a\tb"}, "label_column 'a\\\\tb' has a tab"),
        ({"band": (8000, 0)}, r"band=\(8000, 0\); pass two frequencies"),
    ],
)
def test_columns_and_bands_that_a_table_cannot_have_are_refused(tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        write_raven_table(EVENTS, tmp_path / "table.txt", **options)


def test_several_clips_and_labels_with_tabs_are_refused(tmp_path):
    with pytest.raises(ValueError, match="3 clips"):
        write_raven_table(EVENTS.assign(clip=[0, 1, 2]), tmp_path / "table.txt")
    with pytest.raises(ValueError, match="tab or a line break"):
        write_raven_table(EVENTS.assign(label="a\tb"), tmp_path / "table.txt")
    with pytest.raises(ValueError, match="no finite numbers"):
        write_raven_table(EVENTS.assign(score=float("nan")), tmp_path / "table.txt")
    assert not list(tmp_path.iterdir())


def test_views_of_one_selection_are_one_event(tmp_path):
    events = read(
        tmp_path,
        f"{HEADER}\tAnnotation",
        "1\tWaveform 1\t1\t0.5\t1.5\t0\t8000\towl",
        "1\tSpectrogram 1\t1\t0.5\t1.5\t0\t8000\towl",
        "2\tWaveform 1\t1\t0.5\t1.5\t0\t8000\towl",
        "2\tSpectrogram 1\t1\t0.5\t1.5\t0\t8000\towl",
        "2\tSpectrogram 1\t1\t7.5\t8.5\t0\t8000\towl",  # of a second table, put under the first
    )
    assert events["onset"].tolist() == [0.5, 0.5, 7.5]
    assert events["clip"].tolist() == ["table"] * 3


def test_tables_without_selections_or_views_have_an_event_a_line(tmp_path):
    line = "0.5\t1.5\towl"
    assert len(read(tmp_path, "Begin Time (s)\tEnd Time (s)\tSpecies", line, line)) == 2
    assert len(read(tmp_path, "Selection\tBegin Time (s)\tEnd Time (s)\tSpecies", f"1\t{line}", f"1\t{line}")) == 2


def test_tables_of_birdnet_are_counted_from_the_start_of_each_file(tmp_path):
    lines = [
        f"{HEADER}\tCommon Name\tSpecies Code\tConfidence\tBegin Path\tFile Offset (s)",
        "1\tSpectrogram 1\t1\t3.0\t6.0\t0\t15000\tGreat Tit\tgretit1\t0.8\tx/a.wav\t3.0",
        "2\tSpectrogram 1\t1\t305.5\t308.5\t0\t15000\tTawny Owl\ttawowl1\t0.9\tx/b.wav\t5.5",
        "3\tSpectrogram 1\t1\t600.0\t603.0\t0\t15000\tnocall\tnocall\t1.0\tx/c.wav\t0.0",
    ]
    events = read(tmp_path, *lines)
    assert events.to_numpy().tolist() == [
        ["x/a.wav", "Great Tit", 3.0, 6.0, 0.8],
        ["x/b.wav", "Tawny Owl", 5.5, 8.5, 0.9],
    ]
    whole = read(tmp_path, *lines, clip="night", label_column="species code")
    assert whole["onset"].tolist() == [3.0, 305.5]
    assert whole["label"].tolist() == ["gretit1", "tawowl1"]
    assert set(whole["clip"]) == {"night"}


def test_several_files_without_their_offsets_are_refused_unless_they_are_one_clip(tmp_path):
    lines = [f"{HEADER}\tSpecies\tBegin File", *(f"{n}\tSpectrogram 1\t1\t{n}\t9\t0\t1\towl\t{n}.wav" for n in (1, 2))]
    with pytest.raises(ValueError, match="several files but has no column 'File Offset"):
        read(tmp_path, *lines)
    assert read(tmp_path, *lines, clip=0)["onset"].tolist() == [1.0, 2.0]
    one = read(tmp_path, *lines[:2])
    assert one.to_numpy().tolist() == [["1.wav", "owl", 1.0, 9.0]]


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ([], r"no column 'Begin Time \(s\)' among \[\]"),
        (["0.5\t1.0\tdog"], r"no column 'Begin Time \(s\)' among \['0.5'"),
        ([HEADER], "no column 'Annotation' or 'Common Name' .*; pass label_column="),
        ([f"{HEADER}\tAnnotation", "1\tSpectrogram 1\t1\t0\tx\t0\t1\towl"], r"line 2: End Time \(s\) is 'x'"),
        ([f"{HEADER}\tAnnotation", "", "1\tSpectrogram 1\t1\t2\t1\t0\t1\towl"], "line 3: offset 1.0 lies before"),
        ([f"{HEADER}\tAnnotation", "1\tSpectrogram 1\t1\t0\t1\t0\t1"], "line 2: the label is empty"),
        ([f"{HEADER}\tAnnotation", "1\tSpectrogram 1\t1\t0\t1\t0\t1\towl\tx"], "line 2: 9 fields, not 8"),
        ([f"{HEADER}\tAnnotation\tScore", "1\tSpectrogram 1\t1\t0\t1\t0\t1\towl\thigh"], "line 2: the score is 'high'"),
        ([f"{HEADER}\tLabel\tBegin File", "1\tSpectrogram 1\t1\t0\t1\t0\t1\towl\t"], "line 2: the clip is empty"),
    ],
)
def test_a_damaged_line_is_named_with_its_value(tmp_path, lines, match):
    with pytest.raises(ValueError, match=match) as caught:
        read(tmp_path, *lines)
    assert "table.txt" in str(caught.value)


def test_a_column_of_labels_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="no column 'Call Type' among"):
        read(tmp_path, f"{HEADER}\tAnnotation", label_column="Call Type")
