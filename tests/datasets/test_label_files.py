import numpy as np
import pytest

from skzsl import indicator_frame
from skzsl.datasets import load_labels

AUDIOSET = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=2, num_segs=2, num_unique_labels=3, num_positive_labels=3
# YTID, start_seconds, end_seconds, positive_labels
--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"
--ZhevVpy1s, 50.000, 60.000, "/m/012xff"
"""
FSD50K = """fname,labels,mids,split
64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf",train
16399,Rain,/m/06mb1,val
"""
JAMENDO = """TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS
track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t124.6\tgenre---punkrock
track_0000382\tartist_000020\talbum_000046\t82/382.mp3\t211.1\tgenre---ambient\tmood/theme---ambient\tinstrument---piano
"""
ESC50 = """filename,fold,target,category,esc10,src_file,take
1-100032-A-0.wav,1,0,dog,True,100032,A
1-100038-A-14.wav,1,14,chirping_birds,False,100038,A
"""
URBAN = """slice_file_name,fsID,start,end,salience,fold,classID,class
100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark
100263-2-0-117.wav,100263,58.5,62.5,1,5,2,children_playing
"""
NAMES = {"/m/09x0r": "Speech", "/t/dd00088": "Gargling", "/m/012xff": "Toothbrush"}
OWN = "file,bird\na.wav,crow\nb.wav,wren\n"


def load(tmp_path, text, *args, **options):
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_labels(path, *args, **options)


def lists_of(y):
    return [y.columns[row == 1].tolist() for row in y.to_numpy()]


@pytest.mark.parametrize(
    ("text", "options", "clips", "labels"),
    [
        (AUDIOSET, {"names": NAMES}, ["--PJHxphWEs", "--ZhevVpy1s"], [["Gargling", "Speech"], ["Toothbrush"]]),
        (FSD50K, {}, ["64760", "16399"], [["Electric_guitar", "Guitar", "Music"], ["Rain"]]),
        (
            JAMENDO,
            {},
            ["14/214.mp3", "82/382.mp3"],
            [["punkrock"], ["genre---ambient", "mood/theme---ambient", "piano"]],
        ),
        (ESC50, {}, ["1-100032-A-0.wav", "1-100038-A-14.wav"], ["dog", "chirping_birds"]),
        (ESC50.replace(",", ";"), {}, ["1-100032-A-0.wav", "1-100038-A-14.wav"], ["dog", "chirping_birds"]),
        (URBAN, {}, ["100032-3-0-0.wav", "100263-2-0-117.wav"], ["dog_bark", "children_playing"]),
        ("﻿" + OWN, {"label": "bird"}, ["a.wav", "b.wav"], ["crow", "wren"]),
        ("id\ttags\n7\train|wind\n8\twind\n", {"sep": "|"}, ["7", "8"], [["rain", "wind"], ["wind"]]),
    ],
    ids=[
        "AudioSet",
        "FSD50K",
        "MTG-Jamendo",
        "ESC-50",
        "ESC-50 of a spreadsheet",
        "UrbanSound8K",
        "own",
        "own, several",
    ],
)
def test_each_dialect_is_read(tmp_path, text, options, clips, labels):
    found = load(tmp_path, text, **options)
    assert found.files.tolist() == clips
    assert found.rows.tolist() == [0, 1]
    assert (lists_of(found.y) if found.y.ndim == 2 else found.y.tolist()) == labels
    assert found.without_label == found.without_clip == []


def test_other_columns_stay_with_their_clips_as_numbers_where_they_are(tmp_path):
    found = load(tmp_path, URBAN, ["100263-2-0-117"])
    assert found.table.to_dict("records") == [
        {
            **{"slice_file_name": "100263-2-0-117.wav", "fsID": 100263, "start": 58.5, "end": 62.5},
            **{"salience": 1, "fold": 5, "classID": 2},
        }
    ]


def test_rows_are_joined_to_clips_in_the_order_of_the_clips(tmp_path):
    found = load(tmp_path, ESC50, ["fold1/1-100038-A-14", "fold1/1-100032-A-0.npy"])
    assert found.y.tolist() == ["chirping_birds", "dog"]
    assert found.files.tolist() == ["fold1/1-100038-A-14", "fold1/1-100032-A-0.npy"]
    numbers = load(tmp_path, FSD50K, np.array([16399, 64760]))
    assert lists_of(numbers.y)[0] == ["Rain"]


def test_the_column_that_most_clips_match_names_them(tmp_path):
    for clips in (["214", "382"], ["14/214", "82/382"], ["track_0000214", "track_0000382"]):
        assert load(tmp_path, JAMENDO, clips).y["punkrock"].tolist() == [1, 0]
    with pytest.raises(ValueError, match="No clip"):
        load(tmp_path, JAMENDO, ["214", "382"], file="track_id")


def test_what_does_not_match_is_reported(tmp_path):
    with pytest.raises(ValueError, match=r"no row for 1 of 2 clips: \['night'\]; pass missing='drop'"):
        load(tmp_path, ESC50, ["night", "1-100038-A-14"])
    found = load(tmp_path, ESC50, ["night", "1-100038-A-14"], missing="drop")
    assert found.rows.tolist() == [1]
    assert found.y.tolist() == ["chirping_birds"]
    assert found.without_label == ["night"]
    assert found.without_clip == ["1-100032-A-0.wav"]
    with pytest.raises(ValueError, match=r"No clip, such as \['day', 'night'\], is among the 2 rows"):
        load(tmp_path, ESC50, ["day", "night"], missing="drop")
    with pytest.raises(ValueError, match="missing='keep'"):
        load(tmp_path, ESC50, missing="keep")


def test_folders_count_where_names_alone_are_not_distinct(tmp_path):
    text = "path,label\nnorth/a.wav,crow\nsouth/a.wav,wren\n"
    assert load(tmp_path, text, ["south/a", "north/a"]).y.tolist() == ["wren", "crow"]
    with pytest.raises(ValueError, match=r"clips has \['north/a', 'south/a'\], which .* does not tell apart"):
        load(tmp_path, "file,label\na.wav,crow\n", ["north/a", "south/a"])


def test_identifiers_become_names_or_an_error(tmp_path):
    with pytest.raises(ValueError, match="line 4: '/m/09x0r' is an identifier; pass names=load_audioset_ontology"):
        load(tmp_path, AUDIOSET)
    with pytest.raises(ValueError, match="line 5: '/m/012xff' has no entry in names"):
        load(tmp_path, AUDIOSET, names={"names": {"/m/09x0r": "Speech", "/t/dd00088": "Gargling"}})
    by_mid = load(
        tmp_path, FSD50K, label="mids", names={"/m/02sgy": "a", "/m/0342h": "b", "/m/04rlf": "c", "/m/06mb1": "d"}
    )
    assert by_mid.y.to_numpy().tolist() == [[1, 1, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("text", "options", "match"),
    [
        (ESC50 + "1-9-A-0.wav,1,0\n", {}, "line 4: 3 fields, not 7"),
        (ESC50 + "1-100032-A-0.wav,1,1,rooster,False,100032,A\n", {}, "line 4: '1-100032-A-0.wav' is on line 2 too"),
        (ESC50 + "1-9-A-0.wav,1,0,,True,9,A\n", {}, "line 4: category is empty"),
        (ESC50 + ",1,0,dog,True,9,A\n", {}, "line 4: filename is empty"),
        (FSD50K + "7,Rain,Wind,/m/06mb1,train\n", {}, "line 4: 5 fields, not 4; quote fields"),
        (FSD50K + '7," , ",/m/06mb1,train\n', {}, "line 4: labels is empty"),
        (AUDIOSET.replace('"', ""), {"names": NAMES}, "line 4: 5 fields, not 4"),
        (JAMENDO + "track_3\tartist_3\talbum_3\t3/3.mp3\t9\n", {}, "line 4: 5 fields, not 6"),
        (JAMENDO + "track_3\tartist_3\talbum_3\t3/3.mp3\t9\t\n", {}, "line 4: TAGS is empty"),
        (ESC50.replace(",", ":"), {}, "none is known to have labels; pass label='...', begin with a line of names"),
        (OWN, {}, "none is known to have labels"),
        (OWN, {"label": "fish"}, "none is 'fish'"),
        (OWN, {"label": "bird", "file": "clip"}, "none names the clips; pass file="),
        ("name,label\na,dog\n", {}, "none names the clips; pass file="),
        ("file,label\na,dog;cat\n", {}, "line 2: 'dog;cat' may be several labels; pass sep=';'"),
        ("file,label\na,dog;cat\n", {"sep": "|"}, "line 2: 'dog;cat' may be several labels; pass sep=';'"),
        ("file,label\na,\n", {"empty": "keep"}, "line 2: label is empty; add the label or remove the line.$"),
        ("file,label\na,\n", {"sep": ";"}, "line 2: label is empty; .* or pass empty='keep'"),
        ("file,file,label\na,b,dog\n", {}, "two of one name"),
        ('file,label\na,"dog\nb,cat\n', {}, "line 2: .*; correct its quotes"),
        ("", {}, "is empty"),
        ("file,label\n", {}, "has the columns .* and no rows"),
        ("file,label\na,V\xf6gel\n".encode("latin-1"), {}, "not in UTF-8"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(tmp_path, text, options, match):
    with pytest.raises(ValueError, match=match) as caught:
        load(tmp_path, text, **options)
    assert "labels.csv" in str(caught.value)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing"):
        load_labels(tmp_path / "none.csv")


def test_commas_within_the_one_label_of_a_clip_stay(tmp_path):
    assert load(tmp_path, 'file,label\na,"Male speech, man speaking"\n').y.tolist() == ["Male speech, man speaking"]


def test_indicator_frame_splits_text_and_says_so_when_it_meets_some():
    y = indicator_frame(["rain; wind", "", "wind;"], sep=";")
    assert y.columns.tolist() == ["rain", "wind"]
    assert y.to_numpy().tolist() == [[1, 1], [0, 0], [0, 1]]
    with pytest.raises(ValueError, match=r"such as \['rain;wind'\], or sep=';' if these are several labels"):
        indicator_frame(["rain;wind"])
    with pytest.raises(ValueError, match=r"label_lists\[1\] is \['rain'\]; pass text for sep=','"):
        indicator_frame(["rain", ["rain"]], sep=",")
    with pytest.raises(ValueError, match="sep=''"):
        indicator_frame(["rain"], sep="")


def test_clips_without_a_label_can_be_kept(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("file,label\na,dog;rain\nb,\nc,/m/09x0r\n")
    with pytest.raises(ValueError, match="line 4: '/m/09x0r' is an identifier"):
        load_labels(path, sep=";", empty="keep")
    with pytest.raises(ValueError, match="empty='drop'; pass 'error' or 'keep'"):
        load_labels(path, sep=";", empty="drop")
    found = load_labels(path, ["b", "a"], sep=";", empty="keep")
    assert found.y.to_numpy().tolist() == [[0, 0], [1, 1]]


def test_a_table_at_hand_is_no_file():
    with pytest.raises(TypeError, match="take its column as y"):
        load_labels(indicator_frame([["dog"]]))


@pytest.mark.parametrize("cell", ["\"['dog', 'rain']\"", '"[""dog"", ""rain""]"', "['dog' 'rain']", "['dog'  'rain']"])
@pytest.mark.parametrize("options", [{}, {"sep": ","}])
def test_lists_written_as_text_are_lists(tmp_path, cell, options):
    for column in ("label", "labels"):
        found = load(tmp_path, f"file,{column}\na,{cell}\nb,[]\n", empty="keep", **options)
        assert found.y.to_dict("list") == {"dog": [1, 0], "rain": [1, 0]}
    with pytest.raises(ValueError, match="line 3: 'dog' is no list of labels"):
        load(tmp_path, f"file,label\na,{cell}\nb,dog\n")
    with pytest.raises(ValueError, match=r"line 2: .* is no list of labels"):
        load(tmp_path, "file,label\na,{'dog'}\n")
    for texts in ({}, {"sep": ","}):
        with pytest.raises(ValueError, match=r"list written as text.*ast\.literal_eval"):
            indicator_frame(["['dog', 'rain']"], **texts)


def test_an_indicator_is_no_list_of_labels():
    for dtype in (bool, int, float):
        with pytest.raises(ValueError, match=r"shape \(2, 2\) is an indicator"):
            indicator_frame(np.eye(2, dtype=dtype))


def test_tags_between_commas_are_several(tmp_path):
    assert load(tmp_path, "file\ttags\na\tdog,rain\nb\tdog\n").y.to_dict("list") == {"dog": [1, 1], "rain": [1, 0]}
    with pytest.raises(ValueError, match="line 2: 'dog;rain' may be several labels; pass sep=';'"):
        load(tmp_path, "file\ttags\na\tdog;rain\n")


def test_each_two_clips_of_one_name_are_found(tmp_path):
    text = "file,label\n1,dog\n2,rain\n"
    with pytest.raises(ValueError, match=r"clips has \['b/1', 'c/1'\], which .* does not tell apart"):
        load(tmp_path, text, ["x/q", "y/q", "z/q", "b/1", "c/1"], missing="drop")


def test_accents_are_one_letter_however_they_are_stored(tmp_path):
    assert load(tmp_path, "file,label\ncaf\u00e9.wav,dog\nb.wav,rain\n", ["cafe\u0301", "b"]).y.tolist() == [
        "dog",
        "rain",
    ]


@pytest.mark.parametrize("options", [{"label": 1}, {"file": 1}, {"sep": ""}, {"names": ["dog"]}])
def test_arguments_of_other_types_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match="; pass "):
        load(tmp_path, OWN, **{"label": "bird", **options})
