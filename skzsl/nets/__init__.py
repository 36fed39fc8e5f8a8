"""Neural nets (torch): modules, losses, and their training through skorch."""

from .losses import WeightedRankingLoss
from .modules import BilinearModule
from .training import EmbeddingNet, net_parameters

__all__ = ["BilinearModule", "EmbeddingNet", "WeightedRankingLoss", "net_parameters"]
