from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skzsl.metrics import expected_calibration_error, oscr, reliability_curve, unknown_auroc

LABELS = np.array(["dog", "rain", "wind"])


def drawn(seed, digits=1):
    """Labels, a third of them no candidates, and scores with ties."""
    rng = np.random.default_rng(seed)
    return rng.choice([*LABELS, "siren", "bell"], 60), rng.normal(size=(60, 3)).round(digits)


def slow_oscr(y_true, y_score):
    """Both rates at every threshold, from none accepted to all, and trapeziums between them."""
    best, known = y_score.max(axis=1), np.isin(y_true, LABELS)
    points = []
    for threshold in [np.inf, *sorted(best)[::-1]]:
        accepted = best >= threshold
        right = [a and LABELS[row.argmax()] == label for a, row, label in zip(accepted, y_score, y_true, strict=True)]
        points.append((accepted[~known].mean(), np.sum(right) / known.sum()))
    return sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points))


@pytest.mark.parametrize("seed", range(5))
def test_open_set_measures_equal_slow_ones_with_ties_too(seed):
    y_true, y_score = drawn(seed)
    assert oscr(y_true, y_score, LABELS) == pytest.approx(slow_oscr(y_true, y_score))
    known = np.isin(y_true, LABELS)
    assert unknown_auroc(y_true, y_score, LABELS) == pytest.approx(roc_auc_score(known, y_score.max(axis=1)))


def test_oscr_of_a_model_that_rejects_perfectly_is_its_accuracy():
    y_true = ["dog", "rain", "siren"]
    assert oscr(y_true, [[5, 0, 0], [4, 0, 0], [1, 0, 0]], LABELS) == 0.5
    assert unknown_auroc(y_true, [[5, 0, 0], [4, 0, 0], [1, 0, 0]], LABELS) == 1
    assert oscr(y_true, [[0, 0, 0]] * 3, LABELS) == 0.25  # one right of two, and all tie


@pytest.mark.parametrize("measure", [oscr, unknown_auroc])
@pytest.mark.parametrize(
    ("y_true", "y_score", "match"),
    [
        (["dog", "rain"], [[1, 0, 0]] * 2, "None of the 2 clips is unknown"),
        (["bell", "siren"], [[1, 0, 0]] * 2, "None of the 2 clips is known"),
        (["bell", "dog"], [[1, 0, 0]], "does not fit"),
        (["bell", "dog"], [[1, 0, np.nan]] * 2, "not finite"),
    ],
)
def test_open_set_measures_need_clips_of_both_kinds_and_finite_scores(measure, y_true, y_score, match):
    with pytest.raises(ValueError, match=match):
        measure(y_true, y_score, LABELS)


def slow_error(y_true, y_proba, n_bins):
    error = 0.0
    for n in range(n_bins):
        confidence = y_proba.max(axis=1)
        inside = (confidence >= n / n_bins) & ((confidence < (n + 1) / n_bins) | (n == n_bins - 1))
        if inside.any():
            right = LABELS[y_proba[inside].argmax(axis=1)] == y_true[inside]
            error += inside.mean() * abs(right.mean() - confidence[inside].mean())
    return error


@pytest.mark.parametrize("n_bins", [1, 5, 15])
def test_calibration_error_equals_the_loop_over_bins(n_bins):
    rng = np.random.default_rng(0)
    y_true, y_proba = rng.choice(LABELS, 200), rng.dirichlet([0.4] * 3, 200)
    expected = slow_error(y_true, y_proba, n_bins)
    assert expected_calibration_error(y_true, y_proba, LABELS, n_bins=n_bins) == pytest.approx(expected)
    assert expected > 0.1
    curve = reliability_curve(y_true, y_proba, LABELS, n_bins=n_bins)
    assert curve.share.sum() == pytest.approx(1)


def test_sure_and_right_is_no_error_and_sure_and_wrong_is_all():
    sure = np.eye(3)
    assert expected_calibration_error(LABELS, sure, LABELS) == 0
    assert expected_calibration_error(LABELS, sure[[1, 2, 0]], LABELS) == 1


@pytest.mark.parametrize(
    ("y_proba", "n_bins", "match"),
    [
        ([[2.0, 0, 0]], 15, r"y_proba holds 2.0; pass probabilities"),
        ([[0.5, -0.5, 0]], 15, "holds -0.5"),
        ([[1.0, 0, 0]], 0, "n_bins=0"),
        ([[1.0, 0, 0]], 2.5, "n_bins=2.5"),
    ],
)
def test_calibration_needs_probabilities_and_bins(y_proba, n_bins, match):
    with pytest.raises(ValueError, match=match):
        expected_calibration_error(["dog"], y_proba, LABELS, n_bins=n_bins)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool])
def test_scores_of_any_type_are_ordered_as_numbers(dtype):
    y_true, y_score = drawn(0)
    y_score = (y_score * 40).clip(-128, 127) if dtype is np.int8 else (y_score > 0) * (1 if dtype is bool else 200)
    y_score = y_score.astype(dtype)
    assert oscr(y_true, y_score, LABELS) == oscr(y_true, y_score.astype(float), LABELS)
    assert unknown_auroc(y_true, y_score, LABELS) == unknown_auroc(y_true, y_score.astype(float), LABELS)


@pytest.mark.parametrize(
    ("y_true", "y_score", "labels", "match"),
    [
        ([], np.zeros((0, 3)), LABELS, "There are 0 clips and 3 labels; pass at least one of each"),
        (
            [1, 2],
            np.eye(3)[:2],
            LABELS,
            "y_true holds labels like 1 and labels 'dog'; make them of one type",
        ),
        (["dog"], [0.5], LABELS[:2], r"pass a column for each, such as decision_function\(X, labels=labels\)"),
    ],
)
def test_nothing_to_measure_is_an_error(y_true, y_score, labels, match):
    for measure in (oscr, unknown_auroc, expected_calibration_error):
        with pytest.raises(ValueError, match=match):
            measure(y_true, y_score, labels)
    with pytest.raises(ValueError, match="n_bins=True"):
        expected_calibration_error(["dog"], [[1.0, 0, 0]], LABELS, n_bins=True)
