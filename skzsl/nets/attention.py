"""Temporal attention of labels over segments."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .attention_pooling import gather, spread
from .standardized import StandardizedModule, start_from


class TemporalAttentionModule(StandardizedModule):
    """Scores (n, C) from segments (n, T, d), their mask (n, T) and label vectors (C, k).

    Segments and labels are projected into one space, where ``c_t`` is the dot product of segment t and the label.
    ``attended = sum_t softmax_t(c)_t c_t``, ``average = mean_t c_t``, and the score is
    ``alpha * attended + (1 - alpha) * average``.

    Parameters
    ----------
    n_features, n_dims : int
        Sizes d and k.
    audio_sizes, text_sizes : sequences of int
        Widths of the two projections' layers, each followed by tanh; the last ones are equal.
    dropout : float
        Share of the features of the segments that is dropped in training.
    alpha : float
        Share of attention in the score that is trained.
    project_mean : bool
        Average the segments before projecting them, instead of their projections.
    shift, weight : ndarray of shape (d,) or None
        What is subtracted from the segments, and what they are multiplied by then.
    start : dict or None
        State to begin with.
    """

    def __init__(
        self,
        n_features,
        n_dims,
        audio_sizes,
        text_sizes,
        dropout=0.0,
        alpha=1.0,
        project_mean=False,
        shift=None,
        weight=None,
        start=None,
    ) -> None:
        super().__init__(n_features, shift, weight)
        self.audio = nn.Sequential(nn.Dropout(dropout), *_layers([n_features, *audio_sizes]))
        self.text = nn.Sequential(*_layers([n_dims, *text_sizes]))
        self.alpha = alpha
        self.project_mean = project_mean
        self.width = text_sizes[-1]
        start_from(self, start)

    def forward(self, segments: Tensor, mask: Tensor, vectors: Tensor, alpha=None, project_mean=None) -> Tensor:
        """Score every clip against every label, with the settings of training or others."""
        alpha = self.alpha if alpha is None else alpha
        project_mean = self.project_mean if project_mean is None else project_mean
        return self.score(segments, mask, self.text(vectors), alpha, project_mean)

    def score(self, segments: Tensor, mask: Tensor, labels: Tensor, alpha: float, project_mean: bool) -> Tensor:
        """Score every clip against labels (C, h) that are in the space of the segments already."""
        segments = self.standardize(segments, mask)
        if alpha == 0 and project_mean:
            return self.audio(_mean(segments, mask)) @ labels.T
        projected = self._project(segments, mask)
        if alpha == 0:
            return _mean(projected, mask) @ labels.T
        attended = _Attend.apply(_compatibilities(projected, mask, labels))
        if alpha == 1:
            return attended
        average = self.audio(_mean(segments, mask)) if project_mean else _mean(projected, mask)
        return alpha * attended + (1 - alpha) * (average @ labels.T)

    def with_segments(self, segments: Tensor, mask: Tensor, vectors: Tensor, alpha: float, project_mean: bool):
        """Scores of the clips, then dot products of their segments, (n, 1 + T, C)."""
        segments, labels = self.standardize(segments, mask), self.text(vectors)
        projected = self._project(segments, mask)
        products = _compatibilities(projected, mask, labels)
        average = self.audio(_mean(segments, mask)) if project_mean else _mean(projected, mask)
        scores = alpha * _Attend.apply(products) + (1 - alpha) * (average @ labels.T)
        return torch.cat([scores[:, None], products], dim=1)

    def attention(self, segments: Tensor, mask: Tensor, vectors: Tensor) -> Tensor:
        """Weights (n, C, T) that each label gives to the segments."""
        projected = self._project(self.standardize(segments, mask), mask)
        return torch.softmax(_compatibilities(projected, mask, self.text(vectors)), dim=1).transpose(1, 2)

    def _project(self, segments, mask):
        # Absent segments draw no dropout, so that padding changes no training.
        return spread(self.audio(gather(segments, mask)), mask)


_ABSENT = -1e9  # has weight zero, and unlike infinity may be multiplied by it


class _Attend(torch.autograd.Function):
    """Mean over segments weighted by their softmax, (n, T, C) to (n, C).

    The gradient by c_t is ``w_t (1 + c_t - attended)``; written out, it needs one pass.
    """

    @staticmethod
    def forward(ctx, compatibilities):
        weights = torch.softmax(compatibilities, dim=1)
        attended = (weights * compatibilities).sum(dim=1)
        ctx.save_for_backward(compatibilities, weights, attended)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        compatibilities, weights, attended = ctx.saved_tensors
        return (compatibilities - (attended - 1.0)[:, None]).mul_(weights).mul_(gradient[:, None])


def _compatibilities(projected, mask, labels):
    """Dot products (n, T, C), those of absent segments shifted in the same pass over them."""
    shift = torch.where(mask, 0.0, _ABSENT).to(projected.dtype).reshape(-1, 1)
    return torch.addmm(shift, projected.flatten(0, 1), labels.T).unflatten(0, mask.shape)


def _mean(values, mask):
    return torch.einsum("ntd,nt->nd", values, mask.to(values.dtype)) / mask.sum(dim=1, keepdim=True)


def _layers(sizes):
    return [layer for before, after in pairwise(sizes) for layer in (nn.Linear(before, after), nn.Tanh())]
