"""Global and local streams: whole clips, and windows of them that the global stream chooses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attention_pooling import gather, spread
from .layers import ReLUDropout, RowNorm, max_and_mean, sigmoid, widened
from .multi_level import log_odds
from .standardized import StandardizedModule, start_from


class ConvStream(StandardizedModule):
    """Log-odds (n, C) from segments (n, T, d) and their mask (n, T): convolutions over time, pooling, two dense layers.

    Parameters
    ----------
    n_features : int
        Size d.
    log_odds : array of shape (C,)
        Where the output biases start: the log-odds of the labels' frequencies.
    n_conv_layers : int
        Convolutions over three segments, each followed by batch norm and ReLU; with 0 the segments are used as they
        are.
    hidden_size : int
        Width of all layers.
    dropout : float
        Share of the pooled features and of the hidden units that is dropped in training.
    shift, weight : ndarray of shape (d,) or None
        Standardisation of the segments.
    start : dict or None
        State to begin with.
    """

    def __init__(
        self, n_features, log_odds, n_conv_layers, hidden_size, dropout=0.0, shift=None, weight=None, start=None
    ) -> None:
        super().__init__(n_features, shift, weight)
        log_odds = torch.as_tensor(log_odds, dtype=torch.float32)
        widths = [n_features] + [hidden_size] * n_conv_layers
        self.blocks = nn.ModuleList(_ConvBlock(width, hidden_size) for width in widths[:-1])
        self.drop = nn.Dropout(dropout)
        self.hidden = nn.Linear(widths[-1], hidden_size)
        self.activate = ReLUDropout(dropout)
        self.score = nn.Linear(hidden_size, len(log_odds))
        with torch.no_grad():
            self.score.bias.copy_(log_odds)
        start_from(self, start)

    def forward(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Log-odds of every label in every clip."""
        return self._classify(self._extract(segments, mask), mask)

    def with_frames(self, segments: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log-odds (n, C) of the clips, and (n, T, C) of the segments without gradient."""
        features = self._extract(segments, mask)
        with torch.no_grad():
            frames = widened(self.score(F.relu(self.hidden(features.detach()))))
        return self._classify(features, mask), frames

    def _extract(self, segments, mask):
        features = self.standardize(segments, mask)
        for block in self.blocks:
            features = block(features, mask)
        return features

    def _classify(self, features, mask):
        present = mask[:, :, None]
        highest = features.masked_fill(~present, -torch.inf).amax(dim=1)
        mean = (features * present).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return widened(self.score(self.activate(self.hidden(self.drop(highest + mean)))))


class _ConvBlock(nn.Module):
    """Convolution over three segments as one matrix product, batch norm over the present segments, and ReLU."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.conv = nn.Linear(3 * n_inputs, n_outputs, bias=False)
        self.norm = RowNorm(n_outputs)

    def forward(self, features, mask):
        before, after = F.pad(features, (0, 0, 1, 0))[:, :-1], F.pad(features, (0, 0, 0, 1))[:, 1:]
        rows = gather(torch.cat([before, features, after], dim=2), mask)
        return spread(F.relu(self.norm(self.conv(rows))), mask)


class GlobalLocalModule(nn.Module):
    """Log-odds (n, 2, C) of the global and the local stream.

    Parameters
    ----------
    global_stream : (class, dict)
        Module that gives log-odds of clips and frames (``with_frames``), and its arguments.
    local_stream : (class, dict)
        Module that gives log-odds of windows as if they were clips, and its arguments.
    n_windows : int
        How many labels choose a window.
    window : int
        Segments of a window; a clip of fewer is one window.
    suppress : bool
        Let no label choose a frame near one that a more probable label chose.
    frozen : bool
        Train the local stream only.
    start : dict or None
        State to begin with.
    """

    def __init__(
        self, global_stream, local_stream, n_windows, window, suppress=False, frozen=False, start=None
    ) -> None:
        super().__init__()
        self.global_stream, self.local_stream = (module(**given) for module, given in (global_stream, local_stream))
        self.global_stream.requires_grad_(not frozen)
        self.n_windows, self.window, self.suppress, self.frozen = n_windows, window, suppress, frozen
        start_from(self, start)

    def train(self, mode=True):
        """Switch training on or off; a frozen global stream stays as in prediction."""
        super().train(mode)
        if self.frozen:
            self.global_stream.eval()
        return self

    def forward(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Log-odds of every label in every clip by both streams."""
        clips, frames = self.global_stream.with_frames(segments, mask)
        _, starts = self._select(clips.detach(), frames, mask)
        return torch.stack([clips, log_odds(self._local(segments, mask, starts))], dim=1)

    def fused(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Probabilities (n, C) by both streams together."""
        return max_and_mean(sigmoid(self(segments, mask)))

    def windows(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Columns of the labels that choose, and the first segment of each one's window, (n, 2, n_windows)."""
        clips, frames = self.global_stream.with_frames(segments, mask)
        return torch.stack(self._select(clips, frames, mask), dim=1)

    def _select(self, clips, frames, mask):
        return select_windows(clips, frames, mask, self.n_windows, self.window, self.suppress)

    def _local(self, segments, mask, starts):
        """Probabilities (n, C), pooled over the windows. What several labels choose is computed once."""
        width = min(self.window, mask.shape[1])
        counts = segments.new_zeros(mask.shape).scatter_add_(1, starts, segments.new_ones(starts.shape))
        clip, start = counts.nonzero(as_tuple=True)
        inside = start[:, None] + torch.arange(width, device=start.device)
        probabilities = sigmoid(self.local_stream(segments[clip[:, None], inside], mask[clip[:, None], inside]))
        place = (counts > 0).cumsum(dim=1)[clip, start] - 1
        n_places = int(place.max()) + 1
        of_windows = probabilities.new_zeros(len(mask), n_places, probabilities.shape[1])
        of_windows = of_windows.index_put((clip, place), probabilities)
        share = counts.new_zeros(len(mask), n_places).index_put((clip, place), counts[clip, start])
        return max_and_mean(of_windows, share / share.sum(dim=1, keepdim=True))


def select_windows(clips: Tensor, frames: Tensor, mask: Tensor, n_windows: int, window: int, suppress: bool):
    """Choose windows: each of the most probable labels of a clip takes the frame where it peaks.

    Parameters
    ----------
    clips : Tensor of shape (n, C)
        Scores of the clips; on ties the lower column comes first.
    frames : Tensor of shape (n, T, C)
        Scores of the frames; on ties the first frame is the peak.
    mask : Tensor of shape (n, T)
        Which frames are present.
    n_windows, window : int
        Labels that choose, and frames of a window around the peak, shifted into the clip.
    suppress : bool
        Take the frames up to ``window // 4`` from a peak away from the labels that follow; when none is left, all come
        back.

    Returns
    -------
    columns, starts : Tensors of shape (n, min(n_windows, C))
        The label that chooses, best first, and the first frame of its window.
    """
    columns = clips.argsort(dim=1, descending=True, stable=True)[:, :n_windows]
    of_labels = frames.gather(2, columns[:, None].expand(-1, frames.shape[1], -1))
    of_labels = of_labels.masked_fill(~mask[:, :, None], -torch.inf)
    if not suppress:
        peaks = of_labels.argmax(dim=1)
    else:
        free, places, peaks = mask, torch.arange(mask.shape[1], device=mask.device), torch.empty_like(columns)
        for rank in range(columns.shape[1]):
            free = torch.where(free.any(dim=1, keepdim=True), free, mask)
            peak = of_labels[:, :, rank].masked_fill(~free, -torch.inf).argmax(dim=1, keepdim=True)
            free = free & ((places - peak).abs() > window // 4)
            peaks[:, rank : rank + 1] = peak
    last = (mask.sum(dim=1, keepdim=True) - window).clamp(min=0)
    return columns, torch.minimum((peaks - window // 2).clamp(min=0), last)
