"""Multi-level attention over segments."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .attention_pooling import AttentionPooling, gather, spread
from .layers import ReLUDropout, RowNorm
from .standardized import StandardizedModule


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
    shift, scale : ndarray of shape (d,) or None
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
        scale=None,
        start=None,
    ):
        super().__init__(n_features, shift, scale)
        log_odds = torch.as_tensor(log_odds, dtype=torch.float32)
        widths = [n_features] + [hidden_size] * sum(depth for depth, _ in levels)
        layers = [_layer(*sizes, dropout, batch_norm) for sizes in pairwise(widths)]
        self.blocks = nn.ModuleList(nn.Sequential(*(layers.pop(0) for _ in range(depth))) for depth, _ in levels)
        self.pools = nn.ModuleList(AttentionPooling(hidden_size, len(log_odds), pool, log_odds) for _, pool in levels)
        self.fuse = _fusion(log_odds, len(levels)) if len(levels) > 1 else None
        self.start_from(start)

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
        return log_odds(probabilities[0]) if self.fuse is None else self.fuse(torch.cat(probabilities, dim=-1))


def log_odds(probabilities: Tensor) -> Tensor:
    """Log-odds of probabilities, finite at 0 and 1."""
    info = torch.finfo(probabilities.dtype)
    probabilities = probabilities.clamp(info.tiny, 1 - info.eps)
    return torch.log(probabilities) - torch.log1p(-probabilities)


def _fusion(log_odds, n_levels):
    """Linear layer on the levels' probabilities (n_levels C) that starts as their mean, label by label.

    On that mean the log-odds start on a line: their value at the label's frequency, the negative of it at 1, and never
    flatter than the log-odds are at one half. Started at random, as layers are, it learns rare labels very slowly.
    """
    n_labels = len(log_odds)
    fusion = nn.Linear(n_levels * n_labels, n_labels)
    frequency = torch.sigmoid(log_odds)
    slope = (-2 * log_odds / (1 - frequency)).clamp(min=4.0)
    with torch.no_grad():
        fusion.weight.copy_(torch.diag(slope / n_levels).repeat(1, n_levels))
        fusion.bias.copy_(log_odds - slope * frequency)
    return fusion


def _layer(n_inputs, n_outputs, dropout, batch_norm):
    norm = [RowNorm(n_outputs)] if batch_norm else []
    return nn.Sequential(nn.Linear(n_inputs, n_outputs), *norm, ReLUDropout(dropout))
