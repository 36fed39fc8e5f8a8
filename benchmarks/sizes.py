"""Every zero-shot model as it comes on 200, 20,000 and 2 million clips.

The clips are made: a label is three words, "rate pitch timbre" as in ``make_soundscapes``. Each word moves the features
of a clip in a direction of its own, each label in one more that no text tells, and clips and segments differ. 60 labels
train and 12 are unseen, drawn anew for each seed; all sizes have the same labels, directions and test clips.
"""

import time

import numpy as np
import torch
from common import run, spread
from defaults import MODELS

from skzsl import with_labels
from skzsl.datasets import make_soundscapes

SIZES = {200: (0, 1, 2), 20_000: (0, 1, 2), 2_000_000: (0,)}
N_SEGMENTS, N_FEATURES, N_TEST, BLOCK = 5, 64, 1200, 20_000
SHARES = {"words": 0.5, "label": 0.3, "clips": 1.5, "segments": 1.5}


class World:
    """Labels, and where their clips lie."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        labels = rng.permutation(make_soundscapes(1, n_segments=1, random_state=0).labels)
        self.unseen, self.seen = np.split(labels, [12])
        words = sorted({word for label in labels for word in label.split()})
        directions = dict(zip(words, rng.normal(size=(len(words), N_FEATURES)), strict=True))
        own = SHARES["label"] * rng.normal(size=(len(labels), N_FEATURES))
        means = [SHARES["words"] * sum(directions[word] for word in label.split()) for label in labels]
        self.means = dict(zip(labels.tolist(), np.add(means, own).astype(np.float32), strict=True))

    def fill(self, X, labels, rng):
        """Write clips (n, T, d) of these labels into X, of 8 bits, and give their labels."""
        y, means = rng.choice(labels, len(X)), np.array([self.means[label] for label in labels])
        position = {label: i for i, label in enumerate(labels.tolist())}
        for start in range(0, len(X), BLOCK):
            of_block = [position[label] for label in y[start : start + BLOCK].tolist()]
            clips = means[of_block] + SHARES["clips"] * rng.standard_normal((len(of_block), N_FEATURES), np.float32)
            noise = rng.standard_normal((len(clips), N_SEGMENTS, N_FEATURES), np.float32)
            segments = 128 + 16 * (clips[:, None] + SHARES["segments"] * noise)
            X[start : start + BLOCK] = np.clip(np.rint(segments), 1, 255)
        return y


def measure(model, n_clips, seed, folder):
    """Accuracy over the unseen labels, seconds and passes of a fit on one thread, clips in a memory-mapped file."""
    torch.set_num_threads(1)
    world, rng = World(seed), np.random.default_rng([seed, n_clips])
    path, shape = folder / f"{n_clips} {seed}.npy", (N_SEGMENTS, N_FEATURES)
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n_clips, *shape))
    y = world.fill(X, world.seen, rng)
    tested = np.empty((N_TEST, *shape), np.uint8)
    truth = world.fill(tested, world.unseen, np.random.default_rng([seed, 1]))
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    path.unlink()
    accuracy = with_labels(model, np.sort(world.unseen)).score(tested, truth)
    return {"accuracy": float(accuracy), "seconds": seconds, "epochs": getattr(model, "n_iter_", None)}


def calls(arguments):
    """Every model on every size."""
    return {
        f"{name}, {n} clips, seed {seed}": (measure, model, n, seed, arguments.scratch)
        for n, seeds in SIZES.items()
        for name, model in MODELS.items()
        for seed in seeds
    }


def tables(figures):
    """A row for each model: what it reaches, how many passes it makes and how long it takes."""
    rows = [["chance", *["0.083"] * 4, "-", "-"]]
    for name in MODELS:
        found = {n: [figures[f"{name}, {n} clips, seed {seed}"] for seed in seeds] for n, seeds in SIZES.items()}
        scores = {n: [each["accuracy"] for each in of_size] for n, of_size in found.items()}
        few, many, most = SIZES
        passes = " / ".join(str(of_size[0]["epochs"] or 1) for of_size in found.values())
        seconds = " / ".join(f"{np.median([each['seconds'] for each in of_size]):.1f}" for of_size in found.values())
        rows.append([name, spread(scores[few]), spread(scores[many]), scores[many][0], scores[most][0]])
        rows[-1] += [passes, seconds]
    header = ["", "200 clips", "20,000 clips", "... first draw", "2 million clips, first draw"]
    header += ["passes: 200 / 20,000 / 2 million", "seconds a fit, one thread"]
    yield "No parameter set, made clips: accuracy over 12 unseen labels, mean ± sd over three draws", header, rows


if __name__ == "__main__":
    run("sizes", calls, tables)
