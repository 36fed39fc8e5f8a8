import matplotlib as mpl
import numpy as np
import pytest
from agreement import assert_agree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ScoreNormalizer, ZeroShotBilinear, ZeroShotTemporalAttention
from skzsl.inspection import AttentionDisplay
from skzsl.preprocessing import Segmentwise
from skzsl.text import HashingEncoder

mpl.use("Agg")
SPANS = [("rain", 1.5, 4.0), ("dog", 0.5, 1.0), ("dog", 3.0, 3.5)]


@pytest.fixture
def fitted(rng):
    X = rng.normal(size=(6, 4, 5))
    pipeline = make_pipeline(Segmentwise(StandardScaler()), ZeroShotTemporalAttention(HashingEncoder(), max_epochs=1))
    return pipeline.fit(X, ["rain", "dog"] * 3), X


def test_rows_are_the_attention_that_the_model_gives(fitted):
    pipeline, X = fitted
    display = AttentionDisplay.from_estimator(pipeline, X[2], ["wind", "dog"], segment_duration=2.0)
    expected = pipeline[-1].attention(pipeline[:-1].transform(X[2:3]), labels=["wind", "dog"])[0]
    np.testing.assert_array_equal(display.weights, expected)
    np.testing.assert_array_equal(display.image_.get_array(), expected)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["wind", "dog"]
    assert display.ax_.get_xlim() == (0.0, 8.0)


def test_true_spans_are_framed_in_their_rows(fitted):
    pipeline, X = fitted
    display = AttentionDisplay.from_estimator(pipeline, X[0], spans=[*SPANS, ("wind", 0.0, 1.0)])
    assert display.labels == ["wind", "dog", "rain"]
    frames = {(box.get_x(), box.get_width(), round(box.get_y() + 0.4)) for box in display.ax_.patches}
    assert frames == {(0.0, 1.0, 0), (0.5, 0.5, 1), (3.0, 0.5, 1), (1.5, 2.5, 2)}
    only = AttentionDisplay.from_estimator(pipeline, X[0], ["rain"], spans=SPANS)
    assert len(only.ax_.patches) == 1


def test_labels_of_fit_are_shown_by_default_in_the_given_axes(fitted):
    import matplotlib.pyplot as plt

    pipeline, X = fitted
    _, ax = plt.subplots()
    display = AttentionDisplay.from_estimator(pipeline, X[0], ax=ax, cmap="Greys")
    assert display.ax_ is ax
    assert display.labels == ["dog", "rain"]
    assert display.image_.get_cmap().name == "Greys"


def test_what_has_no_attention_is_refused(fitted):
    pipeline, X = fitted
    with pytest.raises(ValueError, match=r"shape \(6, 4, 5\)"):
        AttentionDisplay.from_estimator(pipeline, X)
    bilinear = ZeroShotBilinear(HashingEncoder()).fit(X, ["rain", "dog"] * 3)
    with pytest.raises(TypeError, match="ZeroShotBilinear has no attention"):
        AttentionDisplay.from_estimator(bilinear, X[0])


def test_normalisers_are_looked_into(fitted):
    pipeline, X = fitted
    normalizer = ScoreNormalizer(pipeline).fit(X, ["rain", "dog"] * 3)
    display = AttentionDisplay.from_estimator(normalizer, X[0], ["wind"])
    direct = AttentionDisplay.from_estimator(normalizer.estimator_, X[0], ["wind"])
    np.testing.assert_array_equal(display.weights, direct.weights)
    view = AttentionDisplay.from_estimator(normalizer.with_labels(["wind", "hail"]), X[0])
    assert view.labels == ["hail", "wind"]
    assert_agree(view.weights[1], direct.weights[0])
