"""Pooling label scores over segments by attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .layers import sigmoid
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
        How v comes about: softmax over the labels (clipped to [1e-7, 1 - 1e-7]), softmax over the segments, sigmoid.
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
        scores = spread(self.score(features), mask)
        if self.attention is not None:
            return _AttendedMean.apply(spread(self.attention(features), mask), scores, mask, self.reading)
        probabilities = sigmoid(scores).masked_fill(~mask[:, :, None], 0.0)
        if self.reading == "max":
            return probabilities.amax(dim=1)
        return probabilities.sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def frames(self, features: Tensor) -> Tensor:
        """Probabilities (N, C) of the segments alone."""
        return sigmoid(self.score(features))

    def weights(self, features: Tensor, mask: Tensor) -> Tensor:
        """Weights (n, T, C) of the segments, which sum to 1 over T."""
        if self.attention is not None:
            return _weights(spread(self.attention(features), mask), mask, self.reading)[0]
        if self.reading == "mean":
            weights = (mask / mask.sum(dim=1, keepdim=True)).to(features.dtype)
            return weights[:, :, None].expand(-1, -1, self.score.out_features)
        scores = spread(self.score(features), mask).masked_fill(~mask[:, :, None], -torch.inf)
        first = scores.argmax(dim=1, keepdim=True)
        return torch.zeros_like(scores).scatter_(1, first, 1.0)


class _AttendedMean(torch.autograd.Function):
    """Mean of the sigmoids of scores (n, T, C) weighted over T, written out to save passes over (n, T, C).

    With w = v / sum v, the gradient by log v_t is ``w_t (f_t - mean)``; that of log v by its own logits follows.
    """

    @staticmethod
    def forward(ctx, attention, scores, mask, reading):
        weights, values = _weights(attention, mask, reading)
        probabilities = sigmoid(scores)
        pooled = (weights * probabilities).sum(dim=1)
        ctx.save_for_backward(weights, values, probabilities, pooled)
        ctx.reading = reading
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        weights, values, probabilities, pooled = ctx.saved_tensors
        weighted = weights * gradient[:, None]
        by_attention = (probabilities - pooled[:, None]).mul_(weighted)
        by_scores = weighted.mul_(probabilities).mul_(1 - probabilities)
        if ctx.reading == "sigmoid":
            by_attention.mul_(1 - values)
        elif ctx.reading == "softmax_label":
            by_attention.masked_fill_((values < _CLIP) | (values > 1 - _CLIP), 0.0)
            by_attention.addcmul_(values, by_attention.sum(dim=2, keepdim=True), value=-1)
        return by_attention, by_scores, None, None


def _weights(attention, mask, reading):
    """Normalised weights, and v itself where its gradient needs it."""
    absent = None if all_present(mask) else ~mask[:, :, None]
    if absent is not None and reading != "softmax_label":
        attention = attention.masked_fill(absent, -torch.inf)
    if reading == "softmax_time":
        return torch.softmax(attention, dim=1), None
    if reading == "sigmoid":
        highest = attention.amax(dim=1, keepdim=True)
        if (highest < -60).any():
            # There sigmoids are exponentials, and raising all of a label alike changes no weight but saves them from 0.
            attention = attention + (-60 - highest).clamp_(min=0.0)
    values = sigmoid(attention) if reading == "sigmoid" else torch.softmax(attention, dim=2)
    weights = values.clone() if reading == "sigmoid" else values.clamp(_CLIP, 1 - _CLIP)
    if absent is not None and reading == "softmax_label":
        weights.masked_fill_(absent, 0.0)
    return weights.div_(weights.sum(dim=1, keepdim=True)), values


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
