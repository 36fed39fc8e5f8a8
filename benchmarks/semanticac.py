"""SemanticAC on ESC-50, frozen YAMNet embeddings: the official folds, with and without text, and labels never seen.

Hyperparameters are chosen by searches inside the training folds of every test fold, for unseen labels over folds that
share no label. Matrix products are made in bfloat16 where the processor has them. It resumes where it stopped.
"""

import warnings

import numpy as np
import torch
from common import Results, fingerprint, measure_all, parser, print_table
from contrastive_variants import UNSEEN_LINEAR, variant
from esc50_recipe import audio, texts, unit_halves
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skzsl import ZeroShotContrastive, nets
from skzsl.datasets import load_esc50_embeddings
from skzsl.model_selection import LeaveOneCategoryOut, zero_shot_scorer
from skzsl.preprocessing import SegmentPooling
from skzsl.text import Prompts

SEEDS = (0, 1, 2)
PROMPTS = ("{label}", "a clip of {label}", "an audio clip of {label}")
ROOTS = ("roots", FunctionTransformer(np.sqrt))
MEAN_MAX = ("pool", SegmentPooling("mean+max"))
LOOSE, TIGHT = {"weight_decay": 0.0, "dropout": 0.5}, {"weight_decay": 1.0, "dropout": 0.7}
AUGMENTATIONS = {
    "mlp": {"as it is": {}, "mixup .3": {"mixup": 0.3}, "noise of .5 deviations": {"noise": 0.5}},
    "cscm": {"as it is": {}, "a fifth of the segments dropped": {"dropped": 0.2}},
}
ADAPTERS = (0.0, 0.03, 0.3)
EPOCHS = {"linear": 40, "mlp": 40, "cscm": 20}


def contrastive(head, text_encoder):
    """Align roots of embeddings, not standardised, with label texts; "cscm" sees segments, the others mean and max."""
    model = ZeroShotContrastive(
        text_encoder, head=head, standardize=False, max_epochs=EPOCHS[head], hidden_size=512 if head == "cscm" else 1024
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


def unseen(encoders, X, y, groups, test):
    """Search over class-disjoint folds of the training labels, then score the test labels among themselves."""
    settle()
    train, rest = [np.flatnonzero([groups[label] != test for label in y]), [groups[label] == test for label in y]]
    pipeline = Pipeline([("audio", "passthrough"), ("model", unseen_model())])
    halves = audio([FunctionTransformer(unit_halves)])
    linear = {f"model__{name}": values for name, values in UNSEEN_LINEAR.items()}
    grid = [
        {"audio": [halves, Normalizer()], "model__text_encoder": encoders, "model__max_epochs": [3, 6]},
        {"audio": [halves], "model__text_encoder": encoders, **linear},
    ]
    scoring = zero_shot_scorer(candidates="test")
    inner = LeaveOneCategoryOut(groups)
    search = GridSearchCV(seeded(pipeline, 0), grid, cv=inner, scoring=scoring, refit=False, error_score="raise")
    search.fit(X[train], y[train])
    models = [seeded(pipeline, seed).set_params(**search.best_params_).fit(X[train], y[train]) for seed in SEEDS]
    chosen = {name: repr(value)[:60] for name, value in search.best_params_.items()}
    scores = [float(scoring(model, X[rest], y[rest])) for model in models]
    return {"scores": scores, "chosen": chosen, "validation": float(search.best_score_)}


def unseen_model(text_encoder=None):
    """Few epochs at a low, fixed scale: sharp softmaxes fit the seen labels only."""
    settings = {"logit_scale": 2.0, "lr": 0.003, "max_epochs": 3}
    return ZeroShotContrastive(text_encoder, head="mlp", standardize=False, **settings)


def augmented(estimator, settings, seeds, X, y, fold, test):
    """Score one training fold by a net trained on the three others, with a variant of the training."""
    settle()
    order = sorted(set(fold))
    held = order[(order.index(test) + 1) % len(order)]
    kept, rest = (fold != test) & (fold != held), fold == held
    scores = []
    for seed in seeds:
        with variant(**{name: value for name, value in settings.items() if name != "mixup"}):
            model = seeded(estimator, seed).set_params(model__mixup=settings.get("mixup", 0.0)).fit(X[kept], y[kept])
            scores.append(float(model.score(X[rest], y[rest])))
    return {"scores": scores}


def adapted(encoder, strength, X, y, groups, test):
    """Score the labels of each training fold by nets trained on the others' labels, with texts adapted or not."""
    settle()
    group, scoring = np.array([groups[label] for label in y]), zero_shot_scorer(candidates="test")
    steps = [("audio", audio([FunctionTransformer(unit_halves)])), ("model", unseen_model(encoder))]
    scores = []
    for seed in SEEDS:
        for held in sorted(set(group) - {test}):
            kept, rest = (group != test) & (group != held), group == held
            with variant(**({"adapter": strength} if strength else {})):
                model = seeded(Pipeline(steps), seed).fit(X[kept], y[kept])
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


def main():
    """Measure what is missing and print the tables."""
    data = parser(__doc__).parse_args().data
    esc50 = load_esc50_embeddings(data)
    X, y, fold = esc50.X, esc50.y, esc50.fold
    folds = sorted(set(fold.tolist()))
    pooled = np.sqrt(SegmentPooling("mean+max").fit_transform(X))
    encoders = texts(esc50.synonyms)["joined or whitened"]
    results = Results("semanticac", {"seeds": SEEDS, "prompts": PROMPTS})

    def measure(function, variants):
        """One call for each variant and fold: variant name -> its figures, fold by fold."""
        code = fingerprint(function, contrastive, unseen_model, nets.contrastive, nets.cscm)
        calls = {
            f"{name}, fold {key}": (code, function, *arguments, key)
            for name, (arguments, keys) in variants.items()
            for key in keys
        }
        found = measure_all(results, calls)
        return {name: [found[f"{name}, fold {key}"] for key in keys] for name, (_, keys) in variants.items()}

    found = measure(official, {name: ((*row, X, y, fold), folds) for name, row in rows(sorted(set(y))).items()})
    print_table(
        "ESC-50, official folds: accuracy, mean ± sd over three seeds",
        ["", "mean ± sd", *(f"fold {number}" for number in folds)],
        accuracy(found),
    )
    groups = {"random partition": esc50.random_folds, "setting 3": esc50.categories}
    for name, labels in groups.items():
        parts = sorted(set(labels.values()))
        found = measure(unseen, {name: ((encoders, pooled, y, labels), parts)})
        print_table(f"Labels never seen, {name}: accuracy", ["", "mean ± sd", *map(str, parts)], accuracy(found))

    tried = {}
    for head, variants in AUGMENTATIONS.items():
        model = contrastive(head, Prompts(templates=PROMPTS[-1])).set_params(
            **{f"model__{k}": v for k, v in TIGHT.items()}
        )
        for what, settings in variants.items():
            seeds = SEEDS if head == "mlp" else SEEDS[:1]
            tried[f"{head}, {what}"] = ((model, settings, seeds, X, y, fold), folds)
    print_table(
        "Augmentation, one training fold of each split held out: accuracy (one seed of cscm)",
        ["", "mean ± sd", *(f"without {number}" for number in folds)],
        accuracy(measure(augmented, tried)),
    )
    for name, labels in groups.items():
        parts = sorted(set(labels.values()))
        tried = {
            f"{name}, adapter x {strength:g}": ((encoders[0], strength, pooled, y, labels), parts)
            for strength in ADAPTERS
        }
        print_table(
            f"Texts adapted in training, {name}, labels of one training fold held out: accuracy",
            ["", "mean ± sd", *(f"without {part}" for part in parts)],
            accuracy(measure(adapted, tried)),
        )


if __name__ == "__main__":
    main()
