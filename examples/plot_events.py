"""
===============================================================
When sounds that were never trained on begin, and when they end
===============================================================

Clips hold up to three overlapping sounds. Training is told which sounds, but not when they sound.
:class:`~skzsl.EventDetector` makes a table of events of that: label, onset and offset, for labels that no clip of
training has. The soundscapes are synthesised, so the true times are known exactly.
"""

# %%
# Labels heard, held out and new
# ------------------------------
# Of 72 labels 48 are for training, 12 for choosing what acts after training and 12 for the test. `y` has the labels of
# each clip, `events` the true times, which training never reads.
import numpy as np
from sklearn.model_selection import ParameterGrid

from skzsl import EventDetector, ScoreNormalizer, ZeroShotTemporalAttention
from skzsl.datasets import make_soundscapes
from skzsl.inspection import EventDisplay, LabelPrecisionRecallDisplay
from skzsl.metrics import event_f1, segment_f1, segment_truth, within_clip_auc
from skzsl.preprocessing import event_table

labels = make_soundscapes(1, n_segments=1, random_state=0).labels
labels = np.random.default_rng(0).permutation(labels)
heard, held_out, new = (sorted(part.tolist()) for part in np.split(labels, [48, 60]))
options = {"n_segments": 10, "max_events": 3}
train = make_soundscapes(8, labels=heard, random_state=0, **options)
validation = make_soundscapes(8, labels=held_out, random_state=1, **options)
test = make_soundscapes(8, labels=new, random_state=2, **options)
true = event_table(test.events)
print(f"{len(train.X)} clips of {len(heard)} labels to train, {len(true)} events of {len(new)} new labels to find")

# %%
# Train, then choose
# ------------------
# The detector trains on `y`. Its own parameters act afterwards, so one training serves all of their values. Those that
# find the events of the held-out labels best are kept; `score` is the F1 of events at a collar of one segment.
model = ScoreNormalizer(ZeroShotTemporalAttention(max_epochs=40, random_state=0))
detector = EventDetector(model, hop=train.segment_duration).fit(train.X, train.y)
grid = {"threshold": np.arange(0.6, 2.1, 0.2).round(1).tolist(), "locality": [0.15, 0.5], "smoothing": [0.0, 3.0]}
scores = [(detector.set_params(**how).score(validation.X, validation.events), how) for how in ParameterGrid(grid)]
best, how = max(scores, key=lambda pair: pair[0])
detector.set_params(**how)
print(f"chosen on held-out labels: {how}, event F1 {best:.2f}")

# %%
# Find
# ----
# All 12 new labels are candidates in every clip. What is found in one of them, and what is true:
found = detector.events(test.X, labels=new)
clip = 0
print(found[found["clip"] == clip].round(2).to_string(index=False))
print(true[true["clip"] == clip].round(2).to_string(index=False))

# %%
# How well
# --------
# A model without a sense of time would let a label sound throughout its clip: `locality=0`. The AUC within clips asks
# only for the order of the segments of a clip that has the label; chance is .50.
edges = detector.segment_edges(test.X.shape[1])
truth = segment_truth(true, edges, clips=range(len(test.X)), labels=new)
throughout = detector.set_params(locality=0.0).events(test.X, labels=new)
detector.set_params(**how)
for name, events in (("whole clips", throughout), ("events", found)):
    print(f"{name}: event F1 {event_f1(true, events, collar=1.0):.2f}, segment F1 {segment_f1(true, events):.2f}")
print(f"AUC within clips {within_clip_auc(truth, detector.segment_scores(test.X, labels=new)):.2f}")

# %%
# A recording
# -----------
# A row for each candidate. Shades are the probabilities of the segments, bars what is found, with its score, and frames
# the true events.
EventDisplay.from_estimator(detector, test.X[clip], labels=new, spans=test.events[clip])

# %%
# Label by label
# --------------
# Rings are the share of what is found that is true, dots the share of what is true that is found.
LabelPrecisionRecallDisplay.from_events(true, found, collar=1.0)
