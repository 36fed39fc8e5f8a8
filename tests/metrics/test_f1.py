import numpy as np
import pytest
from sklearn.metrics import f1_score

from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import multilabel_f1


def test_f1_equals_scikit_learns_where_every_label_has_a_clip(rng):
    y_true, y_pred = rng.random((2, 60, 9)) < 0.3
    for average in ("micro", "macro", None):
        expected = f1_score(y_true, y_pred, average=average)
        np.testing.assert_allclose(multilabel_f1(y_true, y_pred, average=average), expected, atol=1e-12)


def test_labels_without_a_clip_are_left_out_and_reported(rng):
    y_true, y_pred = (rng.random((2, 60, 9)) < 0.3).astype(np.uint8)
    y_true[:, [2, 5]] = 0
    with pytest.warns(UndefinedLabelWarning, match="2 of 9 labels have no positive clip"):
        value = multilabel_f1(y_true, y_pred)
    kept = np.delete(np.arange(9), [2, 5])
    assert value == pytest.approx(multilabel_f1(y_true[:, kept], y_pred[:, kept]))
    assert np.isnan(multilabel_f1(y_true, y_pred, average=None)[[2, 5]]).all()
    assert multilabel_f1(y_true, y_pred, average="micro") == pytest.approx(f1_score(y_true, y_pred, average="micro"))


def test_zero_rule_has_the_published_values():
    """One label, present in a share p of clips with L labels each, predicted for all: 2p/(1+L) and 2p/((1+p)C)."""
    y_true = np.zeros((10, 5), dtype=int)
    y_true[:4, 0], y_true[4:, 1], y_true[:, 2:4] = 1, 1, [[1, 0]] * 5 + [[0, 1]] * 5
    y_true[0, 4], y_true[0, 2] = 1, 0
    y_pred = np.zeros_like(y_true)
    y_pred[:, 0] = 1
    p, labels_per_clip = 0.4, y_true.sum() / 10
    assert multilabel_f1(y_true, y_pred, average="micro") == pytest.approx(2 * p / (1 + labels_per_clip))
    assert multilabel_f1(y_true, y_pred) == pytest.approx(2 * p / ((1 + p) * 5))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "average", "message"),
    [
        ([[1, 0]], [[0.3, 0.9]], "macro", "y_pred holds 0.3"),
        ([[2, 0]], [[0, 1]], "macro", "y_true holds 2"),
        ([[1, 0]], [[0, 1, 1]], "macro", "must both be"),
        ([[0, 0]], [[0, 1]], "macro", "No label has a positive"),
        ([[0, 0]], [[0, 1]], "micro", "has no positive"),
        ([[1, 0]], [[0, 1]], "weighted", "average='weighted'"),
    ],
)
def test_bad_input_is_refused(y_true, y_pred, average, message):
    with pytest.raises(ValueError, match=message):
        multilabel_f1(y_true, y_pred, average=average)
