"""What shuffling in blocks costs: mAP of models trained on stored clips, in the order they have or sorted by label.

Training and evaluation clips are AudioSet's, with its 50 most frequent labels. The buffer is a tenth of the clips, as
that of 2 million clips of 10 x 128 bytes is.
"""

import numpy as np
import sklearn
import torch
from audioset import load
from common import run, spread

from skzsl import MultiLevelAttentionClassifier, ZeroShotTemporalAttention
from skzsl.metrics import mean_average_precision
from skzsl.text import LookupEncoder

ORDERS = ("in memory", "in blocks", "in blocks, sorted by label")
MODELS = ("temporal attention",)
SEEDS, N_LABELS, SHARE = (0, 1, 2), 50, 10


def measure(loaded, name, order, seed):
    """Map of a fit on clips in an order."""
    torch.set_num_threads(1)
    X, y, n_train, texts = loaded
    y = y[y.sum().nlargest(N_LABELS).index].astype(np.uint8)
    train, test = np.arange(n_train), np.arange(n_train, len(X))
    train, test = (rows[y.to_numpy()[rows].any(axis=1)] for rows in (train, test))
    if "sorted" in order:
        train = train[np.argsort(y.to_numpy()[train].argmax(axis=1), kind="stable")]
    model = {
        "temporal attention": ZeroShotTemporalAttention(LookupEncoder(texts["description"]), random_state=seed),
        "multi-level attention": MultiLevelAttentionClassifier(max_epochs=4, averaged_epochs=0, random_state=seed),
    }[name]
    clips, held = X[train], 4 * X[train].nbytes / SHARE / (1 << 20)  # a quarter of the working memory is the buffer
    with sklearn.config_context(working_memory=held):
        model.fit(clips if order == "in memory" else Rows(clips), y.iloc[train])
    return {"map": float(mean_average_precision(y.to_numpy()[test], model.decision_function(X[test])))}


class Rows:
    """An array that gives rows, as one in a file does."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.ndim = values, values.shape, values.dtype, values.ndim

    def __getitem__(self, rows):
        return self.values[rows]


def calls(arguments):
    """Every model in every order, with every seed."""
    return {
        f"{name}, {order}, seed {seed}": (measure, arguments.loaded, name, order, seed)
        for name in MODELS
        for order in ORDERS
        for seed in SEEDS
    }


def tables(figures):
    """A row for each order."""
    rows = [
        [order, *(spread([figures[f"{name}, {order}, seed {seed}"]["map"] for seed in SEEDS]) for name in MODELS)]
        for order in ORDERS
    ]
    yield "Shuffling of 50 labels of AudioSet: mAP, mean ± sd over three seeds", ["clips", *MODELS], rows


if __name__ == "__main__":
    run("shuffling", calls, tables, load)
