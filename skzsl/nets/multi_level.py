"""Multi-level attention over segments."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .attention_pooling import AttentionPooling, gather, spread
from .layers import ReLUDropout, RowNorm
from .standardized import StandardizedModule, start_from


class MultiLevelAttentionModule(StandardizedModule):
    """Log-odds (n, C) from segments (n, T, d) and their mask (n, T).

    Parameters
    ----------
    n_features : int
        Size d.
    log_odds : array of shape (C,)
        Where the output biases start: the log-odds of the labels' frequencies.
    levels : sequence of (int, str)
        For each level the number of layers before it and how it pools (see :class:`AttentionPooling`).
    hidden_size : int
        Width of the layers.
    dropout : float
        Share of their outputs that is dropped in training.
    batch_norm : bool
        Standardise their outputs over the batch, before the ReLU.
    shift, weight : ndarray of shape (d,) or None
        Standardisation of the segments.
    start : dict or None
        State to begin with.
    """

    def __init__(
        self,
        n_features,
        log_odds,
        levels,
        hidden_size,
        dropout=0.0,
        batch_norm=True,
        shift=None,
        weight=None,
        start=None,
    ) -> None:
        super().__init__(n_features, shift, weight)
        log_odds = torch.as_tensor(log_odds, dtype=torch.float32)
        widths = [n_features] + [hidden_size] * sum(depth for depth, _ in levels)
        layers = [_layer(*sizes, dropout, batch_norm) for sizes in pairwise(widths)]
        self.blocks = nn.ModuleList(nn.Sequential(*(layers.pop(0) for _ in range(depth))) for depth, _ in levels)
        at_levels, fuse = (log_odds, None) if len(levels) == 1 else _fusion(log_odds, len(levels))
        self.fuse: nn.Linear | None = fuse
        self.pools = nn.ModuleList(AttentionPooling(hidden_size, len(log_odds), pool, at_levels) for _, pool in levels)
        start_from(self, start)

    def forward(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Log-odds of every label in every clip."""
        return self._fuse([pool(features, mask) for features, pool in self._levels(segments, mask)])

    def with_frames(self, segments: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds (n, C) of the clips, and (n, T, C) of the segments, each as if it were a clip, without gradient."""
        levels = list(self._levels(segments, mask))
        with torch.no_grad():
            frames = self._fuse([pool.frames(features.detach()) for features, pool in levels])
        return self._fuse([pool(features, mask) for features, pool in levels]), spread(frames, mask)

    def attention(self, segments: Tensor, mask: Tensor, level: int) -> Tensor:
        """Weights (n, C, T) that one level gives to the segments."""
        features, pool = list(self._levels(segments, mask))[level]
        return pool.weights(features, mask).transpose(1, 2)

    def _levels(self, segments, mask):
        features = gather(self.standardize(segments, mask), mask)
        for block, pool in zip(self.blocks, self.pools, strict=True):
            features = block(features)
            yield features, pool

    def _fuse(self, probabilities):
        if self.fuse is None:
            return log_odds(probabilities[0])
        with torch.autocast(probabilities[0].device.type, enabled=False):  # differences of large products
            return self.fuse(torch.cat(probabilities, dim=-1))


def log_odds(probabilities: Tensor) -> Tensor:
    """Log-odds of probabilities, finite at 0 and 1."""
    info = torch.finfo(probabilities.dtype)
    probabilities = probabilities.clamp(info.tiny, 1 - info.eps)
    return torch.log(probabilities) - torch.log1p(-probabilities)


def _fusion(log_odds, n_levels):
    """Where the biases of the levels start, and the linear layer on their probabilities (n_levels C).

    The layer starts as the mean of the levels, label by label, mapped to log-odds along the tangent at the probability
    q where the levels start; there it gives ``log_odds``. With q = 1 / (2 |log_odds|), and one half at most, the line
    reaches the opposite log-odds near 1, and the levels of rare labels start where their gradients have not vanished.
    Layers that start at random take many more epochs to learn rare labels.
    """
    n_labels = len(log_odds)
    rarer = 0.5 / log_odds.abs().clamp(min=1.0)
    start = torch.where(log_odds > 0, 1 - rarer, rarer)
    slope = 1 / (start * (1 - start))
    fusion = nn.Linear(n_levels * n_labels, n_labels)
    with torch.no_grad():
        fusion.weight.copy_(torch.diag(slope / n_levels).repeat(1, n_levels))
        fusion.bias.copy_(log_odds - slope * start)
    return torch.logit(start), fusion


def _layer(n_inputs, n_outputs, dropout, batch_norm):
    norm = [RowNorm(n_outputs)] if batch_norm else []
    return nn.Sequential(nn.Linear(n_inputs, n_outputs), *norm, ReLUDropout(dropout))
