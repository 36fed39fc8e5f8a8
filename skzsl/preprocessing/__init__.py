"""Transformers for (n, T, d) segment embeddings, so that Pipelines work on them, and what builds X and y."""

from ._event_lists import event_lists, event_table
from ._indicator_frame import indicator_frame
from ._padding import pad_segments
from ._pooling import SegmentPooling
from ._scaler import EmbeddingScaler
from ._segmentwise import Segmentwise

__all__ = [
    "EmbeddingScaler",
    "SegmentPooling",
    "Segmentwise",
    "event_lists",
    "event_table",
    "indicator_frame",
    "pad_segments",
]
