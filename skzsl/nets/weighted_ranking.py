"""The weighted ranking loss of clips with one label."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightedRankingLoss(nn.Module):
    """Weighted ranking loss of a batch, equation 4 of Xie & Virtanen (2019).

    ``mean_n beta(r_n) / r_n * sum_c max(0, 1 + s_nc - s_ny)``, ``r_n`` the number of wrong labels with a positive
    hinge, 0/0 = 0, the weight a constant in the gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rank_weights = rank_weights(0)

    def forward(self, scores: Tensor, codes: Tensor) -> Tensor:
        """Scores (n, C) and the position of each true label (n,) to a scalar."""
        true = codes[:, None]
        hinges = torch.relu(scores + (1.0 - scores.gather(1, true))).scatter(1, true, 0.0)
        weights = self._weights_like(scores)[(hinges.detach() > 0).sum(dim=1)]
        return (weights * hinges.sum(dim=1)).mean()

    def _weights_like(self, scores: Tensor) -> Tensor:
        table = self._rank_weights
        if len(table) <= scores.shape[1] or table.dtype != scores.dtype or table.device != scores.device:
            self._rank_weights = table = rank_weights(scores.shape[1]).to(scores)
        return table


def rank_weights(n_labels: int) -> Tensor:
    """``beta(r) / r`` for r = 0..C, with 0 for r = 0."""
    ranks = torch.arange(1, n_labels + 1, dtype=torch.float64)
    return torch.cat([torch.zeros(1, dtype=torch.float64), torch.cumsum(1 / ranks, 0) / ranks])
