"""mAP and mean AUC over as many clips and labels as AudioSet's evaluation set has: ours, scikit-learn's, torchmetrics'.

All values are compared before the clocks run; the sides take turns, medians of repeats.
"""

import importlib.util

import numpy as np
from common import alternate, run
from sklearn.metrics import average_precision_score, roc_auc_score

from skzsl import metrics

CLIPS, LABELS = 20371, 527


def make_scores():
    """Draw labels of unequal frequency, 59 clips at least, and scores that know something of them."""
    rng = np.random.default_rng(0)
    shares = np.maximum(59 / CLIPS, 0.25 * np.arange(1, LABELS + 1) ** -1.1)
    y_true = rng.random((CLIPS, LABELS)) < shares
    return y_true, rng.normal(size=y_true.shape) + 1.5 * y_true


def contenders(y_true, y_score):
    """Name of each side to its functions for mAP and AUC."""
    sides = {
        "skzsl": (metrics.mean_average_precision, metrics.mean_roc_auc),
        "scikit-learn": (average_precision_score, roc_auc_score),
    }
    calls = {name: [lambda f=f: f(y_true, y_score) for f in pair] for name, pair in sides.items()}
    if importlib.util.find_spec("torchmetrics"):
        import torch
        from torchmetrics.functional.classification import multilabel_auroc, multilabel_average_precision

        target, preds = torch.from_numpy(y_true.astype(np.int64)), torch.from_numpy(y_score)
        both = (multilabel_average_precision, multilabel_auroc)
        calls["torchmetrics"] = [lambda f=f: float(f(preds, target, num_labels=LABELS)) for f in both]
    return calls


def measure(repeats=5):
    """Median seconds of every side, after a check of its values."""
    calls = contenders(*make_scores())
    values = {name: [call() for call in pair] for name, pair in calls.items()}
    for name, pair in values.items():
        np.testing.assert_allclose(pair, values["scikit-learn"], atol=1e-6 if name == "torchmetrics" else 1e-12)
    seconds = alternate({(name, i): call for name, pair in calls.items() for i, call in enumerate(pair)}, repeats)
    return {name: [seconds[name, i] for i in range(2)] for name in calls}


def calls(_):
    """The one call that measures."""
    return {"seconds": (measure,)}


def tables(figures):
    """Seconds and ratios."""
    rows, seconds = [], figures["seconds"]
    for name, pair in seconds.items():
        ratios = [f"{theirs / ours:.1f} x" for theirs, ours in zip(pair, seconds["skzsl"], strict=True)]
        rows.append([name, *pair, *ratios])
    yield f"{CLIPS} clips x {LABELS} labels, float64", ["", "mAP, s", "AUC, s", "mAP / ours", "AUC / ours"], rows


if __name__ == "__main__":
    run("speed_metrics", calls, tables)
