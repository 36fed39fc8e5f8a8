"""
=====================================================
Unknown sounds, and probabilities that mean something
=====================================================

In the field most sounds are none of the candidates. A rejector answers "unknown" for them, with a threshold that it
chooses on labels held out, and a temperature chosen in the same way makes probabilities mean something.
"""

# %%
# Some labels are unknown
# -----------------------
# Three sources of sound are nobody's candidates. The model trains on half the clips of the other labels; it is tested
# on their other half and on all unknown clips.
import matplotlib.pyplot as plt
import numpy as np

from skzsl import ZeroShotBilinear
from skzsl.datasets import make_soundscapes
from skzsl.inspection import ReliabilityDisplay
from skzsl.metrics import oscr, unknown_auroc
from skzsl.model_selection import TemperatureTuner, UnknownRejector

sources = ["beeping", "buzzing", "chirping", "humming", "wailing", "clicking", "ringing", "whooshing"]
labels = [f"{kind} {source}" for kind in ("slow low", "fast high") for source in sources]
sounds = make_soundscapes(24, labels=labels, n_segments=4, random_state=0)
X, y = sounds.X, sounds.y
known = ~np.isin([label.split()[-1] for label in y], sources[-3:])
half = np.random.default_rng(0).random(len(y)) < 0.5
train, test = known & half, ~known | ~half
print(f"{len(set(y[train]))} labels known, {len(set(y[~known]))} unknown")

# %%
# Rejecting
# ---------
# In each fold the rejector takes a fifth of the labels away from training, so that it meets unknown clips.
rejector = UnknownRejector(ZeroShotBilinear(random_state=0), random_state=0).fit(X[train], y[train])
predicted = rejector.predict(X[test])
is_known = known[test]
print(f"known clips named correctly: {np.mean((predicted == y[test])[is_known]):.2f}")
print(f"unknown clips rejected:      {np.mean((predicted == 'unknown')[~is_known]):.2f}")

# %%
# Two measures need no threshold: how often a known clip scores above an unknown one, and the area under the share of
# known clips that are named correctly, over the share of unknown ones that slip through.
scores = rejector.decision_function(X[test])
print(f"AUROC {unknown_auroc(y[test], scores, rejector.classes_):.3f}")
print(f"OSCR  {oscr(y[test], scores, rejector.classes_):.3f}")

# %%
# The best scores of the clips, and the threshold between them:
_, axes = plt.subplots(figsize=(6, 4), layout="constrained")
best = scores.max(axis=1)
bins = np.linspace(best.min(), best.max(), 30)
axes.hist([best[is_known], best[~is_known]], bins, label=["known", "unknown"], density=True)
axes.axvline(rejector.threshold_, color="black", label="threshold")
axes.set(xlabel="best score", ylabel="density")
axes.legend()
plt.show()

# %%
# How sure to be
# --------------
# The reliability of the probabilities of known clips: as they come, and with the tuned temperature.
_, axes = plt.subplots(figsize=(5, 5), layout="constrained")
rows = test & known
for name, model in {
    "as it comes": ZeroShotBilinear(random_state=0),
    "tuned": TemperatureTuner(ZeroShotBilinear(random_state=0), cv=3),
}.items():
    display = ReliabilityDisplay.from_estimator(model.fit(X[train], y[train]), X[rows], y[rows], n_bins=10, ax=axes)
    display.line_.set_label(f"{name}, calibration error {display.error_:.2f}")
axes.legend()
plt.show()
