"""Loss and validation score of taggers."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..exceptions import UndefinedLabelWarning
from ..metrics import mean_average_precision
from .layers import max_and_mean


class TaggingLoss(nn.Module):
    """Binary cross entropy of log-odds (n, C) or, summed over streams, (n, S, C), and targets (n, C) in [0, 1]."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean over clips and labels."""
        targets = targets.to(outputs.dtype)
        if outputs.ndim == 2:
            return F.binary_cross_entropy_with_logits(outputs, targets)
        n_streams = outputs.shape[1]
        return n_streams * F.binary_cross_entropy_with_logits(outputs, targets[:, None].expand_as(outputs))


def clip_probabilities(outputs: Tensor) -> Tensor:
    """Probabilities of log-odds (n, C); of two streams (n, 2, C), half the sum of their maximum and mean."""
    probabilities = torch.sigmoid(outputs)
    return probabilities if outputs.ndim == 2 else max_and_mean(probabilities)


def validation_map(outputs: Tensor, targets: Tensor) -> float:
    """Mean average precision of held-out clips, over the labels that they have.

    Raises
    ------
    ValueError
        If they have no label.
    """
    y_true = targets.cpu().numpy()
    if not y_true.any():
        raise ValueError(
            f"The {len(targets)} clips held out for validation have no label; raise validation_fraction or pass None."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedLabelWarning)
        return mean_average_precision(y_true, clip_probabilities(outputs).cpu().numpy())
