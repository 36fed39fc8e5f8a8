"""Weakly supervised tagging on AudioSet: trained on the balanced set, tested on the evaluation set, 527 labels.

Hyperparameters were chosen on clips held out of the balanced set (the last table shows the choices that mattered, one
seed); then each model was trained on the whole set and tested once a seed. Training computes in bfloat16 where
``torch.autocast`` sees fit, prediction in float32; fits run two at a time on one thread each.
"""

import hashlib
import os
import time

import numpy as np
import torch
from common import Results, fingerprint, measure_all, parser, print_table
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier, nets
from skzsl.datasets import load_audioset_vggish
from skzsl.metrics import d_prime, mean_average_precision, mean_roc_auc

SEEDS = (0, 1, 2)
SHORT = {"max_epochs": 4}
VARIANTS = ("3-A", "6-A", "9-A", "1-A-1-A-1-A", "2-A-1-A", "2-A-2-A-2-A", "3-A-3-A", "3-A-3-A-3-A", "5-A-4-A")
RECIPE = {"attention_activation": "sigmoid", "lr": 0.001, "batch_size": 512}
PLAIN = {"hidden_size": 800, "dropout": 0.4, "max_epochs": 15, "weight_decay": 0.0}
DECAY = {"weight_decay": 1.0, "max_epochs": 20}
RECIPES = {
    "1-A": {"hidden_size": 800, "dropout": 0.6, "max_epochs": 15},
    "2-A": {"hidden_size": 1200, "dropout": 0.6, "max_epochs": 20},
    "2-A-1-A": {**PLAIN, **DECAY},
    "1-A-1-A-1-A": {**PLAIN, **DECAY, "max_epochs": 30},
}
LOCAL = {"n_conv_layers": 1, "hidden_size": 1600, "dropout": 0.5, "window": 3, "n_windows": 5, "suppress": True}
LOCAL_TRAINING = {"lr": 0.003, "max_epochs": 12, "batch_size": 512, "averaged_epochs": 2, "weight_decay": 1.0}


def attention(architecture, **changes):
    """Multi-level attention, or pooling without attention, with the recipe of its architecture."""
    return MultiLevelAttentionClassifier(architecture, **{**RECIPE, **RECIPES.get(architecture, PLAIN), **changes})


def global_local(global_net=None, **changes):
    """Global-local attention over a given net that is trained first, or over convolutions trained together."""
    training = "joint" if global_net is None else "frozen_global"
    return GlobalLocalAttentionClassifier(global_net, training=training, **{**LOCAL, **LOCAL_TRAINING, **changes})


SEARCH = {
    "2-A-1-A, no weight decay, 15 epochs": attention("2-A-1-A", **PLAIN),
    "2-A-1-A, weight decay 1, 20 epochs": attention("2-A-1-A"),
    "global-local over 1-A-1-A-1-A, 20 epochs": global_local(attention("1-A-1-A-1-A", max_epochs=20)),
    "global-local over 1-A-1-A-1-A, 30 epochs": global_local(attention("1-A-1-A-1-A")),
}
HEADLINES = {
    "mean pooling (1-mean)": attention("1-mean"),
    "single level (2-A)": attention("2-A"),
    "2-A-1-A": attention("2-A-1-A"),
    "global-local over 1-A-1-A-1-A": global_local(attention("1-A-1-A-1-A")),
}
ONCE = {
    "max pooling (1-max)": attention("1-max"),
    "single level (1-A)": attention("1-A"),
    "global-local over 2-A": global_local(attention("2-A")),
    "global-local over convolutions, joint": global_local(),
}
READINGS = ("softmax_label", "softmax_time")
SHORTER = {
    **{name: attention(name, **PLAIN | SHORT) for name in ("1-A", "2-A", *VARIANTS)},
    **{f"1-A, {name}": attention("1-A", attention_activation=name, **PLAIN | SHORT) for name in READINGS},
    **{f"2-A-1-A, {name}": attention("2-A-1-A", attention_activation=name, **PLAIN | SHORT) for name in READINGS},
    "2-A-1-A, mixup .5": attention("2-A-1-A", mixup=0.5, **PLAIN | SHORT),
    "2-A-1-A, balanced batches": attention("2-A-1-A", balanced=True, **PLAIN | SHORT),
}


def measure(key, model, seed, train, test):
    """Train, and score the clips of ``test`` by every stream; a given global net is trained first, by itself."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    figures, streams = {}, {"fused": model}
    if isinstance(model, GlobalLocalAttentionClassifier):
        streams = {name: model for name in ("fused", "global", "local")}
        if model.global_net is not None:
            streams["global"], figures["global"] = fit(model.global_net, seed, train)
            model.set_params(global_net=FrozenEstimator(streams["global"]))
    model, trained = fit(model, seed, train)
    for name, classifier in streams.items():
        figures[name] = {**trained, **figures.get(name, {})}
        if len(streams) > 1 and classifier is model:
            model.set_params(stream=name)
        scores = classifier.predict_proba(test[0])
        found = {"mAP": mean_average_precision(test[1], scores), "AUC": mean_roc_auc(test[1], scores)}
        figures[name] |= {**found, "d'": d_prime(test[1], scores)}
    if streams.get("global", model) is not model:
        figures["fused"]["seconds"] += figures["global"]["seconds"]
    return key, figures


def fit(model, seed, train):
    """A fitted model, and what its training took."""
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16):
        model.set_params(random_state=seed).fit(*train)
    return model, {"seconds": time.perf_counter() - start, "epochs": model.n_iter_}


def seconds_on_all_cores(model, train):
    """Seconds of a fit with the whole machine to itself."""
    torch.set_num_threads(os.cpu_count())
    torch.set_flush_denormal(True)
    return fit(clone(model), 0, train)[1]["seconds"]


def run(results, models, seeds, train, test, prefix, code):
    """Measure what is missing, two at a time, and save each as it comes."""
    codes = {name: fingerprint_of(model, code) for name, model in models.items()}
    calls = {
        f"{prefix}, {name}, seed {seed}": (codes[name], figures_of, f"{prefix}, {name}", model, seed, train, test)
        for seed in seeds
        for name, model in models.items()
    }
    found = measure_all(results, calls)
    return {name: [found[f"{prefix}, {name}, seed {seed}"] for seed in seeds] for name in models}


def figures_of(*arguments):
    """What is measured, without its name."""
    return measure(*arguments)[1]


def fingerprint_of(model, code):
    """Hash a model, by its parameters that are not the defaults down to the net inside, and the code."""
    return hashlib.sha256(f"{code} {model.__repr__(N_CHAR_MAX=10_000)}".encode()).hexdigest()[:12]


PUBLISHED = [
    ["published, 2 million clips: benchmark", ".314", ".959", "2.452", "-", "-"],
    ["published, 2 million clips: single level", ".327", ".965", "2.558", "-", "-"],
    ["published, 2 million clips: 2-A-1-A", ".360", ".970", "2.660", "-", "-"],
]


def chance(y):
    """A random order: the frequency of each label."""
    return ["chance", f"{y.to_numpy().mean():.3f}", "0.500", "0.000", "-", "-"]


def table(title, found, streams=("fused",), rows=()):
    """Print the figures of every stream that a model has, with their spread over seeds."""
    rows = list(rows)
    for name, runs in found.items():
        for stream in (stream for stream in streams if stream in runs[0]):
            row = [name if stream == "fused" else f"... {stream} stream alone"]
            for metric, digits in (("mAP", 4), ("AUC", 3), ("d'", 3)):
                values = [figures[stream][metric] for figures in runs]
                spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
                row.append(f"{np.mean(values):.{digits}f}{spread}")
            minutes = np.mean([figures[stream]["seconds"] for figures in runs]) / 60
            rows.append([*row, str(runs[0][stream]["epochs"]), f"{minutes:.1f}"])
    print_table(title, ["", "mAP", "AUC", "d'", "epochs", "minutes a fit"], rows)


def main():
    """Measure and print."""
    data = parser(__doc__).parse_args().data
    train = load_audioset_vggish(f"{data}/audioset_vggish_bal_train.npz")
    test = load_audioset_vggish(f"{data}/audioset_vggish_eval.npz")
    results = Results("audioset_tagging", {})
    modules = (nets.multi_level, nets.global_local, nets.attention_pooling, nets.layers)
    code = fingerprint(*modules, measure, fit)

    streams = ("fused", "global", "local")
    whole, new = (train.X, train.y), (test.X, test.y)
    found = run(results, HEADLINES, SEEDS, whole, new, "evaluation", code)
    table("Evaluation set, mean ± sd over three seeds", found, streams, [*PUBLISHED, chance(test.y)])
    name, best = list(HEADLINES.items())[-1]
    seconds = results.get("fit alone", lambda: seconds_on_all_cores(best, whole), fingerprint_of(best, code))
    print(f"\nBoth streams of {name} in one call of fit, on {os.cpu_count()} cores: {seconds / 60:.1f} minutes.")
    found = run(results, ONCE, [0], whole, new, "evaluation", code)
    table("Evaluation set, one seed", found, streams)
    found = run(results, SHORTER, [0], whole, new, "evaluation, shorter", code)
    table("Evaluation set, one seed, 4 epochs", found)
    held, *kept = np.array_split(np.random.RandomState(0).permutation(len(train.X)), 4)
    kept = np.concatenate(kept)
    parts = [(train.X[rows], train.y.iloc[rows]) for rows in (kept, held)]
    found = run(results, SEARCH, [0], *parts, "held out", code)
    table("Chosen among, on a quarter of the balanced set held out", found, streams)


if __name__ == "__main__":
    main()
