import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import event_error_rate, event_f1, segment_error_rate, segment_f1, segment_truth

COLUMNS = ["clip", "label", "onset", "offset"]
CASES = json.loads(Path(__file__).with_name("event_reference.json").read_text())["events"]
PAIRS = [(segment_f1, segment_error_rate, "segment"), (event_f1, event_error_rate, "event")]
F1S = [segment_f1, event_f1]
ALL = [segment_f1, segment_error_rate, event_f1, event_error_rate]


def table(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS)


@pytest.mark.parametrize(("f1", "error_rate", "kind"), PAIRS, ids=["segment", "event"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::skzsl.exceptions.UndefinedLabelWarning")
def test_figures_equal_those_of_sed_eval(case, f1, error_rate, kind):
    y_true, y_pred = table(*case["true"]), table(*case["pred"])
    for figures in case[kind]:
        options = {key: figures[key] for key in ("resolution", "collar", "offset_share") if key in figures}
        # sed_eval gives nan where nothing is predicted, which is a score of 0 here.
        labels = {label: value or 0.0 for label, value in figures["labels"].items()}
        assert f1(y_true, y_pred, **options) == pytest.approx(figures["micro"] or 0.0, abs=1e-12)
        assert error_rate(y_true, y_pred, **options) == pytest.approx(figures["error_rate"], abs=1e-12)
        by_label = f1(y_true, y_pred, average=None, **options)
        assert by_label.dropna().to_dict() == pytest.approx(labels, abs=1e-12)
        assert f1(y_true, y_pred, average="macro", **options) == pytest.approx(np.mean(list(labels.values())))


def slow_cells(frame, resolution):
    """The definition: every cell of the grid that an event reaches into."""
    return {
        (clip, label, cell)
        for clip, label, onset, offset in frame[COLUMNS].itertuples(index=False)
        for cell in range(int(np.floor(onset / resolution)), int(np.ceil(offset / resolution)))
    }


@pytest.mark.parametrize("resolution", [0.3, 1.0, 4.0])
def test_segment_counts_equal_those_of_cells(resolution):
    for case in CASES:
        true, pred = (slow_cells(table(*case[key]), resolution) for key in ("true", "pred"))
        frames = table(*case["true"]), table(*case["pred"])
        value = 2 * len(true & pred) / (len(true) + len(pred))
        assert segment_f1(*frames, resolution=resolution) == pytest.approx(value, abs=1e-12)
        segments = {(clip, cell) for clip, _, cell in true | pred}
        errors = sum(
            max(len([x for x in kept if (x[0], x[2]) == segment]) for kept in (true - pred, pred - true))
            for segment in segments
        )
        assert segment_error_rate(*frames, resolution=resolution) == pytest.approx(errors / len(true), abs=1e-12)


def test_most_events_are_matched_where_taking_the_first_would_match_fewer():
    y_true = table(["a", "dog", 1.0, 2.0], ["a", "dog", 1.3, 2.3])
    y_pred = table(["a", "dog", 1.15, 2.15], ["a", "dog", 0.9, 1.9])
    assert event_f1(y_true, y_pred) == 1.0
    assert event_f1(y_true, y_pred.iloc[::-1]) == 1.0


def test_a_doubled_prediction_is_right_once():
    y_true = table(["a", "dog", 1.0, 2.0])
    assert event_f1(y_true, pd.concat([y_true, y_true])) == pytest.approx(2 / 3)
    assert event_error_rate(y_true, pd.concat([y_true, y_true])) == 1.0


def test_offsets_of_long_events_may_be_further_away():
    y_true, y_pred = table(["a", "rain", 0.0, 10.0]), table(["a", "rain", 0.0, 6.0])
    assert event_f1(y_true, y_pred) == 1.0
    assert event_f1(y_true, y_pred, offset_share=0.2) == 0.0
    assert event_f1(y_true, y_pred, offset_share=None) == 1.0


def test_same_times_in_another_clip_are_no_hit():
    y_true, y_pred = table(["a", "dog", 1.0, 2.0]), table(["b", "dog", 1.0, 2.0])
    for f1, error_rate, _ in PAIRS:
        assert f1(y_true, y_pred) == 0.0
        assert error_rate(y_true, y_pred) == 2.0


@pytest.mark.parametrize("f1", F1S)
def test_labels_without_a_true_event_are_left_out_of_the_mean_alone(f1):
    y_true = table(["a", "dog", 1.0, 2.0])
    y_pred = table(["a", "dog", 1.0, 2.0], ["a", "cat", 1.0, 2.0])
    with pytest.warns(UndefinedLabelWarning, match="1 of 2 labels have no true event"):
        assert f1(y_true, y_pred, average="macro") == 1.0
    assert f1(y_true, y_pred) == pytest.approx(2 / 3)
    by_label = f1(y_true, y_pred, average=None)
    assert by_label.index.tolist() == ["cat", "dog"]
    assert by_label.isna().tolist() == [True, False]


@pytest.mark.parametrize("measure", ALL)
def test_order_index_and_other_columns_play_no_part(measure, rng):
    case = CASES[0]
    y_true, y_pred = table(*case["true"]), table(*case["pred"])
    other = y_pred.assign(score=rng.random(len(y_pred)), clip=y_pred["clip"].astype("category"))
    other.index = rng.permutation(len(other))
    assert measure(y_true[COLUMNS[::-1]], other) == measure(y_true, y_pred)


@pytest.mark.parametrize("measure", ALL)
def test_no_prediction_is_a_prediction(measure):
    empty = pd.DataFrame({column: [] for column in COLUMNS})
    assert measure(table(["a", "dog", 1.0, 2.0]), empty) == (0.0 if measure in F1S else 1.0)
    assert measure(table(["a", "dog", 1.0, 2.0]), table()) == (0.0 if measure in F1S else 1.0)


GOOD = table(["a", "dog", 1.0, 2.0])
BAD_TABLES = [
    ([["a", "dog", 1.0, 2.0]], "is a list; pass a pandas DataFrame"),
    (GOOD.drop(columns=["clip", "offset"]), r"lacks the columns \['clip', 'offset'\]"),
    (pd.concat([GOOD, GOOD[["label"]]], axis=1), r"the columns \['label'\] more than once"),
    (table(["a", "dog", 1.0, 2.0], [None, "dog", 1.0, 2.0]), "no clip in row 1"),
    (table(["a", None, 1.0, 2.0]), "no label in row 0"),
    (table(["a", "dog", np.nan, 2.0]), r"\['onset'\] is nan in row 0"),
    (table(["a", "dog", 1.0, np.inf]), r"\['offset'\] is inf in row 0"),
    (table(["a", "dog", 1.0, 2.0], ["a", "dog", -0.5, 2.0]), r"\['onset'\] is -0.5 in row 1"),
    (table(["a", "dog", "1", 2.0]), r"\['onset'\] has dtype .*pass seconds as numbers"),
    (table(["a", "dog", 1.0, 2.0], ["a", "dog", 3.0, 2.5]), "offset 2.5 before onset 3.0 in row 1; swap"),
]


@pytest.mark.parametrize(("frame", "message"), BAD_TABLES)
@pytest.mark.parametrize("measure", ALL)
def test_bad_tables_are_refused_by_name(measure, frame, message):
    with pytest.raises(ValueError, match=message) as of_true:
        measure(frame, GOOD)
    with pytest.raises(ValueError, match=message) as of_pred:
        measure(GOOD, frame)
    assert str(of_true.value).startswith("y_true")
    assert str(of_pred.value).startswith("y_pred")


@pytest.mark.parametrize(
    ("measure", "options", "message"),
    [
        (segment_f1, {"average": "weighted"}, "average='weighted'; pass 'micro', 'macro' or None"),
        (event_f1, {"average": "weighted"}, "average='weighted'; pass 'micro', 'macro' or None"),
        (segment_f1, {"resolution": 0}, "resolution=0; pass a finite number above 0"),
        (segment_error_rate, {"resolution": np.inf}, "resolution=inf"),
        (event_f1, {"collar": -0.1}, "collar=-0.1; pass a finite number of at least 0"),
        (event_f1, {"collar": None}, "collar=None"),
        (event_error_rate, {"offset_share": "half"}, "offset_share='half'"),
    ],
)
def test_parameters_out_of_range_are_refused(measure, options, message):
    with pytest.raises(ValueError, match=message):
        measure(GOOD, GOOD, **options)


@pytest.mark.parametrize("measure", ALL)
def test_tables_without_a_true_event_are_refused(measure):
    with pytest.raises(ValueError, match="nothing to find"):
        measure(table(), GOOD)


def test_truth_of_segments_equals_fine_sampling(rng):
    """Overlapping events of one label count once: the middle of each millisecond is looked up."""
    edges = np.array([0.0, 1.0, 1.5, 4.0])
    onset = rng.integers(0, 4000, 60) / 1000
    events = pd.DataFrame({"clip": rng.integers(0, 4, 60), "label": rng.choice(["dog", "rain"], 60)})
    events = events.assign(onset=onset, offset=onset + rng.integers(0, 900, 60) / 1000)
    events = events[events["clip"] != 2]
    middle = np.arange(0.0005, 4, 0.001)
    for share in (0.2, 0.5, 1.0):
        truth = segment_truth(events, edges, clips=[0, 1, 2, 3], labels=["rain", "dog"], share=share)
        for clip in range(4):
            for column, label in enumerate(["rain", "dog"]):
                rows = events[(events["clip"] == clip) & (events["label"] == label)]
                on = ((middle > rows[["onset"]].to_numpy()) & (middle < rows[["offset"]].to_numpy())).any(axis=0)
                for t in range(3):
                    inside = (middle > edges[t]) & (middle < edges[t + 1])
                    assert truth[clip, t, column] == (on[inside].sum() >= round(share * inside.sum()))


def test_half_a_segment_is_enough_whatever_rounding_does():
    edges = np.arange(0, 10.1, 0.1)
    events = table(["a", "dog", 0.75, 0.85])
    assert np.flatnonzero(segment_truth(events, edges, clips=["a"], labels=["dog"])).tolist() == [7, 8]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["cat"]}, "events row 0 is of 'dog', not in labels"),
        ({"clips": ["b"]}, "events row 0 is of 'a', not in clips"),
        ({"clips": ["a", "a"]}, "clips holds 'a' more than once"),
        ({"labels": "dog"}, "labels='dog' is one string"),
        ({"edges": [0, 1, 1]}, "must be finite seconds that increase"),
        ({"edges": [0]}, "must be .T . 1,. seconds"),
        ({"share": 0}, "share=0; pass a finite number above 0 and at most 1"),
        ({"share": 1.5}, "share=1.5"),
    ],
)
def test_truth_that_cannot_be_placed_is_refused(options, message):
    good = {"edges": [0, 1, 2], "clips": ["a"], "labels": ["dog"]}
    with pytest.raises(ValueError, match=message):
        segment_truth(GOOD, **{**good, **options})


@pytest.mark.parametrize("measure", ALL)
def test_labels_of_two_types_are_refused(measure):
    with pytest.raises(ValueError, match="y_true holds labels like 10 and y_pred '10'; make them of one type"):
        measure(table(["a", 10, 0, 1]), table(["a", "10", 0, 1]))


def test_a_share_next_to_nothing_still_needs_the_label():
    events = table(["a", "dog", 1, 2])
    truth = segment_truth(events, [0, 1, 2, 3], clips=["a"], labels=["dog"], share=1e-12)
    assert truth[0, :, 0].tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("true", "found"), [("a.wav", 0), ("a.wav", "a"), ("x/a.npy", "x/a.wav")], ids=["numbers", "endings", "both"]
)
def test_clips_named_in_two_ways_are_refused_and_not_scored_as_nothing_found(true, found):
    for measure in ALL:
        with pytest.raises(ValueError, match=f"y_true names clips as {true!r} and y_pred as {found!r}, and none is in"):
            measure(table([true, "dog", 0, 1]), table([found, "dog", 0, 1]))
        assert measure(table([true, "dog", 0, 1]), table(["other.wav", "dog", 0, 1])) in (0, 2)  # it happens
