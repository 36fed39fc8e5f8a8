"""None of these, and how sure: clips of labels that are no candidate among ESC-50, and probabilities of new labels.

A third of the labels is unknown. Of the others, candidates are the labels of training (seen), new labels of which the
model has the text (unseen), or these with five clips each. Thresholds and temperatures are chosen on held-out labels of
training; a label or a clip that is tested has no part in them.
"""

import numpy as np
from common import run, spread
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from skzsl import ScoreNormalizer, ZeroShotBilinear, ZeroShotRidge, with_labels
from skzsl.datasets import load_esc50_embeddings
from skzsl.metrics import expected_calibration_error, oscr, unknown_auroc
from skzsl.model_selection import ClassDisjointKFold, TemperatureTuner, UnknownRejector
from skzsl.preprocessing import EmbeddingScaler

SEEDS, SHOTS, REPEATS = range(5), 5, 20
MODELS = {
    "ridge": ZeroShotRidge(),
    "normalized ridge": ScoreNormalizer(ZeroShotRidge(), norm="z"),
    "bilinear": ZeroShotBilinear(random_state=0),
    "logistic": LogisticRegression(C=100.0, max_iter=1000),
}
TITLES = {
    "ridge": "ZeroShotRidge",
    "normalized ridge": "ScoreNormalizer(ZeroShotRidge(), norm='z')",
    "bilinear": "ZeroShotBilinear",
    "logistic": "LogisticRegression, C=100",
}


def deal(esc50, seed):
    """Labels that train, new candidates and unknown labels."""
    labels = np.random.default_rng(seed).permutation(esc50.labels)
    return labels[:17].tolist(), labels[17:33].tolist(), labels[33:].tolist()


def rows(esc50, seed, setting):
    """Training clips, test clips and candidates of a setting; a recording is on one side only."""
    known, new, unknown = deal(esc50, seed)
    y, first = esc50.y, esc50.fold == 1  # ESC-50 keeps recordings within its folds
    if setting == "seen":
        candidates = known + new
        return np.flatnonzero(np.isin(y, candidates) & ~first), np.flatnonzero(first), sorted(candidates)
    train, test = np.flatnonzero(np.isin(y, known)), np.flatnonzero(np.isin(y, new + unknown))
    if setting == "unseen":
        return train, test, sorted(new)
    shots = [np.flatnonzero((y == label) & first)[:SHOTS] for label in new]
    return np.r_[train, np.repeat(np.concatenate(shots), REPEATS)], test[~first[test]], sorted(new)


def detect(esc50, name, setting, seed):
    """AUROC, OSCR and accuracy on known clips."""
    train, test, candidates = rows(esc50, seed, setting)
    X, y = esc50.X, esc50.y
    if name == "logistic":
        if setting == "five clips":
            train = np.unique(train[np.isin(y[train], candidates)])
        scaler = EmbeddingScaler("mean+max").fit(X[train])
        model = clone(MODELS[name]).fit(scaler.transform(X[train]), y[train])
        scores = model.decision_function(scaler.transform(X[test]))
    else:
        scores = clone(MODELS[name]).fit(X[train], y[train]).decision_function(X[test], labels=candidates)
    known = np.isin(y[test], candidates)
    right = np.array(candidates)[scores.argmax(axis=1)] == y[test]
    given = y[test], scores, candidates
    return {"auroc": unknown_auroc(*given), "oscr": oscr(*given), "accuracy": float(right[known].mean())}


def reject(esc50, name, setting, seed):
    """Rates of a rejector as it is, and of its model without one."""
    train, test, candidates = rows(esc50, seed, setting)
    X, y = esc50.X, esc50.y
    cv = ClassDisjointKFold(3, random_state=seed) if setting == "unseen" else StratifiedGroupKFold(5)
    groups = None if setting == "unseen" else esc50.recordings[train]
    rejector = UnknownRejector(MODELS[name], cv=cv, random_state=seed).fit(X[train], y[train], groups)
    predicted, known = rejector.predict(X[test], labels=candidates), np.isin(y[test], candidates)
    return {
        "named": float(np.mean((predicted == y[test])[known])),
        "rejected": float(np.mean((predicted == "unknown")[~known])),
        "named without": float(np.mean((rejector.estimator_.predict(X[test], labels=candidates) == y[test])[known])),
    }


def calibrate(esc50, name, setting, seed):
    """Calibration error as it comes and with the tuned temperature, with the mean confidence and the accuracy."""
    train, test, candidates = rows(esc50, seed, setting)
    X, y = esc50.X, esc50.y
    test = test[np.isin(y[test], candidates)]
    cv = ClassDisjointKFold(2, random_state=seed) if setting == "unseen" else None
    tuner = TemperatureTuner(clone(MODELS[name]), cv=cv or 3).fit(X[train], y[train])
    found = {"temperature": tuner.temperature_}
    for when, model in (("before", clone(MODELS[name]).fit(X[train], y[train])), ("after", tuner)):
        shares = with_labels(model, candidates).predict_proba(X[test])
        found[when] = expected_calibration_error(y[test], shares, candidates)
        found[f"confidence {when}"] = float(shares.max(axis=1).mean())
        found["accuracy"] = float(np.mean(np.array(candidates)[shares.argmax(axis=1)] == y[test]))
    return found


SETTINGS = {"seen": "33 seen labels", "unseen": "16 unseen labels", "five clips": "16 labels of five clips"}


def calls(arguments):
    """Each model, setting and deal of the labels."""
    esc50, found = arguments.loaded, {}
    for seed in SEEDS:
        for setting in SETTINGS:
            names = [name for name in MODELS if name != "logistic" or setting != "unseen"]
            found |= {f"{name}, {setting}, {seed}": (detect, esc50, name, setting, seed) for name in names}
        for setting in ("seen", "unseen"):
            for name in ("ridge", "normalized ridge", "bilinear"):
                found[f"rejector, {name}, {setting}, {seed}"] = (reject, esc50, name, setting, seed)
            for name in ("ridge", "bilinear"):
                found[f"temperature, {name}, {setting}, {seed}"] = (calibrate, esc50, name, setting, seed)
    return found


def tables(figures):
    """Measures of known against unknown, the rejector's rates, and calibration."""

    def cells(key, *names):
        found = [figures[f"{key}, {seed}"] for seed in SEEDS]
        return [spread([of_seed[name] for of_seed in found]) for name in names]

    lines = [
        [title, SETTINGS[setting], *cells(f"{name}, {setting}", "auroc", "oscr", "accuracy")]
        for setting in SETTINGS
        for name, title in TITLES.items()
        if name != "logistic" or setting != "unseen"
    ]
    header = ["", "candidates", "AUROC, known against unknown", "OSCR", "accuracy on known clips"]
    yield "A third of the labels unknown (mean ± sd over 5 deals of the labels)", header, lines
    header = ["", "candidates", "known clips named correctly", "... without rejecting", "unknown clips rejected"]
    lines = [
        [TITLES[name], SETTINGS[setting], *cells(f"rejector, {name}, {setting}", "named", "named without", "rejected")]
        for name in ("ridge", "normalized ridge", "bilinear")
        for setting in ("seen", "unseen")
    ]
    yield "UnknownRejector, its threshold chosen on held-out labels", header, lines
    lines = [
        [
            TITLES[name],
            SETTINGS[setting],
            *cells(f"temperature, {name}, {setting}", "before", "after", "confidence before", "confidence after"),
            *cells(f"temperature, {name}, {setting}", "accuracy"),
        ]
        for name in ("ridge", "bilinear")
        for setting in ("seen", "unseen")
    ]
    header = [
        "",
        "candidates",
        "ECE as it comes",
        "... with TemperatureTuner",
        "mean confidence",
        "... tuned",
        "accuracy",
    ]
    yield "Calibration error of probabilities, temperature from held-out labels or clips", header, lines


if __name__ == "__main__":
    run("unknown", calls, tables, load_esc50_embeddings)
