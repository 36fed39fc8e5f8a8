"""Every zero-shot model on AudioSet: several labels a clip, random label folds and folds without relatives.

Clips of the balanced part that have no unseen label train, and all clips of the evaluation part are tested. The
labels of the next fold and 30 % of the training clips are held out inside: mean average precision of these labels on
these clips chooses among candidates, with and without ScoreNormalizer, and macro F1 there a threshold for unseen
labels and one for seen ones, whose difference is what calibrated stacking subtracts.
"""

import time
import warnings
from functools import cache, partial

import audioset
import numpy as np
import pandas as pd
import torch
from audioset_zero_shot import f1, mean_and_spread
from common import run
from scipy.sparse.csgraph import connected_components
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from skzsl import (
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroRuleClassifier,
    ZeroShotContrastive,
    ZeroShotConvex,
    ZeroShotRidge,
    ZeroShotTemporalAttention,
    with_labels,
)
from skzsl.datasets import load_audioset_ontology
from skzsl.exceptions import LeakWarning, UndefinedLabelWarning
from skzsl.metrics import harmonic_mean, mean_average_precision, mean_roc_auc, multilabel_f1
from skzsl.model_selection import leakage_report
from skzsl.preprocessing import EmbeddingScaler

KINDS = {"random": "five random label folds", "ontology": "five label folds without seen relatives"}
HEADER = ["", "mAP", "AUC", "micro F1", "macro F1", "mAP, seen", "macro F1, seen", "H of macro F1"]
COUNTS = {"labels": "labels", "training clips": "training clips", "relatives": "pairs of relatives"}
TIMES = ["fit, s", "predict, s", "search, s"]
N_FOLDS = 5
SUPERVISED = {
    "attention_activation": "sigmoid",
    "dropout": 0.6,
    "batch_size": 512,
    "hidden_size": 600,
    "weight_decay": 0.0,
}


@cache
def load(folder):
    """Clips, labels, number of clips in the balanced part, text vectors, and the ontology's parents."""
    return *audioset.load(folder), load_audioset_ontology(folder / "audioset_ontology.json").parents


def relatives(names, parents):
    """Which labels are above or below each other, at any distance: a symmetric matrix."""

    def above(name):
        return set(parents[name]).union(*(above(parent) for parent in parents[name]))

    place = {name: i for i, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), dtype=bool)
    for name in names:
        matrix[place[name], [place[other] for other in above(name) & place.keys()]] = True
    return matrix | matrix.T


def label_folds(kind, names, parents):
    """Five lists of labels, and the labels left out.

    Labels that hang together by being relatives are dealt whole, large families first, each to the fold with the fewest
    labels so far. While a family is larger than a fifth of all labels, its label with the most relatives is left out.
    """
    if kind == "random":
        return [[names[i] for i in fold] for _, fold in KFold(N_FOLDS, shuffle=True, random_state=0).split(names)], []
    matrix, kept, left_out = relatives(names, parents), np.arange(len(names)), []
    while True:
        near = matrix[np.ix_(kept, kept)]
        family = connected_components(near)[1]
        sizes = np.bincount(family)
        if sizes.max() <= len(names) // N_FOLDS:
            break
        drop = np.where(family == sizes.argmax(), near.sum(axis=0), -1).argmax()
        left_out.append(names[kept[drop]])
        kept = np.delete(kept, drop)
    folds = [[] for _ in range(N_FOLDS)]
    for number in np.argsort(-sizes, kind="stable"):
        min(folds, key=len).extend(names[i] for i in kept[family == number])
    return folds, left_out


def parts(y, n_train, folds, fold):
    """Seen labels, and training clips: those of the balanced part with a label of another fold and none of this one.

    Labels that come with unseen ones only are left without a clip, so they are not seen.
    """
    balanced, others = y.iloc[:n_train], [name for i, names in enumerate(folds) if i != fold for name in names]
    rows = np.flatnonzero(~balanced[folds[fold]].any(axis=1) & balanced[others].any(axis=1))
    return [name for name in others if balanced[name].iloc[rows].any()], rows


def relatives_report(folder, kind):
    """Labels and clips of each fold, labels left out, and how many pairs of unseen and seen labels are relatives."""
    warnings.simplefilter("ignore", LeakWarning)
    _, y, n_train, _, parents = load(folder)
    folds, left_out = label_folds(kind, y.columns.tolist(), parents)
    found = {"labels": [len(fold) for fold in folds], "left out": left_out, "training clips": [], "relatives": []}
    for fold, unseen in enumerate(folds):
        seen, rows = parts(y, n_train, folds, fold)
        tested = n_train + np.flatnonzero(y.iloc[n_train:][unseen].any(axis=1))
        both = y[[*seen, *unseen]].copy()
        both.iloc[n_train:, : len(seen)] = 0  # what is seen may well sound in a test clip
        report = leakage_report(None, both, [(rows, tested)], parents=parents).set_index("kind")["count"]
        found["training clips"].append(len(rows))
        found["relatives"].append(int(report["relatives"]))
    return found


def clips(model, memory):
    """A model of clip vectors, with normalised scores; what ``standardize=True`` does is a step that a search keeps."""
    steps = [("audio", EmbeddingScaler("mean+max")), ("model", model)]
    return ScoreNormalizer(Pipeline(steps, memory=memory and str(memory)))


def ridge(texts, memory):
    """Candidates of ZeroShotRidge."""
    return [
        clips(ZeroShotRidge(texts, alpha_audio=alpha_audio, alpha_text=alpha_text, standardize=False), memory)
        for alpha_audio in (1.0, 10.0, 100.0, 1000.0)
        for alpha_text in (0.1, 1.0, 10.0)
    ]


def contrastive(texts, memory):
    """Candidates of ZeroShotContrastive."""
    net = {"standardize": False, "device": "cpu", "random_state": 0}
    return [
        clips(ZeroShotContrastive(texts, lr=lr, max_epochs=epochs, **net), memory)
        for lr in (0.001, 0.003)
        for epochs in (4, 8)
    ]


def attention(texts, _, **settings):
    """Candidates of ZeroShotTemporalAttention."""
    net = {"device": "cpu", "random_state": 0, **settings}
    return [ScoreNormalizer(ZeroShotTemporalAttention(texts, lr=lr, **net)) for lr in (0.03, 0.1)]


def convex(texts, memory):
    """Candidates of ZeroShotConvex on a tagger of clips."""

    def tagger(epochs):
        return MultiLevelAttentionClassifier("1-mean", max_epochs=epochs, device="cpu", random_state=0, **SUPERVISED)

    return [
        clips(ZeroShotConvex(texts, classifier=tagger(epochs), n_top=n_top), memory)
        for epochs in (8, 16)
        for n_top in (10, 100)
    ]


CANDIDATES = {
    "ZeroShotRidge": ridge,
    "ZeroShotContrastive": contrastive,
    "ZeroShotTemporalAttention": attention,
    "ZeroShotTemporalAttention, uniform": partial(attention, alpha=0.0, train_on="fused"),
    "ZeroShotConvex, tagger of clips": convex,
}


def settle():
    """One thread a process; that folds of clips may lack a label is no news."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore", UndefinedLabelWarning)


def inner_split(y, rows, folds, fold):
    """Labels of the next fold, which are held out, the others, clips to train on without them, and held-out clips."""
    held = [name for name in folds[(fold + 1) % N_FOLDS] if name in y.columns]
    known = [name for name in y.columns if name not in set(held)]
    outside = np.random.default_rng(0).random(len(rows)) < 0.3
    free = ~y.iloc[rows][held].any(axis=1).to_numpy() & y.iloc[rows][known].any(axis=1).to_numpy()
    return held, known, rows[~outside & free], rows[outside]


def best_cut(truth, scores):
    """The threshold with the highest macro F1, of a hundred quantiles of the scores."""
    cuts = np.quantile(scores, 1 - np.geomspace(0.0005, 0.2, 100))
    return float(max(cuts, key=lambda cut: multilabel_f1(truth, scores > cut)))


def measure(folder, kind, fold, candidates, memory):
    """Search on held-out training labels, then train on all of them and test the unseen and the seen ones."""
    settle()
    X, y, n_train, texts, parents = load(folder)
    folds, _ = label_folds(kind, y.columns.tolist(), parents)
    unseen, tested = folds[fold], np.arange(n_train, len(y))
    seen, rows = parts(y, n_train, folds, fold)
    held, known, train, outside = inner_split(y[seen], rows, folds, fold)
    start, best = time.perf_counter(), None
    for number, candidate in enumerate(candidates(audioset.joined_text(texts), memory)):
        fitted = clone(candidate).fit(X[train], y.iloc[train][known])
        for way, model in {"normalised": fitted, "raw": fitted.estimator_}.items():
            value = mean_average_precision(y.iloc[outside][held], scores_of(model, X[outside], held))
            if best is None or value > best[0]:
                best = value, number, way, model
    value, number, way, model = best
    scores = np.split(scores_of(model, X[outside], [*held, *known]), [len(held)], axis=1)
    cuts = [best_cut(y.iloc[outside][names], of_part) for names, of_part in zip((held, known), scores, strict=True)]
    search_s = time.perf_counter() - start

    chosen = candidates(audioset.joined_text(texts), None)[number]
    start = time.perf_counter()
    fitted = clone(chosen if way == "normalised" else chosen.estimator).fit(X[rows], y.iloc[rows][seen])
    fit_s = time.perf_counter() - start
    start = time.perf_counter()
    scores = np.split(scores_of(fitted, X[tested], [*unseen, *seen]), [len(unseen)], axis=1)
    found = {"fit_s": fit_s, "predict_s": time.perf_counter() - start, "search_s": search_s, "validation": value}
    found |= {"candidate": number, "scores": way, "thresholds": cuts}
    return {**found, "figures": figures(y.iloc[tested], scores, unseen, seen, cuts)}


def scores_of(fitted, X, labels):
    """Scores of clips for these labels."""
    return with_labels(fitted, labels).decision_function(X)


def figures(y, scores, unseen, seen, cuts):
    """Figures over unseen labels, then over seen ones, with a threshold for each kind."""
    new, old = y[unseen], y[seen]
    micro, macro = f1(new, scores[0] > cuts[0])
    of_seen = multilabel_f1(old, scores[1] > cuts[1])
    ranked = [mean_average_precision(new, scores[0]), mean_roc_auc(new, scores[0])]
    return [*ranked, micro, macro, mean_average_precision(old, scores[1]), of_seen, harmonic_mean(of_seen, macro)]


def supervised(folder):
    """A tagger trained on all labels: its figures over the labels of each fold."""
    settle()
    X, y, n_train, _, parents = load(folder)
    model = MultiLevelAttentionClassifier("1-A", max_epochs=12, device="cpu", random_state=0, **SUPERVISED)
    outside = np.random.default_rng(0).random(n_train) < 0.3
    train, held = np.flatnonzero(~outside), np.flatnonzero(outside)
    early = clone(model).fit(X[train], y.iloc[train]).decision_function(X[held])
    early = pd.DataFrame(early, columns=y.columns)
    start = time.perf_counter()
    fitted = model.fit(X[:n_train], y.iloc[:n_train])
    found = {"fit_s": time.perf_counter() - start}
    start = time.perf_counter()
    scores = pd.DataFrame(fitted.decision_function(X[n_train:]), columns=y.columns)
    found["predict_s"] = time.perf_counter() - start
    for kind in KINDS:
        found[kind] = []
        for labels in label_folds(kind, y.columns.tolist(), parents)[0]:
            cut = best_cut(y.iloc[held][labels], early[labels].to_numpy())
            new, truth = scores[labels].to_numpy(), y.iloc[n_train:][labels]
            ranked = [mean_average_precision(truth, new), mean_roc_auc(truth, new)]
            found[kind].append([*ranked, *f1(truth, new > cut)])
    return found


def baselines(folder, kind):
    """The zero rule, an oracle, on the unseen labels of each fold, and the mAP of scores at random."""
    X, y, n_train, _, parents = load(folder)
    found = []
    for labels in label_folds(kind, y.columns.tolist(), parents)[0]:
        truth = y.iloc[n_train:][labels]
        rule = ZeroRuleClassifier().fit(X[n_train:, 0], truth)
        found.append([*f1(truth, rule.predict(X[n_train:, 0])), float(truth.to_numpy().mean())])
    return found


def calls(arguments):
    """What the folds are, what needs no search, and every model on every fold."""
    folder, found = arguments.data, {"supervised": (supervised, arguments.data)}
    for kind in KINDS:
        found[f"{kind}, relatives"] = (relatives_report, folder, kind)
        found[f"{kind}, baselines"] = (baselines, folder, kind)
        for name, candidates in CANDIDATES.items():
            given = (candidates, arguments.scratch)
            found |= {f"{kind}, {name}, fold {fold}": (measure, folder, kind, fold, *given) for fold in range(N_FOLDS)}
    return found


def tables(figures):
    """What the folds are, and a table of figures for each kind of fold."""
    for kind, title in KINDS.items():
        report, base = figures[f"{kind}, relatives"], np.array(figures[f"{kind}, baselines"])
        table = [[what, *map(str, report[name])] for name, what in COUNTS.items()]
        yield f"AudioSet, {title}: sizes", ["", *(f"fold {i + 1}" for i in range(N_FOLDS))], table
        zero = mean_and_spread(base[:, :2])
        table = [
            ["chance", f"{base[:, 2].mean():.3f}", "0.500", *["-"] * 8],
            ["zero rule, an oracle", "-", "-", *zero, *["-"] * 6],
        ]
        for name in CANDIDATES:
            runs = [figures[f"{kind}, {name}, fold {fold}"] for fold in range(N_FOLDS)]
            times = [f"{np.median([run[part] for run in runs]):.1f}" for part in ("fit_s", "predict_s", "search_s")]
            table.append([name, *mean_and_spread([run["figures"] for run in runs]), *times])
        bound = figures["supervised"]
        times = [f"{bound['fit_s']:.1f}", f"{bound['predict_s']:.1f}", "-"]
        table.append(["supervised bound: a tagger of all labels", *mean_and_spread(bound[kind]), *["-"] * 3, *times])
        yield f"AudioSet, {title}: mean ± sd over folds", [*HEADER, *TIMES], table


if __name__ == "__main__":
    run("compare_audioset", calls, tables, n_jobs=2)
