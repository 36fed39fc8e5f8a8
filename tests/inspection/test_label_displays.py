import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl.inspection import AttentionDisplay, LabelMapDisplay, WindowDisplay
from skzsl.metrics import mean_average_precision
from skzsl.model_selection import ThresholdTuner
from skzsl.preprocessing import Segmentwise

mpl.use("agg")

LABELS = ["rain", "wind", "dog"]


@pytest.fixture
def clips(rng):
    y = pd.DataFrame((rng.random((30, 3)) < [0.6, 0.4, 0.2]).astype(np.uint8), columns=LABELS)
    return rng.normal(size=(30, 6, 4)) + (y.to_numpy() @ rng.normal(size=(3, 4)))[:, None], y


@pytest.fixture
def model(clips):
    return GlobalLocalAttentionClassifier(
        n_windows=2, window=2, hidden_size=8, max_epochs=2, random_state=0, device="cpu"
    ).fit(*clips)


def test_windows_are_drawn_where_they_are(model, clips):
    X, _ = clips
    truth = [("rain", 0.5, 2.0), ("siren", 0.0, 1.0)]
    display = WindowDisplay.from_estimator(model, X[0], truth=truth, segment_duration=0.5)
    labels, spans = (found[0] for found in model.windows(X[:1]))
    assert display.labels == labels.tolist()
    drawn = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in display.bars_]
    np.testing.assert_allclose(drawn, 0.5 * spans)
    assert display.ax_.get_xlim() == (0.0, 3.0)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == labels.tolist()
    np.testing.assert_allclose(display.probabilities, model.predict_proba(X[:1], labels=labels.tolist())[0])
    frames = [patch for patch in display.ax_.patches if not patch.get_fill()]
    assert len(frames) == int("rain" in labels)


def test_windows_have_the_probabilities_of_all_labels(clips, model):
    X, _ = clips
    model.fit(X, np.array(LABELS)[np.arange(30) % 3])
    for shown in (model, model.with_labels(["wind", "rain"])):
        display = WindowDisplay.from_estimator(shown, X[0])
        expected = dict(zip(model.classes_, model.predict_proba(X[:1])[0], strict=True))
        np.testing.assert_allclose(display.probabilities, [expected[label] for label in display.labels])


def test_windows_of_pipelines_and_tuners_are_found(clips, model):
    X, y = clips
    pipeline = make_pipeline(Segmentwise(StandardScaler()), model).fit(X, y)
    display = WindowDisplay.from_estimator(pipeline, X[0])
    scaled = pipeline[:-1].transform(X)
    np.testing.assert_array_equal(display.spans, pipeline[-1].windows(scaled[:1])[1][0])
    assert WindowDisplay.from_estimator(ThresholdTuner(model, cv="prefit").fit(X, y), X[0]).spans.shape == (2, 2)


def test_models_without_windows_and_clips_of_other_dimensions_are_refused(clips, model):
    X, y = clips
    other = MultiLevelAttentionClassifier("1-A", hidden_size=8, max_epochs=1, device="cpu").fit(X, y)
    with pytest.raises(TypeError, match="MultiLevelAttentionClassifier has no windows"):
        WindowDisplay.from_estimator(other, X[0])
    with pytest.raises(ValueError, match=r"clip has shape \(30, 6, 4\)"):
        WindowDisplay.from_estimator(model, X)


def test_precisions_stand_beside_frequencies_the_most_frequent_label_first(model, clips):
    X, y = clips
    display = LabelMapDisplay.from_estimator(model, X, y[LABELS[::-1]])
    frequencies = y.mean().sort_values(ascending=False)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == frequencies.index.tolist()
    np.testing.assert_allclose(display.chance_.get_xdata(), frequencies)
    expected = dict(zip(LABELS, mean_average_precision(y, model.predict_proba(X), average=None), strict=True))
    np.testing.assert_allclose(
        [bar.get_width() for bar in display.bars_], [expected[name] for name in frequencies.index]
    )


def test_labels_without_a_clip_are_left_out(rng):
    y = pd.DataFrame({"rain": [1, 0, 1], "wind": [0, 0, 0]})
    display = LabelMapDisplay.from_predictions(y, rng.random((3, 2)))
    assert len(display.bars_) == 1
    assert np.isnan(display.precisions[1])


def test_many_labels_are_drawn_side_by_side(rng):
    y = (rng.random((50, 70)) < 0.3).astype(int)
    y[0] = 1
    display = LabelMapDisplay.from_predictions(y, rng.random((50, 70)))
    assert len(display.bars_) == 70
    assert display.ax_.get_ylabel() == "average precision"


def test_attention_of_any_level_is_drawn(clips):
    X, y = clips
    model = MultiLevelAttentionClassifier(hidden_size=8, max_epochs=1, random_state=0, device="cpu").fit(X, y)
    for level in (0, 1):
        display = AttentionDisplay.from_estimator(model, X[0], level=level)
        np.testing.assert_array_equal(display.weights, model.attention(X[:1], level=level)[0])
    np.testing.assert_array_equal(AttentionDisplay.from_estimator(model, X[0]).weights, display.weights)
