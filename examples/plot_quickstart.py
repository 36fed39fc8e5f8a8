"""
===================================
Recognise sounds nobody trained on
===================================

Sixty kinds of synthesised sound are heard in training, twelve others never. Their names are all that is known of the
twelve, "slow low humming" or "fast high clicking", and :class:`~skzsl.ZeroShotBilinear` recognises them through the
text of those names, read by a real sentence encoder.
"""

# %%
# Sounds
# ------
# Every label is three words, a rate, a pitch and a timbre, and every word says something true about the sound. The
# features are log-mel statistics of each second, (clips, segments, features), as any audio embedding would be.
import time

import numpy as np
from sklearn.model_selection import GridSearchCV

from skzsl import ZeroShotBilinear, with_labels
from skzsl.datasets import make_soundscapes
from skzsl.metrics import per_label_accuracy
from skzsl.model_selection import ClassDisjointKFold, get_scorer

start = time.perf_counter()
sounds = make_soundscapes(n_clips_per_label=20, random_state=0)
print(f"{len(sounds.X)} clips of {len(sounds.labels)} labels, each {sounds.X.shape[1:]} (segments, features)")

# %%
# Labels never heard
# ------------------
# Twelve labels are set aside at random.
unseen_labels = sorted(np.random.default_rng(0).choice(sounds.labels, size=12, replace=False).tolist())
is_unseen = np.isin(sounds.y, unseen_labels)
X, y = sounds.X[~is_unseen], sounds.y[~is_unseen]
X_new, y_new = sounds.X[is_unseen], sounds.y[is_unseen]

# %%
# A model and a search
# --------------------
# Raw features are given as they are: the model scales them itself. The learning rate is chosen over class-disjoint
# folds of the labels that are heard, so the twelve stay unheard.
model = ZeroShotBilinear(random_state=0)
search = GridSearchCV(
    model,
    {"lr": [0.003, 0.01, 0.03, 0.1]},
    cv=ClassDisjointKFold(5, random_state=0),
    scoring=get_scorer("zsl_accuracy"),
    error_score="raise",
).fit(X, y)
print(f"chosen on held-out seen labels: {search.best_params_}, accuracy {search.best_score_:.3f}")

# %%
# Recognising them
# ----------------
# An unseen label is only an argument: ``with_labels`` gives the fitted search its candidates.
recogniser = with_labels(search, unseen_labels)
predicted = recogniser.predict(X_new)
print(f"\n{'label never heard':24} recognised")
for label in unseen_labels:
    print(f"{label:24} {np.mean(predicted[y_new == label] == label):10.2f}")
print(f"{'mean of the labels':24} {per_label_accuracy(y_new, predicted):10.2f}")
print(f"{'chance':24} {1 / len(unseen_labels):10.2f}")

# %%
# What is mistaken for what
# -------------------------
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

display = ConfusionMatrixDisplay.from_predictions(
    y_new, predicted, normalize="true", values_format=".1f", cmap="Blues", xticks_rotation=90, colorbar=False
)
display.ax_.set(title=f"Twelve unseen labels: {np.mean(predicted == y_new):.2f} right, chance {1 / 12:.2f}")
display.figure_.set_size_inches(8, 8)
display.figure_.tight_layout()
display.figure_.savefig("quickstart.png", dpi=100)
plt.show()
print(f"\nconfusion matrix in quickstart.png; {time.perf_counter() - start:.0f} s in all")
