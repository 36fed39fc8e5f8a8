import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ZeroShotRidge
from skzsl.inspection import EventDisplay
from skzsl.preprocessing import Segmentwise
from skzsl.text import HashingEncoder

mpl.use("agg")

LABELS = ["rain", "dog"]
EDGES = [0.0, 1.5, 2.5, 3.5]
SCORES = np.array([[0.1, 0.9], [0.8, 0.2], [np.nan, np.nan]])
EVENTS = pd.DataFrame(
    [[0, "dog", 0.0, 1.5, 0.9], [0, "wind", 0.0, 1.0, 0.4], [0, "rain", 1.5, 2.5, 0.8]],
    columns=["clip", "label", "onset", "offset", "score"],
)
SPANS = [("rain", 1.25, 2.0), ("dog", 0.5, 1.0), ("wind", 0.0, 1.0)]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


class Detector:
    """Finds what it is told: the sums of the segments, and in each segment above 0 an event of the first label."""

    classes_ = np.array(["dog", "rain", "wind"])

    def with_labels(self, labels):
        raise AssertionError("labels are passed on")

    def segment_proba(self, X, labels=None):
        return np.repeat(X.sum(axis=2)[:, :, None], len(labels), axis=2)

    def events(self, X, labels=None):
        (found,) = np.nonzero(X[0].sum(axis=1) > 0)
        rows = [(0, labels[0], float(segment), segment + 1.0, 0.5) for segment in found]
        return pd.DataFrame(rows, columns=EVENTS.columns)

    def segment_edges(self, n_segments):
        return np.arange(n_segments + 1.0)


def boxes(patches):
    return {(box.get_x(), box.get_width(), round(box.get_y() + box.get_height() / 2)) for box in patches}


def test_segments_are_shades_events_bars_and_truth_frames():
    display = EventDisplay(SCORES, LABELS, EDGES, events=EVENTS, spans=SPANS).plot()
    shades = display.mesh_.get_array()
    np.testing.assert_array_equal(shades.filled(np.nan), SCORES.T)
    assert (display.mesh_.norm.vmin, display.mesh_.norm.vmax) == (0.0, 1.0)
    assert display.mesh_.colorbar.ax.get_ylabel() == "probability"
    assert boxes(display.bars_) == {(0.0, 1.5, 1), (1.5, 1.0, 0)}
    assert boxes(box for box in display.ax_.patches if not box.get_fill()) == {(1.25, 0.75, 0), (0.5, 0.5, 1)}
    assert [text.get_text() for text in display.ax_.texts] == ["0.90", "0.80"]
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == LABELS
    assert display.ax_.get_xlim() == (0.0, 3.5)
    assert display.ax_.get_ylim() == (1.5, -0.5)


def test_the_truth_may_be_a_table_and_events_without_scores_have_no_text():
    table = pd.DataFrame(SPANS, columns=["label", "onset", "offset"])
    display = EventDisplay(SCORES, LABELS, EDGES, events=EVENTS.drop(columns="score"), spans=table).plot()
    assert boxes(box for box in display.ax_.patches if not box.get_fill()) == {(1.25, 0.75, 0), (0.5, 0.5, 1)}
    assert not display.ax_.texts


@pytest.mark.parametrize("events", [None, EVENTS.iloc[:0], EVENTS.iloc[1:2]], ids=["none", "empty", "no row"])
def test_a_recording_in_which_nothing_is_found_is_drawn(events):
    display = EventDisplay(SCORES, LABELS, EDGES, events=events).plot()
    assert len(display.bars_) == 0
    assert not display.ax_.texts


def test_a_recording_without_segments_is_drawn_as_absent():
    display = EventDisplay(np.full((3, 2), np.nan), LABELS, EDGES, spans=SPANS).plot()
    assert display.mesh_.get_array().mask.all()


def test_scores_that_are_no_probabilities_span_the_shades():
    display = EventDisplay(10 * SCORES - 5, LABELS, EDGES).plot(cmap="Greys")
    assert (display.mesh_.norm.vmin, display.mesh_.norm.vmax) == (-4.0, 4.0)
    assert display.mesh_.colorbar.ax.get_ylabel() == "score"
    assert display.mesh_.get_cmap().name == "Greys"


@pytest.mark.parametrize("name", ["events", "spans"])
def test_tables_of_several_clips_are_refused(name):
    table = EVENTS.assign(clip=[0, 0, 1])
    with pytest.raises(ValueError, match="events of 2 clips; pass those of the one"):
        EventDisplay(SCORES, LABELS, EDGES, **{name: table}).plot()


def test_a_detector_is_asked_for_the_labels_of_the_rows(rng):
    clip, (_, ax) = rng.normal(size=(6, 3)), plt.subplots()
    display = EventDisplay.from_estimator(Detector(), clip, ["wind", "rain"], ax=ax)
    assert display.ax_ is ax
    np.testing.assert_array_equal(display.scores, np.c_[clip.sum(axis=1), clip.sum(axis=1)])
    np.testing.assert_array_equal(display.edges, np.arange(7.0))
    assert boxes(display.bars_) == {(onset, 1.0, 0) for onset in np.flatnonzero(clip.sum(axis=1) > 0)}
    assert EventDisplay.from_estimator(Detector(), clip).labels == ["dog", "rain", "wind"]
    assert EventDisplay.from_estimator(Detector(), clip, spans=SPANS).labels == ["wind", "dog", "rain"]
    table = pd.DataFrame(SPANS[:2], columns=["label", "onset", "offset"])
    assert EventDisplay.from_estimator(Detector(), clip, spans=table).labels == ["dog", "rain"]


def test_the_detector_at_the_end_of_a_pipeline_sees_what_the_steps_make(rng):
    clips = rng.normal(size=(4, 6, 3))
    scaler = Segmentwise(StandardScaler()).fit(clips)
    display = EventDisplay.from_estimator(make_pipeline(scaler, Detector()), clips[0], ["rain"])
    np.testing.assert_allclose(display.scores[:, 0], scaler.transform(clips[:1])[0].sum(axis=1))


def test_what_finds_no_events_is_refused(rng):
    X = rng.normal(size=(4, 3))
    with pytest.raises(TypeError, match="ZeroShotRidge has no events; pass an EventDetector"):
        EventDisplay.from_estimator(ZeroShotRidge(HashingEncoder()).fit(X, LABELS * 2), X)
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        EventDisplay.from_estimator(Detector(), X[0])
