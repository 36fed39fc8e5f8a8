import matplotlib as mpl
import numpy as np

from skzsl.inspection import LabelPrecisionRecallDisplay
from skzsl.preprocessing import event_table

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


def test_shares_are_of_the_events_that_are_counted():
    true = event_table([[("rain", 0.0, 2.0), ("rain", 5.0, 7.0), ("car", 1.0, 3.0)]])
    predicted = event_table([[("rain", 0.1, 2.0), ("rain", 9.0, 9.5), ("dog", 0.0, 1.0)]])
    display = LabelPrecisionRecallDisplay.from_events(true, predicted)
    assert display.labels == ["car", "dog", "rain"]
    np.testing.assert_array_equal(display.precision, [np.nan, 0.0, 0.5])
    np.testing.assert_array_equal(display.recall, [0.0, np.nan, 0.5])
    assert display.support.tolist() == [1, 0, 2]
    late = LabelPrecisionRecallDisplay.from_events(true, predicted, collar=0.01)
    np.testing.assert_array_equal(late.recall, [0.0, np.nan, 0.0])
