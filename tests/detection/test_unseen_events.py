"""Events of labels never trained on, in soundscapes of exact truth."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from skzsl import EventDetector, ScoreNormalizer, ZeroShotTemporalAttention
from skzsl.datasets import make_soundscapes
from skzsl.detection import find_events
from skzsl.metrics import event_f1, segment_truth, within_clip_auc
from skzsl.model_selection import ThresholdTuner
from skzsl.preprocessing import event_table


@pytest.fixture(scope="module")
def labels():
    every = make_soundscapes(1, n_segments=1, random_state=0).labels
    dealt = np.random.default_rng(0).permutation(every)
    return [sorted(part.tolist()) for part in np.split(dealt, [8, 16])]


@pytest.fixture(scope="module")
def model(labels):
    """Trained on 56 labels; the threshold is chosen on eight others."""
    _, validation, seen = labels
    train = make_soundscapes(15, labels=seen, n_segments=10, max_events=4, random_state=0)
    tune = make_soundscapes(10, labels=validation, n_segments=10, max_events=4, random_state=1)
    model = ScoreNormalizer(ZeroShotTemporalAttention(random_state=0)).fit(train.X, train.y)
    tuner = ThresholdTuner(model, cv="prefit").fit(tune.X, tune.y)
    return EventDetector(FrozenEstimator(tuner), smoothing=3.0).fit(train.X, train.y)


def test_labels_never_trained_on_are_found_in_time(model, labels):
    unseen = labels[0]
    new = make_soundscapes(10, labels=unseen, n_segments=10, max_events=4, random_state=2)
    true, edges = event_table(new.events), model.segment_edges(10)
    inside = segment_truth(true, edges, clips=range(len(new.X)), labels=unseen)
    scores = model.segment_scores(new.X, labels=unseen)
    assert within_clip_auc(inside, scores) > 0.9
    weights = model.estimator_.estimator.estimator_.estimator_.attention(new.X, labels=unseen).swapaxes(1, 2)
    by_attention = max(
        event_f1(true, find_events(weights, edges, labels=unseen, threshold=cut), collar=1.0)
        for cut in np.linspace(0.05, 0.6, 12)
    )
    found = event_f1(true, model.events(new.X, labels=unseen), collar=1.0)
    assert found > 0.3
    assert found > by_attention


def test_long_recording_is_found_as_its_parts_are(model, labels):
    unseen = labels[0]
    new = make_soundscapes(6, labels=unseen, n_segments=10, max_events=3, random_state=3)
    recording = np.concatenate(list(new.X[:40]))[None]
    lists = [
        (label, onset + 10 * clip, offset + 10 * clip)
        for clip, events in enumerate(new.events[:40])
        for label, onset, offset in events
    ]
    true = event_table([lists])
    found = event_f1(true, model.events(recording, labels=unseen), collar=1.0)
    parts = model.events(new.X[:40], labels=unseen)
    parts[["onset", "offset"]] = parts[["onset", "offset"]].add(10.0 * parts["clip"], axis=0)
    assert found > 0.75 * event_f1(true, parts.assign(clip=0), collar=1.0)
