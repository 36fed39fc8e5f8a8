"""Neural nets (torch): modules, losses, and their training through skorch."""

from .attention import TemporalAttentionModule
from .inference import apply_in_batches
from .losses import WeightedRankingLoss
from .modules import BilinearModule
from .ranking import MultilabelRankingLoss
from .training import EmbeddingNet, net_parameters

__all__ = [
    "BilinearModule",
    "EmbeddingNet",
    "MultilabelRankingLoss",
    "TemporalAttentionModule",
    "WeightedRankingLoss",
    "apply_in_batches",
    "net_parameters",
]
