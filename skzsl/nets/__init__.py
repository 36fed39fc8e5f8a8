"""Neural nets (torch): modules, losses, and their training through skorch."""

from .attention import TemporalAttentionModule
from .bilinear import BilinearModule
from .callbacks import Accelerate, FitCheckpoint
from .contrastive import ContrastiveModule, SymmetricCrossEntropy
from .global_local import ConvStream, GlobalLocalModule
from .inference import apply_in_batches
from .multi_level import MultiLevelAttentionModule
from .ranking import MultilabelRankingLoss
from .settings import net_parameters
from .tagging_loss import TaggingLoss, validation_map
from .training import EmbeddingNet
from .weighted_ranking import WeightedRankingLoss

__all__ = [
    "Accelerate",
    "BilinearModule",
    "ContrastiveModule",
    "ConvStream",
    "EmbeddingNet",
    "FitCheckpoint",
    "GlobalLocalModule",
    "MultiLevelAttentionModule",
    "MultilabelRankingLoss",
    "SymmetricCrossEntropy",
    "TaggingLoss",
    "TemporalAttentionModule",
    "WeightedRankingLoss",
    "apply_in_batches",
    "net_parameters",
    "validation_map",
]
