"""
====================================
Tagging weakly labelled clips
====================================

Clips hold up to four overlapping sounds. Training is told which sounds, but not when they sound.
:class:`~skzsl.MultiLevelAttentionClassifier` learns a fixed set of labels from that. Its attention modules weigh the
segments for every label, so that it also finds when each sounds.
"""

# %%
# Clips and labels
# ----------------
# y is an indicator DataFrame whose columns are the labels. The soundscapes are synthesised, so that the true on and off
# times are known exactly; they are used for checking only.
import numpy as np

from skzsl import MultiLevelAttentionClassifier
from skzsl.datasets import make_soundscapes
from skzsl.inspection import AttentionDisplay, LabelMapDisplay
from skzsl.metrics import mean_average_precision, mean_roc_auc
from skzsl.model_selection import ThresholdTuner, get_scorer

labels = make_soundscapes(1, n_segments=1, random_state=0).labels[::3]
options = {"labels": labels, "n_segments": 10, "max_events": 4}
train = make_soundscapes(20, random_state=0, **options)
test = make_soundscapes(10, random_state=1, **options)
print(f"{len(train.X)} clips of {len(labels)} labels, {train.y.to_numpy().sum(axis=1).mean():.1f} labels a clip")

# %%
# Architectures
# -------------
# An architecture lists numbers of layers and pooling modules in turn: "1-A" is one attention module after one layer,
# "2-A-1-A" has two, after two layers and after three. "mean" pools without attention.
settings = {"hidden_size": 128, "lr": 0.003, "batch_size": 64, "random_state": 0}
models = {}
for architecture in ("1-mean", "1-A", "2-A-1-A"):
    models[architecture] = MultiLevelAttentionClassifier(architecture, **settings).fit(train.X, train.y)
    precision = mean_average_precision(test.y, models[architecture].predict_proba(test.X))
    print(f"{architecture}: mAP {precision:.2f} (chance {test.y.to_numpy().mean():.2f})")

# %%
# Which labels are hard
# ---------------------
# A bar for each label; the dots are the precision of a random order, the share of the clips that have the label.
model = models["2-A-1-A"]
LabelMapDisplay.from_estimator(model, test.X, test.y)

# %%
# Thresholds
# ----------
# A label is predicted where its probability is above ``threshold``. It can be searched like any parameter, by
# GridSearchCV; :class:`~skzsl.model_selection.ThresholdTuner` looks at all thresholds in one fit a fold. Given an
# integer ``cv`` it holds out clips, since the labels are the same in training and use.
tuner = ThresholdTuner(MultiLevelAttentionClassifier(**settings), cv=3).fit(train.X, train.y)
micro_f1 = get_scorer("f1_micro")
print(f"micro F1 at .5: {micro_f1(model, test.X, test.y):.2f}, at {tuner.threshold_:.2f}: ", end="")
print(f"{micro_f1(tuner, test.X, test.y):.2f}")
for clip in range(3):
    print("true:", ", ".join(test.y.columns[test.y.iloc[clip] == 1]))
    print("tags:", ", ".join(f"{label} ({share:.2f})" for label, share in tuner.tag(test.X[[clip]])[0]))

# %%
# When
# ----
# The attention of the net with a single level, on the clip with most sounds; frames are the true events.
clip = int(np.argmax(test.y.to_numpy().sum(axis=1)))
single = models["1-A"]
AttentionDisplay.from_estimator(single, test.X[clip], spans=test.events[clip])

# %%
# How well does attention find events in all test clips? For every true label, the AUC of its weights against the
# segments that its event fills.
weights, found = single.attention(test.X), []
for clip, label in np.argwhere(test.y.to_numpy() == 1):
    inside = test.activity[clip, label] > 0.5
    if inside.any() and not inside.all():
        found.append(mean_roc_auc(inside[:, None], weights[clip, label][:, None]))
print(f"localisation AUC {np.mean(found):.2f} (chance .50)")
