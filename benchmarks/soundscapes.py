"""Multi-label zero-shot on synthesised soundscapes whose events have exact onsets and offsets.

Of the 72 labels 48 are trained, 12 choose the threshold and 12 are unseen, drawn anew for each seed. Clips hold 1-4
overlapping events of labels of one of these groups. Localisation: AUC of the attention weights of each (clip, label)
that is true against the segments that its event fills by more than half, averaged over pairs that have segments of both
kinds.
"""

from functools import partial

import numpy as np
from common import run, spread

from skzsl import ZeroRuleClassifier, ZeroShotTemporalAttention
from skzsl.datasets import make_soundscapes
from skzsl.metrics import mean_average_precision, mean_roc_auc, multilabel_f1
from skzsl.model_selection import ThresholdTuner

SEEDS = (0, 1, 2)
F1 = {"micro F1": partial(multilabel_f1, average="micro"), "macro F1": multilabel_f1}
MODELS = {"attention": {}, "uniform": {"alpha": 0.0, "train_on": "fused"}}


def deal(seed):
    """Labels that are unseen, that choose the threshold, and that are trained."""
    every = np.random.default_rng(seed).permutation(make_soundscapes(1, n_segments=1, random_state=0).labels)
    return [sorted(labels.tolist()) for labels in np.split(every, [12, 24])]


def make(labels, seed, clips_per_label):
    """Clips of ten seconds with 1 to 4 events."""
    return make_soundscapes(clips_per_label, labels=labels, n_segments=10, max_events=4, random_state=seed)


def localisation(model, sounds, labels):
    """Mean AUC of the weights against the segments that the events fill."""
    values, weights = [], model.attention(sounds.X, labels=labels)
    for clip, label in np.argwhere(sounds.y[labels].to_numpy() > 0):
        inside = sounds.activity[clip, sounds.y.columns.get_loc(labels[label])] > 0.5
        if inside.any() and not inside.all():
            values.append(mean_roc_auc(inside[:, None], weights[clip, label][:, None]))
    return float(np.mean(values))


def measure(seed):
    """Figures of both models with one draw of unseen labels."""
    unseen, validation, seen = deal(seed)
    train, tune, new = make(seen, seed, 25), make(validation, 100 + seed, 20), make(unseen, 200 + seed, 20)
    known = make(seen, 300 + seed, 4)
    zero = ZeroRuleClassifier().fit(new.X, new.y).predict(new.X)
    found = {"zero rule (oracle)": {name: metric(new.y, zero) for name, metric in F1.items()}}
    for name, settings in MODELS.items():
        model = ZeroShotTemporalAttention(max_epochs=40, random_state=seed, **settings).fit(train.X, train.y)
        tuner = ThresholdTuner(model, cv="prefit").fit(tune.X, tune.y)
        scores, predicted = model.decision_function(new.X, labels=unseen), tuner.predict(new.X, labels=unseen)
        found[name] = {
            **{name: metric(new.y, predicted) for name, metric in F1.items()},
            "mAP": mean_average_precision(new.y, scores),
            "AUC": mean_roc_auc(new.y, scores),
            "where, unseen": localisation(model, new, unseen),
            "where, seen": localisation(model, known, seen),
        }
    return found


def calls(_):
    """One call for each draw of unseen labels."""
    return {f"seed {seed}": (measure, seed) for seed in SEEDS}


def tables(figures):
    """Means and deviations over draws."""
    found = [figures[f"seed {seed}"] for seed in SEEDS]
    columns = ["micro F1", "macro F1", "mAP", "AUC", "where, unseen", "where, seen"]
    rows = []
    for name in found[0]:
        values = ([run[name].get(column) for run in found] for column in columns)
        rows.append([name, *("-" if None in of_runs else spread(of_runs) for of_runs in values)])
    rows.append(["chance", "-", "-", "-", "0.500", "0.500", "0.500"])
    yield "Soundscapes: 12 unseen labels, 48 trained, mean ± sd over three draws", ["", *columns], rows


if __name__ == "__main__":
    run("soundscapes", calls, tables)
