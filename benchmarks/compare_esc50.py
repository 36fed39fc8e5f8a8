"""Every zero-shot model on ESC-50, with the same folds and the same inner search.

One label a clip, two partitions of the labels into five folds, one unseen at a time.

Hyperparameters are chosen over class-disjoint folds of the training labels, and so is the penalty on seen labels; the
test labels are scored once.

YAMNet was trained on AudioSet's classes, which name most labels of ESC-50, so where its class scores are used "unseen"
means without a clip of ESC-50. ZeroShotNearest needs embeddings of CLAP's kind and has no figures here.
"""

import time

import numpy as np
import torch
from common import run, spread
from esc50 import scaled, with_synonyms
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline

from skzsl import (
    ZeroRuleClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotConvex,
    ZeroShotRidge,
    ZeroShotTemporalAttention,
    with_labels,
)
from skzsl.datasets import load_esc50_embeddings
from skzsl.metrics import generalized_accuracy, harmonic_mean, per_label_accuracy, seen_unseen_curve
from skzsl.model_selection import GeneralizedSplit, LeaveOneCategoryOut, get_scorer
from skzsl.text import SentenceEncoder

GENERALIZED = ("seen_accuracy", "unseen_accuracy", "harmonic", "ausuc")
PARTITIONS = {"random": "random label partition", "setting 3": "setting 3 (leave one category out)"}


def rows(esc50, scores, source_labels, memory):
    """Name to a Pipeline, its grid and its clips."""
    synonyms = with_synonyms(esc50.synonyms)

    def row(model, grid, label_texts=synonyms, pooling="mean+max"):
        grid = {f"model__{name}": values for name, values in grid.items()}
        return scaled(model.set_params(label_texts=label_texts), memory, pooling), grid, esc50.X

    def tagger(label_texts):
        model = ZeroShotConvex(source_labels=source_labels, label_texts=label_texts)
        return Pipeline([("model", model)]), {"model__n_top": [3, 10, 30]}, scores

    regularisers = {"alpha_audio": [10.0, 100.0, 1000.0], "alpha_text": [0.1, 1.0, 10.0]}
    as_given, net = {"standardize": False}, {"standardize": False, "random_state": 0, "device": "cpu"}
    return {
        "ZeroShotRidge": row(ZeroShotRidge(**as_given), regularisers),
        "ZeroShotRidge, names only": row(ZeroShotRidge(**as_given), regularisers, None),
        "ZeroShotBilinear": row(ZeroShotBilinear(**net), {"lr": [0.0003, 0.001, 0.003], "max_epochs": [1, 2, 5]}),
        "ZeroShotBilinear, solver='minibatch'": row(
            ZeroShotBilinear(solver="minibatch", **net), {"lr": [1.0, 3.0], "max_epochs": [2, 5]}
        ),
        "ZeroShotContrastive": row(ZeroShotContrastive(**net), {"lr": [0.001, 0.003], "max_epochs": [3, 6]}),
        "ZeroShotTemporalAttention, 9 segments": row(
            ZeroShotTemporalAttention(**net), {"lr": [0.03, 0.1]}, pooling=None
        ),
        "ZeroShotConvex, logistic regression": row(
            ZeroShotConvex(classifier=LogisticRegression(max_iter=300)),
            {"classifier__C": [0.1, 1.0, 10.0], "n_top": [5, 40]},
        ),
        "ZeroShotConvex, YAMNet's class scores, names": tagger(None),
        "ZeroShotConvex, YAMNet's class scores": tagger(synonyms),
    }


def unseen_fold(splitter, X, y, groups, test, recordings=None):
    """The rows of the fold whose unseen labels are those of the group ``test``."""
    folds = splitter.split(X, y, recordings)
    return next((train, rest) for train, rest in folds if test not in {groups[label] for label in y[train]})


def measure(estimator, grid, X, y, recordings, groups, test):
    """Search without the test labels; score them among themselves, then together with the seen ones."""
    settle()
    inner = LeaveOneCategoryOut(groups)
    general = GeneralizedSplit(inner, seen_size=0.2, random_state=0)
    train, mixed = unseen_fold(general, X, y, groups, test, recordings)
    start = time.perf_counter()
    search = GridSearchCV(
        estimator, grid, cv=inner, scoring=get_scorer("zsl_accuracy"), refit=False, error_score="raise"
    ).fit(X[train], y[train])
    found = {"search_s": time.perf_counter() - start, "validation": float(search.best_score_)}
    model = clone(estimator).set_params(**search.best_params_, memory=None)

    known, rest = unseen_fold(inner, X, y, groups, test)
    start = time.perf_counter()
    fitted = clone(model).fit(X[known], y[known])
    found["fit_s"] = time.perf_counter() - start
    view = with_labels(fitted, np.unique(y[rest]))
    view.predict(X[rest])  # the first call encodes the labels
    start = time.perf_counter()
    predicted = view.predict(X[rest])
    found["predict_s"] = time.perf_counter() - start
    found["zsl"] = per_label_accuracy(y[rest], predicted)

    penalty = choose_penalty(model, X[train], y[train], recordings[train], general)
    fitted = clone(model).set_params(model__seen_penalty=penalty).fit(X[train], y[train])
    found["gzsl"] = [float(get_scorer(f"gzsl_{name}")(fitted, X[mixed], y[mixed])) for name in GENERALIZED]
    return {**found, "penalty": penalty, "chosen": search.best_params_}


def choose_penalty(model, X, y, recordings, general):
    """The penalty on seen labels with the best mean H over folds whose unseen labels are training labels."""
    curves = []
    for train, test in general.split(X, y, recordings):
        fitted = clone(model).fit(X[train], y[train])
        view = with_labels(fitted, np.unique(y))
        curves.append(seen_unseen_curve(y[test], view.decision_function(X[test]), view.classes_, np.unique(y[train])))
    penalties = np.unique(np.concatenate([curve.penalty[1:] for curve in curves]))
    places = [np.searchsorted(curve.penalty, penalties, side="right") - 1 for curve in curves]
    means = [harmonic_mean(curve.seen[at], curve.unseen[at]) for curve, at in zip(curves, places, strict=True)]
    best = int(np.mean(means, axis=0).argmax())
    return float(penalties[best : best + 2].mean())  # up to the next nothing changes


def supervised(X, y, fold):
    """Accuracy of each label under logistic regression trained on the other official folds: labels of one's own."""
    settle()
    pipeline, grid = scaled(LogisticRegression(max_iter=300), None), {"model__C": [1.0, 10.0, 100.0]}
    predicted = np.empty_like(y)
    for train, test in PredefinedSplit(fold).split():
        search = GridSearchCV(pipeline, grid, cv=PredefinedSplit(fold[train]), error_score="raise")
        predicted[test] = search.fit(X[train], y[train]).predict(X[test])
    return {label: float(np.mean(predicted[y == label] == label)) for label in np.unique(y).tolist()}


def without_training(scores, source_labels, y, synonyms):
    """Accuracy among all 50 labels of YAMNet's class scores and nothing else, with names and with synonyms."""
    found = {}
    for name, label_texts in (("names", None), ("names + synonyms", with_synonyms(synonyms))):
        for centred, encoder in (("", None), (", not centred", SentenceEncoder())):
            model = ZeroShotConvex(encoder, source_labels=source_labels, label_texts=label_texts).fit(scores)
            found[name + centred] = float(np.mean(model.predict(scores, labels=np.unique(y)) == y))
    return found


def zero_rule(y, recordings, groups):
    """What the most frequent label scores, an oracle fitted on the test clips of each fold: ZSL, S, U."""
    found, X = [], np.zeros((len(y), 1))
    general = GeneralizedSplit(LeaveOneCategoryOut(groups), seen_size=0.2, random_state=0)
    for train, mixed in general.split(X, y, recordings):
        unseen = mixed[~np.isin(y[mixed], y[train])]
        alone = ZeroRuleClassifier().fit(X[unseen], y[unseen]).predict(X[unseen])
        both = ZeroRuleClassifier().fit(X[mixed], y[mixed]).predict(X[mixed])
        figures = [per_label_accuracy(y[unseen], alone), *generalized_accuracy(y[mixed], both, np.unique(y[train]))]
        found.append([float(figure) for figure in figures])
    return found


def settle():
    """One thread a process."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def load(folder):
    """ESC-50, YAMNet's class scores of each clip, and their names."""
    with np.load(folder / "esc50_yamnet.npz", allow_pickle=False) as stored:
        scores, source_labels = stored["scores"].astype(np.float32).mean(axis=1), stored["score_class_name"].tolist()
    return load_esc50_embeddings(folder), scores, source_labels


def groups_of(groups):
    """The group of each label, which the tables need."""
    return groups


def calls(arguments):
    """Every model on every fold of both partitions, and what needs no search."""
    esc50, scores, source_labels = arguments.loaded
    models, found = rows(*arguments.loaded, str(arguments.scratch)), {}
    partitions = {"random": esc50.random_folds, "setting 3": esc50.categories}
    for key, groups in partitions.items():
        tests = sorted(set(groups.values()))
        for name, (estimator, grid, X) in models.items():
            given = (measure, estimator, grid, X, esc50.y, esc50.recordings, groups)
            found |= {f"{key}, {name}, fold {test}": (*given, test) for test in tests}
        for test in tests:
            kept = np.array([groups[label] == test for label in esc50.y])
            given = (esc50.X[kept], esc50.y[kept], esc50.fold[kept])
            found[f"{key}, supervised, fold {test}"] = (supervised, *given)
        found[f"{key}, zero rule"] = (zero_rule, esc50.y, esc50.recordings, groups)
        found[f"{key}, groups"] = (groups_of, groups)
    found["supervised, 50 labels"] = (supervised, esc50.X, esc50.y, esc50.fold)
    found["without training"] = (without_training, scores, source_labels, esc50.y, esc50.synonyms)
    return found


def tables(figures):
    """A table for each partition, and ConSE without training."""
    header = ["", "ZSL, mean ± sd over folds", "S", "U", "H", "AUSUC", "fit, s", "predict, ms", "search, s"]
    for key, partition in PARTITIONS.items():
        groups, zero = figures[f"{key}, groups"], np.array(figures[f"{key}, zero rule"])
        folds = sorted(set(groups.values()))
        h = harmonic_mean(zero[:, 1], zero[:, 2])
        table = [
            ["chance", ".100", ".020", ".020", ".020", *["-"] * 4],
            ["zero rule, an oracle", spread(zero[:, 0]), *np.c_[zero[:, 1:], h].mean(axis=0), *["-"] * 4],
        ]
        names = [name.removeprefix(f"{key}, ") for name in figures if name.startswith(f"{key}, ZeroShot")]
        for name in dict.fromkeys(name.split(", fold ")[0] for name in names):
            runs = [figures[f"{key}, {name}, fold {test}"] for test in folds]
            seconds = [np.median([run[kind] for run in runs]) for kind in ("fit_s", "predict_s", "search_s")]
            times = [f"{seconds[0]:.2f}", f"{1000 * seconds[1]:.0f}", f"{seconds[2]:.0f}"]
            gzsl = np.mean([run["gzsl"] for run in runs], axis=0)
            table.append([name, spread([run["zsl"] for run in runs]), *gzsl, *times])
        table.append(["ZeroShotNearest (needs embeddings of CLAP's kind)", *["-"] * 8])
        among = [np.mean(list(figures[f"{key}, supervised, fold {test}"].values())) for test in folds]
        all_labels = figures["supervised, 50 labels"].items()
        sides = np.array([[np.mean([accuracy for label, accuracy in all_labels if (groups[label] == test) == own])
                           for own in (False, True)] for test in folds])  # fmt: skip
        bound = [*sides.mean(axis=0), harmonic_mean(*sides.T).mean()]
        table.append(["supervised bound: logistic regression, official folds", spread(among), *bound, *["-"] * 4])
        yield f"ESC-50, {partition}: accuracy", header, table
    table = [[name, accuracy] for name, accuracy in figures["without training"].items()]
    title = "ConSE from YAMNet's class scores, among all 50 labels, nothing trained: accuracy"
    yield title, ["texts", "accuracy"], table


if __name__ == "__main__":
    run("compare_esc50", calls, tables, load, n_jobs=2)
