"""
===========================
What the text is worth
===========================

An unseen label is known by its text alone, so the text encoder decides how much a model can know of it. Here one model
learns the same clips with seven of them, from random directions to what :class:`~skzsl.ZeroShotRidge` takes by default.
"""

# %%
# Sounds
# ------
# Labels are three words, a rate, a pitch and a timbre: "fast high beeping". Three times, twelve of them are set aside.
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skzsl import ZeroShotRidge
from skzsl.datasets import make_soundscapes
from skzsl.text import HashingEncoder, LookupEncoder, SentenceEncoder, WordAverage, WordVectorEncoder

sounds = make_soundscapes(6, random_state=0)
draws = [np.random.default_rng(seed).choice(sounds.labels, 12, replace=False).tolist() for seed in range(3)]

# %%
# Encoders
# --------
# Any transformer of lists of text serves. Centring takes away what all labels share.


def centred(encoder):
    """Vectors around the mean of the labels of fit, of unit length."""
    return make_pipeline(encoder, StandardScaler(with_std=False), Normalizer())


directions = np.random.default_rng(0).normal(size=(len(sounds.labels), 50))
encoders = {
    "a random direction for each label": LookupEncoder(dict(zip(sounds.labels, directions, strict=True))),
    "a random direction for each word": HashingEncoder(),
    "a sentence model, as it is": SentenceEncoder(),
    "a sentence model, centred": centred(SentenceEncoder()),
    "the same, each word alone": centred(WordAverage(SentenceEncoder())),
    "word vectors, centred": centred(WordVectorEncoder("glove-6b-50d")),
    "the default: both, and a kernel": None,
}

# %%
# Accuracy among twelve labels never heard
# ----------------------------------------
accuracy = {}
for name, encoder in encoders.items():
    scores = []
    for unseen in draws:
        new = np.isin(sounds.y, unseen)
        model = ZeroShotRidge(encoder).fit(sounds.X[~new], sounds.y[~new])
        scores.append(model.score(sounds.X[new], sounds.y[new], labels=unseen))
    accuracy[name] = scores
    print(f"{name:34} {np.mean(scores):.2f} ± {np.std(scores):.2f}")

# %%
# These labels are words in a fixed order, so that reading each word alone suits them. Names of real sounds are less
# regular: choose an encoder on labels that were held out of training.
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
axes.barh(list(accuracy), [np.mean(scores) for scores in accuracy.values()], color="C0")
for row, scores in enumerate(accuracy.values()):
    axes.plot(scores, [row] * len(scores), "k.", label="one draw of labels" if row == 0 else None)
axes.axvline(1 / 12, color="gray", linestyle="--", label="chance")
axes.set(xlim=(0, 1), title="Twelve labels never heard")
axes.invert_yaxis()
figure.legend(loc="outside lower center", ncols=2)
plt.show()
