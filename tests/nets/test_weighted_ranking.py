import pytest
import torch
from agreement import assert_agree

from skzsl.nets import WeightedRankingLoss


def written_out(scores, codes):
    """Equation 4 as printed, with the weight's rank counted first and held constant."""
    total = torch.zeros((), dtype=scores.dtype)
    for row, true in zip(scores, codes.tolist(), strict=True):
        hinges = [torch.clamp(1 + row[c] - row[true], min=0) for c in range(len(row)) if c != true]
        rank = sum(float(hinge.detach()) > 0 for hinge in hinges)
        if rank:
            total = total + sum(1 / j for j in range(1, rank + 1)) / rank * sum(hinges)
    return total / len(scores)


@pytest.mark.parametrize(("n_clips", "n_labels"), [(1, 2), (7, 5), (20, 40), (3, 1)])
@pytest.mark.parametrize("scale", [0.0, 0.3, 3.0, 100.0])
def test_value_and_gradient_equal_the_written_out_sum(n_clips, n_labels, scale):
    generator = torch.Generator().manual_seed(n_clips * n_labels)
    scores = scale * torch.randn(n_clips, n_labels, dtype=torch.float64, generator=generator)
    codes = torch.randint(0, n_labels, (n_clips,), generator=generator)
    fast, slow = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    value, expected = WeightedRankingLoss()(fast, codes), written_out(slow, codes)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-10)
    value.backward()
    if expected.requires_grad:
        expected.backward()
    torch.testing.assert_close(
        fast.grad, torch.zeros_like(fast) if slow.grad is None else slow.grad, rtol=0, atol=1e-10
    )


def test_clips_that_rank_every_wrong_label_by_the_margin_cost_nothing():
    assert WeightedRankingLoss()(torch.tensor([[2.0, 1.0, 0.5]]), torch.tensor([0])).item() == 0.0


def test_one_loss_serves_batches_with_more_labels_later():
    loss = WeightedRankingLoss()
    for n_labels in (3, 9, 2):
        scores, codes = torch.zeros(4, n_labels), torch.zeros(4, dtype=torch.long)
        assert_agree(loss(scores, codes), written_out(scores, codes))
