"""A grid search over 20 thresholds with ``memory`` against one fit a fold.

AudioSet, the 365 labels of the zero-shot protocol, three greedy label folds: two train, one is scored. The model has
its default settings. ThresholdTuner is shown beside them: it finds the best of all thresholds, and fits once more on
all clips.
"""

import tempfile
import time

import audioset
import numpy as np
import pandas as pd
import torch
from common import run
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skzsl import ZeroShotTemporalAttention
from skzsl.model_selection import GreedyLabelFolds, ThresholdTuner, get_scorer

N_THRESHOLDS = 20
THREADS = 2


def timed(call):
    """Result and seconds of a call."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def measure(folder, repeats=2):
    """Seconds of every side, means of repeats in turn, and the F1 that both choices reach."""
    torch.set_num_threads(THREADS)
    X, y, _, texts = audioset.load(folder)
    y = y[audioset.leaf_labels(folder, y)]
    folds = list(GreedyLabelFolds().split(X, y))
    model = ZeroShotTemporalAttention(audioset.centred(pd.DataFrame(texts["name"]).T), random_state=0)
    clone(model).set_params(max_epochs=1).fit(X[:1000], y[:1000])  # imports
    grid = {"threshold": np.linspace(0.5, 10.0, N_THRESHOLDS).tolist()}
    seconds = {"fits": [], "search": []}
    for _ in range(repeats):
        for train, _ in folds:
            seconds["fits"].append(timed(lambda rows=train: clone(model).fit(X[rows], y.iloc[rows]))[1])
        with tempfile.TemporaryDirectory() as memory:
            search = GridSearchCV(
                clone(model).set_params(memory=memory), grid, cv=folds, scoring=get_scorer("zsl_f1_micro"), refit=False
            )
            seconds["search"].append(timed(lambda search=search: search.fit(X, y))[1])
    tuner, tuned = timed(lambda: ThresholdTuner(clone(model), cv=folds).fit(X, y))
    return {
        "fits": float(np.sum(seconds["fits"]) / repeats),
        "search": float(np.mean(seconds["search"])),
        "tuner": tuned,
        "search F1": float(search.best_score_),
        "tuner F1": float(tuner.best_score_),
    }


def calls(arguments):
    """The one call that measures."""
    return {"audioset": (measure, arguments.data)}


def tables(figures):
    """Seconds, what they are of the fits, and the F1 reached."""
    found = figures["audioset"]
    titles = {
        "fits": f"three fits, one a fold, {found['fits'] / 3:.1f} s each",
        "search": f"GridSearchCV over {N_THRESHOLDS} thresholds, memory",
        "tuner": "ThresholdTuner, all thresholds, and the fit on all clips",
    }
    rows = []
    for side, title in titles.items():
        f1 = f"{found[f'{side} F1']:.4f}" if side != "fits" else "-"
        rows.append([title, f"{found[side]:.1f}", f"{found[side] / found['fits']:.2f}", f1])
    yield "Choosing a threshold", ["", "seconds", "x fits", "mean micro F1 of held-out labels"], rows


if __name__ == "__main__":
    run("search", calls, tables)
