"""Every model as it comes: no parameter but random_state, raw segments, names of labels only.

ESC-50's labels are dealt into five folds by seeds that no choice was made with, or by category (setting 3 of Xie &
Virtanen); AudioSet's in the rotations of ``audioset_zero_shot.py``. It resumes where it stopped.
"""

import json
import time
import warnings

import audioset_zero_shot
import numpy as np
import torch
from common import run, spread
from esc50 import deal

from skzsl import (
    ScoreNormalizer,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotRidge,
    ZeroShotRidgeCV,
    ZeroShotTemporalAttention,
    with_labels,
)
from skzsl.datasets import load_esc50_embeddings
from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import mean_average_precision, mean_roc_auc
from skzsl.model_selection import LeaveOneCategoryOut, zero_shot_scorer

SCORING = zero_shot_scorer(candidates="test")
SEEDS = (7, 8)
MODELS = {
    "ZeroShotRidge": ZeroShotRidge(),
    "ZeroShotRidgeCV": ZeroShotRidgeCV(),
    "ZeroShotBilinear": ZeroShotBilinear(random_state=0),
    "ZeroShotBilinear, solver='minibatch'": ZeroShotBilinear(solver="minibatch", random_state=0),
    "ZeroShotContrastive": ZeroShotContrastive(random_state=0),
    "ZeroShotTemporalAttention": ZeroShotTemporalAttention(random_state=0),
}
SCALES = ("as they are", "times 1000", "plus 5", "float16", "uint8")


class Data:
    """ESC-50, the rotations of AudioSet with descriptions of their labels."""

    def __init__(self, folder):
        self.esc50, self.audioset = load_esc50_embeddings(folder), audioset_zero_shot.Rotations(folder)
        labels = json.loads((folder / "audioset_labels.json").read_text())
        self.descriptions = {label["name"]: label["description"] or label["name"] for label in labels}


def scaled(X, how):
    """Segments in another unit, with an offset, or in another type."""
    return {
        "as they are": lambda: X,
        "times 1000": lambda: 1000 * X,
        "plus 5": lambda: X + 5,
        "float16": lambda: X.astype(np.float16),
        "uint8": lambda: np.clip(np.round(X * (255 / X.max())), 0, 255).astype(np.uint8),
    }[how]()


def unseen(model, X, y, groups, how):
    """Accuracy over the unseen labels of every fold, and seconds of a fit on one thread."""
    torch.set_num_threads(1)
    X, scores, seconds = scaled(X, how), [], []
    for train, test in LeaveOneCategoryOut(groups).split(X, y):
        start = time.perf_counter()
        model.fit(X[train], y[train])
        seconds.append(time.perf_counter() - start)
        scores.append(float(SCORING(model, X[test], y[test])))
    return {"scores": scores, "seconds": float(np.median(seconds))}


def official(X, y, fold):
    """Accuracy of ZeroShotContrastive on the official folds, all labels seen."""
    torch.set_num_threads(1)
    return [
        float(ZeroShotContrastive(random_state=0).fit(X[fold != k], y[fold != k]).score(X[fold == k], y[fold == k]))
        for k in (1, 2, 3, 4, 5)
    ]


def rotation(model, parts):
    """Means of AP and AUC over the unseen labels, and seconds of a fit."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UndefinedLabelWarning)
    train, _, (X, y) = parts
    start = time.perf_counter()
    model.fit(*train)
    seconds = time.perf_counter() - start
    scores = with_labels(model, y.columns).decision_function(X)
    return [mean_average_precision(y, scores), mean_roc_auc(y, scores), seconds]


def zero_shot_taggers(descriptions):
    """Temporal attention with and without normalised scores, on names and on descriptions."""
    described = ZeroShotTemporalAttention(random_state=0, label_texts=descriptions)
    return {
        "ZeroShotTemporalAttention, names": ZeroShotTemporalAttention(random_state=0),
        "ScoreNormalizer around it, names": ScoreNormalizer(ZeroShotTemporalAttention(random_state=0)),
        "ScoreNormalizer around it, descriptions": ScoreNormalizer(described),
    }


def calls(arguments):
    """Every model on every partition."""
    data, found = arguments.loaded, {}
    esc50 = data.esc50
    partitions = {f"seed {seed}": deal(esc50.categories, seed) for seed in SEEDS} | {"setting 3": esc50.categories}
    for name, model in MODELS.items():
        for key, groups in partitions.items():
            for how in SCALES if key == "seed 7" else SCALES[:1]:
                found[f"{name}, {key}, {how}"] = (unseen, model, esc50.X, esc50.y, groups, how)
    found["official folds"] = (official, esc50.X, esc50.y, np.asarray(esc50.fold))
    for name, model in zero_shot_taggers(data.descriptions).items():
        found |= {f"{name}, rotation {r}": (rotation, model, parts) for r, parts in enumerate(data.audioset.parts)}
    return found


def tables(figures):
    """Means over folds or rotations, with their spread."""
    rows = [["chance", "0.100", "0.100", "-"]]
    for name in MODELS:
        found = [figures[f"{name}, {key}, as they are"] for key in (*(f"seed {seed}" for seed in SEEDS), "setting 3")]
        dealt = [score for each in found[:-1] for score in each["scores"]]
        rows.append([name, spread(dealt), spread(found[-1]["scores"]), f"{found[-1]['seconds']:.1f}"])
    header = ["ESC-50, YAMNet, names", "dealt with seeds 7 and 8", "setting 3", "seconds a fit, one thread"]
    yield "Labels never seen, no parameter set: mean ± sd over folds", header, rows

    rows = []
    for name in MODELS:
        means = [np.mean(figures[f"{name}, seed 7, {how}"]["scores"]) for how in SCALES]
        rows.append([name, *(f"{mean:.3f}" for mean in means)])
    yield "The same on clips in other units and types (seed 7)", ["", *SCALES], rows

    yield (
        "All labels seen, the official folds of ESC-50",
        ["", "accuracy"],
        [["ZeroShotContrastive", spread(figures["official folds"])]],
    )

    rows = [["chance", "-", "0.500", "-"]]
    for name in zero_shot_taggers({}):
        found = np.array([figures[f"{name}, rotation {r}"] for r in range(3)])
        rows.append([name, spread(found[:, 0]), spread(found[:, 1]), f"{found[:, 2].mean():.1f}"])
    header = ["AudioSet, VGGish, 365 leaf labels", "mAP", "AUC", "seconds a fit, one thread"]
    yield "Labels never seen, several a clip, no parameter set: mean ± sd over rotations", header, rows


if __name__ == "__main__":
    run("defaults", calls, tables, Data, n_jobs=2)
