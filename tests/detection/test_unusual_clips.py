"""What a detector meets beside clips of fit and their labels: pipelines, silence, ties, blocks and bad events."""

import numpy as np
import pandas as pd
import pytest
from models import data
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skzsl import (
    EventDetector,
    ZeroRuleClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotRidge,
    indicator_frame,
    with_labels,
)
from skzsl.metrics import event_f1
from skzsl.model_selection import ThresholdTuner
from skzsl.preprocessing import SegmentPooling, event_table
from skzsl.text import HashingEncoder

UNSEEN = ["heavy rain", "thunder"]


def around(model, X, **settings):
    """A detector of a fitted model, which X tells the number of segments."""
    return EventDetector(FrozenEstimator(model), **settings).fit(X, model.predict(X))


def ridge():
    X, y = data("several")
    return ZeroShotRidge(HashingEncoder(16), threshold=0.2).fit(X, y), X


def test_pipeline_around_a_detector_transforms_what_its_view_scores():
    X, y = data("several")
    pipeline = make_pipeline(FunctionTransformer(np.negative), EventDetector(ZeroShotRidge(HashingEncoder(16))))
    pipeline.fit(X, y)
    view = with_labels(pipeline, UNSEEN)
    np.testing.assert_array_equal(view.segment_scores(X), pipeline[-1].segment_scores(-X, labels=UNSEEN))
    np.testing.assert_array_equal(view.segment_proba(X), pipeline[-1].segment_proba(-X, labels=UNSEEN))


def test_pipeline_may_make_segments_of_flat_clips():
    X, y = data("several")
    flat = X.reshape(len(X), -1)
    segments = FunctionTransformer(lambda X: X.reshape(len(X), 4, -1))
    detector = EventDetector(make_pipeline(segments, ZeroShotRidge(HashingEncoder(16)))).fit(flat, y)
    expected = EventDetector(ZeroShotRidge(HashingEncoder(16))).fit(X, y)
    np.testing.assert_array_equal(detector.segment_scores(flat), expected.segment_scores(X))
    pd.testing.assert_frame_equal(detector.events(flat), expected.events(X))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("silence", [slice(3, 5), slice(2, 9)], ids=["ends a window", "fills windows"])
def test_silence_within_a_recording_is_heard_as_such(silence, dtype):
    model, X = ridge()
    recording = np.concatenate([X[:1]] * 3, axis=1).astype(dtype)
    recording[0, 10:] = 0  # absent
    recording[0, silence] = 0
    detector, nearly = around(model, X), recording.astype(np.float64)
    nearly[0, silence] = 1e-30
    scores = detector.segment_scores(recording)
    np.testing.assert_allclose(scores, detector.segment_scores(nearly), rtol=1e-3, atol=1e-4)
    assert np.isfinite(scores[0, :10]).all()
    assert np.isnan(scores[0, 10:]).all()


def test_a_recording_has_the_labels_of_its_events():
    model, X = ridge()
    recording = X.reshape(1, -1, X.shape[2])
    for threshold in (0.0, 0.2, 0.5):
        detector = around(model, X, threshold=threshold)
        found = set(detector.events(recording)["label"])
        assert set(detector.classes_[detector.predict(recording)[0] == 1]) == found
        assert {label for label, _ in detector.tag(recording)[0]} == found
    scores = np.nanmax(detector.segment_scores(recording), axis=1)
    np.testing.assert_array_equal(detector.decision_function(recording), scores)


def test_padding_moves_no_border_where_a_segment_hears_more_than_a_hop():
    model, X = ridge()
    detector = around(model, X, locality=0.0, hop=1.0, window=3.0, threshold=-9.0)
    padded = X[:2].copy()
    padded[0, 3:] = 0
    alone, events = detector.events(X[:1, :3]), detector.events(padded)
    pd.testing.assert_frame_equal(events[events["clip"] == 0].reset_index(drop=True), alone)


def test_tied_labels_have_events_where_they_are_predicted():
    X, _ = data("one")
    y = np.array(["rain", "dog"] * 12)
    events = EventDetector(ZeroRuleClassifier()).fit(X, y).events(X)
    assert events["label"].tolist() == ["dog"] * 24
    events = EventDetector(ZeroRuleClassifier()).fit(X, indicator_frame([[label] for label in y])).events(X)
    assert events["label"].tolist() == ["dog"] * 24


def test_bad_clip_is_named_by_its_row_however_clips_are_cut_into_blocks(monkeypatch):
    model, X = ridge()
    X = X.copy()
    X[20, 1] = np.nan
    monkeypatch.setattr("skzsl._stored._CHUNK_BYTES", 3000)
    with pytest.raises(ValueError, match="clip 20, segment 1"):
        around(model, X[:20]).events(X)


def test_columns_have_the_same_types_however_clips_are_cut_into_blocks(monkeypatch):
    model, X = ridge()
    detector = around(model, X, threshold=0.35)
    expected = detector.events(X)
    assert len(expected)
    monkeypatch.setattr("skzsl._stored._CHUNK_BYTES", 3000)
    pd.testing.assert_frame_equal(detector.events(X), expected)
    assert detector.set_params(threshold=9.0).events(X).dtypes.equals(expected.dtypes)


def test_events_may_be_a_column_of_a_table():
    X, y = data("several")
    lists = [[(label, 0.0, 2.0) for label in y.columns[row > 0]] for row in y.to_numpy()]
    expected = EventDetector(ZeroShotRidge(HashingEncoder(16))).fit(X, lists)
    column = pd.Series(lists)
    for given in (column, column.to_numpy()):
        found = EventDetector(ZeroShotRidge(HashingEncoder(16))).fit(X, given)
        pd.testing.assert_frame_equal(found.events(X), expected.events(X))
        assert found.score(X, given) == expected.score(X, lists)


def test_bad_events_are_refused_with_what_to_pass():
    X, y = data("several")
    lists = [[("rain", 0.0, 2.0)]] * len(X)
    detector = EventDetector(ZeroShotRidge(HashingEncoder(16))).fit(X, y)
    with pytest.raises(ValueError, match="nothing to find"):
        detector.score(X, [[]] * len(X))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        detector.score(X, lists[:5])
    for method in (detector.fit, detector.score):
        with pytest.raises(ValueError, match=r"table of events; pass .*event_lists"):
            method(X, event_table(lists))
    with pytest.raises(ValueError, match="mixes text and other labels"):
        detector.fit(X, [[("rain", 0.0, 1.0), (3, 0.0, 1.0)], *lists[1:]])
    with pytest.raises(ValueError, match="mixes text and other labels"):
        EventDetector(ZeroShotBilinear()).fit(X, [[(3, 0.0, 1.0)], *lists[1:]])
    with pytest.raises(ValueError, match="Clip 1 has None; pass a list of events"):
        event_table([[("rain", 0.0, 1.0)], None])


def test_view_is_scored_by_its_own_labels():
    model, X = ridge()
    detector, true = around(model, X, threshold=0.05), [[("rain", 0.0, 4.0), ("dog", 0.0, 4.0)]] * len(X)
    labels = ["dog", "thunder"]
    expected = event_f1(event_table(true), detector.events(X, labels=labels), collar=1.0)
    assert detector.with_labels(labels).score(X, true) == detector.score(X, true, labels=labels) == expected
    assert detector.score(X, true) != expected


def test_settings_changed_after_fit_are_checked_where_segments_are_scored():
    model, X = ridge()
    for name, value in {"hop": 0.0, "smoother": "max", "context": 0}.items():
        with pytest.raises(ValueError, match=name):
            around(model, X).set_params(**{name: value}).segment_scores(X)


def test_tuner_around_a_detector_scores_segments_as_its_model_does():
    X, y = data("several")
    settings = {"hidden_size": 8, "max_epochs": 1, "random_state": 0}
    grid = ZeroShotContrastive(HashingEncoder(16), head="cscm", token_grid=(2, 2), **settings)
    tuner = ThresholdTuner(EventDetector(grid), cv=KFold(2)).fit(X, y)
    np.testing.assert_allclose(tuner.segment_scores(X), tuner.estimator_.estimator_.segment_scores(X), rtol=1e-6)


def test_clips_in_a_column_of_a_table_are_pooled_segment_by_segment():
    X, y = data("several")
    table = pd.DataFrame({"clip": list(X)})
    pipeline = make_pipeline(SegmentPooling(), ZeroShotRidge(HashingEncoder(16))).fit(X, y)
    view = with_labels(pipeline, UNSEEN)
    expected = view.segment_scores(X)
    np.testing.assert_array_equal(view.segment_scores(table), expected)
    np.testing.assert_array_equal(view.segment_scores(table["clip"]), expected)
