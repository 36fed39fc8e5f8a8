"""An hour of one-second segments among 527 labels: time of finding events against that of scoring the segments.

One thread, medians of nine calls in turns; each model in a process of its own. Windows do not overlap here; overlapping
by half takes twice as long.
"""

from pathlib import Path

import numpy as np
import torch
from common import alternate, in_process, memory, run
from sklearn.frozen import FrozenEstimator

from skzsl import (
    EventDetector,
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroShotRidge,
    ZeroShotTemporalAttention,
    indicator_frame,
)
from skzsl.text import HashingEncoder

N_LABELS, N_FEATURES = 527, 128
MODELS = ("ZeroShotTemporalAttention", "ScoreNormalizer around it", "ZeroShotRidge", "MultiLevelAttentionClassifier")


def fitted(name):
    """A model that has seen a few clips of noise."""
    rng = np.random.default_rng(0)
    labels = [f"label {number}" for number in range(N_LABELS)]
    X = rng.normal(size=(600, 10, N_FEATURES)).astype(np.float32)
    y = indicator_frame([[labels[clip % N_LABELS], labels[7 * clip % N_LABELS]] for clip in range(600)], labels)
    attention = ZeroShotTemporalAttention(HashingEncoder(), max_epochs=1, random_state=0)
    models = [
        attention,
        ScoreNormalizer(attention),
        ZeroShotRidge(HashingEncoder()),
        MultiLevelAttentionClassifier(max_epochs=1, random_state=0),
    ]
    return dict(zip(MODELS, models, strict=True))[name].fit(X, y), X, y


def measure(name):
    """Seconds of each call, and what events take of memory beyond the fitted model in MB."""
    torch.set_num_threads(1)
    model, X, y = fitted(name)
    recording = np.random.default_rng(1).normal(size=(1, 3600, N_FEATURES)).astype(np.float32)
    detector = EventDetector(FrozenEstimator(model), overlap=0.0).fit(X, y)
    high = np.quantile(detector.segment_scores(recording), 0.99, axis=(0, 1))  # one segment in a hundred sounds
    detector.set_params(threshold=high)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    found = len(detector.events(recording))
    peak = memory("VmHWM") - before
    calls = {
        "segments": lambda: model.decision_function(recording[0][:, None]),
        "segment_scores": lambda: model.segment_scores(recording),
        "events": lambda: detector.events(recording),
    }
    return {"seconds": alternate(calls, 9), "found": found, "peak": peak}


def measure_alone(name):
    """Measure in a process of its own, with one thread."""
    return in_process(measure, name, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")


def calls(_):
    """One call for each model."""
    return {name: (measure_alone, name) for name in MODELS}


def tables(figures):
    """Milliseconds, ratios and memory."""
    rows = []
    for name in MODELS:
        seconds = figures[name]["seconds"]
        cells = [f"{1000 * seconds[what]:.0f}" for what in ("segments", "segment_scores", "events")]
        ratios = [f"{seconds[what] / seconds['segments']:.2f}" for what in ("segment_scores", "events")]
        rows.append([name, *cells, *ratios, str(figures[name]["found"]), f"{max(figures[name]['peak'], 0):.0f}"])
    header = ["", "segments as clips, ms", "segment_scores, ms", "events, ms", "ratio: segment_scores", "ratio: events"]
    header += ["events found", "peak beyond the model, MB"]
    yield "An hour of one-second segments, 527 labels", header, rows


if __name__ == "__main__":
    run("recording", calls, tables)
