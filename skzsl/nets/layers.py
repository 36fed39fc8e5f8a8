"""Layers that torch has too, without what slows training on a CPU or breaks it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class ReLUDropout(nn.Module):
    """ReLU, then dropout.

    On a CPU the dropped units come from random bytes, eight to a number, since torch draws one number a unit there; the
    rate is rounded to a multiple of 1/256.

    Parameters
    ----------
    rate : float
        Share of the units that is dropped in training.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate
        self._bytes = min(round(rate * 256), 255)

    def forward(self, values: Tensor) -> Tensor:
        """Keep what is above 0 and, in training, not dropped."""
        if not self.training or not self._bytes:
            return F.relu(values)
        if values.device.type != "cpu":
            return F.dropout(F.relu(values), self.rate)
        return _ReLUDropout.apply(values, self._bytes)


class _ReLUDropout(torch.autograd.Function):
    """A unit passes its gradient where it stayed above 0."""

    @staticmethod
    def forward(ctx, values, n_bytes):
        ctx.scale = 256 / (256 - n_bytes)
        random = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = random.view(torch.uint8)[: values.numel()].view_as(values) >= n_bytes
        result = F.relu(values).mul_(kept).mul_(ctx.scale)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (result,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(gradient, result, 0).mul_(ctx.scale), None


class RowNorm(nn.BatchNorm1d):
    """Batch norm that takes its running statistics for a batch of one row, which has no variance."""

    joins_clips = True  # so that a batch cannot be parted

    def forward(self, values: Tensor) -> Tensor:
        """Standardise each feature over the rows."""
        if self.training and len(values) == 1:
            return F.batch_norm(values, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(values)


def widened(values: Tensor) -> Tensor:
    """Values in float32 at least, also where ``torch.autocast`` has computed them in less."""
    return values.float() if values.dtype.itemsize < 4 else values


def max_and_mean(values: Tensor, shares: Tensor | None = None) -> Tensor:
    """Half the sum of maximum and mean over the second axis, each place weighing its share (n, places) if given."""
    mean = values.mean(dim=1) if shares is None else (values * shares[:, :, None]).sum(dim=1)
    return 0.5 * (values.amax(dim=1) + mean)


def sigmoid(values: Tensor) -> Tensor:
    """Logistic function that, without gradients, gives equal values equal results.

    torch's own rounds the last elements of an array otherwise than the rest, so that predictions would depend on the
    order of the clips.
    """
    if torch.is_grad_enabled():
        return torch.sigmoid(values)
    return torch.neg(values).exp_().add_(1).reciprocal_()
