"""Tagging on AudioSet at its best: the mean of several taggers; and the taggers as they come, no parameter set.

Members and their order were fixed before any was tested. Trained on the balanced set in bfloat16 on one thread, tested
on the evaluation set. Scores of a member are kept in ``benchmarks/cache``, so that a run resumes at the next.
"""

import joblib
import numpy as np
import torch
from audioset_tagging import BEST, HEADLINES, fit, load
from common import HERE, identity, run

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl.metrics import d_prime, mean_average_precision, mean_roc_auc

DEFAULTS = {
    "GlobalLocalAttentionClassifier()": (GlobalLocalAttentionClassifier(), 0),
    "MultiLevelAttentionClassifier()": (MultiLevelAttentionClassifier(), 0),
}
MEMBERS = {
    "global-local over 1-A-1-A-1-A": (BEST, 0),
    **DEFAULTS,
    **{name: (HEADLINES[name], 0) for name in ("2-A-1-A", "single level (2-A)")},
}

SEEDS = {f"global-local over 1-A-1-A-1-A, seed {seed}": (BEST, seed) for seed in (0, 1)}


def scored(model, seed, train, X, code):
    """Probabilities of the clips, and seconds of the fit; other ``code`` is another call."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    model, trained = fit(model, seed, train)
    return model.predict_proba(X).astype(np.float32), trained["seconds"]


def figures(y, scores):
    """Mean average precision, AUC and d'."""
    return [mean_average_precision(y, scores), mean_roc_auc(y, scores), d_prime(y, scores)]


def together(members, train, test):
    """Figures of every member, its seconds, and figures of the mean of it and those before it."""
    remembered = joblib.Memory(HERE / "cache", verbose=0).cache(scored)
    found, total = {}, 0
    for name, (model, seed) in members.items():
        scores, seconds = remembered(model, seed, train, test[0], identity(None, scored, model)[0]["hash"])
        total = total + scores
        found[name] = {"alone": figures(test[1], scores), "together": figures(test[1], total), "seconds": seconds}
        print(name, found[name], flush=True)
    return found


def calls(arguments):
    """One call for each mean, since it needs every score."""
    train, test = ((part.X, part.y) for part in arguments.loaded)
    return {"members": (together, MEMBERS, train, test), "seeds": (together, SEEDS, train, test)}


def tables(figures):
    """The taggers as they come, then the mean of more and more of them."""
    found = figures["members"]
    rows = [[name, *cells(found[name]["alone"]), minutes(found[name])] for name in DEFAULTS]
    yield "No parameter set, evaluation set, one seed", ["", "mAP", "AUC", "d'", "minutes a fit"], rows
    header = ["member", "mAP", "AUC", "d'", "mean so far: mAP", "AUC", "d'", "minutes a fit"]
    for key, what in {"seeds": "two trainings of the best tagger", "members": "different taggers"}.items():
        found = figures[key].items()
        rows = [[name, *cells(each["alone"]), *cells(each["together"]), minutes(each)] for name, each in found]
        yield f"Mean of the probabilities of {what}", header, rows


def cells(values):
    """mAP with four digits, the others with three."""
    return [f"{value:.{digits}f}" for value, digits in zip(values, (4, 3, 3), strict=True)]


def minutes(member):
    """Minutes of a fit."""
    return f"{member['seconds'] / 60:.1f}"


if __name__ == "__main__":
    run("tagging_ensemble", calls, tables, load)
