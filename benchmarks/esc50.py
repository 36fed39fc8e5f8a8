"""Xie & Virtanen's settings 1-4 on ESC-50, YAMNet embeddings, beside the published figures and chance.

Every hyperparameter is chosen by a search over class-disjoint folds of the training labels; the test labels are scored
once, with the settings found. Run from the command line; it resumes where it stopped.
"""

import tempfile
import time

import esc50_recipe
import numpy as np
from common import Results, fingerprint, parser, print_table
from esc50_recipe import audio, texts, unit_halves
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

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
from skzsl.preprocessing import SegmentPooling

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


def search(memory, encoders, inner, n_clips, solver="online", few_shot=False):
    """Search the whole recipe over class-disjoint folds of the training labels."""
    size = min(128, n_clips - 1)
    grid = {
        "audio": [audio([FunctionTransformer(unit_halves)], size), audio([StandardScaler(), Normalizer()], size)],
        "model__text_encoder": encoders,
        "model__lr": [0.003, 0.03] if few_shot else [0.0003, 0.001, 0.003],
        "model__max_epochs": [2, 5, 10] if few_shot else [1, 2, 5],
    }
    model = ZeroShotBilinear(random_state=0)
    if solver == "minibatch":
        model.set_params(solver="minibatch", optimizer="SGD", weight_decay=0.01, batch_size=64, device="cpu")
        grid |= {"model__lr": [1.0, 3.0], "model__max_epochs": [2, 5]}
    pipeline = Pipeline([("audio", "passthrough"), ("model", model)], memory=memory)
    return GridSearchCV(pipeline, grid, cv=inner, scoring=SCORING, n_jobs=2, error_score="raise")


def nested(X, y, outer, make_search):
    """Search inside the training clips of every fold, then score its test clips once."""
    scores, chosen = [], []
    for train, test in outer.split(X, y):
        fold_search = make_search(y[train]).fit(X[train], y[train])
        scores.append(SCORING(fold_search, X[test], y[test]))
        chosen.append(shorten(fold_search.best_params_))
    return {"scores": scores, "chosen": chosen}


def few_shot(X, y, categories, make_search):
    """Setting 4: the search sees neither clips nor labels of the test category, then each of the 8 folds is scored."""
    scores, chosen = [], []
    for train, test in LeaveOneCategoryOut(categories).split(X, y):
        inner = FewShotKFold(LeaveOneCategoryOut(categories), shots=5, random_state=0)
        folds = list(inner.split(X[train], y[train]))[::4]
        fold_search = make_search(folds, len(folds[0][0])).fit(X[train], y[train])
        own = [
            split
            for split in FewShotKFold(LeaveOneCategoryOut(categories), shots=5, random_state=1).split(X, y)
            if y[split[1][0]] in y[test]
        ]
        scores.append(
            float(np.mean(cross_val_score(fold_search.best_estimator_, X, y, cv=own, scoring=SCORING, n_jobs=2)))
        )
        chosen.append(shorten(fold_search.best_params_))
    return {"scores": scores, "chosen": chosen}


def shorten(parameters):
    """Describe chosen parameters in a few words."""
    encoder = parameters["model__text_encoder"]
    return {
        "audio": "unit halves" if "functiontransformer" in parameters["audio"].named_steps else "standardised",
        "text": "whitened" if "pca" in encoder.named_steps else "centred",
        "lr": parameters["model__lr"],
        "epochs": parameters["model__max_epochs"],
    }


def main():
    """Measure what is missing and print the tables."""
    data = parser(__doc__).parse_args().data
    esc50 = load_esc50_embeddings(data)
    X, y, categories = np.sqrt(SegmentPooling("mean+max").fit_transform(esc50.X)), esc50.y, esc50.categories
    names = list(dict.fromkeys(categories.values()))
    order = [sorted(names).index(name) for name in names]
    encoders = texts(esc50.synonyms)
    code = fingerprint(esc50_recipe, search, nested, few_shot, pairs, defaults)
    parameters = repr(ZeroShotBilinear().get_params())
    results = Results(
        "esc50",
        {"pairings": [*PAIRINGS], "other partitions": [*FRESH_PARTITIONS], "code": code, "defaults": parameters},
    )

    with tempfile.TemporaryDirectory() as memory:

        def leave_one_out(groups, kind, solver="online"):
            outer = LeaveOneCategoryOut(groups)
            return nested(X, y, outer, lambda train: search(memory, encoders[kind], outer, len(train), solver))

        def measure(key, compute):
            start = time.perf_counter()
            figures = results.get(key, lambda: {**compute(), "seconds": time.perf_counter() - start})
            print(f"{key}: {np.mean(figures['scores']):.3f} in {figures['seconds']:.0f} s", flush=True)
            return figures

        random, third = {}, {}
        variants = [("names", "online"), ("joined or whitened", "online"), ("joined or whitened", "minibatch")]
        for variant in variants:
            random[variant] = measure(f"random, {variant}", lambda v=variant: leave_one_out(esc50.random_folds, *v))
            third[variant] = measure(f"setting 3, {variant}", lambda v=variant: leave_one_out(categories, *v))
        plain = {}
        for key, groups in {"random": esc50.random_folds, "setting 3": categories}.items():
            plain[key] = measure(f"{key}, defaults", lambda g=groups: defaults(esc50.X, y, LeaveOneCategoryOut(g)))
        fresh = [
            measure(f"fresh partition {seed}", lambda s=seed: leave_one_out(deal(categories, s), "joined or whitened"))
            for seed in FRESH_PARTITIONS
        ]
        fourth = measure(
            "setting 4",
            lambda: few_shot(
                X,
                y,
                categories,
                lambda inner, n: search(memory, encoders["joined or whitened"], inner, n, few_shot=True),
            ),
        )
        first = [
            measure(
                f"setting 1, pairing {seed}",
                lambda s=seed: nested(
                    X,
                    y,
                    WithinCategoryKFold(categories, n_splits=5, random_state=s),
                    lambda train: search(memory, encoders["joined"], ClassDisjointKFold(4, random_state=0), 240),
                ),
            )
            for seed in PAIRINGS
        ]
        second = measure("setting 2", lambda: pairs(memory, X, y, categories, encoders["joined"]))

    def row(title, scores, chance):
        spread = f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}"
        return [title, *(f"{score:.3f}" for score in np.array(scores)), spread, chance]

    header = ["", *CATEGORIES, "mean ± sd over folds", "chance"]
    print_table("Setting 3: train on four categories, test on the labels of the fifth", header, [
        row("published (VGGish, Word2Vec)", PUBLISHED["3"], ".100"),
        row("ZeroShotBilinear, names", np.array(third[variants[0]]["scores"])[order], ".100"),
        row("ZeroShotBilinear, names + synonyms", np.array(third[variants[1]]["scores"])[order], ".100"),
        row("... solver='minibatch'", np.array(third[variants[2]]["scores"])[order], ".100"),
        row("... defaults, no search", np.array(plain["setting 3"]["scores"])[order], ".100"),
    ])  # fmt: skip
    print_table("Random label partition", ["", *(f"fold {i}" for i in range(1, 6)), *header[-2:]], [
        row("ZeroShotBilinear, names", random[variants[0]]["scores"], ".100"),
        row("ZeroShotBilinear, names + synonyms", random[variants[1]]["scores"], ".100"),
        row("... solver='minibatch'", random[variants[2]]["scores"], ".100"),
        row("... defaults, no search", plain["random"]["scores"], ".100"),
        *(row(f"names + synonyms, other partition {seed}", run["scores"], ".100")
          for seed, run in zip(FRESH_PARTITIONS, fresh, strict=True)),
    ])  # fmt: skip
    print_table("Setting 4: setting 3 and 5 clips of each test label, 8 folds", header, [
        row("published", PUBLISHED["4"], ".100"),
        row("ZeroShotBilinear, names + synonyms", np.array(fourth["scores"])[order], ".100"),
    ])  # fmt: skip
    by_category = [np.reshape(run["scores"], (5, 5)).mean(axis=1)[order] for run in first]
    print_table("Setting 1: within one category, 8 labels seen, 2 unseen, 5 folds", header, [
        row("published", PUBLISHED["1"], ".500"),
        *(row(f"ZeroShotBilinear, names + synonyms, pairs dealt with seed {s}", scores, ".500")
          for s, scores in zip(PAIRINGS, by_category, strict=True)),
        row("... mean", np.mean(by_category, axis=0), ".500"),
    ])  # fmt: skip
    columns = np.nanmean(np.array(second["matrix"], dtype=float)[np.ix_(order, order)], axis=0)
    print_table("Setting 2: train on one category, test on another (means over training categories)", header, [
        row("published", PUBLISHED["2"], ".100"),
        row("ZeroShotBilinear, names + synonyms", columns, ".100"),
    ])  # fmt: skip


def deal(categories, seed):
    """Partition the labels at random into five folds of ten."""
    labels = np.random.RandomState(seed).permutation(sorted(categories))
    return {label: i % 5 for i, label in enumerate(labels.tolist())}


def defaults(X, y, outer):
    """Score ZeroShotBilinear as it comes, on roots of segment means at unit length."""
    pipeline = make_pipeline(
        SegmentPooling(), FunctionTransformer(np.sqrt), Normalizer(), ZeroShotBilinear(random_state=0)
    )
    return {"scores": cross_val_score(pipeline, X, y, cv=outer, scoring=SCORING, error_score="raise").tolist()}


def pairs(memory, X, y, categories, encoders):
    """Setting 2: one search on each training category, its model scored on the four others."""
    names = sorted(set(categories.values()))
    matrix = [[None] * 5 for _ in names]
    for train, test in CategoryPairs(categories).split(X, y):
        source, target = (names.index(categories[y[rows[0]]]) for rows in (train, test))
        if all(cell is None for cell in matrix[source]):
            inner = ClassDisjointKFold(5, random_state=0)
            fitted = search(memory, encoders, inner, 320).fit(X[train], y[train])
        matrix[source][target] = SCORING(fitted, X[test], y[test])
    return {"matrix": matrix, "scores": [cell for row in matrix for cell in row if cell is not None]}


if __name__ == "__main__":
    main()
