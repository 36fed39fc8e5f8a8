"""How the contrastive net is trained otherwise than by default.

What was tried and left out: noise, dropped segments, and adapted texts.
"""

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F

from skzsl import nets

_Plain = nets.ContrastiveModule


class Variant(_Plain):
    """ContrastiveModule with Gaussian noise on the features, absent segments, or a residual map of the texts.

    ``noise`` is in deviations of a batch's features, ``dropped`` a share of the segments; both act in training only.
    ``adapter`` multiplies a linear map of the text vectors, zero at first, that is added to them at any time.
    """

    noise = dropped = adapter = 0.0

    def __init__(self, n_features, n_dims, *arguments, **settings):
        super().__init__(n_features, n_dims, *arguments, **settings)
        if self.adapter:
            self.residual = nn.Linear(n_dims, n_dims, bias=False)
            nn.init.zeros_(self.residual.weight)

    def forward(self, segments, mask, vectors):
        """Score every clip against every label."""
        if self.training and self.noise:
            segments = segments + self.noise * segments.std() * torch.randn_like(segments)
        if self.training and self.dropped:
            drawn = torch.rand(mask.shape, device=mask.device).masked_fill(~mask, 2.0)
            mask = mask & ((drawn > self.dropped) | (drawn == drawn.amin(dim=1, keepdim=True)))
        if self.adapter:
            vectors = F.normalize(vectors, dim=1)
            vectors = vectors + self.adapter * self.residual(vectors)
        return super().forward(segments, mask, vectors)


@contextmanager
def variant(**settings):
    """Let ZeroShotContrastive train a Variant with these class attributes."""
    nets.ContrastiveModule = type("Variant", (Variant,), settings) if settings else _Plain
    try:
        yield
    finally:
        nets.ContrastiveModule = _Plain
