"""Events of labels never trained on, in soundscapes of exact truth."""

import itertools

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from skzsl import EventDetector, ScoreNormalizer, ZeroShotTemporalAttention
from skzsl.datasets import make_soundscapes
from skzsl.metrics import event_f1, segment_truth, within_clip_auc
from skzsl.model_selection import ThresholdTuner
from skzsl.preprocessing import event_table


@pytest.fixture(scope="module")
def labels():
    timbres = ("beeping", "buzzing", "clicking", "humming", "ringing", "wailing")
    words = itertools.product(("slow", "medium", "fast"), ("low", "middle", "high"), timbres)
    dealt = np.random.default_rng(0).permutation([" ".join(label) for label in words])
    return [sorted(part.tolist()) for part in np.split(dealt, [6, 12])]


@pytest.fixture(scope="module")
def model(labels):
    """Trained on 42 labels; the threshold is chosen on six others."""
    _, validation, seen = labels
    train = make_soundscapes(8, labels=seen, n_segments=8, max_events=3, random_state=0)
    tune = make_soundscapes(8, labels=validation, n_segments=8, max_events=3, random_state=1)
    model = ScoreNormalizer(ZeroShotTemporalAttention(random_state=0)).fit(train.X, train.y)
    tuner = ThresholdTuner(model, cv="prefit").fit(tune.X, tune.y)
    return EventDetector(FrozenEstimator(tuner), smoothing=3.0).fit(train.X, train.y)


def test_labels_never_trained_on_are_found_in_time(model, labels):
    unseen = labels[0]
    new = make_soundscapes(8, labels=unseen, n_segments=8, max_events=3, random_state=2)
    true, edges = event_table(new.events), model.segment_edges(8)
    inside = segment_truth(true, edges, clips=range(len(new.X)), labels=unseen)
    scores = model.segment_scores(new.X, labels=unseen)
    assert within_clip_auc(inside, scores) > 0.9
    assert event_f1(true, model.events(new.X, labels=unseen), collar=1.0) > 0.2


def test_long_recording_is_found_as_its_parts_are(model, labels):
    unseen = labels[0]
    new = make_soundscapes(8, labels=unseen, n_segments=8, max_events=3, random_state=3)
    recording = np.concatenate(list(new.X))[None]
    lists = [
        (label, onset + 8 * clip, offset + 8 * clip)
        for clip, events in enumerate(new.events)
        for label, onset, offset in events
    ]
    true = event_table([lists])
    found = event_f1(true, model.events(recording, labels=unseen), collar=1.0)
    parts = model.events(new.X, labels=unseen)
    parts[["onset", "offset"]] = parts[["onset", "offset"]].add(8.0 * parts["clip"], axis=0)
    assert found > 0.75 * event_f1(true, parts.assign(clip=0), collar=1.0)
