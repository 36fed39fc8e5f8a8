from itertools import pairwise

import numpy as np
import pytest

from skzsl.metrics import ausuc, generalized_accuracy, harmonic_mean, per_label_accuracy, seen_unseen_curve

LABELS = np.array(["a", "b", "c", "d", "e"])
SEEN = ["a", "c", "d"]


def problem(rng, n=60, decimals=None):
    y = rng.choice(LABELS, n, p=[0.4, 0.1, 0.2, 0.1, 0.2])
    y[:5] = LABELS
    scores = rng.normal(size=(n, 5)) + 1.5 * (y[:, None] == LABELS) + np.isin(LABELS, SEEN)
    return y, scores if decimals is None else scores.round(decimals)


def brute_force(y, scores, penalty):
    """Predict with a penalty, label by label; at the switch itself the unseen label wins."""
    seen = np.isin(LABELS, SEEN)
    predicted = []
    for row in scores:
        best_seen = max(row[seen])
        best_unseen = max(row[~seen])
        wins = seen if best_seen - best_unseen > penalty else ~seen
        predicted.append(LABELS[wins][np.argmax(row[wins])])
    trained = np.isin(y, SEEN)
    predicted = np.array(predicted)
    return [per_label_accuracy(y[rows], predicted[rows]) for rows in (trained, ~trained)]


@pytest.mark.parametrize("decimals", [None, 0])
def test_curve_and_area_equal_brute_force_over_all_switch_points(rng, decimals):
    y, scores = problem(rng, decimals=decimals)
    curve = seen_unseen_curve(y, scores, LABELS, SEEN)
    seen = np.isin(LABELS, SEEN)
    switches = sorted({*(scores[:, seen].max(axis=1) - scores[:, ~seen].max(axis=1)).tolist()})
    assert curve.penalty.tolist() == [-np.inf, *switches]
    expected = np.array([brute_force(y, scores, penalty) for penalty in [-np.inf, *switches]])
    np.testing.assert_allclose(curve.seen, expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(curve.unseen, expected[:, 1], atol=1e-12)
    area = sum((later[1] - earlier[1]) * (earlier[0] + later[0]) / 2 for earlier, later in pairwise(expected))
    assert ausuc(y, scores, LABELS, SEEN) == pytest.approx(area, abs=1e-12)
    assert len(switches) > (5 if decimals == 0 else 50)


def test_area_ignores_a_penalty_given_already_and_has_its_bounds(rng):
    y, scores = problem(rng)
    area = ausuc(y, scores, LABELS, SEEN)
    assert ausuc(y, scores - 3.0 * np.isin(LABELS, SEEN), LABELS, SEEN) == pytest.approx(area, abs=1e-12)
    curve = seen_unseen_curve(y, scores, LABELS, SEEN)
    assert 0.0 < area < curve.seen[0] * curve.unseen[-1]
    assert ausuc(y, (y[:, None] == LABELS) * 1.0, LABELS, SEEN) == pytest.approx(1.0, abs=1e-12)
    assert ausuc(y, (y[:, None] != LABELS) * 1.0, LABELS, SEEN) == 0.0


def test_the_order_of_the_columns_does_not_matter(rng):
    y, scores = problem(rng)
    order = rng.permutation(5)
    shuffled = seen_unseen_curve(y, scores[:, order], LABELS[order], SEEN)
    for ours, other in zip(seen_unseen_curve(y, scores, LABELS, SEEN), shuffled, strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-12)


def test_accuracy_of_seen_and_unseen_labels_is_the_curve_at_no_penalty(rng):
    y, scores = problem(rng)
    curve = seen_unseen_curve(y, scores, LABELS, SEEN)
    at_zero = np.searchsorted(curve.penalty, 0.0, side="right") - 1
    found = generalized_accuracy(y, LABELS[scores.argmax(axis=1)], SEEN)
    assert found == pytest.approx((curve.seen[at_zero], curve.unseen[at_zero]), abs=1e-12)


def test_harmonic_mean():
    assert harmonic_mean(0.5, 0.5) == 0.5
    assert harmonic_mean(0.0, 0.0) == harmonic_mean(1.0, 0.0) == 0.0
    np.testing.assert_allclose(harmonic_mean([0.2, 0.0], [0.6, 0.0]), [0.3, 0.0])
    with pytest.raises(ValueError, match="at least 0"):
        harmonic_mean(-0.1, 0.5)
    with pytest.raises(ValueError, match="at least 0"):
        harmonic_mean(np.nan, 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_true": ["a", "a", "c"]}, "None of the labels is unseen"),
        ({"y_true": ["b", "b", "e"]}, "None of the labels is seen"),
        ({"seen": []}, "None of the labels is seen"),
        ({"y_true": ["a", "b", "z"]}, r"\['z'\] of y_true have no column"),
        ({"labels": ["a", "b", "c", "d", "d"]}, "unlike one another"),
        ({"labels": ["a", "b"]}, r"\(3, 5\) does not fit .* and 2 labels"),
        ({"y_score": np.full((3, 5), np.nan)}, "not finite"),
        ({"y_score": np.zeros((3, 5), dtype=object)}, "y_score is of type object; pass numbers"),
        ({"seen": "ac"}, r"seen='ac' is one label; pass a list of labels, such as \['ac'\]"),
    ],
)
def test_bad_input_is_refused(change, message):
    given = {"y_true": ["a", "b", "c"], "y_score": np.zeros((3, 5)), "labels": LABELS, "seen": SEEN, **change}
    with pytest.raises(ValueError, match=message):
        ausuc(**given)


def test_predictions_of_another_length_are_refused():
    with pytest.raises(ValueError, match="one length"):
        generalized_accuracy(["a", "b"], ["a"], SEEN)
    with pytest.raises(ValueError, match="seen='dog' is one label"):
        generalized_accuracy(["dog", "rain"], ["dog", "rain"], seen="dog")
