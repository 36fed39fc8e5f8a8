"""Convolutions with attention over a map of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attention_pooling import gather, spread
from .layers import ReLUDropout, RowNorm, sigmoid

_RATIO = 16


class CSCM(nn.Module):
    """Vectors (n, k) from tokens (n, T, d), zero where absent, and their mask (n, T).

    The tokens form a map, row by row; attention to channels and places, a 3 x 3 convolution, ReLU and a 1 x 1
    convolution follow, and the mean over the present places.

    Parameters
    ----------
    n_features, hidden_size, n_dims : int
        Channels d of the map, of what the first convolution gives, and k.
    dropout : float
        Share of the units between the convolutions that is dropped in training.
    grid : (int, int) or None
        Height and width of the map; None is 1 x T.

    Reference: the similarity calculation module of Xiao et al. (2023), SemanticAC, with the attention of Woo, Park, Lee
    and Kweon (2018). CBAM: convolutional block attention module. ECCV.
    """

    def __init__(self, n_features, hidden_size, n_dims, dropout=0.0, grid=None):
        super().__init__()
        self.grid = grid
        self.attention = CBAM(n_features)
        self.conv = nn.Conv2d(n_features, hidden_size, 3, padding=1)
        self.activate = ReLUDropout(dropout)
        self.project = nn.Linear(hidden_size, n_dims)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Map every clip; the 1 x 1 convolution is linear, so it is applied to the mean."""
        grid = (1, mask.shape[1]) if self.grid is None else self.grid
        maps = self.attention(tokens.unflatten(1, grid).permute(0, 3, 1, 2), mask.unflatten(1, grid)[:, None])
        places = gather(_convolve(self.conv, maps).flatten(2).transpose(1, 2), mask)
        return self.project(spread(self.activate(places), mask).sum(dim=1) / mask.sum(dim=1, keepdim=True))


class CBAM(nn.Module):
    """Maps (n, d, h, w), zero where absent, gated by channel and then by place.

    The gate of a channel is the sigmoid of one perceptron applied to the means and to the maxima of the channels,
    summed; that of a place the sigmoid of a 7 x 7 convolution over the maximum and the mean of its channels, after
    batch norm.
    """

    def __init__(self, n_features):
        super().__init__()
        n_hidden = max(1, n_features // _RATIO)
        self.channels = nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_features))
        self.places = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.norm = RowNorm(1)

    def forward(self, maps: Tensor, present: Tensor) -> Tensor:
        """Gate the maps at the places present (n, 1, h, w)."""
        mean = maps.sum(dim=(2, 3)) / present.sum(dim=(2, 3))
        highest = maps.masked_fill(~present, -torch.inf).amax(dim=(2, 3))
        maps = maps * sigmoid(self.channels(mean) + self.channels(highest))[:, :, None, None]
        summary = torch.cat([maps.amax(dim=1, keepdim=True), maps.mean(dim=1, keepdim=True)], dim=1)
        places = _convolve(self.places, summary)
        gates = sigmoid(self.norm(places[present][:, None]))[:, 0]
        return maps * torch.zeros_like(places).masked_scatter(present, gates)


def _convolve(conv, maps):
    """Convolve; over a map of one row only the middle row of the kernel meets values."""
    if maps.shape[2] > 1:
        return conv(maps)
    middle = conv.kernel_size[0] // 2
    return F.conv2d(maps, conv.weight[:, :, middle : middle + 1], conv.bias, padding=(0, conv.padding[1]))
