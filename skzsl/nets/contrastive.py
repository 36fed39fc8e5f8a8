"""Audio heads whose vectors are compared with those of label texts, and the contrastive loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .cscm import CSCM
from .layers import ReLUDropout, RowNorm
from .standardized import StandardizedModule, start_from

_HIGHEST_LOG_SCALE = math.log(100)


class ContrastiveModule(StandardizedModule):
    """Scores (n, C) from segments (n, T, d), their mask (n, T) and label vectors (C, k).

    A head turns every clip into a vector of size k; the score is its cosine with a label vector times the scale.

    Parameters
    ----------
    n_features, n_dims : int
        Sizes d and k.
    head : {"cscm", "mlp", "linear"}
        What turns segments into a vector.
    hidden_size : int
        Width inside the head, "linear" has none.
    dropout : float
        Share of the hidden units that is dropped in training.
    token_grid : (int, int) or None
        Height and width of the map that the segments form for "cscm"; None is 1 x T.
    logit_scale : float or None
        Fixed scale of the cosines; None learns it, from 1 / 0.07 on and up to 100.
    identity : bool
        Let "linear" start as the identity, where d = k.
    shift, weight : ndarray of shape (d,) or None
        Standardisation of the segments.
    start : dict or None
        State to begin with.
    """

    def __init__(
        self,
        n_features,
        n_dims,
        head,
        hidden_size,
        dropout=0.0,
        token_grid=None,
        logit_scale=None,
        identity=False,
        shift=None,
        weight=None,
        start=None,
    ) -> None:
        super().__init__(n_features, shift, weight)
        if head == "cscm":
            self.head: nn.Module = CSCM(n_features, hidden_size, n_dims, dropout, token_grid)
        else:
            self.head = MeanHead(n_features, hidden_size if head == "mlp" else None, n_dims, dropout)
        if identity:
            start_from(self.head, {"layers.weight": torch.eye(n_dims), "layers.bias": torch.zeros(n_dims)})
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)), requires_grad=logit_scale is None)
        start_from(self, start)
        if logit_scale is not None:
            nn.init.constant_(self.log_scale, math.log(logit_scale))

    def forward(self, segments: Tensor, mask: Tensor, vectors: Tensor) -> Tensor:
        """Score every clip against every label."""
        return self.cosines(segments, mask, self.directions(vectors))

    def directions(self, vectors: Tensor) -> Tensor:
        """Label vectors of unit length."""
        return F.normalize(vectors, dim=1)

    def cosines(self, segments: Tensor, mask: Tensor, directions: Tensor) -> Tensor:
        """Score every clip against label vectors of unit length."""
        clips = self.head(self.standardize(segments, mask), mask)
        log_scale: Tensor = self.log_scale
        if log_scale.requires_grad:
            if self.training:  # the weight itself, as in CLIP, since a clamp has no gradient from above its limit
                log_scale.data.clamp_(max=_HIGHEST_LOG_SCALE)
            log_scale = log_scale.clamp(max=_HIGHEST_LOG_SCALE)
        return log_scale.exp() * (F.normalize(clips, dim=1) @ directions.T)


class MeanHead(nn.Module):
    """Vectors (n, k) from the mean of the present segments: one linear layer, or two around batch norm and ReLU."""

    grid = None  # the segments form no map

    def __init__(self, n_features, hidden_size, n_dims, dropout):
        super().__init__()
        if hidden_size is None:
            self.layers: nn.Module = nn.Linear(n_features, n_dims)
        else:
            hidden = nn.Linear(n_features, hidden_size), RowNorm(hidden_size), ReLUDropout(dropout)
            self.layers = nn.Sequential(*hidden, nn.Linear(hidden_size, n_dims))

    def forward(self, segments: Tensor, mask: Tensor) -> Tensor:
        """Map the means; absent segments are zero."""
        return self.layers(segments.sum(dim=1) / mask.sum(dim=1, keepdim=True))


class SymmetricCrossEntropy(nn.Module):
    """Half the sum of the cross entropies over the rows and over the columns of a batch's clips and texts.

    Every clip brings the text of its label, so a label weighs as often as it occurs in the batch. A clip of several
    labels shares its weight among them, and one without labels is only one more clip that the texts do not fit.
    """

    joins_clips = True  # so that a batch cannot be parted

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Scores (n, C) and the labels' shares (n, C), at least 0, to the mean over clips that have labels."""
        targets = targets.to(scores.dtype)
        totals = targets.sum(dim=1, keepdim=True)
        shares, labelled = targets / totals.clamp(min=torch.finfo(scores.dtype).tiny), totals[:, 0] > 0
        if self.training:
            of_texts = shares.sum(dim=0)
            over_texts = torch.logsumexp(scores[labelled] + of_texts.log(), dim=1).sum()
            over_clips = of_texts @ torch.logsumexp(scores, dim=0)
            over_both = (over_texts + over_clips) / 2
        else:
            over_both = torch.logsumexp(scores[labelled], dim=1).sum()
        return (over_both - (shares * scores).sum()) / labelled.sum().clamp(min=1)
