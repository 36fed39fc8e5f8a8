"""Ranking losses of clips with several labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .weighted_ranking import rank_weights


class MultilabelRankingLoss(nn.Module):
    """Weighted approximate-rank pairwise (WARP) loss of a batch, equations 9-11 of Dogan et al. (2024).

    For each positive p of a clip ``beta(r) / r * sum_q max(0, margin + s_q - s_p)`` over the negatives q, r the number
    of them with a positive hinge, 0/0 = 0, the weight a constant in the gradient; summed over the positives and
    averaged over the clips. A clip without positives or without negatives adds 0.

    Parameters
    ----------
    margin : float
        By how much a positive should outscore every negative.
    """

    def __init__(self, margin=1.0) -> None:
        super().__init__()
        self.margin = margin
        self._weights: dict = {}

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Scores (n, C) and the indicator (n, C) to a scalar."""
        key = (scores.shape, scores.dtype, scores.device)
        if key not in self._weights:
            n_clips, n_labels = scores.shape
            self._weights = {key: rank_weights(n_labels).to(scores) / n_clips}
        return _Warp.apply(scores, targets, self.margin, self._weights[key])


class _Warp(torch.autograd.Function):
    """One row for every (clip, positive); the gradient is counted with the loss, in one pass over the rows."""

    @staticmethod
    def forward(ctx, scores, targets, margin, weight_of_rank):
        positives = targets.reshape(-1).nonzero()[:, 0]
        clips = positives // scores.shape[1]
        # A positive never violates another: as a rival it scores minus infinity.
        rivals = scores.reshape(-1).index_fill(0, positives, -torch.inf).view_as(scores)
        rows = rivals.index_select(0, clips)
        rows.sub_((scores.take(positives) - margin)[:, None]).relu_()
        hinges, violations = rows.sum(dim=1), rows.sign_()
        ranks = violations.sum(dim=1)
        weights = weight_of_rank[ranks.int()]
        gradient = scores.new_zeros(scores.shape).index_add_(0, clips, violations.mul_(weights[:, None]))
        gradient.view(-1).index_add_(0, positives, weights * ranks, alpha=-1)
        ctx.save_for_backward(gradient)
        return weights.dot(hinges)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        (gradient,) = ctx.saved_tensors
        return gradient * upstream, None, None, None
