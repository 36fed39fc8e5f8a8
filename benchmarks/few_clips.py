"""A few clips of each new label on ESC-50: what text and clips do together, beside models of clips alone.

Forty labels are known by all their clips, ten are new and have 0, 1, 2, 5 or 10 clips each; the other clips of these
ten are told apart among the ten. Settings are chosen once for all numbers of clips, on ten of the forty labels that are
taken as new. Clips of one recording are on one side only.
"""

import warnings
from collections import Counter

import numpy as np
from common import run, spread
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skzsl import FewShotAdapter, ZeroShotBilinear, ZeroShotRidge
from skzsl.datasets import load_esc50_embeddings
from skzsl.preprocessing import EmbeddingScaler

SHOTS, SEEDS, FOLDS = (0, 1, 2, 5, 10), range(3), range(1, 6)
OFTEN = 5  # how many times each of the few clips is met, beside about forty of other labels
TRIED = (1, 2, 5, 10)  # numbers of clips on which settings are chosen, one for all
ADAPTERS = [{"text_weight": weight, "C": C} for weight in (0.1, 0.3, 1.0) for C in (10.0, 100.0)]
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
MODELS = {
    "ridge": ZeroShotRidge(standardize=False),
    "bilinear": ZeroShotBilinear(standardize=False, random_state=0),
}


def deal(y, recordings, new, seed):
    """Clips of known labels, up to ten of each new label in the order that they join, and those to test on."""
    rng = np.random.default_rng(seed)
    shots, test = [], []
    for label in sorted(new):
        rows = rng.permutation(np.flatnonzero(y == label))
        shots.append(rows[: max(SHOTS)])
        test.append(rows[max(SHOTS) :][~np.isin(recordings[rows[max(SHOTS) :]], recordings[shots[-1]])])
    known = np.flatnonzero(~np.isin(y, list(new)) & ~np.isin(recordings, recordings[np.concatenate(test)]))
    return known, np.array(shots).T, np.concatenate(test)


def zero_shot(name, Z, y, known, joined, test, repeats):
    """Accuracy of a zero-shot model that meets each of the few clips ``repeats`` times."""
    rows = np.r_[known, np.repeat(joined, repeats)]
    model = clone(MODELS[name]).fit(Z[rows], y[rows])
    return float(np.mean(model.predict(Z[test], labels=np.unique(y[test]).tolist()) == y[test]))


def adapted(Z, y, known, shots, test, settings):
    """Accuracy of an adapted ridge model at each number of clips, for each of several settings."""
    base, labels = clone(MODELS["ridge"]).fit(Z[known], y[known]), np.unique(y[test]).tolist()

    def accuracy(n_shots, setting):
        joined = shots[:n_shots].ravel()
        model = FewShotAdapter(base, **setting).fit(Z[joined], y[joined]) if n_shots else base
        return float(np.mean(model.predict(Z[test], labels=labels) == y[test]))

    return [[accuracy(n_shots, setting) for n_shots in SHOTS] for setting in settings]


def logistic(Z, y, joined, test, strength):
    """Accuracy of logistic regression on the few clips."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=strength, max_iter=1000).fit(Z[joined], y[joined])
    return float(model.score(Z[test], y[test]))


def nearest_mean(Z, y, joined, test):
    """Accuracy of the nearest mean, of unit length, of the few clips of each label."""
    labels = np.unique(y[joined])
    means = np.stack([Z[joined][y[joined] == label].mean(axis=0) for label in labels])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return float(np.mean(labels[np.argmax(Z[test] @ means.T, axis=1)] == y[test]))


def fold(X, y, recordings, folds, number, seed):
    """Accuracies on the labels of one fold, by model and number of clips; settings from the labels of the next."""
    new, validation = ({label for label, own in folds.items() if own == n} for n in (number, number % 5 + 1))
    rest = np.flatnonzero(~np.isin(y, list(new)))
    known, shots, test = deal(y, recordings, new, seed)
    inner = [rest[rows] for rows in deal(y[rest], recordings[rest], validation, seed)]
    outer_Z, inner_Z = (EmbeddingScaler("mean+max").fit(X[rows]).transform(X) for rows in (known, inner[0]))
    found = {}

    def keep(title, accuracies):
        found.update({f"{title}, {n_shots}": value for n_shots, value in zip(SHOTS, accuracies, strict=True)})

    for name in MODELS:
        for title, repeats in ((name, 1), (f"{name} often", OFTEN)):
            keep(title, [zero_shot(name, outer_Z, y, known, shots[:n].ravel(), test, repeats) for n in SHOTS])
    best = int(np.argmax(np.mean(adapted(inner_Z, y, *inner, ADAPTERS), axis=1)))
    as_it_comes, chosen = adapted(outer_Z, y, known, shots, test, [{}, ADAPTERS[best]])
    keep("adapter", as_it_comes)
    keep("adapter chosen", chosen)
    found["adapter setting"] = [ADAPTERS[best]["text_weight"], ADAPTERS[best]["C"]]
    trials = [
        np.mean([logistic(inner_Z, y, inner[1][:n].ravel(), inner[2], strength) for n in TRIED])
        for strength in STRENGTHS
    ]
    strength = STRENGTHS[int(np.argmax(trials))]
    keep("logistic", [None, *(logistic(outer_Z, y, shots[:n].ravel(), test, strength) for n in SHOTS[1:])])
    keep("mean", [None, *(nearest_mean(outer_Z, y, shots[:n].ravel(), test) for n in SHOTS[1:])])
    return found


def calls(arguments):
    """Each fold of labels and each deal of clips."""
    esc50 = arguments.loaded
    data = (esc50.X, esc50.y, esc50.recordings, esc50.random_folds)
    return {f"fold {number}, seed {seed}": (fold, *data, number, seed) for number in FOLDS for seed in SEEDS}


ROWS = {
    "ZeroShotRidge, each clip met once": "ridge",
    "ZeroShotRidge, each clip met 5 times": "ridge often",
    "ZeroShotBilinear, each clip met once": "bilinear",
    "ZeroShotBilinear, each clip met 5 times": "bilinear often",
    "FewShotAdapter(ZeroShotRidge()) as it comes": "adapter",
    "FewShotAdapter(ZeroShotRidge()), settings chosen": "adapter chosen",
    "LogisticRegression on the few clips": "logistic",
    "nearest class mean of the few clips": "mean",
}


def tables(figures):
    """Accuracy by the number of clips, and how far text and clips together are ahead of clips alone."""
    found = [figures[f"fold {number}, seed {seed}"] for number in FOLDS for seed in SEEDS]

    def values(name, n_shots):
        return np.array([of_fold[f"{name}, {n_shots}"] for of_fold in found], dtype=float)

    def cells(name, of=SHOTS):
        return [spread(values(name, n)) if np.isfinite(values(name, n)).all() else "-" for n in of]

    rows = [[title, *cells(name)] for title, name in ROWS.items()]
    header = ["clips of each new label", *map(str, SHOTS)]
    yield "A few clips of each of ten new labels (mean ± sd over 5 folds and 3 deals, chance .100)", header, rows
    rows = []
    for title, other in list(ROWS.items())[-2:]:
        for ours in ("adapter", "adapter chosen"):
            ahead = [values(ours, n) - values(other, n) for n in SHOTS[1:]]
            error = [np.std(difference, ddof=1) / np.sqrt(len(found)) for difference in ahead]
            name = "as it comes" if ours == "adapter" else "settings chosen"
            cells = [f"{np.mean(a):+.3f} ± {e:.3f}" for a, e in zip(ahead, error, strict=True)]
            rows.append([f"{name}, less {title}", *cells])
    header = ["clips of each new label", *map(str, SHOTS[1:])]
    yield "FewShotAdapter less models of clips alone (mean ± standard error over folds and deals)", header, rows
    chosen = Counter(tuple(of_fold["adapter setting"]) for of_fold in found)
    rows = [[str(weight), str(C), str(count)] for (weight, C), count in sorted(chosen.items())]
    yield "Settings chosen for FewShotAdapter", ["text_weight", "C", "of 15 folds and deals"], rows


if __name__ == "__main__":
    run("few_clips", calls, tables, load_esc50_embeddings)
