"""Transformers for (n, T, d) segment embeddings, so that Pipelines work on them, and what builds X and y."""

from ._indicator_frame import indicator_frame
from ._padding import pad_segments
from ._pooling import SegmentPooling
from ._scaler import EmbeddingScaler
from ._segmentwise import Segmentwise

__all__ = ["EmbeddingScaler", "SegmentPooling", "Segmentwise", "indicator_frame", "pad_segments"]
