"""What modules on segments share: scaled inputs, absent segments, and going on from another net's weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class StandardizedModule(nn.Module):
    """Base of the modules on segments (n, T, d) with a mask (n, T).

    Parameters
    ----------
    n_features : int
        Size d.
    shift, weight : ndarray of shape (d,) or None
        What is subtracted from the segments, and what they are multiplied by then.
    """

    shift: Tensor
    weight: Tensor

    def __init__(self, n_features, shift=None, weight=None):
        super().__init__()
        self.register_buffer("shift", torch.as_tensor(np.zeros(n_features) if shift is None else shift).float())
        self.register_buffer("weight", torch.as_tensor(np.ones(n_features) if weight is None else weight).float())

    def standardize(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Scale the segments and zero the absent: they may be NaN, which spreads through products with zero."""
        return (segments - self.shift).mul_(self.weight).masked_fill_(~mask[:, :, None], 0.0)


def start_from(module: nn.Module, state):
    """Give a module another net's weights, if there are any.

    Raises
    ------
    ValueError
        If its layers have other sizes.
    """
    if state is not None:
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(
                f"The trained net has layers of other sizes; start anew with fit and warm_start=False. {error}"
            ) from error


def all_present(mask: Tensor) -> bool:
    """Whether no segment is absent, as in most batches of most data: then nothing need be masked."""
    return bool(mask.all())
