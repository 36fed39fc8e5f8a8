"""The bilinear map."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BilinearModule(nn.Module):
    """Scores (n, C) from clips (n, d) and label vectors (C, k): ``clips @ weight @ vectors.T``."""

    def __init__(self, n_features: int, n_dims: int, start=None) -> None:
        super().__init__()
        weight = torch.zeros(n_features, n_dims) if start is None else torch.tensor(start, dtype=torch.float32)
        self.weight = nn.Parameter(weight)

    def forward(self, clips: Tensor, vectors: Tensor) -> Tensor:
        """Score every clip against every label, multiplying in the order that costs less."""
        (n_clips, n_features), (n_labels, n_dims) = clips.shape, vectors.shape
        if n_clips * n_dims * (n_features + n_labels) < n_features * n_labels * (n_dims + n_clips):
            return (clips @ self.weight) @ vectors.T
        return clips @ (self.weight @ vectors.T)
