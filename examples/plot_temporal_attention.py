"""
===========================================
Several sounds a clip, and when each sounds
===========================================

Clips hold up to four overlapping sounds. Training is told which sounds, but not when they sound.
:class:`~skzsl.ZeroShotTemporalAttention` learns from that to tag labels that it was never trained on, and its
attention says when they sound. The soundscapes are synthesised, so the true on and off times are known exactly.
"""

# %%
# Clips with several labels
# -------------------------
# Of 72 labels 48 are for training, 12 for choosing a threshold and 12 for the test. y is an indicator DataFrame whose
# columns are the label texts.
import numpy as np

from skzsl import ZeroShotTemporalAttention, with_labels
from skzsl.datasets import make_soundscapes
from skzsl.inspection import AttentionDisplay
from skzsl.metrics import mean_average_precision, mean_roc_auc
from skzsl.model_selection import ThresholdTuner, get_scorer

labels = make_soundscapes(1, n_segments=1, random_state=0).labels
labels = np.random.default_rng(0).permutation(labels)
heard, held_out, new = (sorted(part.tolist()) for part in np.split(labels, [48, 60]))
options = {"n_segments": 10, "max_events": 4}
train = make_soundscapes(8, labels=heard, random_state=0, **options)
validation = make_soundscapes(8, labels=held_out, random_state=1, **options)
test = make_soundscapes(8, labels=new, random_state=2, **options)
print(f"{len(train.X)} clips of {len(heard)} labels, {train.y.to_numpy().sum(axis=1).mean():.1f} labels a clip")

# %%
# Train and rank
# --------------
# The test labels have no clip in training. `mAP` ranks the clips of each of them; a random order would reach their
# frequency. The default of 10 epochs is for tens of thousands of clips; a few hundred need more.
model = ZeroShotTemporalAttention(max_epochs=40, random_state=0).fit(train.X, train.y)
scores = model.decision_function(test.X, labels=new)
print(f"mAP {mean_average_precision(test.y, scores):.2f} (chance {test.y.to_numpy().mean():.2f})")
print(f"mean AUC {mean_roc_auc(test.y, scores):.2f} (chance .50)")

# %%
# Tag
# ---
# A threshold turns scores into tags. It is chosen on labels that neither train nor test.
tuner = ThresholdTuner(model, cv="prefit").fit(validation.X, validation.y)
micro_f1 = get_scorer("zsl_f1_micro")(tuner, test.X, test.y)
print(f"threshold {tuner.threshold_:.2f}, micro F1 of unseen labels {micro_f1:.2f}")
tagger = with_labels(model, new).set_params(threshold=tuner.threshold_)
for clip in range(3):
    print("true:", ", ".join(test.y.columns[test.y.iloc[clip] == 1]))
    print("tags:", ", ".join(f"{label} ({share:.2f})" for label, share in tagger.tag(test.X[[clip]])[0]))

# %%
# When
# ----
# Each row is a label of one test clip, none of them heard in training; shades are its attention, frames the true
# events.
clip = int(np.argmax(test.y.to_numpy().sum(axis=1)))
AttentionDisplay.from_estimator(model, test.X[clip], spans=test.events[clip])

# %%
# How well does attention find events in all test clips? For every true label, the AUC of its weights against the
# segments that its event fills.
weights, found = model.attention(test.X, labels=new), []
for clip, label in np.argwhere(test.y.to_numpy() == 1):
    inside = test.activity[clip, label] > 0.5
    if inside.any() and not inside.all():
        found.append(mean_roc_auc(inside[:, None], weights[clip, label][:, None]))
print(f"localisation AUC of unseen labels {np.mean(found):.2f} (chance .50)")
