import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import _detections, psd_roc, psds

COLUMNS = ["clip", "label", "onset", "offset"]
CASES = json.loads(Path(__file__).with_name("event_reference.json").read_text())["psds"]
PARAMETERS = ("dtc", "gtc", "alpha_ct", "alpha_st", "max_efpr")


def inputs(case):
    """Arguments of the measures; absent segments are nan, so that reading one would be refused."""
    score, lengths = np.array(case["score"]), np.array(case["lengths"])
    mask = np.arange(score.shape[1]) < lengths[:, None]
    y_true = pd.DataFrame(case["true"], columns=COLUMNS)
    keys = {"labels": case["labels"], "clips": case["clips"], "mask": mask}
    return (y_true, np.where(mask[:, :, None], score, np.nan), case["edges"]), keys


def parameters(figures):
    given = {key: figures[key] for key in PARAMETERS}
    return given if figures["cttc"] is None else {**given, "cttc": figures["cttc"]}


def area_until(rates, heights, x):
    """Area under a staircase up to each x."""
    below = np.concatenate([[0.0], np.cumsum(heights[:-1] * np.diff(rates))])
    step = np.searchsorted(rates, x, side="right") - 1
    return below[step] + heights[step] * (x - rates[step])


@pytest.mark.parametrize("case", CASES)
def test_score_and_curves_equal_those_of_sed_scores_eval(case):
    args, keys = inputs(case)
    for figures in case["figures"]:
        options = {**keys, **parameters(figures)}
        assert psds(*args, **options) == pytest.approx(figures["psds"], abs=1e-9)
        roc = psd_roc(*args, **options)
        x = np.linspace(0, figures["max_efpr"], 41)
        ours = area_until(roc.false_positive_rate, roc.true_positive_rate, x)
        theirs = area_until(np.array(figures["fpr"]), np.array(figures["tpr"]), x)
        np.testing.assert_allclose(ours / x[-1], theirs / x[-1], atol=1e-9)
        by_label = {label: area_until(*curve, x[-1:])[0] / x[-1] for label, curve in roc.labels.items()}
        assert by_label == pytest.approx(figures["labels"], abs=1e-9)


def slow_counts(score, edges, events, dtc, gtc):
    """True and false positives of one label in one clip below each score, run by run and event by event."""
    counts = {}
    for threshold in np.unique(score):
        on = np.concatenate([[False], score >= threshold, [False]])
        runs = list(zip(np.flatnonzero(on[1:] & ~on[:-1]), np.flatnonzero(on[:-1] & ~on[1:]), strict=True))
        spans = [(edges[first], edges[end]) for first, end in runs]

        def shared(span, event):
            return max(min(span[1], event[1]) - max(span[0], event[0]), 0)

        relevant = [s for s in spans if round(sum(shared(s, e) for e in events) - dtc * (s[1] - s[0]), 6) >= 0]
        found = [e for e in events if round(sum(shared(s, e) for s in relevant) - gtc * (e[1] - e[0]), 6) >= 0]
        counts[threshold] = len(found), len(spans) - len(relevant)
    return counts


@pytest.mark.parametrize("n_segments", [1, 2, 7, 40])
def test_every_point_of_a_labels_curve_is_that_of_a_threshold(rng, n_segments):
    edges = np.arange(n_segments + 1) / 4
    for _ in range(20):
        score = rng.integers(0, 6, (1, n_segments, 1)).astype(float)
        bounds = np.sort(rng.choice(40 * n_segments, 6, replace=False)).reshape(3, 2) * edges[-1] / 40 / n_segments
        events = pd.DataFrame(bounds.round(3), columns=["onset", "offset"]).assign(clip=0, label="dog")
        # The events are at least a millisecond long and may touch, which would unite them.
        events = events[
            (events["onset"] > events["offset"].shift(fill_value=-1)) & (events["onset"] < events["offset"])
        ]
        slow = slow_counts(score[0, :, 0], edges, events[["onset", "offset"]].to_numpy(), 0.5, 0.6)
        roc = psd_roc(events, score, edges, labels=["dog"], dtc=0.5, gtc=0.6, max_efpr=1e9)
        rate, found = roc.labels["dog"]
        points = {(true / len(events), round(false / edges[-1] * 3600, 6)) for true, false in slow.values()} | {
            (0.0, 0.0)
        }
        assert set(zip(found, rate.round(6), strict=True)) <= points
        for true, false in points:
            assert found[np.searchsorted(rate, false + 1e-5, side="right") - 1] >= true


def test_blocks_of_clips_change_nothing(monkeypatch):
    args, keys = inputs(CASES[0])
    whole = [psds(*args, **keys, **parameters(figures)) for figures in CASES[0]["figures"]]
    monkeypatch.setattr(_detections, "_VALUES_AT_ONCE", 1)
    assert [psds(*args, **keys, **parameters(figures)) for figures in CASES[0]["figures"]] == pytest.approx(whole)


def easy(n=20, labels=("dog", "rain")):
    """Each label in half of the clips, from second 1 to 3 of 5, and scores that say so."""
    rows = [[clip, labels[clip % 2], 1.0, 3.0] for clip in range(n)]
    score = np.zeros((n, 5, 2))
    for clip in range(n):
        score[clip, 1:3, clip % 2] = 1 + clip / n
    return pd.DataFrame(rows, columns=COLUMNS), score, np.arange(6.0)


def test_perfect_scores_have_a_psds_of_one_on_any_scale():
    y_true, score, edges = easy()
    assert psds(y_true, score, edges, labels=["dog", "rain"]) == pytest.approx(1)
    assert psds(y_true, np.exp(3 * score), edges, labels=["dog", "rain"], alpha_ct=1, alpha_st=1) == pytest.approx(1)


def test_segments_in_pieces_detect_as_whole_ones_do():
    y_true, score, edges = easy()
    score += np.random.default_rng(0).normal(size=score.shape)
    options = {"labels": ["dog", "rain"], "alpha_ct": 0.5, "alpha_st": 1, "max_efpr": 3000.0}
    pieces = np.linspace(0, 5, 16)
    assert psds(y_true, np.repeat(score, 3, axis=1), pieces, **options) == pytest.approx(
        psds(y_true, score, edges, **options), abs=1e-12
    )


def test_events_that_overlap_or_touch_are_one():
    y_true, score, edges = easy()
    halves = pd.concat([y_true.assign(offset=2.0), y_true.assign(onset=1.5, offset=2.5), y_true.assign(onset=2.5)])
    options = {"labels": ["dog", "rain"], "dtc": 0.3, "max_efpr": 1000.0}
    score += np.random.default_rng(0).normal(size=score.shape)
    assert psds(halves, score, edges, **options) == pytest.approx(psds(y_true, score, edges, **options), abs=1e-12)


def test_a_false_positive_of_another_sound_counts_more_with_cross_triggers():
    y_true, score, edges = easy()
    score[0, 1:3, 1] = 3.0  # rain, where a dog barks
    options = {"labels": ["dog", "rain"], "max_efpr": 100.0}
    assert psds(y_true, score, edges, **options, alpha_ct=1.0) < psds(y_true, score, edges, **options)


def test_labels_without_a_true_event_leave_the_score_as_it_is():
    y_true, score, edges = easy()
    score += np.random.default_rng(0).normal(size=score.shape)
    options = {"alpha_ct": 0.5, "alpha_st": 0.5, "max_efpr": 3000.0}
    alone = psds(y_true, score, edges, labels=["dog", "rain"], **options)
    wider = np.concatenate([score, score[:, :, :1]], axis=2)
    with pytest.warns(UndefinedLabelWarning, match="1 of 3 labels have no true event"):
        assert psds(y_true, wider, edges, labels=["dog", "rain", "cat"], **options) == pytest.approx(alone)


@pytest.mark.parametrize("name", ["clip {}".format, lambda i: ("night", i)], ids=["text", "tuple"])
def test_clips_are_found_by_name_in_any_order(name):
    y_true, score, edges = easy()
    score += np.random.default_rng(0).normal(size=score.shape)
    names = [name(i) for i in range(20)]
    named = y_true.assign(clip=pd.Series(names))
    options = {"labels": ["dog", "rain"], "max_efpr": 1000.0}
    assert psds(named, score[::-1], edges, clips=names[::-1], **options) == pytest.approx(
        psds(y_true, score, edges, **options)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["dog"]}, "y_true row 1 is of 'rain', not in labels"),
        ({"labels": ["dog", "rain", "cat"]}, "a column for each of 3 labels"),
        ({"clips": range(19)}, "y_true row 19 is of 19, not in clips"),
        ({"clips": range(21)}, "a row for each of 21 clips"),
        ({"edges": np.arange(5.0)}, "edges of length 5 must be one more than the 5 segments"),
        ({"edges": np.zeros(6)}, "must be finite seconds that increase"),
        ({"mask": np.zeros((20, 5))}, "mask has no present segment"),
        ({"y_score": np.full((20, 5, 2), np.nan)}, r"y_score\[0, 0, 0\] is nan"),
        ({"y_score": np.zeros((20, 5))}, "must be .n, T, C."),
        ({"y_true": easy()[0].assign(offset=1.0)}, "from 1.0 to 1.0, which nothing overlaps; drop it"),
        ({"y_true": easy()[0][:0]}, "y_true has no event"),
        ({"y_true": [1]}, "pass a pandas DataFrame"),
        ({"dtc": 0}, "dtc=0; pass a finite number above 0 and at most 1"),
        ({"gtc": 1.1}, "gtc=1.1"),
        ({"cttc": None}, "cttc=None"),
        ({"alpha_ct": -1}, "alpha_ct=-1"),
        ({"alpha_st": np.nan}, "alpha_st=nan"),
        ({"max_efpr": 0}, "max_efpr=0; pass a finite number above 0"),
    ],
)
@pytest.mark.parametrize("measure", [psds, psd_roc])
def test_what_has_no_score_is_refused(measure, change, message):
    y_true, y_score, edges = easy()
    given = {"y_true": y_true, "y_score": y_score, "edges": edges, "labels": ["dog", "rain"]}
    with pytest.raises(ValueError, match=message):
        measure(**{**given, **change})
