import matplotlib as mpl
import numpy as np
import pandas as pd

from skzsl import metrics
from skzsl.inspection import LabelPrecisionRecallDisplay

mpl.use("agg")

LABELS = ["rain", "dog", "car", "siren"]
PRECISION, RECALL, SUPPORT = [0.9, 0.5, np.nan, 0.0], [0.4, 0.7, 0.0, np.nan], [12, 30, 12, 0]


def test_labels_with_most_true_events_come_first():
    display = LabelPrecisionRecallDisplay(PRECISION, RECALL, LABELS, SUPPORT).plot()
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == [
        "dog (30)",
        "rain (12)",
        "car (12)",
        "siren (0)",
    ]
    np.testing.assert_array_equal(display.precision_points_.get_xdata(), [0.5, 0.9, np.nan, 0.0])
    np.testing.assert_array_equal(display.recall_points_.get_xdata(), [0.7, 0.4, 0.0, np.nan])
    np.testing.assert_array_equal(display.precision_points_.get_ydata(), range(4))
    joined = [line[:, 0].tolist() for line in display.lines_.get_segments() if len(line)]
    assert joined[:2] == [[0.5, 0.7], [0.9, 0.4]]
    assert display.ax_.get_ylim() == (3.5, -0.5)


def test_given_axes_and_looks_are_used():
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    display = LabelPrecisionRecallDisplay(PRECISION, RECALL, LABELS, SUPPORT).plot(ax=ax, color="black")
    assert display.ax_ is ax
    assert display.recall_points_.get_color() == "black"


def test_shares_are_of_the_events_that_are_counted(monkeypatch):
    def event_counts(y_true, y_pred, *, collar, offset_share):
        assert (y_true, y_pred, collar, offset_share) == ("true", "predicted", 0.5, None)
        columns = {"n_true": [4, 0, 2], "n_pred": [8, 2, 0], "n_hit": [2, 0, 0]}
        return pd.DataFrame(columns, index=["rain", "dog", "car"])

    monkeypatch.setattr(metrics, "event_counts", event_counts, raising=False)
    display = LabelPrecisionRecallDisplay.from_events("true", "predicted", collar=0.5, offset_share=None)
    np.testing.assert_array_equal(display.precision, [0.25, 0.0, np.nan])
    np.testing.assert_array_equal(display.recall, [0.5, np.nan, 0.0])
    assert display.labels == ["rain", "dog", "car"]
    assert display.support.tolist() == [4, 0, 2]
