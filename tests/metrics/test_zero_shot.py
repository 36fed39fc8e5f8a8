import numpy as np
import pytest
from sklearn.metrics import recall_score

from skzsl.metrics import per_label_accuracy


def test_per_label_accuracy_is_the_macro_recall_over_true_labels(rng):
    y_true, y_pred = rng.choice(["a", "b", "c"], (2, 200), p=[0.8, 0.15, 0.05])
    y_pred[:5] = "never true"
    expected = recall_score(y_true, y_pred, labels=np.unique(y_true), average="macro")
    assert per_label_accuracy(y_true, y_pred) == pytest.approx(expected, abs=1e-12)


def test_shapes_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match=r"\(2,\) and y_pred of shape \(1,\)"):
        per_label_accuracy(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="empty"):
        per_label_accuracy([], [])


def test_numbers_and_texts_are_no_labels_of_one_kind():
    with pytest.raises(ValueError, match="y_true holds labels like 1 and y_pred '1'; make them of one type"):
        per_label_accuracy([1, 2], ["1", "2"])
