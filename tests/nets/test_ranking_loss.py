import numpy as np
import pytest
import torch
from agreement import assert_agree

from skzsl.nets import MultilabelRankingLoss, WeightedRankingLoss


def written_out(scores, targets, margin=1.0):
    """The triple loop over clips, positives and negatives: its value and its gradient, the weight held constant."""
    scores, targets = np.asarray(scores, dtype=np.float64), np.asarray(targets).astype(bool)
    total, gradient = 0.0, np.zeros_like(scores)
    for clip, (row, present) in enumerate(zip(scores, targets, strict=True)):
        for p in np.flatnonzero(present):
            violating = [q for q in np.flatnonzero(~present) if margin + row[q] - row[p] > 0]
            if not violating:
                continue
            weight = sum(1 / j for j in range(1, len(violating) + 1)) / len(violating) / len(scores)
            for q in violating:
                total += weight * (margin + row[q] - row[p])
                gradient[clip, q] += weight
                gradient[clip, p] -= weight
    return total, gradient


def value_and_gradient(scores, targets, loss=None, **settings):
    scores = torch.as_tensor(scores).clone().requires_grad_()
    value = (loss or MultilabelRankingLoss(**settings))(scores, torch.as_tensor(targets))
    value.backward()
    return value.item(), scores.grad.numpy()


def assert_equal_to_the_loop(scores, targets, loss=None, **settings):
    found, expected = value_and_gradient(scores, targets, loss, **settings), written_out(scores, targets, **settings)
    for ours, slow in zip(found, expected, strict=True):
        if scores.dtype == np.float32:
            assert_agree(ours, slow)
        else:
            np.testing.assert_allclose(ours, slow, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize(("n_clips", "n_labels"), [(1, 2), (5, 3), (7, 12), (3, 40), (4, 1)])
@pytest.mark.parametrize("scale", [0.0, 0.3, 3.0, 100.0])
@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0, 4.0])
def test_value_and_gradient_equal_the_triple_loop(n_clips, n_labels, scale, margin):
    rng = np.random.default_rng(n_clips * n_labels)
    scores = scale * rng.normal(size=(n_clips, n_labels))
    for density in (0.1, 0.5, 0.9):
        targets = (rng.random(scores.shape) < density).astype(np.uint8)
        assert_equal_to_the_loop(scores, targets, margin=margin)


@pytest.mark.parametrize("targets", [np.zeros((4, 6), np.uint8), np.ones((4, 6), np.uint8)], ids=["none", "all"])
def test_clips_with_no_label_or_with_all_of_them_cost_nothing(rng, targets):
    value, gradient = value_and_gradient(rng.normal(size=(4, 6)), targets)
    assert value == 0.0
    np.testing.assert_array_equal(gradient, np.zeros((4, 6)))


def test_clips_without_loss_still_count_in_the_mean(rng):
    scores = np.vstack([rng.normal(size=(1, 5)), rng.normal(size=(2, 5))])
    targets = np.array([[1, 0, 0, 1, 0], [0] * 5, [1] * 5])
    value, gradient = value_and_gradient(scores, targets)
    alone, slope = value_and_gradient(scores[:1], targets[:1])
    np.testing.assert_allclose(value, alone / 3, rtol=1e-12)
    np.testing.assert_allclose(gradient, np.vstack([slope / 3, np.zeros((2, 5))]), rtol=1e-12)


def test_every_negative_above_costs_the_full_harmonic_weight():
    scores, targets = np.array([[0.0, 5.0, 6.0, 7.0]]), np.array([[1, 0, 0, 0]])
    value, gradient = value_and_gradient(scores, targets)
    weight = (1 + 1 / 2 + 1 / 3) / 3
    np.testing.assert_allclose(value, weight * (6 + 7 + 8))
    np.testing.assert_allclose(gradient, weight * np.array([[-3, 1, 1, 1]]))
    assert_equal_to_the_loop(scores, targets)


def test_clips_that_rank_every_negative_by_the_margin_cost_nothing():
    scores, targets = np.array([[9.0, 8.0, 3.0, -4.0]]), np.array([[1, 1, 0, 0]])
    assert value_and_gradient(scores, targets)[0] == 0.0
    np.testing.assert_array_equal(value_and_gradient(scores, targets)[1], np.zeros((1, 4)))


def test_a_tie_exactly_at_the_margin_is_no_violation():
    scores, targets = np.array([[2.0, 1.0, 0.5], [2.0, 1.5, 1.0]]), np.array([[1, 0, 0], [1, 0, 0]])
    value, gradient = value_and_gradient(scores, targets)
    np.testing.assert_allclose(value, 0.5 / 2)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [-0.5, 0.5, 0]])
    assert_equal_to_the_loop(scores, targets)


@pytest.mark.parametrize("scale", [0.0, 0.5, 5.0])
def test_one_positive_a_clip_gives_the_single_label_loss(rng, scale):
    scores, codes = torch.from_numpy(scale * rng.normal(size=(9, 6))), torch.from_numpy(rng.integers(0, 6, 9))
    single, several = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    expected = WeightedRankingLoss()(single, codes)
    value = MultilabelRankingLoss()(several, torch.nn.functional.one_hot(codes, 6))
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    value.backward()
    expected.backward()
    torch.testing.assert_close(several.grad, single.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [np.uint8, bool, np.float32, np.int64], ids=lambda kind: np.dtype(kind).name)
@pytest.mark.parametrize("width", [np.float32, np.float64], ids=lambda kind: np.dtype(kind).name)
def test_any_type_of_indicator_and_width_of_score_does(rng, kind, width):
    scores = rng.normal(size=(6, 9)).astype(width)
    targets = (rng.random(scores.shape) < 0.4).astype(kind)
    assert value_and_gradient(scores, targets)[1].dtype == width
    assert_equal_to_the_loop(scores, targets)


def test_gradient_passes_the_numerical_check_away_from_kinks():
    rng = np.random.default_rng(2)
    scores = torch.from_numpy(np.stack([0.1 * rng.permutation(7) - 0.55 * rng.integers(0, 2, 7) for _ in range(4)]))
    targets = torch.from_numpy((rng.random((4, 7)) < 0.5).astype(np.uint8))
    loss = MultilabelRankingLoss(margin=0.325)  # differences are multiples of 0.05, so none is within 0.02 of it
    assert torch.autograd.gradcheck(lambda s: loss(s, targets), scores.requires_grad_(), eps=1e-5)
    assert loss(scores, targets) > 0


def test_the_upstream_gradient_scales_ours(rng):
    scores, targets = torch.from_numpy(rng.normal(size=(3, 5))), torch.from_numpy(np.eye(3, 5, dtype=np.uint8))
    once, thrice = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    MultilabelRankingLoss()(once, targets).backward()
    (3 * MultilabelRankingLoss()(thrice, targets)).backward()
    torch.testing.assert_close(thrice.grad, 3 * once.grad)


def test_scores_and_targets_are_left_as_they_were(rng):
    scores, targets = rng.normal(size=(4, 5)), np.eye(4, 5, dtype=np.uint8)
    kept, indicator = torch.from_numpy(scores.copy()), torch.from_numpy(targets.copy())
    MultilabelRankingLoss()(kept, indicator)
    np.testing.assert_array_equal(kept.numpy(), scores)
    np.testing.assert_array_equal(indicator.numpy(), targets)


def test_columns_that_are_not_contiguous_give_the_same_loss(rng):
    scores, targets = rng.normal(size=(8, 5)), (rng.random((8, 5)) < 0.4).astype(np.uint8)
    strided = torch.from_numpy(np.asfortranarray(scores)).requires_grad_()
    value = MultilabelRankingLoss()(strided, torch.from_numpy(np.asfortranarray(targets)))
    value.backward()
    expected, slope = written_out(scores, targets)
    np.testing.assert_allclose(value.item(), expected, rtol=1e-12)
    np.testing.assert_allclose(strided.grad.numpy(), slope, atol=1e-12)


def test_one_loss_serves_batches_with_more_labels_and_another_width_later(rng):
    loss = MultilabelRankingLoss()
    for n_labels, width in ((3, np.float32), (9, np.float64), (2, np.float32), (500, np.float32)):
        scores, targets = rng.normal(size=(4, n_labels)).astype(width), np.eye(4, n_labels, dtype=np.uint8)
        assert_equal_to_the_loop(scores, targets, loss)


def test_no_gradients_are_kept_where_none_are_wanted():
    with torch.no_grad():
        assert not MultilabelRankingLoss()(torch.zeros(2, 3), torch.eye(2, 3)).requires_grad
