"""
From a folder of files to a first result
========================================

A folder with a file of embeddings for each recording, and a table of labels: what most people have. Here both are
written first, as OpenL3 and FSD50K write theirs; everything after that is what you would do with your own.
"""

import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import skzsl
from skzsl.datasets import load_embeddings, load_labels, make_soundscapes
from skzsl.metrics import mean_average_precision, multilabel_f1
from skzsl.model_selection import ThresholdTuner

# %%
# Files
# -----
# Recordings are of unequal length and have one sound or two; the table has a row for one that was lost.
sounds = make_soundscapes(16, max_events=2, random_state=0)
rng, folder = np.random.default_rng(0), Path(tempfile.mkdtemp())
names = [f"{recording}-{part}" for recording in range(len(sounds.X) // 2) for part in "AB"]
for name, segments in zip(names, sounds.X, strict=True):
    kept = segments[: rng.integers(3, 6)]
    np.savez(folder / f"{name}.npz", embedding=kept, timestamps=np.arange(len(kept)))
with open(folder / "sounds.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["fname", "labels"])
    for name, row in zip(names, sounds.y.values, strict=True):
        rows.writerow([name, ",".join(sounds.y.columns[row > 0])])
    rows.writerow(["9999-A", "slow low humming"])

# %%
# Loading
# -------
# Clips are padded to one length with zeros that no model looks at. Labels find their clips by name.
clips = load_embeddings(folder / "*.npz", recording=r"(\d+)-")
labels = load_labels(folder / "sounds.csv", clips.files)
X, y = clips.X, labels.y
print(X.shape, clips.files[:3], clips.groups[:3])
print("rows without a clip:", labels.without_clip)

# %%
# Labels that were never trained on
# ---------------------------------
# Twelve labels are kept from the model, and half the recordings for the test. The normaliser makes the scores of labels
# comparable, so that one threshold serves all.
unseen = sorted(rng.choice(y.columns, 12, replace=False).tolist())
half = clips.groups.astype(int) % 2 == 0
seen = y.drop(columns=unseen)
model = skzsl.ScoreNormalizer(skzsl.ZeroShotTemporalAttention(random_state=0)).fit(X[half], seen[half])
truth = y[~half][unseen]
precision = mean_average_precision(truth, model.decision_function(X[~half], labels=unseen), average=None)
print(f"mAP of labels never trained on {precision.mean():.2f}, chance {truth.values.mean():.2f}")

# %%
# A threshold
# -----------
# The tuner chooses it on labels that it holds out, fold by fold.
tuner = ThresholdTuner(model, metric="f1_micro").fit(X[half], seen[half])
predicted = tuner.predict(X[~half], labels=unseen)
print(f"F1 of labels never trained on {multilabel_f1(truth, predicted, average='micro'):.2f}")

# %%
# A file for the model
# --------------------
skzsl.save(tuner, folder / "model.skzsl", note="Twelve labels were kept from it.")
for tags in skzsl.load(folder / "model.skzsl").tag(X[~half][:3], labels=unseen, top_k=2):
    print(tags)

# %%
# What was loaded, and what came of it
# ------------------------------------
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
left.imshow(np.isfinite(clips.times[:30]), aspect="auto", cmap="Blues", interpolation="nearest")
left.set(title="Segments of the first 30 files", xlabel="segment", ylabel="clip")
right.barh(unseen, precision)
right.axvline(truth.values.mean(), color="black", linestyle=":")
right.set(title="Labels never trained on, and chance", xlabel="average precision")
plt.show()
