import warnings

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, label_ranking_average_precision_score, roc_auc_score

from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import (
    d_prime,
    f1_at_k,
    lwlrap,
    mean_average_precision,
    mean_roc_auc,
    precision_at_k,
    recall_at_k,
)

METRICS = [mean_average_precision, mean_roc_auc, d_prime, lwlrap]


@pytest.fixture(params=["distinct", "tied", "float32", "few labels"])
def scored(request, rng):
    n_labels = 3 if request.param == "few labels" else 150
    y_true = rng.random((200, n_labels)) < 0.05
    y_true[rng.integers(0, 200, n_labels), np.arange(n_labels)] = True
    y_score = rng.normal(size=y_true.shape) + y_true
    if request.param == "tied":
        y_score = np.round(y_score)
    return y_true, y_score.astype(np.float32 if request.param == "float32" else np.float64)


def test_average_precision_and_auc_equal_those_of_scikit_learn(scored):
    y_true, y_score = scored
    for ours, theirs in [(mean_average_precision, average_precision_score), (mean_roc_auc, roc_auc_score)]:
        np.testing.assert_allclose(
            ours(y_true, y_score, average=None), theirs(y_true, y_score, average=None), atol=1e-12
        )
        assert ours(y_true, y_score) == pytest.approx(theirs(y_true, y_score, average="macro"), abs=1e-12)


def slow_average_precision(present, scores):
    """The definition: precision at every positive, clips of at least its score counted."""
    return np.mean([present[scores >= score].mean() for score in scores[present]])


def slow_auc(present, scores):
    """The definition: the share of pairs of a positive and a negative in order, ties counting half."""
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[present] for n in scores[~present]]
    return np.mean(pairs)


def test_average_precision_and_auc_equal_their_definitions(scored):
    y_true, y_score = scored
    for label in range(3):
        columns = y_true[:, label], y_score[:, label]
        ap, auc = (f(y_true, y_score, average=None)[label] for f in (mean_average_precision, mean_roc_auc))
        assert ap == pytest.approx(slow_average_precision(*columns), abs=1e-12)
        assert auc == pytest.approx(slow_auc(*columns), abs=1e-12)


def test_label_ranking_precision_weighs_every_positive_alike(rng):
    y_true = rng.random((50, 12)) < 0.2
    y_true[:, 0] |= ~y_true.any(axis=1)
    for y_score in (rng.normal(size=y_true.shape), rng.integers(0, 4, y_true.shape)):
        weights = y_true.sum(axis=1)
        expected = label_ranking_average_precision_score(y_true, y_score, sample_weight=weights)
        assert lwlrap(y_true, y_score) == pytest.approx(expected, abs=1e-12)


def test_d_prime_reproduces_published_pairs_of_auc_and_d_prime():
    """Yu et al. (2018) print AUC .970 beside d' 2.660."""
    y_true = np.arange(101)[:, None] == 97
    y_score = np.arange(101)[:, None] + 0.0
    assert mean_roc_auc(y_true, y_score) == pytest.approx(0.970)
    assert d_prime(y_true, y_score) == pytest.approx(2.660, abs=0.001)


def test_d_prime_averages_areas_or_labels(rng):
    y_true = rng.random((300, 5)) < 0.3
    y_score = rng.normal(size=y_true.shape) + y_true
    from scipy.stats import norm

    areas = mean_roc_auc(y_true, y_score, average=None)
    assert d_prime(y_true, y_score) == pytest.approx(np.sqrt(2) * norm.ppf(areas.mean()))
    assert d_prime(y_true, y_score, average="label") == pytest.approx(np.mean(np.sqrt(2) * norm.ppf(areas)))
    assert d_prime(y_true, np.zeros(y_true.shape)) == 0


def test_labels_without_positives_are_left_out_and_counted(rng):
    y_true = rng.random((40, 4)) < 0.5
    y_true[:, 1] = False
    y_score = rng.normal(size=y_true.shape)
    with pytest.warns(UndefinedLabelWarning, match="1 of 4 labels have no positive clip"):
        value = mean_average_precision(y_true, y_score)
    assert value == pytest.approx(mean_average_precision(y_true[:, [0, 2, 3]], y_score[:, [0, 2, 3]]), abs=1e-12)
    assert np.isnan(mean_average_precision(y_true, y_score, average=None)[1])
    y_true[:, 2] = True
    with pytest.warns(UndefinedLabelWarning, match="2 of 4 labels have no positive and negative clip"):
        mean_roc_auc(y_true, y_score)


def test_complete_labels_warn_of_nothing(scored):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in METRICS:
            metric(*scored)


@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_are_left_as_they_are(rng, order):
    y_true = np.asarray(rng.random((30, 70)) < 0.5, order=order)
    y_score = np.asarray(rng.normal(size=(30, 70)), order=order)
    before = y_true.copy(), y_score.copy()
    for metric in METRICS:
        metric(y_true, y_score)
    np.testing.assert_array_equal(y_true, before[0])
    np.testing.assert_array_equal(y_score, before[1])


@pytest.mark.parametrize("k", [1, 3, 12])
def test_metrics_at_k_are_those_of_the_k_best_labels(rng, k):
    y_true = rng.random((60, 12)) < 0.2
    y_score = rng.integers(0, 6, size=y_true.shape)
    taken = np.zeros_like(y_true)
    for clip, scores in enumerate(y_score):
        taken[clip, sorted(range(12), key=lambda label: (-scores[label], label))[:k]] = True
    hits = (taken & y_true).sum()
    assert precision_at_k(y_true, y_score, k) == pytest.approx(hits / taken.sum())
    assert recall_at_k(y_true, y_score, k) == pytest.approx(hits / y_true.sum())
    assert f1_at_k(y_true, y_score, k) == pytest.approx(f1_score(y_true, taken, average="micro"))


@pytest.mark.parametrize("metric", [*METRICS, lambda t, s: f1_at_k(t, s, 1)])
@pytest.mark.parametrize(
    ("y_true", "y_score", "message"),
    [
        ([[1, 0]], [[0.5]], r"shape \(1, 2\) and y_score of shape \(1, 1\)"),
        ([1, 0], [0.5, 0.1], r"must both be \(n, L\)"),
        (np.zeros((0, 2)), np.zeros((0, 2)), r"must both be \(n, L\)"),
        ([[1, 2]], [[0.5, 0.1]], "y_true holds 2"),
        ([[1, 0]], np.array([[0.5, "a"]], dtype=object), "y_score has dtype object; pass scores as numbers"),
        ([[1, 0]], [["a", "b"]], "y_score has dtype <U1"),
        ([[1, 0]], [[0.5, np.nan]], r"y_score\[0, 1\] is nan"),
        ([[0, 0]], [[0.5, 0.1]], "no positive|No label has"),
    ],
)
def test_bad_inputs_are_named(metric, y_true, y_score, message):
    with pytest.raises(ValueError, match=message):
        metric(np.asarray(y_true), np.asarray(y_score))


def test_bad_options_are_named():
    y_true, y_score = [[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]]
    with pytest.raises(ValueError, match="average='micro'"):
        mean_average_precision(y_true, y_score, average="micro")
    with pytest.raises(ValueError, match="average='macro'; pass 'auc' or 'label'"):
        d_prime(y_true, y_score, average="macro")
    for k in (0, 3):
        with pytest.raises(ValueError, match="from 1 to the 2 labels"):
            precision_at_k(y_true, y_score, k)
