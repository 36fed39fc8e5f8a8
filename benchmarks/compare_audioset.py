"""The AudioSet part of compare.py: several labels a clip, random label folds and folds without relatives.

Clips of the balanced part that have no unseen label train, and all clips of the evaluation part are tested. The
labels of the next fold and 30 % of the training clips are held out inside: mean average precision of these labels on
these clips chooses among candidates, with and without ScoreNormalizer, and macro F1 there a threshold for unseen
labels and one for seen ones, whose difference is what calibrated stacking subtracts.
"""

import inspect
import time
import warnings
from functools import cache

import audioset
import joblib
import numpy as np
import pandas as pd
import torch
from audioset_zero_shot import f1, mean_and_spread, pool
from common import fingerprint, print_table
from scipy.sparse.csgraph import connected_components
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skzsl import (
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroRuleClassifier,
    ZeroShotContrastive,
    ZeroShotConvex,
    ZeroShotRidge,
    ZeroShotTemporalAttention,
    nets,
    with_labels,
)
from skzsl.datasets import load_audioset_ontology
from skzsl.exceptions import LeakWarning, UndefinedLabelWarning
from skzsl.metrics import harmonic_mean, mean_average_precision, mean_roc_auc, multilabel_f1
from skzsl.model_selection import leakage_report
from skzsl.preprocessing import Segmentwise

KINDS = {"random": "five random label folds", "ontology": "five label folds without seen relatives"}
HEADER = ["", "mAP", "AUC", "micro F1", "macro F1", "mAP, seen", "macro F1, seen", "H of macro F1"]
TIMES = ["fit, s", "predict, s", "search, s"]
N_FOLDS = 5
SUPERVISED = {"attention_activation": "sigmoid", "dropout": 0.6, "batch_size": 512}


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


def candidates(texts, n_labels, memory):
    """Name to the estimators that its search chooses from."""
    union = make_union(audioset.centred(texts["description"]), audioset.centred(texts["words"]))
    encoders = [make_pipeline(union, Normalizer()), audioset.joined_text(texts, n_labels)]

    def clips(model):
        scaling = make_pipeline(StandardScaler(), FunctionTransformer(audioset.undo_whitening))
        steps = [("segments", Segmentwise(scaling)), ("pool", FunctionTransformer(pool)),
                 ("centre", StandardScaler(with_std=False)), ("unit", Normalizer())]  # fmt: skip
        return ScoreNormalizer(Pipeline([*steps, ("model", model)], memory=memory))

    def net(encoder, **settings):
        settings = {"logit_scale": 2.0, "lr": 0.003, "standardize": False, "device": "cpu", **settings}
        return clips(ZeroShotContrastive(encoder, head="mlp", batch_size=256, random_state=0, **settings))

    def convex(encoder, epochs, n_top):
        tagger = MultiLevelAttentionClassifier("1-mean", max_epochs=epochs, device="cpu", random_state=0, **SUPERVISED)
        return clips(ZeroShotConvex(encoder, classifier=tagger, n_top=n_top))

    attention = {"device": "cpu"}
    return {
        "ZeroShotRidge": [
            clips(ZeroShotRidge(encoder, alpha_audio=alpha_audio, alpha_text=alpha_text))
            for encoder in encoders for alpha_audio in (1.0, 10.0, 100.0) for alpha_text in (0.1, 1.0, 10.0)
        ],
        "ZeroShotContrastive": [net(encoder, max_epochs=epochs) for encoder in encoders for epochs in (5, 10)],
        "ZeroShotTemporalAttention": [audioset.recipe(texts, n_labels, 0, lr=lr, **attention) for lr in (0.01, 0.03)],
        "ZeroShotTemporalAttention, uniform": [
            audioset.recipe(texts, n_labels, 0, lr=lr, alpha=0.0, train_on="fused", **attention) for lr in (0.01, 0.03)
        ],
        "ZeroShotConvex, tagger of clips": [
            convex(encoder, epochs, n_top) for encoder in encoders for epochs in (8, 16) for n_top in (10, 100)
        ],
    }  # fmt: skip


def settle():
    """One thread a process; that folds of clips may lack a label is no news."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    warnings.simplefilter("ignore", UndefinedLabelWarning)
    warnings.filterwarnings("ignore", message="n_components > n_samples")


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


def measure(folder, kind, fold, name, memory):
    """Search on held-out training labels, then train on all of them and test the unseen and the seen ones."""
    settle()
    X, y, n_train, texts, parents = load(folder)
    folds, _ = label_folds(kind, y.columns.tolist(), parents)
    unseen, tested = folds[fold], np.arange(n_train, len(y))
    seen, rows = parts(y, n_train, folds, fold)
    held, known, train, outside = inner_split(y[seen], rows, folds, fold)
    start, best = time.perf_counter(), None
    for number, candidate in enumerate(candidates(texts, len(known), memory)[name]):
        fitted = clone(candidate).fit(X[train], y.iloc[train][known])
        for way, model in {"normalised": fitted, "raw": fitted.estimator_}.items():
            value = mean_average_precision(y.iloc[outside][held], scores_of(model, X[outside], held))
            if best is None or value > best[0]:
                best = value, number, way, model
    value, number, way, model = best
    scores = np.split(scores_of(model, X[outside], [*held, *known]), [len(held)], axis=1)
    cuts = [best_cut(y.iloc[outside][names], of_part) for names, of_part in zip((held, known), scores, strict=True)]
    search_s = time.perf_counter() - start

    chosen = candidates(texts, len(seen), None)[name][number]
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


def calls(folder, memory):
    """Key to code, function and arguments of every figure on AudioSet."""
    shared = (audioset, pool, load, relatives, label_folds, parts)
    modules = {
        "ZeroShotRidge": (ZeroShotRidge,),
        "ZeroShotContrastive": (ZeroShotContrastive, nets.ContrastiveModule),
        "ZeroShotTemporalAttention": (ZeroShotTemporalAttention, nets.TemporalAttentionModule),
        "ZeroShotTemporalAttention, uniform": (ZeroShotTemporalAttention, nets.TemporalAttentionModule),
        "ZeroShotConvex, tagger of clips": (
            ZeroShotConvex,
            MultiLevelAttentionClassifier,
            nets.MultiLevelAttentionModule,
        ),
    }
    found = {}
    for kind in KINDS:
        code = fingerprint(*shared, relatives_report, leakage_report)
        found[f"audioset, {kind}, relatives"] = (code, relatives_report, folder, kind)
        found[f"audioset, {kind}, baselines"] = (fingerprint(*shared, baselines), baselines, folder, kind)
    code = (
        f"{fingerprint(*shared, supervised, best_cut, inspect.getmodule(MultiLevelAttentionClassifier))}-{SUPERVISED}"
    )
    found["audioset, supervised"] = (joblib.hash(code)[:12], supervised, folder)
    for name, estimators in candidates(load(folder)[3], 2, None).items():
        own = {inspect.getmodule(each) for each in (*modules[name], ScoreNormalizer, nets.EmbeddingNet)}
        own = sorted(own, key=lambda module: module.__name__)
        code = fingerprint(*shared, measure, inner_split, best_cut, figures, scores_of, *own)
        code = f"{code}-{joblib.hash(estimators)[:6]}"
        for kind in KINDS:
            for fold in range(N_FOLDS):
                key = f"audioset, {kind}, {name}, fold {fold}"
                found[key] = (code, measure, folder, kind, fold, name, memory)
    return found


def tables(_, found):
    """Print what the folds are, and a table of figures for each kind of fold."""
    for kind, title in KINDS.items():
        report, base = found[f"audioset, {kind}, relatives"], np.array(found[f"audioset, {kind}, baselines"])
        print(f"\n{title}: {report['labels']} labels unseen, {report['training clips']} training clips, "
              f"{sum(report['relatives'])} pairs of relatives parted, {len(report['left out'])} labels left out "
              f"{', '.join(report['left out'])}")  # fmt: skip
        zero = mean_and_spread(base[:, :2])
        table = [
            ["chance", f"{base[:, 2].mean():.3f}", "0.500", *["-"] * 8],
            ["zero rule, an oracle", "-", "-", *zero, *["-"] * 6],
        ]
        for name in dict.fromkeys(key.split(", fold ")[0] for key in found if ", fold " in key):
            if name.startswith(f"audioset, {kind}, "):
                runs = [found[f"{name}, fold {fold}"] for fold in range(N_FOLDS)]
                times = [f"{np.median([run[part] for run in runs]):.1f}" for part in ("fit_s", "predict_s", "search_s")]
                cells = mean_and_spread([run["figures"] for run in runs])
                table.append([name.removeprefix(f"audioset, {kind}, "), *cells, *times])
        bound = found["audioset, supervised"]
        times = [f"{bound['fit_s']:.1f}", f"{bound['predict_s']:.1f}", "-"]
        table.append(["supervised bound: a tagger of all labels", *mean_and_spread(bound[kind]), *["-"] * 3, *times])
        print_table(f"AudioSet, {title}: mean ± sd over folds", [*HEADER, *TIMES], table)
