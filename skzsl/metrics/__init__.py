"""Metrics as pure functions of arrays (numpy and scipy only)."""

from ._at_k import f1_at_k, precision_at_k, recall_at_k
from ._f1 import multilabel_f1
from ._generalized import SeenUnseenCurve, ausuc, generalized_accuracy, harmonic_mean, seen_unseen_curve
from ._ranking import d_prime, lwlrap, mean_average_precision, mean_roc_auc
from ._zero_shot import per_label_accuracy

__all__ = [
    "SeenUnseenCurve",
    "ausuc",
    "d_prime",
    "f1_at_k",
    "generalized_accuracy",
    "harmonic_mean",
    "lwlrap",
    "mean_average_precision",
    "mean_roc_auc",
    "multilabel_f1",
    "per_label_accuracy",
    "precision_at_k",
    "recall_at_k",
    "seen_unseen_curve",
]
