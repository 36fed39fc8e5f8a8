"""mAP and mean AUC over as many clips and labels as AudioSet's evaluation set has: ours, scikit-learn's, torchmetrics'.

All values are compared before the clocks run; the sides take turns, medians of repeats.
"""

import importlib.util
import inspect
import time

import numpy as np
from common import Results, fingerprint, parser, print_table
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
    """Values and median seconds of every side."""
    calls = contenders(*make_scores())
    values = {name: [call() for call in pair] for name, pair in calls.items()}
    for name, pair in values.items():
        np.testing.assert_allclose(pair, values["scikit-learn"], atol=1e-6 if name == "torchmetrics" else 1e-12)
    seconds = {name: [[], []] for name in calls}
    for _ in range(repeats):
        for name, pair in calls.items():
            for times, call in zip(seconds[name], pair, strict=True):
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
    return {name: [float(np.median(times)) for times in pair] for name, pair in seconds.items()}


def main():
    """Measure and print."""
    parser(__doc__).parse_args()
    results = Results("speed_metrics", {"clips": CLIPS, "labels": LABELS})
    code = fingerprint(inspect.getmodule(metrics.mean_average_precision), make_scores, contenders, measure)
    seconds = results.get("seconds", measure, code)
    rows = []
    for name, (precision, auc) in seconds.items():
        ratios = [f"{theirs / ours:.1f} x" for theirs, ours in zip((precision, auc), seconds["skzsl"], strict=True)]
        rows.append([name, f"{precision:.3f}", f"{auc:.3f}", *ratios])
    header = ["", "mAP, s", "AUC, s", "mAP / ours", "AUC / ours"]
    print_table(f"{CLIPS} clips x {LABELS} labels, float64", header, rows)


if __name__ == "__main__":
    main()
