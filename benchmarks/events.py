"""When a sound is heard: segments and events of labels never trained on, from labels of clips.

AudioSet: the 60 labels with true spans in half of the evaluation clips, in five folds; models are trained on the
balanced clips without a label of the fold, and read names with their descriptions. Soundscapes: 12 labels of 72 never
trained on, events of exact truth, three draws. Thresholds are chosen on other labels: those of the other folds, or 12
more that were not trained on either. True segments are those that a label fills by half.
"""

import json
import warnings
from typing import NamedTuple

import audioset
import numpy as np
import pandas as pd
import torch
from common import run, spread
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from soundscapes import deal, make

from skzsl import (
    EventDetector,
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroShotRidge,
    ZeroShotTemporalAttention,
)
from skzsl.detection import find_events
from skzsl.exceptions import UndefinedLabelWarning
from skzsl.metrics import event_f1, psds, segment_auc, segment_f1, segment_truth, within_clip_auc
from skzsl.preprocessing import event_table

SEEDS, FOLDS = (0, 1, 2), 5
COLUMNS = ["segment AUC", "AUC within clips", "PSDS", "segment F1", "event F1"]
DETECTOR = {"smoothing": 3.0}
CUTS = 1 - np.geomspace(0.4, 0.001, 16)


class Part(NamedTuple):
    """Scores of segments (n, T, C) of some labels, and the true events."""

    scores: np.ndarray
    labels: list
    events: pd.DataFrame
    edges: np.ndarray

    def events_above(self, threshold):
        """What is found."""
        return find_events(self.scores, self.edges, labels=self.labels, threshold=threshold)


class Strong:
    """Clips of AudioSet, and when the 60 labels sound in half of those for evaluation."""

    def __init__(self, folder):
        self.X, self.y, self.n_train, _ = audioset.load(folder)
        with np.load(folder / "audioset_strong_dev.npz", allow_pickle=False) as stored:
            names = self.y.columns[stored["index_in_527"]].to_numpy()
            self.clips, self.labels = self.X[self.n_train :][stored["clip_index"]], names
            events = [stored[f"event_{part}"] for part in ("clip", "class", "onset", "offset")]
        lists = [[] for _ in self.clips]
        for clip, label, onset, offset in zip(*events, strict=True):
            lists[clip].append((names[label], float(onset), float(offset)))
        self.events = event_table(lists)
        described = json.loads((folder / "audioset_labels.json").read_text())
        self.texts = {
            label["name"]: f"{label['name']}: {label['description']}" if label["description"] else label["name"]
            for label in described
        }

    def folds(self):
        """Labels of each fold, and the clips and labels that train the model which has never met them."""
        deal = np.random.RandomState(0).permutation(len(self.labels))
        y = self.y.iloc[: self.n_train]
        for fold in range(FOLDS):
            unseen = sorted(self.labels[deal[fold::FOLDS]].tolist())
            rows = np.flatnonzero(~y[unseen].any(axis=1) & y.drop(columns=unseen).any(axis=1))
            yield unseen, (self.X[rows], y.iloc[rows].drop(columns=unseen))


def readings(model, X, labels):
    """Scores of segments by one model, read in several ways."""

    def detected(**how):
        return EventDetector(FrozenEstimator(model), **how).fit(X, None).segment_scores(X, labels=labels)

    clip, mask = detected(locality=0.0), X.any(axis=2)
    single = as_segments(model, X, labels)
    weights = np.where(mask[:, :, None], model.estimator_.attention(X, labels=labels).swapaxes(1, 2), np.nan)
    told = ", ".join(f"{name}={value}" for name, value in DETECTOR.items())
    return {
        "score of the clip in every segment": clip,
        "attention": weights,
        "segments as clips": single,
        "the sum of clip and segment": clip + single,
        "segment_scores": model.segment_scores(X, labels=labels),
        f"EventDetector({told})": detected(**DETECTOR),
    }


def as_segments(model, X, labels):
    """Scores (n, T, C) of the present segments, each on its own."""
    mask = X.any(axis=2)
    scores = np.full((*mask.shape, len(labels)), np.nan)
    scores[mask] = model.decision_function(X[mask][:, None], labels=labels)
    return scores


def figures(parts):
    """Figures of scores of segments for each part, with the thresholds that are best on the other parts."""
    cuts = np.nanquantile(np.concatenate([part.scores.ravel() for part in parts]), CUTS)
    found = []
    for part in parts:
        inside = segment_truth(part.events, part.edges, clips=range(len(part.scores)), labels=part.labels)
        aucs = [segment_auc(inside, part.scores), within_clip_auc(inside, part.scores)]
        found.append([*aucs, psds(part.events, part.scores, part.edges, labels=part.labels)])
    for measure in (segment_f1, one_segment_f1):
        at_cuts = np.array([[measure(part.events, part.events_above(cut)) for cut in cuts] for part in parts])
        for row, here in zip(found, at_cuts, strict=True):
            row.append(here[np.argmax(at_cuts.sum(axis=0) - here)])
    return found


def one_segment_f1(true, found):
    """F1 of events at a collar of one segment."""
    return event_f1(true, found, collar=1.0)


def on_audioset(data, score):
    """Figures of each reading on the five folds of labels, by a function of labels and training clips."""
    settle()
    edges, parts = np.arange(11.0), {}
    for unseen, train in data.folds():
        events = data.events[data.events["label"].isin(unseen)]
        for name, scores in score(data, unseen, train).items():
            parts.setdefault(name, []).append(Part(scores, unseen, events, edges))
    return {name: figures(of_folds) for name, of_folds in parts.items()}


def attention(data, unseen, train):
    """Temporal attention in a normaliser."""
    model = ScoreNormalizer(ZeroShotTemporalAttention(label_texts=data.texts, random_state=0)).fit(*train)
    return readings(model, data.clips, unseen)


def ridge(data, unseen, train):
    """The closed form, trained on segments with the labels of their clips."""
    X, y = train
    mask = X.any(axis=2)
    model = ZeroShotRidge(label_texts=data.texts).fit(X[mask], y.iloc[np.nonzero(mask)[0]])
    return {"ZeroShotRidge on segments": as_segments(model, data.clips, unseen)}


def tagger(data):
    """A tagger that was trained on all labels, as a function for :func:`on_audioset`."""
    y = data.y.iloc[: data.n_train]
    with torch.autocast("cpu", torch.bfloat16):
        model = MultiLevelAttentionClassifier(random_state=0).fit(data.X[: data.n_train], y)
    scores = model.segment_scores(data.clips, labels=data.labels.tolist())
    return of_labels(data, "MultiLevelAttentionClassifier, labels seen", scores)


def supervised(data):
    """A net trained on segments with true labels, two folds of clips, as a function for :func:`on_audioset`."""
    labels, clips = data.labels.tolist(), np.arange(len(data.clips))
    truth = segment_truth(data.events, np.arange(11.0), clips=clips, labels=labels)
    mask, scores = data.clips.any(axis=2), np.full(truth.shape, np.nan)
    for train, test in KFold(2, shuffle=True, random_state=0).split(clips):
        y = pd.DataFrame(truth[train][mask[train]].astype(np.uint8), columns=labels)
        model = MultiLevelAttentionClassifier("2-mean", max_epochs=5, random_state=0)
        scores[test] = as_segments(model.fit(data.clips[train][mask[train]], y), data.clips[test], labels)
    return of_labels(data, "supervised by true segments, labels seen", scores)


def of_labels(data, name, scores):
    """The columns of a fold's labels."""
    column = {label: number for number, label in enumerate(data.labels.tolist())}
    return lambda data, unseen, train: {name: scores[:, :, [column[label] for label in unseen]]}


def seen(data, fitted):
    """Figures of a model that has met the labels."""
    return on_audioset(data, fitted(data))


def on_soundscapes(seed):
    """Figures of each reading on labels never trained on, thresholds from others that were not trained on either."""
    settle()
    unseen, validation, known = deal(seed)
    train, tune, new = make(known, seed, 25), make(validation, 100 + seed, 20), make(unseen, 200 + seed, 20)
    model = ScoreNormalizer(ZeroShotTemporalAttention(random_state=seed)).fit(train.X, train.y)

    def parts(sounds, labels):
        events, read = event_table(sounds.events), readings(model, sounds.X, labels)
        return {name: Part(scores, labels, events, np.arange(11.0)) for name, scores in read.items()}

    of_tune = parts(tune, validation)
    return {name: figures([of_tune[name], part])[1] for name, part in parts(new, unseen).items()}


def settle():
    """That folds of clips may lack a label is no news."""
    warnings.simplefilter("ignore", UndefinedLabelWarning)
    torch.set_num_threads(1)


def calls(arguments):
    """One call for each model on AudioSet, which trains it on every fold, and for each draw of soundscapes."""
    data = arguments.loaded
    found = {f"AudioSet, {fitted.__name__}": (on_audioset, data, fitted) for fitted in (attention, ridge)}
    found |= {f"AudioSet, {fitted.__name__}": (seen, data, fitted) for fitted in (supervised, tagger)}
    return found | {f"soundscapes, seed {seed}": (on_soundscapes, seed) for seed in SEEDS}


def tables(figures):
    """Means over folds of labels and over draws, with their spread."""
    rows = []
    for fitted in (attention, ridge, tagger, supervised):
        for name, of_folds in figures[f"AudioSet, {fitted.__name__}"].items():
            rows.append([name, *(spread(values) for values in np.transpose(of_folds))])
    title = "AudioSet, 7,823 clips, 60 labels unseen but where said: mean ± sd over five folds of labels"
    yield title, ["", *COLUMNS], rows
    runs = [figures[f"soundscapes, seed {seed}"] for seed in SEEDS]
    rows = [[name, *(spread(values) for values in np.transpose([run[name] for run in runs]))] for name in runs[0]]
    yield "Soundscapes, 12 labels unseen: mean ± sd over three draws", ["", *COLUMNS], rows


if __name__ == "__main__":
    run("events", calls, tables, Strong)
