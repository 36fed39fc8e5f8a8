"""
============================================
Listening twice: global and local streams
============================================

:class:`~skzsl.GlobalLocalAttentionClassifier` tags a clip twice: as a whole, and by the short windows in which its most
probable labels peak. Sounds that are short or covered by others gain from the second look.
"""

# %%
# Clips and labels
# ----------------
# Soundscapes of ten seconds with up to four overlapping sounds. Training is told which sounds, but not when they sound.
import numpy as np

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl.datasets import make_soundscapes
from skzsl.inspection import WindowDisplay
from skzsl.metrics import mean_average_precision

labels = make_soundscapes(1, n_segments=1, random_state=0).labels[::3]
options = {"labels": labels, "n_segments": 10, "max_events": 4}
train = make_soundscapes(20, random_state=0, **options)
test = make_soundscapes(10, random_state=1, **options)

# %%
# Two streams
# -----------
# Both streams are trained together. ``stream`` says which one's probabilities to give, and acts after training.
settings = {"hidden_size": 128, "lr": 0.003, "batch_size": 64, "random_state": 0}
model = GlobalLocalAttentionClassifier(**settings).fit(train.X, train.y)


def precisions(model):
    """Mean average precision of each stream alone, and of both."""
    found = []
    for stream in ("global", "local", "fused"):
        scores = model.set_params(stream=stream).predict_proba(test.X)
        found.append(f"{stream} {mean_average_precision(test.y, scores):.2f}")
    return ", ".join(found)


print(f"mAP: {precisions(model)} (chance {test.y.to_numpy().mean():.2f})")

# %%
# Where it listened
# -----------------
# Each of the most probable labels chooses a window around the segment where it peaks: a row for each, the darker the
# more probable; frames are the true events.
clip = int(np.argmax(test.y.to_numpy().sum(axis=1)))
WindowDisplay.from_estimator(model, test.X[clip], truth=test.events[clip])

# %%
# How often does the window of a true label touch its event?
names, spans = model.windows(test.X)
touched = []
for events, chosen, windows in zip(test.events, names, spans, strict=True):
    window_of = dict(zip(chosen.tolist(), windows.tolist(), strict=True))
    for label, onset, offset in events:
        if label in window_of:
            first, end = window_of[label]
            touched.append(first < offset and onset < end)
print(f"{np.mean(touched):.0%} of {len(touched)} windows that true labels chose touch their event")

# %%
# Any tagging net as the global stream
# ------------------------------------
# A given net takes the place of the global stream. With "frozen_global" it is trained first, by its own parameters;
# wrap a fitted one in :class:`sklearn.frozen.FrozenEstimator` to use it as it is.
net = MultiLevelAttentionClassifier("1-A", **settings)
over_attention = GlobalLocalAttentionClassifier(net, training="frozen_global", **settings).fit(train.X, train.y)
print(f"mAP over attention: {precisions(over_attention)}")
