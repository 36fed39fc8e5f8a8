"""Transformers for (n, T, d) segment embeddings, so that Pipelines work on them."""

from ._padding import pad_segments
from ._pooling import SegmentPooling
from ._segmentwise import Segmentwise

__all__ = ["SegmentPooling", "Segmentwise", "pad_segments"]
