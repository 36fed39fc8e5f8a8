"""Segments in seconds."""

from __future__ import annotations

import math

import numpy as np


def borders(segment, hop, window):
    """Seconds at which segments begin: the first at 0, others half way between their centre and the one before."""
    return np.where(segment > 0, segment * hop + (window - hop) / 2, 0.0)


def whole_segments(seconds, hop):
    """How many whole segments fit into some seconds, forgiving rounding; minus how many are needed below 0."""
    return math.floor(seconds / hop + 1e-9)
