"""Pooling label scores over segments by attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import sigmoid, widened
from .standardized import all_present

_CLIP = 1e-7


class AttentionPooling(nn.Module):
    """Probability of every label in every clip, pooled over segments: features (N, h) and a mask (n, T) to (n, C).

    N counts the present segments. Each segment gives a label the probability ``f = sigmoid(linear(h))`` and the weight
    ``v``, from a linear layer of its own; the clip's is ``sum_t v_t f_t / sum_t v_t``.

    Parameters
    ----------
    n_features, n_labels : int
        Sizes h and C.
    reading : {"softmax_label", "softmax_time", "sigmoid", "mean", "max"}
        What makes v: softmax over the labels (clipped to [1e-7, 1 - 1e-7]), softmax over the segments, sigmoid.
        "mean" weighs all segments the same and "max" the first highest only; they have no weights to learn.
    log_odds : Tensor of shape (C,)
        Where the biases of f start.
    """

    def __init__(self, n_features: int, n_labels: int, reading: str, log_odds: Tensor):
        super().__init__()
        self.reading = reading
        self.attention = nn.Linear(n_features, n_labels) if reading not in {"mean", "max"} else None
        self.score = nn.Linear(n_features, n_labels)
        with torch.no_grad():
            self.score.bias.copy_(log_odds)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Pool the segments of every clip."""
        scores = _logits(self.score, features, mask)
        if self.attention is not None:
            return attended_mean(_logits(self.attention, features, mask), scores, mask, self.reading)
        probabilities = sigmoid(scores).masked_fill(~mask[:, :, None], 0.0)
        if self.reading == "max":
            return probabilities.amax(dim=1)
        return probabilities.sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def frames(self, features: Tensor) -> Tensor:
        """Probabilities (N, C) of the segments alone."""
        return sigmoid(widened(self.score(features)))

    def weights(self, features: Tensor, mask: Tensor) -> Tensor:
        """Weights (n, T, C) of the segments, which sum to 1 over T."""
        if self.attention is not None:
            weights = _positive_weights(_logits(self.attention, features, mask), mask, self.reading)
            return weights / weights.sum(dim=1, keepdim=True)
        if self.reading == "mean":
            weights = (mask / mask.sum(dim=1, keepdim=True)).to(features.dtype)
            return weights[:, :, None].expand(-1, -1, self.score.out_features)
        scores = _logits(self.score, features, mask).masked_fill(~mask[:, :, None], -torch.inf)
        first = scores.argmax(dim=1, keepdim=True)
        return torch.zeros_like(scores).scatter_(1, first, 1.0)


def _logits(layer, features, mask):
    """What a layer gives the segments, (n, T, C)."""
    return widened(spread(layer(features), mask))


def attended_mean(attention: Tensor, scores: Tensor, mask: Tensor, reading: str) -> Tensor:
    """Mean over T of the sigmoids of scores (n, T, C), weighted by what the attention logits (n, T, C) give."""
    weights = _positive_weights(attention, mask, reading)
    return (weights * sigmoid(scores)).sum(dim=1) / weights.sum(dim=1)


def _positive_weights(attention, mask, reading):
    """Weights v (n, T, C), zero where absent; their scale over T is of no account."""
    absent = None if all_present(mask) else ~mask[:, :, None]
    if reading == "softmax_label":
        weights = torch.softmax(attention, dim=2).clamp(_CLIP, 1 - _CLIP)
        return weights if absent is None else weights.masked_fill(absent, 0.0)
    if absent is not None:
        attention = attention.masked_fill(absent, -torch.inf)
    if reading == "softmax_time":
        return torch.softmax(attention, dim=1)
    highest = attention.detach().amax(dim=1, keepdim=True)
    if (highest < -60).any():
        # There sigmoids are exponentials, and raising all of a label alike changes no weight but saves them from 0.
        attention = attention + (-60 - highest).clamp_(min=0.0)
    return sigmoid(attention)


def spread(rows: Tensor, mask: Tensor) -> Tensor:
    """Rows of the present segments (N, C) back in their places, (n, T, C), zero where absent."""
    if len(rows) == mask.numel():
        return rows.unflatten(0, mask.shape)
    places = rows.new_zeros(mask.numel(), rows.shape[1])
    return places.index_copy(0, _present(mask), rows).unflatten(0, mask.shape)


def gather(segments: Tensor, mask: Tensor) -> Tensor:
    """Rows of the present segments, (n, T, d) to (N, d)."""
    rows = segments.flatten(0, 1)
    return rows if all_present(mask) else rows.index_select(0, _present(mask))


def _present(mask):
    return mask.flatten().nonzero()[:, 0]
