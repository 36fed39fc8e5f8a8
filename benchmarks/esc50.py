"""Xie & Virtanen's settings 1-4 on ESC-50, YAMNet embeddings, beside the published figures and chance.

Every hyperparameter is chosen by a search over class-disjoint folds of the training labels; the test labels are scored
once, with the settings found. Run from the command line; it resumes where it stopped.
"""

import time

import numpy as np
from common import run, spread
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline

from skzsl import ZeroShotBilinear
from skzsl.datasets import load_esc50_embeddings
from skzsl.model_selection import (
    CategoryPairs,
    ClassDisjointKFold,
    FewShotKFold,
    LeaveOneCategoryOut,
    WithinCategoryKFold,
    zero_shot_scorer,
)
from skzsl.preprocessing import EmbeddingScaler

PUBLISHED = {
    "1": [0.602, 0.830, 0.755, 0.885, 0.747],
    "2": [0.149, 0.172, 0.158, 0.154, 0.210],
    "3": [0.222, 0.397, 0.220, 0.170, 0.292],
    "4": [0.512, 0.684, 0.563, 0.587, 0.738],
}
CATEGORIES = ["Animals", "Natural", "Human", "Interior", "Exterior"]
SCORING = zero_shot_scorer(candidates="test")
PAIRINGS = range(3)
FRESH_PARTITIONS = range(201, 204)


def with_synonyms(synonyms):
    """Label to its name and synonyms."""
    return {label: ", ".join(dict.fromkeys([label, *words])) for label, words in synonyms.items()}


def scaled(model, memory, pooling="mean+max"):
    """What ``standardize=True`` does, as a step of its own, which a search keeps; the model takes clips as they are."""
    steps = [("audio", EmbeddingScaler(pooling)), ("model", model)]
    return Pipeline(steps, memory=memory and str(memory))


def search(memory, model, inner, few_shot=False):
    """Search rate and passes over class-disjoint folds of the training labels."""
    grid = {
        "model__lr": [0.003, 0.03] if few_shot else [0.0003, 0.001, 0.003],
        "model__max_epochs": [2, 5, 10] if few_shot else [1, 2, 5],
    }
    if model.solver == "minibatch":
        grid = {"model__lr": [1.0, 3.0], "model__max_epochs": [2, 5]}
    return GridSearchCV(scaled(model, memory), grid, cv=inner, scoring=SCORING, n_jobs=2, error_score="raise")


def timed(function, *arguments):
    """Figures of a call, with its seconds."""
    start = time.perf_counter()
    return {**function(*arguments), "seconds": time.perf_counter() - start}


def leave_one_out(memory, model, X, y, groups):
    """Search inside the training groups, which are folds of the search too, for each group of labels left out."""
    outer = LeaveOneCategoryOut(groups)
    return nested(X, y, outer, search(memory, model, outer))


def within(memory, model, X, y, categories, seed):
    """Setting 1: search over folds of the eight training labels of one category, for each pair of test labels."""
    outer, inner = WithinCategoryKFold(categories, n_splits=5, random_state=seed), ClassDisjointKFold(4, random_state=0)
    return nested(X, y, outer, search(memory, model, inner))


def nested(X, y, outer, search_inside):
    """Search inside the training clips of every fold, then score its test clips once."""
    scores, chosen = [], []
    for train, test in outer.split(X, y):
        fold_search = clone(search_inside).fit(X[train], y[train])
        scores.append(SCORING(fold_search, X[test], y[test]))
        chosen.append(shorten(fold_search.best_params_))
    return {"scores": scores, "chosen": chosen}


def few_shot(memory, model, X, y, categories):
    """Setting 4: the search sees neither clips nor labels of the test category, then each of the 8 folds is scored."""
    scores, chosen = [], []
    for train, test in LeaveOneCategoryOut(categories).split(X, y):
        inner = FewShotKFold(LeaveOneCategoryOut(categories), shots=5, random_state=0)
        folds = list(inner.split(X[train], y[train]))[::4]
        fold_search = search(memory, model, folds, few_shot=True).fit(X[train], y[train])
        outer = FewShotKFold(LeaveOneCategoryOut(categories), shots=5, random_state=1)
        own = [split for split in outer.split(X, y) if y[split[1][0]] in y[test]]
        found = cross_val_score(fold_search.best_estimator_, X, y, cv=own, scoring=SCORING, n_jobs=2)
        scores.append(float(np.mean(found)))
        chosen.append(shorten(fold_search.best_params_))
    return {"scores": scores, "chosen": chosen}


def shorten(parameters):
    """Chosen parameters without their prefix."""
    return {name.removeprefix("model__"): value for name, value in parameters.items()}


def deal(categories, seed):
    """Partition the labels at random into five folds of ten."""
    labels = np.random.RandomState(seed).permutation(sorted(categories))
    return {label: i % 5 for i, label in enumerate(labels.tolist())}


def defaults(model, X, y, groups):
    """Score a model as it comes."""
    scores = cross_val_score(model, X, y, cv=LeaveOneCategoryOut(groups), scoring=SCORING, error_score="raise")
    return {"scores": scores.tolist()}


def pairs(memory, model, X, y, categories):
    """Setting 2: one search on each training category, its model scored on the four others."""
    names = sorted(set(categories.values()))
    matrix = [[None] * 5 for _ in names]
    for train, test in CategoryPairs(categories).split(X, y):
        source, target = (names.index(categories[y[rows[0]]]) for rows in (train, test))
        if all(cell is None for cell in matrix[source]):
            inner = ClassDisjointKFold(5, random_state=0)
            fitted = search(memory, model, inner).fit(X[train], y[train])
        matrix[source][target] = SCORING(fitted, X[test], y[test])
    return {"matrix": matrix, "scores": [cell for row in matrix for cell in row if cell is not None]}


VARIANTS = [("names", "online"), ("synonyms", "online"), ("synonyms", "minibatch")]


def calls(arguments):
    """Each setting, partition and variant."""
    esc50, memory = arguments.loaded, arguments.scratch
    X, y, categories = esc50.X, esc50.y, esc50.categories
    as_it_comes = ZeroShotBilinear(random_state=0)
    texts = {"names": None, "synonyms": with_synonyms(esc50.synonyms)}
    models = {
        (kind, solver): clone(as_it_comes).set_params(
            standardize=False, solver=solver, label_texts=texts[kind], device="cpu"
        )
        for kind, solver in VARIANTS
    }
    found, partitions = {}, {"random": esc50.random_folds, "setting 3": categories}
    for variant, model in models.items():
        for key, groups in partitions.items():
            found[f"{key}, {variant}"] = (leave_one_out, memory, model, X, y, groups)
    found |= {f"{key}, defaults": (defaults, as_it_comes, X, y, groups) for key, groups in partitions.items()}
    best = (memory, models["synonyms", "online"], X, y)
    for seed in FRESH_PARTITIONS:
        found[f"fresh partition {seed}"] = (leave_one_out, *best, deal(categories, seed))
    found["setting 4"] = (few_shot, *best, categories)
    found |= {f"setting 1, pairing {seed}": (within, *best, categories, seed) for seed in PAIRINGS}
    found["setting 2"] = (pairs, *best, categories)
    return {key: (timed, *call) for key, call in found.items()}


def tables(figures):
    """Accuracies of each setting beside the published ones."""
    # Categories come in the order of their names, and are shown in the paper's.
    order = [sorted(CATEGORIES).index(name) for name in CATEGORIES]

    def row(title, scores, chance=".100"):
        return [title, *np.array(scores), spread(scores), chance]

    def scores(key):
        return np.array(figures[key]["scores"])

    header = ["", *CATEGORIES, "mean ± sd over folds", "chance"]
    titles = ["ZeroShotBilinear, names", "ZeroShotBilinear, names + synonyms", "... solver='minibatch'"]
    keys = dict(zip(titles, VARIANTS, strict=True)) | {"... as it comes, names, no search": "defaults"}
    rows = [row(title, scores(f"setting 3, {key}")[order]) for title, key in keys.items()]
    title = "Setting 3: train on four categories, test on the labels of the fifth"
    yield title, header, [row("published (VGGish, Word2Vec)", PUBLISHED["3"]), *rows]

    rows = [row(title, scores(f"random, {key}")) for title, key in keys.items()]
    for seed in FRESH_PARTITIONS:
        rows.append(row(f"names + synonyms, other partition {seed}", scores(f"fresh partition {seed}")))
    yield "Random label partition", ["", *(f"fold {i}" for i in range(1, 6)), *header[-2:]], rows

    rows = [row("published", PUBLISHED["4"]), row(titles[1], scores("setting 4")[order])]
    yield "Setting 4: setting 3 and 5 clips of each test label, 8 folds", header, rows

    found = [scores(f"setting 1, pairing {seed}").reshape(5, 5).mean(axis=1)[order] for seed in PAIRINGS]
    rows = [row("published", PUBLISHED["1"], ".500")]
    for seed, of_seed in zip(PAIRINGS, found, strict=True):
        rows.append(row(f"{titles[1]}, pairs dealt with seed {seed}", of_seed, ".500"))
    rows.append(row("... mean", np.mean(found, axis=0), ".500"))
    yield "Setting 1: within one category, 8 labels seen, 2 unseen, 5 folds", header, rows

    matrix = np.array(figures["setting 2"]["matrix"], dtype=float)[np.ix_(order, order)]
    rows = [row("published", PUBLISHED["2"]), row(titles[1], np.nanmean(matrix, axis=0))]
    yield "Setting 2: train on one category, test on another (means over training categories)", header, rows


if __name__ == "__main__":
    run("esc50", calls, tables, load_esc50_embeddings)
