"""
==========================================
Every zero-shot model on the same sounds
==========================================

Five models learn the same clips, without a parameter set, and are asked for twelve labels that none has heard. They
are estimators with the same methods, so comparing them is a loop.
"""

# %%
# Sounds
# ------
# Twelve of the 72 labels are set aside. Their names are all that the models get to know of them.
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import (
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotConvex,
    ZeroShotRidge,
    ZeroShotTemporalAttention,
)
from skzsl.datasets import make_soundscapes

sounds = make_soundscapes(10, random_state=0)
unseen = sorted(np.random.default_rng(0).choice(sounds.labels, size=12, replace=False).tolist())
new = np.isin(sounds.y, unseen)
print(f"{np.sum(~new)} clips to learn from, {np.sum(new)} of twelve labels never heard")

# %%
# Models
# ------
# :class:`~skzsl.ZeroShotConvex` mixes the texts of the classes that a classifier of the seen labels thinks of; the
# others learn a map from clips to texts.
classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))
models = {
    "ZeroShotRidge": ZeroShotRidge(),
    "ZeroShotBilinear": ZeroShotBilinear(random_state=0),
    "ZeroShotContrastive": ZeroShotContrastive(random_state=0),
    "ZeroShotTemporalAttention": ZeroShotTemporalAttention(random_state=0),
    "ZeroShotConvex": ZeroShotConvex(classifier=classifier),
}
accuracy, right_in_three = {}, {}
for name, model in models.items():
    start = time.perf_counter()
    model.fit(sounds.X[~new], sounds.y[~new])
    accuracy[name] = model.score(sounds.X[new], sounds.y[new], labels=unseen)
    tags = model.tag(sounds.X[new], labels=unseen, top_k=3)
    right_in_three[name] = np.mean([truth in dict(best) for truth, best in zip(sounds.y[new], tags, strict=True)])
    print(f"{name:26} {accuracy[name]:.2f} right, {time.perf_counter() - start:4.1f} s")

# %%
# How often the label is first, and among the first three
# --------------------------------------------------------
# One draw of labels says little about which model is best: draws differ by more than the models do.
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
places = np.arange(len(models))
axes.barh(places - 0.2, list(accuracy.values()), height=0.4, label="first")
axes.barh(places + 0.2, list(right_in_three.values()), height=0.4, label="among the first three")
axes.axvline(1 / 12, color="gray", linestyle="--", label="first by chance")
axes.set(yticks=places, yticklabels=list(models), xlim=(0, 1), title="Twelve labels never heard")
axes.invert_yaxis()
figure.legend(loc="outside lower center", ncols=3)
plt.show()
