"""
========================================
What to call a sound: prompts for labels
========================================

A text encoder reads a label alone, or in a sentence, or in several. Which wording helps can be searched like any other
parameter: :class:`~skzsl.ZeroShotContrastive` aligns sounds with the prompted texts, and
:class:`~sklearn.model_selection.GridSearchCV` compares prompts on labels that were held out of training.
"""

# %%
# Sounds and labels
# -----------------
# Labels are a rate, a pitch and a timbre; every sixth is set aside and never heard in training.
import numpy as np
from sklearn.model_selection import GridSearchCV

from skzsl import ZeroShotContrastive
from skzsl.datasets import make_soundscapes
from skzsl.model_selection import ClassDisjointKFold, get_scorer
from skzsl.text import Prompts

sounds = make_soundscapes(8, n_segments=4, random_state=0)
unseen = sounds.labels[::6]
new = np.isin(sounds.y, unseen)
print(f"{len(sounds.labels) - len(unseen)} labels to learn from, {len(unseen)} never heard")

# %%
# Prompts as a parameter
# ----------------------
# ``templates`` holds one sentence, or several whose vectors are averaged. Each text is encoded once per process,
# however many fits need it.
prompts = {
    "label alone": "{label}",
    "clip": "a clip of {label}",
    "audio clip": "an audio clip of {label}",
    "three averaged": ["{label}", "the sound of {label}", "{label} in the distance"],
}
model = ZeroShotContrastive(Prompts(), head="linear", max_epochs=10, random_state=0)
search = GridSearchCV(
    model,
    {"text_encoder__templates": list(prompts.values())},
    cv=ClassDisjointKFold(4, random_state=0),
    scoring=get_scorer("zsl_accuracy"),
    error_score="raise",
).fit(sounds.X[~new], sounds.y[~new])
for name, mean, spread in zip(
    prompts, search.cv_results_["mean_test_score"], search.cv_results_["std_test_score"], strict=True
):
    print(f"{name:15} {mean:.3f} ± {spread:.3f} on held-out seen labels")

# %%
# Labels never heard
# ------------------
# The chosen prompt serves labels that no search has seen. Differences between prompts are often smaller than those
# between folds of labels, and then any prompt will do.
accuracy = search.best_estimator_.score(sounds.X[new], sounds.y[new], labels=unseen)
print(f"chosen: {search.best_params_['text_encoder__templates']!r}")
print(f"unseen labels {accuracy:.2f}, chance {1 / len(unseen):.2f}")

# %%
# Heads
# -----
# The prompts draw the target space; the head decides how segments become a vector in it.
import matplotlib.pyplot as plt

heads = {}
for head in ("linear", "mlp", "cscm"):
    other = search.best_estimator_.set_params(head=head).fit(sounds.X[~new], sounds.y[~new])
    heads[head] = other.score(sounds.X[new], sounds.y[new], labels=unseen)
figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
axes[0].bar(list(prompts), search.cv_results_["mean_test_score"], yerr=search.cv_results_["std_test_score"])
axes[0].set(title="Prompts, held-out seen labels", ylabel="accuracy")
axes[1].bar(list(heads), list(heads.values()))
axes[1].axhline(1 / len(unseen), color="gray", linestyle="--", label="chance")
axes[1].set(title="Heads, labels never heard")
axes[1].legend()
axes[0].tick_params(axis="x", rotation=20)
plt.show()
