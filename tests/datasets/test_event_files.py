import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from skzsl.datasets import read_events

EVENTS = [["a.wav", "Dog", 0.5, 1.0], ["b.wav", "Male speech, man speaking", 2.0, 9.25]]
TABS = "{0}\t0.5\t1.0\tDog\n{1}\t2.0\t9.25\tMale speech, man speaking\n"
COMMAS = '{0},0.5,1.0,Dog\n{1},2.0,9.25,"Male speech, man speaking"\n'


def read(tmp_path, text, **options):
    path = tmp_path / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_events(path, **options)


@pytest.mark.parametrize(
    "text",
    [
        TABS,
        COMMAS,
        "a.wav;0,5;1,0;Dog\nb.wav;2,0;9,25;Male speech, man speaking\n",
        "filename\tonset\toffset\tevent_label\n" + TABS,
        "filename,onset,offset,event_label\n" + COMMAS,
        "File, Event_onset, Event_offset, Event_label\n" + COMMAS.replace(",0.5,1.0,Dog", ", 0.5, 1.0, Dog"),
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n" + TABS,
        "filename\tevent_label\tonset\toffset\na.wav\tDog\t0.5\t1.0\nb.wav\tMale speech, man speaking\t2.0\t9.25",
        "a.wav\thome\t0.5\t1.0\tDog\nb.wav\thome\t2.0\t9.25\tMale speech, man speaking\n",
        "filename\tonset\toffset\tevent_label\nempty.wav\t\t\t\nnone.wav\n" + TABS,
        ",clip,label,onset,offset\n" + '0,a.wav,Dog,0.5,1.0\n1,b.wav,"Male speech, man speaking",2.0,9.25\n',
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "bom"])
def test_every_form_gives_the_same_table(tmp_path, text, mark):
    events = read(tmp_path, mark + text.format("a.wav", "b.wav"))
    assert events.columns.tolist() == ["clip", "label", "onset", "offset"]
    assert events.to_numpy().tolist() == EVENTS


@pytest.mark.parametrize("clips", [[0, 7, 12], ["0012", "7", "x"], ["a.wav", "b, c.wav", "d"]], ids=str)
@pytest.mark.parametrize("sep", [",", "\t", ";"])
def test_our_own_tables_come_back_as_they_were(tmp_path, clips, sep):
    events = pd.DataFrame(
        {
            "clip": clips,
            "label": ['say "ah", twice', "two\nlines\tand tabs; too", "NA"],
            "onset": [0.1, 1 / 3, 2e-7],
            "offset": [0.1, 2.0, 1e9],
            "score": [0.7, 1.0, 1 / 7],
        }
    )
    path = tmp_path / "events.csv"
    events.to_csv(path, index=False, sep=sep)
    assert_frame_equal(read_events(path), events)
    events.drop(columns="score").to_csv(path, index=False, sep=sep)
    assert_frame_equal(read_events(path), events.drop(columns="score"))


def test_files_of_one_clip_take_its_key_from_the_name_or_the_call(tmp_path):
    text = "21.5\t23.0\talert\n20.9\t21.8\tcough\n"
    assert read(tmp_path, text).to_numpy().tolist() == [["file", "alert", 21.5, 23.0], ["file", "cough", 20.9, 21.8]]
    assert read(tmp_path, text, clip=3)["clip"].tolist() == [3, 3]
    with pytest.raises(ValueError, match="names its clips in the column 'filename'; leave clip=None"):
        read(tmp_path, "filename\tonset\toffset\tevent_label\n", clip=3)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "clip,label,onset,offset\n", "filename\tonset\toffset\tevent_label\na\t\t\t"]
)
def test_no_event_is_a_table_without_rows(tmp_path, text):
    events = read(tmp_path, text)
    assert events.columns.tolist() == ["clip", "label", "onset", "offset"]
    assert len(events) == 0
    assert events[["onset", "offset"]].dtypes.tolist() == [float, float]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("filename\tonset\tevent_label\n", r"columns \['filename', .* rename or add 'offset' or 'event_offset'"),
        ("filename\tevent_labels\na.wav\tDog,Cat\n", "rename or add 'label' or .*'onset'.*'offset'"),
        ("a\t0\t1\tdog\n\nb\tx\t1\tdog\n", "line 3: onset is 'x'"),
        ("x\ty\t1\tdog\n", "line 1: onset is 'y'"),
        ('clip,label,onset,offset\na,"two\nlines",0,1\nb,dog,0,\n', "line 4: offset is ''"),
        ("a\t2\t1\tdog\n", "line 1: offset 1.0 lies before onset 2.0"),
        ("filename,onset,offset,event_label\na,0,1,\n", "line 2: the label is empty"),
        ("clip,onset,offset,label\n,0,1,dog\n", "line 2: the clip is empty"),
        ("a,0,1,Male speech, man speaking\n", "line 1: offset is 'Male speech'"),
        ("a,0,1,dog\na,0,1,Male speech, man\n", "line 2: 5 fields, not 4"),
        ("clip,label,onset,offset,score\na,dog,0,1,high\n", "line 2: score is 'high'"),
        ("1,2\n", "line 1: 2 fields and no header"),
        ('a,0,1,"dog\nb,0,1,cat\n', "line 1: .*; correct its quotes"),
        ("a,0,1,V\xf6gel\n".encode("latin-1"), "not in UTF-8"),
    ],
)
def test_a_damaged_file_is_named_with_its_line_and_value(tmp_path, text, match):
    with pytest.raises(ValueError, match=match) as caught:
        read(tmp_path, text)
    assert "file.csv" in str(caught.value)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing"):
        read_events(tmp_path / "none.csv")


def test_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "e.csv").write_text("filename,onset,offset,event_label,event_label\na,0,1,dog,rain\n")
    with pytest.raises(ValueError, match=r"e.csv' has two columns 'event_label'"):
        read_events(tmp_path / "e.csv")
