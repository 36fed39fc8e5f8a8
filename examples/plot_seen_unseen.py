"""
===============================================
Seen and unseen labels together, and what leans
===============================================

In use a sound may be of any label, and labels of training win too often. A penalty on their scores restores the
balance; the curve over all penalties compares models without choosing one. Tables then say which label is taken for
which, and what an unseen label leans on.
"""

# %%
# A generalised split
# -------------------
# A fifth of the labels is unseen, and a fifth of the clips of each seen label is kept for testing.
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ZeroShotBilinear, ZeroShotRidgeCV, with_labels
from skzsl.datasets import make_soundscapes
from skzsl.inspection import ConfusionSimilarityDisplay, SeenUnseenDisplay, label_report, nearest_labels
from skzsl.model_selection import ClassDisjointKFold, GeneralizedSplit, get_scorer, leakage_report
from skzsl.preprocessing import SegmentPooling

sounds = make_soundscapes(8, n_segments=4, random_state=0)
X, y = SegmentPooling().fit_transform(sounds.X), sounds.y
folds = GeneralizedSplit(ClassDisjointKFold(5, random_state=0), seen_size=0.2, random_state=0)
train, test = next(folds.split(X, y))
unseen = sorted(set(y[test]) - set(y[train]))
print(f"{len(set(y[train]))} labels seen, {len(unseen)} unseen")

# %%
# Such a split shares labels on purpose; that it shares nothing else can be checked. ``groups`` would name recordings.
print(leakage_report(X, y, [(train, np.flatnonzero(np.isin(y, unseen)))]).to_string(index=False))

# %%
# Two models, all penalties
# -------------------------
# The bilinear map is trained by ranking, the ridge map solved in closed form.
models = {
    "bilinear": make_pipeline(StandardScaler(), ZeroShotBilinear(random_state=0)).fit(X[train], y[train]),
    "ridge": make_pipeline(StandardScaler(), ZeroShotRidgeCV()).fit(X[train], y[train]),
}
display = None
for (name, model), color in zip(models.items(), ["tab:blue", "tab:orange"], strict=True):
    display = SeenUnseenDisplay.from_estimator(
        model, X[test], y[test], ax=None if display is None else display.ax_, color=color, label=name
    )
    print(f"{name:10} area {display.area_:.3f}, best harmonic mean {display.harmonic_:.3f}")

# %%
# One penalty for use
# -------------------
# It is chosen on labels held out of training, like everything else.
search = GridSearchCV(
    models["ridge"],
    {"zeroshotridgecv__seen_penalty": [0.0, 0.05, 0.1, 0.2, 0.4]},
    cv=GeneralizedSplit(ClassDisjointKFold(4, random_state=0), random_state=0),
    scoring=get_scorer("gzsl_harmonic"),
    error_score="raise",
).fit(X[train], y[train])
print(search.best_params_)
for name in ("gzsl_seen_accuracy", "gzsl_unseen_accuracy", "gzsl_harmonic"):
    print(f"{name:22} {get_scorer(name)(search, X[test], y[test]):.3f}")

# %%
# What is mixed up, and why
# -------------------------
# Among the unseen labels alone: the worst ones, and the seen labels that their texts are nearest to.
new = np.isin(y[test], unseen)
view = with_labels(models["ridge"], unseen)
report = label_report(view, X[test][new], y[test][new])
print(report.head(5).to_string(index=False))
print(nearest_labels(models["ridge"], report["label"].head(2).tolist(), n_nearest=3).to_string(index=False))

# %%
# Labels that share no word are not taken for each other here.
ConfusionSimilarityDisplay.from_estimator(view, X[test][new], y[test][new])
