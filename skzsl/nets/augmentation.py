"""What is done to batches in training: mixing of clips."""

from __future__ import annotations

import torch
from torch import Tensor


class MixedBatches:
    """Batches of ((segments, mask), targets) whose clips are mixed in pairs, with their targets (mixup).

    The shares of a pair are drawn from Beta(strength, strength). A segment that only one of the two clips has is taken
    from it as it is.

    Reference: Zhang, Cisse, Dauphin and Lopez-Paz (2018). mixup: beyond empirical risk minimization. ICLR.
    """

    def __init__(self, batches, strength):
        self.batches, self.strength = batches, strength
        self.n_rows = batches.n_rows

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        beta = torch.distributions.Beta(self.strength, self.strength)
        for (segments, mask), targets in self.batches:
            share = beta.sample((len(targets),)).to(segments.device)
            yield mix(segments, mask, targets, share, torch.randperm(len(targets), device=segments.device))


def mix(segments: Tensor, mask: Tensor, targets: Tensor, share: Tensor, order: Tensor):
    """Mix each clip with that at its place in ``order``, of which it gets 1 - share (n,)."""
    tiny, last = torch.finfo(segments.dtype).tiny, 1 - torch.finfo(segments.dtype).eps
    segments, share = segments.masked_fill(~mask[:, :, None], 0.0), share[:, None].clamp(tiny, last)
    own, other = share * mask, (1 - share) * mask[order]
    total = (own + other).clamp_(min=tiny)
    mixed = segments * (own / total)[:, :, None] + segments[order] * (other / total)[:, :, None]
    return (mixed, mask | mask[order]), share * targets + (1 - share) * targets[order]
