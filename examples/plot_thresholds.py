"""
=====================================
A threshold for labels never heard
=====================================

With several labels a clip, a label is predicted where its score passes a threshold, and scores have no natural one.
:class:`~skzsl.model_selection.ThresholdTuner` chooses it on labels that were held out of training, as unseen ones are.
"""

# %%
# Sounds with several labels
# --------------------------
# Every clip has one to three sounds. Every sixth label is taken away: its clips are only used at the end.
import numpy as np

from skzsl import ScoreNormalizer, ZeroShotTemporalAttention
from skzsl.datasets import make_soundscapes
from skzsl.metrics import multilabel_f1
from skzsl.model_selection import GreedyLabelFolds, ThresholdTuner

sounds = make_soundscapes(12, max_events=3, random_state=0)
unseen = sorted(np.random.default_rng(3).choice(sounds.labels, size=12, replace=False).tolist())
seen = [label for label in sounds.labels if label not in unseen]
has_new = sounds.y[unseen].to_numpy().any(axis=1)
X, y = sounds.X[~has_new], sounds.y.loc[~has_new, seen]
X_new, y_new = sounds.X[has_new], sounds.y.loc[has_new, unseen]
print(f"{len(X)} clips of {len(seen)} labels to learn from, {len(X_new)} clips with labels never heard")

# %%
# A tuner
# -------
# It fits once a fold of labels, and takes the exact maximum of F1 over all thresholds on the labels of the fold.
# :class:`~skzsl.ScoreNormalizer` makes the scores of labels comparable, so that one threshold serves all of them.
model = ScoreNormalizer(ZeroShotTemporalAttention(random_state=0))
tuner = ThresholdTuner(model, metric="f1_macro", cv=GreedyLabelFolds(3)).fit(X, y)
print(f"threshold from held-out labels: {tuner.threshold_:.2f}")
tuned = multilabel_f1(y_new, tuner.predict(X_new, labels=unseen), average="macro")
print(f"macro F1 of labels never heard: {tuned:.2f}")

# %%
# Every threshold there is
# ------------------------
# The best threshold of the unseen labels cannot be known without their clips. The one from held-out labels comes close.
import matplotlib.pyplot as plt

scores = tuner.decision_function(X_new, labels=unseen)
thresholds = np.linspace(*np.quantile(scores, [0.02, 0.999]), 60)
f1 = [multilabel_f1(y_new, (scores > threshold).astype(int), average="macro") for threshold in thresholds]
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.plot(thresholds, f1, label="labels never heard")
axes.axvline(tuner.threshold_, color="C1", label="chosen on held-out labels")
axes.axvline(thresholds[int(np.argmax(f1))], color="gray", linestyle=":", label="best, known afterwards")
axes.set(xlabel="threshold", ylabel="macro F1")
axes.legend()
plt.show()
