import pickle

import numpy as np
import pytest
from models import data
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skzsl import EventDetector, ZeroShotRidge, metrics
from skzsl.model_selection import GreedyLabelFolds, event_scorer
from skzsl.preprocessing import event_table
from skzsl.text import HashingEncoder


@pytest.fixture(scope="module")
def events():
    _, y = data("several")
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 3, y.shape)
    return [
        [
            (label, float(start), float(start + 1))
            for label, start in zip(y.columns[row > 0], of_clip[row > 0], strict=True)
        ]
        for row, of_clip in zip(y.to_numpy(), starts, strict=True)
    ]


@pytest.fixture(scope="module")
def detector(events):
    X, _ = data("several")
    return EventDetector(ZeroShotRidge(HashingEncoder(16)), threshold=0.2, locality=5.0).fit(X, events)


@pytest.mark.parametrize("metric", ["event_f1", "segment_f1", "event_error_rate", "segment_error_rate"])
def test_scorer_measures_the_events_that_a_detector_finds(detector, events, metric):
    X, _ = data("several")
    settings = {"collar": 1.5} if metric.startswith("event") else {"resolution": 2.0}
    found = event_scorer(metric, **settings)(detector, X, events)
    expected = getattr(metrics, metric)(event_table(events), detector.events(X), **settings)
    assert found == (-expected if "error" in metric else expected)
    assert found != 0


@pytest.mark.parametrize("metric", ["psds", "segment_auc", "within_clip_auc"])
def test_scorer_measures_the_scores_of_segments(detector, events, metric):
    X, _ = data("several")
    labels = sorted(detector.classes_.tolist())
    true, edges, scores = event_table(events), np.arange(5.0), detector.segment_scores(X, labels=labels)
    if metric == "psds":
        expected = metrics.psds(true, scores, edges, labels=labels)
    else:
        truth = metrics.segment_truth(true, edges, clips=range(len(X)), labels=labels)
        expected = getattr(metrics, metric)(truth, scores)
    assert event_scorer(metric)(detector, X, events) == expected


def test_labels_of_the_events_are_the_candidates_or_those_given(detector, events):
    X, _ = data("several")
    dogs = [[event for event in of_clip if event[0] == "dog"] for of_clip in events]
    expected = metrics.event_f1(event_table(dogs), detector.events(X, labels=["dog"]))
    assert event_scorer()(detector, X, dogs) == expected
    assert event_scorer(labels=["dog"])(detector, X, events) == expected


def test_search_holds_labels_out_and_events_of_them_score(events):
    X, y = data("several")
    folds = [(train, test) for train, test in GreedyLabelFolds(2).split(X, y)]
    search = GridSearchCV(
        EventDetector(ZeroShotRidge(HashingEncoder(16)), locality=5.0),
        {"threshold": [-1e6, 0.2, 1e6]},
        cv=folds,
        scoring=pickle.loads(pickle.dumps(event_scorer(collar=1.0))),
        error_score="raise",
    ).fit(X, events)
    assert search.best_params_["threshold"] != 1e6


def test_unknown_metric_is_refused_and_scorers_say_what_they_are():
    with pytest.raises(ValueError, match="metric='f1'"):
        event_scorer("f1")
    assert repr(event_scorer("psds", dtc=0.5)) == "event_scorer('psds', labels=None, dtc=0.5)"


@pytest.mark.parametrize("metric", ["event_f1", "psds", "within_clip_auc"])
def test_pipelines_with_a_detector_are_scored(detector, events, metric):
    X, _ = data("several")
    pipeline = make_pipeline(FunctionTransformer(np.negative), detector)
    assert event_scorer(metric)(pipeline, -X, events) == event_scorer(metric)(detector, X, events)
