import matplotlib.pyplot as plt
import numpy as np
import pytest

from skzsl import ZeroShotRidge, indicator_frame, with_labels
from skzsl.inspection import ReliabilityDisplay
from skzsl.metrics import expected_calibration_error, reliability_curve
from skzsl.text import HashingEncoder


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_the_line_is_the_curve_and_the_legend_its_error(rng):
    X, y = rng.normal(size=(60, 8)), np.array(["rain", "wind", "dog"] * 20)
    model = with_labels(ZeroShotRidge(HashingEncoder()).fit(X, y), ["dog", "rain", "wind", "siren"])
    display = ReliabilityDisplay.from_estimator(model, X, y, n_bins=7)
    proba = model.predict_proba(X)
    curve = reliability_curve(y, proba, model.classes_, n_bins=7)
    np.testing.assert_array_equal(display.line_.get_xydata(), np.c_[curve.confidence, curve.accuracy])
    assert display.error_ == expected_calibration_error(y, proba, model.classes_, n_bins=7)
    assert f"{display.error_:.3f}" in display.ax_.get_legend().get_texts()[0].get_text()


def test_predictions_are_drawn_where_they_are_wanted(rng):
    _, ax = plt.subplots()
    proba = rng.dirichlet([1, 1], 30)
    display = ReliabilityDisplay.from_predictions(["a", "b"] * 15, proba, ["a", "b"], ax=ax, color="red")
    assert display.ax_ is ax
    assert display.line_.get_color() == "red"


def test_lists_are_drawn_and_several_labels_a_clip_refused(rng):
    assert ReliabilityDisplay([0.5], [0.4], [1.0]).plot().error_ == pytest.approx(0.1)
    X, y = rng.normal(size=(12, 8)), indicator_frame([["rain"], ["wind"], ["dog"]] * 4)
    model = ZeroShotRidge(HashingEncoder()).fit(X, y)
    with pytest.raises(ValueError, match="fitted on several labels a clip"):
        ReliabilityDisplay.from_estimator(model, X, ["rain", "wind", "dog"] * 4)
