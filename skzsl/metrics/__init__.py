"""Metrics as pure functions of arrays (numpy and scipy only)."""

from ._at_k import f1_at_k, precision_at_k, recall_at_k
from ._calibration import ReliabilityCurve, expected_calibration_error, reliability_curve
from ._event_f1 import event_counts, event_error_rate, event_f1
from ._f1 import multilabel_f1
from ._generalized import SeenUnseenCurve, ausuc, generalized_accuracy, harmonic_mean, seen_unseen_curve
from ._open_set import oscr, unknown_auroc
from ._psds import PsdRoc, psd_roc, psds
from ._ranking import d_prime, lwlrap, mean_average_precision, mean_roc_auc
from ._segment_auc import segment_auc, within_clip_auc
from ._segment_f1 import segment_error_rate, segment_f1
from ._segment_truth import segment_truth
from ._zero_shot import per_label_accuracy

__all__ = [
    "PsdRoc",
    "ReliabilityCurve",
    "SeenUnseenCurve",
    "ausuc",
    "d_prime",
    "event_counts",
    "event_error_rate",
    "event_f1",
    "expected_calibration_error",
    "f1_at_k",
    "generalized_accuracy",
    "harmonic_mean",
    "lwlrap",
    "mean_average_precision",
    "mean_roc_auc",
    "multilabel_f1",
    "oscr",
    "per_label_accuracy",
    "precision_at_k",
    "psd_roc",
    "psds",
    "recall_at_k",
    "reliability_curve",
    "seen_unseen_curve",
    "segment_auc",
    "segment_error_rate",
    "segment_f1",
    "segment_truth",
    "unknown_auroc",
    "within_clip_auc",
]
