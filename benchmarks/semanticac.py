"""SemanticAC on ESC-50, frozen YAMNet embeddings: the official folds, with and without text.

Hyperparameters are chosen by searches inside the training folds of every test fold. Labels never seen are in
``compare_esc50.py``. Matrix products are made in bfloat16 where the processor has them. It resumes where it stopped.
"""

import warnings

import numpy as np
import torch
from common import run
from contrastive_variants import variant
from esc50 import with_synonyms
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skzsl import ZeroShotContrastive
from skzsl.datasets import load_esc50_embeddings
from skzsl.model_selection import zero_shot_scorer
from skzsl.preprocessing import SegmentPooling
from skzsl.text import Prompts

SEEDS, FOLDS = (0, 1, 2), (1, 2, 3, 4, 5)
PROMPTS = ("{label}", "a clip of {label}", "an audio clip of {label}")
ROOTS = ("roots", FunctionTransformer(np.sqrt))
MEAN_MAX = ("pool", SegmentPooling("mean+max"))
LOOSE, TIGHT = {"weight_decay": 0.0, "dropout": 0.5}, {"weight_decay": 1.0, "dropout": 0.7}
AUGMENTATIONS = {
    "mlp": {"as it is": {}, "noise of .5 deviations": {"noise": 0.5}},
    "cscm": {"as it is": {}, "a fifth of the segments dropped": {"dropped": 0.2}},
}
ADAPTERS = (0.0, 0.03, 0.3)
EPOCHS = {"linear": 40, "mlp": 40, "cscm": 20}


def contrastive(head, text_encoder):
    """Align roots of embeddings, not standardised, with label texts; "cscm" sees segments, the others mean and max."""
    model = ZeroShotContrastive(
        text_encoder,
        head=head,
        standardize=False,
        max_epochs=EPOCHS[head],
        hidden_size=512 if head == "cscm" else 1024,
        batch_size=64,
    )
    return Pipeline([*([] if head == "cscm" else [MEAN_MAX]), ROOTS, ("model", model)])


def rows(labels):
    """Name to an estimator, its grid and its number of inner folds."""
    one_hot = dict(zip(labels, np.eye(len(labels)), strict=True))
    plain = ("model", LogisticRegression(max_iter=300))
    found = {
        "logistic regression, means": (Pipeline([("pool", SegmentPooling()), plain]), {"model__C": [1.0, 10.0]}, 4),
        "logistic regression, roots of mean and max, standardised": (
            Pipeline([MEAN_MAX, ROOTS, ("scale", StandardScaler()), plain]),
            {"model__C": [0.003, 0.03]},
            4,
        ),
        "logistic regression, roots of mean and max": (
            Pipeline([MEAN_MAX, ROOTS, plain]),
            {"model__C": [0.03, 0.1, 0.3]},
            4,
        ),
    }
    grid = [{f"model__{name}": [value] for name, value in settings.items()} for settings in (LOOSE, TIGHT)]
    for head in EPOCHS:
        n_inner = 1 if head == "cscm" else 2
        found[f"{head}, without text"] = (contrastive(head, one_hot), grid, n_inner)
        for prompt in PROMPTS if head == "mlp" else PROMPTS[-1:]:
            found[f"{head}, {prompt!r}"] = (contrastive(head, Prompts(templates=prompt)), grid, n_inner)
    return found


def official(estimator, grid, n_inner, X, y, fold, test):
    """Search inside the training folds, then train on all of them and score the test fold, once a seed."""
    settle()
    kept = np.flatnonzero(fold != test)
    inner = [split for split, _ in zip(PredefinedSplit(fold[kept]).split(), range(n_inner), strict=False)]
    search = GridSearchCV(seeded(estimator, 0), grid, cv=inner, refit=False, error_score="raise").fit(X[kept], y[kept])
    scores = []
    for seed in SEEDS:
        model = seeded(estimator, seed).set_params(**search.best_params_).fit(X[kept], y[kept])
        scores.append(float(model.score(X[fold == test], y[fold == test])))
    return {"scores": scores, "chosen": search.best_params_, "validation": float(search.best_score_)}


def augmented(estimator, settings, seeds, X, y, fold, test):
    """Score one training fold by a net trained on the three others, with a variant of the training."""
    settle()
    order = sorted(set(fold))
    held = order[(order.index(test) + 1) % len(order)]
    kept, rest = (fold != test) & (fold != held), fold == held
    scores = []
    for seed in seeds:
        with variant(**settings):
            model = seeded(estimator, seed).fit(X[kept], y[kept])
            scores.append(float(model.score(X[rest], y[rest])))
    return {"scores": scores}


def adapted(label_texts, strength, X, y, groups, test):
    """Score the labels of each training fold by nets trained on the others' labels, with texts adapted or not."""
    settle()
    group, scoring = np.array([groups[label] for label in y]), zero_shot_scorer(candidates="test")
    scores = []
    for seed in SEEDS:
        for held in sorted(set(group) - {test}):
            kept, rest = (group != test) & (group != held), group == held
            with variant(**({"adapter": strength} if strength else {})):
                model = ZeroShotContrastive(label_texts=label_texts, random_state=seed).fit(X[kept], y[kept])
                scores.append(float(scoring(model, X[rest], y[rest])))
    return {"scores": [float(np.mean(part)) for part in np.array_split(scores, len(SEEDS))]}


def seeded(estimator, seed):
    """Return a clone with ``random_state``."""
    return clone(estimator).set_params(model__random_state=seed)


def settle():
    """One thread a process, products in bfloat16."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("medium")
    warnings.filterwarnings("error", category=RuntimeWarning)


def accuracy(found):
    """Rows of a table: mean over folds and seeds, its deviation over seeds, and the means of the folds."""
    table = []
    for name, folds in found.items():
        scores = np.array([figures["scores"] for figures in folds])
        spread = f" ± {scores.mean(axis=0).std(ddof=1):.4f}" if scores.shape[1] > 1 else ""
        table.append([name, f"{scores.mean():.4f}{spread}", *(f"{value:.3f}" for value in scores.mean(axis=1))])
    return table


def calls(arguments):
    """Official folds, labels never seen, and what was tried on training folds only."""
    esc50 = arguments.loaded
    X, y, fold, synonyms = esc50.X, esc50.y, esc50.fold, with_synonyms(esc50.synonyms)
    partitions = {"random partition": esc50.random_folds, "setting 3": esc50.categories}
    found = {}
    for name, row in rows(sorted(set(y))).items():
        found |= {f"{name}, fold {test}": (official, *row, X, y, fold, test) for test in FOLDS}
    for head, variants in AUGMENTATIONS.items():
        model = contrastive(head, Prompts(templates=PROMPTS[-1]))
        model.set_params(**{f"model__{name}": value for name, value in TIGHT.items()})
        seeds = SEEDS if head == "mlp" else SEEDS[:1]
        for what, settings in variants.items():
            given = (augmented, model, settings, seeds, X, y, fold)
            found |= {f"{head}, {what}, fold {test}": (*given, test) for test in FOLDS}
    for name, groups in partitions.items():
        for strength in ADAPTERS:
            given = (adapted, synonyms, strength, X, y, groups)
            key = f"{name}, adapter x {strength:g}"
            found |= {f"{key}, fold {test}": (*given, test) for test in sorted_groups(groups)}
    return found


def sorted_groups(groups):
    """The groups that labels are dealt into."""
    return sorted(set(groups.values()))


def tables(figures):
    """Accuracies of each kind of call."""
    names = list(dict.fromkeys(key.split(", fold ")[0] for key in figures))

    def table(title, of_table, column=""):
        folds = [key.split(", fold ")[1] for key in figures if key.startswith(f"{of_table[0]}, fold ")]
        found = {name: [figures[f"{name}, fold {fold}"] for fold in folds] for name in of_table}
        return title, ["", "mean ± sd", *(f"{column}{fold}" for fold in folds)], accuracy(found)

    tried = [f"{head}, {what}" for head, variants in AUGMENTATIONS.items() for what in variants]
    trained = [name for name in names if name not in tried and not name.startswith(("random partition", "setting 3"))]
    yield table("ESC-50, official folds: accuracy, mean ± sd over three seeds", trained, "fold ")
    title = "Augmentation, one training fold of each split held out: accuracy (one seed of cscm)"
    yield table(title, tried, "without ")
    for name in ("random partition", "setting 3"):
        adapters = [f"{name}, adapter x {strength:g}" for strength in ADAPTERS]
        title = f"Texts adapted in training, {name}, labels of one training fold held out: accuracy"
        yield table(title, adapters, "without ")


if __name__ == "__main__":
    run("semanticac", calls, tables, load_esc50_embeddings, n_jobs=2)
