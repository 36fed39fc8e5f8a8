"""Events of clips and recordings."""

import copy

import numpy as np
import pandas as pd
import pytest
from models import CASES, data, fitted, new
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from skzsl import EventDetector, ScoreNormalizer, ZeroShotBilinear, ZeroShotRidge, ZeroShotTemporalAttention
from skzsl.metrics import event_f1
from skzsl.model_selection import ThresholdTuner
from skzsl.preprocessing import SegmentPooling, event_lists, event_table
from skzsl.text import HashingEncoder

UNSEEN = ["heavy rain", "thunder"]


def around(model, X, **settings):
    """A detector of a fitted model, which X tells the number of segments."""
    return EventDetector(FrozenEstimator(model), **settings).fit(X, model.predict(X))


def ridge():
    X, y = data("several")
    return ZeroShotRidge(HashingEncoder(16), threshold=0.2).fit(X, y), X


def slow_events(scores, limit, release, max_gap, min_length, edges):
    """Events of one label in one clip, segment by segment."""
    found, start, risen = [], None, False
    for t in range(len(scores) + 1):
        sounds = t < len(scores) and scores[t] > limit - release
        if sounds:
            start, risen = (t if start is None else start), risen or scores[t] > limit
        elif start is not None:
            if risen:
                found.append([start, t])
            start, risen = None, False
    joined = []
    for event in found:
        if joined and event[0] - joined[-1][1] <= max_gap:
            joined[-1][1] = event[1]
        else:
            joined.append(event)
    return [(edges[a], edges[b], max(scores[a:b])) for a, b in joined if b - a >= min_length]


@pytest.mark.parametrize(
    ("release", "max_gap", "min_length"), [(0, 0, 1), (0.3, 0, 1), (0, 2, 1), (0.2, 1, 2), (0, 0, 2)]
)
def test_events_are_what_a_walk_over_the_segments_finds(rng, release, max_gap, min_length):
    X = np.abs(rng.normal(size=(12, 15, 6))).astype(np.float32)
    y = pd.DataFrame(rng.integers(0, 2, (12, 3)), columns=["rain", "dog", "cat"])
    X[4, 9:] = 0
    times = {"hop": 0.5, "window": 0.8, "max_gap": max_gap * 0.5, "min_duration": min_length * 0.5}
    model = EventDetector(ZeroShotRidge(HashingEncoder()), threshold=0.1, release=release, **times).fit(X, y)
    scores, edges = model.segment_scores(X), model.segment_edges(15)
    expected = []
    for clip, label in np.ndindex(12, 3):
        of_label = scores[clip, :, label]
        of_label = of_label[~np.isnan(of_label)]
        walked = slow_events(of_label, 0.1, release, max_gap, min_length, edges)
        expected += [(clip, ["rain", "dog", "cat"][label], *event) for event in walked]
    events = model.events(X)
    assert len(expected) > 2
    assert events.columns.tolist() == ["clip", "label", "onset", "offset", "score"]
    expected = pd.DataFrame(expected, columns=events.columns)
    order = ["clip", "onset", "label"]
    pd.testing.assert_frame_equal(
        events.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True), check_dtype=False
    )
    pd.testing.assert_frame_equal(events, events.sort_values(["clip", "onset"], kind="stable", ignore_index=True))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_label_has_events_where_it_is_predicted(name, kind):
    model, (X, y) = fitted(name, kind), data(kind)
    detector = EventDetector(FrozenEstimator(model)).fit(X, y)
    events, predicted = detector.events(X), model.predict(X)
    found = {*zip(events["clip"], events["label"], strict=True)}
    if kind == "one":
        expected = {(clip, label) for clip, label in enumerate(predicted.tolist()) if label in model.classes_}
    else:
        expected = {(clip, model.classes_[label]) for clip, label in np.argwhere(predicted)}
    assert found == expected


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if "cscm" not in case[0]])
def test_clip_vectors_are_clips_of_one_segment(name, kind):
    X, y = data(kind)
    detector = EventDetector(new(name), hop=10.0).fit(X[:, 0], y)
    events = detector.events(X[:, 0])
    assert (events["onset"] == 0).all()
    assert (events["offset"] == 10).all()


def test_labels_never_seen_have_events():
    model, X = ridge()
    detector = around(model, X, threshold=0.05)
    events = detector.events(X, labels=UNSEEN)
    assert set(events["label"]) <= set(UNSEEN)
    assert len(events)
    view = detector.with_labels(UNSEEN)
    pd.testing.assert_frame_equal(view.events(X), events)
    np.testing.assert_array_equal(view.segment_scores(X), detector.segment_scores(X, labels=UNSEEN))


def test_no_event_is_a_table_without_rows():
    model, X = ridge()
    events = around(model, X, threshold=1e6).events(X)
    assert events.columns.tolist() == ["clip", "label", "onset", "offset", "score"]
    assert len(events) == 0


def test_threshold_of_each_label_goes_by_its_name():
    model, X = ridge()
    high = {label: 1e6 for label in model.classes_}
    detector = around(model, X, threshold={**high, "dog": 0.0})
    assert set(detector.events(X)["label"]) == {"dog"}
    with pytest.raises(ValueError, match="no entry for"):
        detector.events(X, labels=UNSEEN)
    detector.set_params(threshold={None: 0.05, "dog": 1e6})
    assert set(detector.events(X, labels=["dog", *UNSEEN])["label"]) <= set(UNSEEN)


def test_threshold_of_the_tuner_is_that_of_the_events():
    X, y = data("several")
    tuner = ThresholdTuner(ZeroShotRidge(HashingEncoder(16)), cv=KFold(2)).fit(X, y)
    expected = around(tuner.estimator_, X, threshold=tuner.threshold_).events(X)
    pd.testing.assert_frame_equal(around(tuner, X).events(X), expected)


def test_without_locality_a_label_sounds_throughout_its_clip():
    model, X = ridge()
    X = X.copy()
    X[2, 3:] = 0
    detector = around(model, X, locality=0.0, hop=2.0, window=3.0)
    events = detector.events(X)
    assert (events["onset"] == 0).all()
    assert set(events["offset"][events["clip"] == 2]) == {2 * 2.0 + 3.0}
    assert set(events["offset"][events["clip"] != 2]) == {3 * 2.0 + 3.0}


def test_locality_bends_what_lies_below_the_best_segment():
    model, X = ridge()
    whole = model.segment_scores(X)
    best = whole.max(axis=1, keepdims=True)
    scale = model.decision_function(X).std(axis=0).mean()
    for locality in (0.3, 2.0):
        detector = around(model, X, locality=locality)
        assert detector.scale_ == pytest.approx(scale)
        expected = best - scale * locality * ((best - whole) / scale) ** 2
        np.testing.assert_allclose(detector.segment_scores(X), expected)


def test_scores_in_another_unit_have_the_same_events():
    X, y = data("several")
    found = {}
    for factor in (1.0, 100.0):
        model = ZeroShotRidge(HashingEncoder(16)).fit(X, y)
        model.coef_ *= factor
        found[factor] = around(model, X, threshold=0.2 * factor, locality=1.0).events(X)
    pd.testing.assert_frame_equal(found[1.0].drop(columns="score"), found[100.0].drop(columns="score"))
    np.testing.assert_allclose(found[1.0]["score"], found[100.0]["score"] / 100, rtol=1e-6)


def test_locality_bends_log_probabilities_of_taggers():
    tagger, (X, _) = fitted("multi-level", "several"), data("several")
    whole = tagger.segment_scores(X)
    best = whole.max(axis=1, keepdims=True)
    detector = around(tagger, X, locality=0.7)
    assert detector.scale_ == 1.0
    expected = best * np.exp(-0.7 * np.log(whole / best) ** 2)
    np.testing.assert_allclose(detector.segment_scores(X), expected, rtol=1e-4)


@pytest.mark.parametrize("smoother", ["median", "mean"])
def test_smoothing_is_of_the_present_segments_around(smoother):
    model, X = ridge()
    X = np.concatenate([X, X[::-1]], axis=1)
    X[3, 5:] = 0
    detector = around(model, X, hop=0.5, smoothing=1.6, smoother=smoother)
    found, raw = detector.segment_scores(X), model.segment_scores(X)
    for clip in range(len(X)):
        present = int(X[clip].any(axis=1).sum())
        near = [range(max(t - 1, 0), min(t + 2, present)) for t in range(present)]
        if smoother == "median":
            smooth = np.array([np.median(raw[clip, list(rows)], axis=0) for rows in near])
        else:
            weights = [[2.0 - abs(row - t) for row in rows] for t, rows in enumerate(near)]
            smooth = np.array(
                [np.average(raw[clip, list(rows)], axis=0, weights=w) for rows, w in zip(near, weights, strict=True)]
            )
        drop = smooth.max(axis=0) - smooth
        expected = model.decision_function(X[[clip]])[0] - 0.15 * drop**2 / detector.scale_
        np.testing.assert_allclose(found[clip, :present], expected, rtol=1e-6, atol=1e-9)
        assert np.isnan(found[clip, present:]).all()


def test_borders_lie_half_way_between_the_centres():
    model, X = ridge()
    assert around(model, X, hop=0.48, window=0.96).segment_edges(4) == pytest.approx([0, 0.72, 1.2, 1.68, 2.4])
    assert around(model, X, hop=1.0).segment_edges(3).tolist() == [0, 1, 2, 3]
    assert around(model, X, hop=5.0, window=3.0).segment_edges(2).tolist() == [0, 4, 8]


def test_seconds_can_be_told_with_the_clips():
    model, X = ridge()
    settings = {"smoothing": 1.5, "max_gap": 0.5, "min_duration": 1.0}
    told = around(model, X, **settings).events(X, hop=0.5, window=1.0)
    pd.testing.assert_frame_equal(told, around(model, X, hop=0.5, window=1.0, **settings).events(X))
    assert around(model, X).events(X, hop=0.5)["offset"].max() <= 2.0


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.8])
def test_recording_is_heard_in_windows_and_joined(overlap):
    model, X = ridge()
    recordings = np.concatenate([X[:8], X[8:16], X[16:]], axis=1)[:, :11]
    recordings[2, 6:] = 0
    detector = around(model, X, overlap=overlap)
    assert detector.n_segments_ == 4
    step = {0.0: 4, 0.5: 2, 0.8: 1}[overlap]
    scores = detector.segment_scores(recordings)
    for clip in range(len(recordings)):
        length = 6 if clip == 2 else 11
        starts = sorted({min(start, length - 4) for start in range(0, length, step)})
        parts = np.full((len(starts), 11, 4), np.nan)
        for row, start in enumerate(starts):
            window = recordings[[clip], start : start + 4]
            drop = -model.segment_scores(window)[0]
            drop -= drop.min(axis=0)
            parts[row, start : start + 4] = model.decision_function(window)[0] - 0.15 * drop**2 / detector.scale_
        np.testing.assert_allclose(scores[clip, :length], np.nanmean(parts[:, :length], axis=0), rtol=1e-5, atol=1e-6)
        assert np.isnan(scores[clip, length:]).all()


def test_context_is_how_much_is_heard_at_a_time():
    model, X = ridge()
    np.testing.assert_array_equal(around(model, X, context=4).segment_scores(X), around(model, X).segment_scores(X))
    single = around(model, X, context=1, overlap=0.0).segment_scores(X)
    np.testing.assert_allclose(
        single, np.stack([model.decision_function(X[:, [t]]) for t in range(4)], axis=1), rtol=1e-5
    )


def test_true_events_teach_their_labels_and_score_the_events():
    X, y = data("several")
    lists = [[(label, 0.0, 2.0) for label in y.columns[row > 0]] for row in y.to_numpy()]
    detector = EventDetector(ZeroShotRidge(HashingEncoder(16))).fit(X, lists)
    expected = ZeroShotRidge(HashingEncoder(16)).fit(X, y[sorted(y.columns)])
    np.testing.assert_array_equal(detector.decision_function(X), expected.decision_function(X))
    true = event_table(lists)
    labels = sorted(y.columns)
    assert detector.score(X, lists) == event_f1(true, detector.events(X, labels=labels), collar=1.0)
    assert detector.score(X[:3], [[("rain", 0.0, 4.0)], [], []]) == pytest.approx(
        event_f1(event_table([[("rain", 0.0, 4.0)], [], []]), detector.events(X[:3], labels=["rain"]), collar=1.0)
    )
    assert detector.score(X, y) == expected.score(X, y)
    with pytest.raises(ValueError, match="sample_weight weighs clips"):
        detector.score(X, lists, sample_weight=np.ones(len(X)))


def test_model_of_one_label_a_clip_learns_from_events():
    X, y = data("one")
    lists = [[(label, 0.0, 1.0), (label, 2.0, 3.0)] for label in y]
    detector = EventDetector(ZeroShotBilinear(HashingEncoder(16), random_state=0)).fit(X, lists)
    expected = ZeroShotBilinear(HashingEncoder(16), random_state=0).fit(X, y)
    np.testing.assert_array_equal(detector.predict(X), expected.predict(X))
    lists[5] = [*lists[5], ("other", 0.0, 1.0)]
    with pytest.raises(ValueError, match=r"Clip 5 has labels .* takes one label a clip"):
        detector.fit(X, lists)


def test_search_over_what_acts_after_training_trains_once_a_fold(tmp_path, monkeypatch):
    X, y = data("several")
    lists = [[(label, 0.0, 2.0) for label in y.columns[row > 0]] for row in y.to_numpy()]
    trained = []
    train = ZeroShotTemporalAttention._train
    monkeypatch.setattr(ZeroShotTemporalAttention, "_train", lambda *given: (trained.append(1), train(*given))[1])
    model = ZeroShotTemporalAttention(HashingEncoder(8), max_epochs=1, memory=str(tmp_path), random_state=0)
    grid = {"threshold": [-1.0, 0.0, 1.0], "locality": [0.5, 1.0], "smoothing": [0.0, 3.0]}
    search = GridSearchCV(EventDetector(model), grid, cv=KFold(2)).fit(X, lists)
    assert len(trained) == 3
    assert search.best_score_ > 0
    assert len(search.best_estimator_.events(X))


def test_detector_stands_around_pipelines_and_normalizers():
    X, y = data("several")
    pipeline = make_pipeline(SegmentPooling(), ZeroShotRidge(HashingEncoder(16)))
    detector = EventDetector(ScoreNormalizer(pipeline)).fit(X, y)
    best = detector.segment_scores(X).max(axis=1)
    np.testing.assert_allclose(best, detector.estimator_.decision_function(X))
    assert detector.events(X).equals(copy.deepcopy(detector).events(X))


def test_bad_settings_are_refused_before_any_training():
    X, y = data("several")
    for name, value in {"hop": 0.0, "window": -1.0, "overlap": 1.0, "smoother": "max", "context": 0}.items():
        with pytest.raises(ValueError, match=name):
            EventDetector(ZeroShotRidge(HashingEncoder()), **{name: value}).fit(X, y)
    model, _ = ridge()
    detector = around(model, X)
    with pytest.raises(ValueError, match="hop"):
        detector.events(X, hop=-1.0)
    with pytest.raises(NotFittedError):
        EventDetector(ZeroShotRidge()).events(X)
    with pytest.raises(ValueError, match="event"):
        clone(detector).fit(X, [[("rain", 0.0)]] * len(X))


def test_failed_fit_leaves_the_detector_as_it_was():
    X, y = data("several")
    detector = EventDetector(ZeroShotRidge(HashingEncoder(16))).fit(X, y)
    before = detector.events(X)
    with pytest.raises(ValueError, match="threshold"):
        detector.set_params(threshold=[1.0, 2.0]).fit(X, y)
    pd.testing.assert_frame_equal(detector.set_params(threshold=None).events(X), before)


def test_lists_and_tables_hold_the_same_events():
    lists = [[("rain", 0.0, 2.5)], [], [("dog", 1.0, 1.5), ("rain", 1.2, 3.0)]]
    table = event_table(lists, clips=["a", "b", "c"])
    assert event_lists(table, ["a", "b", "c"]) == lists
    assert event_lists(table.iloc[::-1], ["c", "b", "a"]) == lists[::-1]
    assert event_table([[], []]).columns.tolist() == ["clip", "label", "onset", "offset"]
    with pytest.raises(ValueError, match="events of clip 'c'"):
        event_lists(table, ["a", "b"])
    with pytest.raises(ValueError, match="'a' is named twice"):
        event_lists(table, ["a", "a", "b", "c"])
    with pytest.raises(ValueError, match="2 clips for 3 lists"):
        event_table(lists, clips=["a", "b"])
    read_again = table.assign(clip=table["clip"].map({"a": 100, "b": 7, "c": 20}))
    assert event_lists(read_again, ["100", "7", "20"]) == lists  # files with numbers for names


def test_events_are_joined_to_clips_by_name_as_labels_are():
    def table(*clips):
        return pd.DataFrame({"clip": clips, "label": "rain", "onset": range(len(clips)), "offset": 9.0})

    rain = [[("rain", float(row), 9.0)] for row in range(3)]
    assert event_lists(table("x/a.wav", "x/b.wav"), ["b", "a"]) == [rain[1], rain[0]]
    assert event_lists(table("a.wav"), ["a.wav", "a.mp3"]) == [rain[0], []]
    for clips, files in ((["a", "a.wav"], ["a"]), (["a.flac"], ["a.wav", "a.mp3"])):
        with pytest.raises(ValueError, match=f"events of clip '{clips[-1]}', which is not among the clips"):
            event_lists(table(*clips), files)
    with pytest.raises(ValueError, match=r"events has \['a.wav', 'a.mp3'\], which the list of clips does not tell"):
        event_lists(table("a.wav", "a.mp3"), ["a"])


def test_half_is_the_probability_at_the_threshold_of_the_detector():
    model, X = ridge()
    detector = around(model, X, threshold={None: 0.05, "dog": 0.3})
    assert 0 < detector.predict(X).sum() < detector.predict(X).size
    np.testing.assert_array_equal(detector.predict(X), detector.predict_proba(X) > 0.5)
    assert detector.segment_proba(X).max(axis=1) == pytest.approx(detector.predict_proba(X))


def test_what_scores_no_labels_is_refused_before_it_is_trained():
    X, y = data("one")
    for estimator in (LinearRegression(), make_pipeline(SegmentPooling(), LogisticRegression())):
        with pytest.raises(TypeError, match="scores no labels by their names"):
            EventDetector(estimator).fit(X, y)
