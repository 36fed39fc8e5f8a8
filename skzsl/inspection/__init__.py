"""What a model attends to, listens to and knows: tables, and displays (matplotlib)."""

from ._attention import AttentionDisplay
from ._confusion import ConfusionSimilarityDisplay
from ._event_display import EventDisplay
from ._label_map import LabelMapDisplay
from ._label_precision_recall import LabelPrecisionRecallDisplay
from ._label_tables import label_report, nearest_labels
from ._reliability import ReliabilityDisplay
from ._seen_unseen import SeenUnseenDisplay
from ._windows import WindowDisplay

__all__ = [
    "AttentionDisplay",
    "ConfusionSimilarityDisplay",
    "EventDisplay",
    "LabelMapDisplay",
    "LabelPrecisionRecallDisplay",
    "ReliabilityDisplay",
    "SeenUnseenDisplay",
    "WindowDisplay",
    "label_report",
    "nearest_labels",
]
