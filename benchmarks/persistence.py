"""Models in files: their size beside their weights, beside pickles of all that they hold, and the time it takes.

Zero-shot models as they come, on ESC-50 (40 labels, 1600 clips); taggers of AudioSet's size (527 labels) on clips made
up, one epoch. "As it comes" is a pickle of all attributes, nets as skorch pickles them.
"""

import pickle
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import run
from skorch import NeuralNet

import skzsl
from skzsl.datasets import load_esc50_embeddings

ZERO_SHOT = {
    "ZeroShotRidge()": skzsl.ZeroShotRidge(),
    "ZeroShotBilinear()": skzsl.ZeroShotBilinear(random_state=0),
    'ZeroShotBilinear(solver="minibatch")': skzsl.ZeroShotBilinear(solver="minibatch", random_state=0),
    "ZeroShotTemporalAttention()": skzsl.ZeroShotTemporalAttention(random_state=0),
    "ZeroShotContrastive()": skzsl.ZeroShotContrastive(random_state=0),
}
TAGGERS = {
    "MultiLevelAttentionClassifier()": skzsl.MultiLevelAttentionClassifier(
        max_epochs=1, averaged_epochs=0, random_state=0
    ),
    "GlobalLocalAttentionClassifier()": skzsl.GlobalLocalAttentionClassifier(
        max_epochs=1, averaged_epochs=0, random_state=0
    ),
}


def load(folder):
    """Clips of the first 40 labels of ESC-50, and clips and labels as AudioSet has them, made up."""
    esc50 = load_esc50_embeddings(folder)
    seen = np.isin(esc50.y, esc50.labels[:40])
    rng = np.random.default_rng(0)
    tags = pd.DataFrame((rng.random((2000, 527)) < 0.01).astype(np.uint8)).add_prefix("label ")
    tags.iloc[np.arange(527), np.arange(527)] = 1
    return (esc50.X[seen], esc50.y[seen]), (rng.integers(0, 256, (2000, 10, 128), dtype=np.uint8), tags)


def kept(model, X, y):
    """MB of the weights, the text encoder, a pickle of everything, a pickle and a file; seconds to save and to load."""
    model.fit(X, y)
    net = vars(model).get("_net")
    whole = {**vars(model), "_net": net and NeuralNet.__getstate__(net)}
    weights = model.module_.state_dict().values() if net else [model.coef_]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skzsl"
        seconds = {}
        for _ in range(4):  # the first of each imports what it needs
            for name, call in (("save", lambda: skzsl.save(model, path)), ("load", lambda: skzsl.load(path))):
                start = time.perf_counter()
                call()
                seconds.setdefault(name, []).append(time.perf_counter() - start)
        np.testing.assert_array_equal(model.predict_proba(X[:100]), skzsl.load(path).predict_proba(X[:100]))
        sizes = [len(pickle.dumps(whole)), len(pickle.dumps(model)), path.stat().st_size]
        encoder = getattr(model, "text_encoder_", None)
        if encoder is not None:
            skzsl.save(encoder, path)
        sizes = [sum(each.nbytes for each in weights), path.stat().st_size if encoder is not None else 0, *sizes]
    return [size / 1e6 for size in sizes] + [float(np.median(seconds[name][1:])) for name in ("save", "load")]


def calls(arguments):
    """One call for each model."""
    esc50, audioset = arguments.loaded
    found = {name: (kept, model, *esc50) for name, model in ZERO_SHOT.items()}
    return found | {name: (kept, model, *audioset) for name, model in TAGGERS.items()}


def tables(figures):
    """Sizes and times."""
    header = ["model", "weights, MB", "text encoder", "pickle as it comes", "pickle", "file", "file : learned"]
    header += ["save, s", "load, s"]
    rows = []
    for name, (*sizes, save, load_) in figures.items():
        ratio = sizes[-1] / (sizes[0] + sizes[1])
        rows.append([f"`{name}`", *(f"{each:.2f}" for each in (*sizes, ratio, save, load_))])
    yield "Size of a model, and time to save and load it (medians of three)", header, rows


if __name__ == "__main__":
    run("persistence", calls, tables, load)
