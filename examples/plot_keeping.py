"""
Keeping a model
===============

Two models are saved to one file each, loaded, and asked for labels that they were never trained on. The picture
compares the files with pickles.
"""

import pickle
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import skzsl
from skzsl.datasets import make_soundscapes
from skzsl.model_selection import ClassDisjointKFold

sounds = make_soundscapes(3, random_state=0)
train, test = next(ClassDisjointKFold(4).split(sounds.X, sounds.y))
unseen = sorted(set(sounds.y[test]))
models = {
    "ridge": skzsl.ZeroShotRidge(),
    "temporal attention": skzsl.ZeroShotTemporalAttention(random_state=0),
}
folder = Path(tempfile.mkdtemp())
sizes = {}
for name, model in models.items():
    path = folder / f"{name}.skzsl"
    model.fit(sounds.X[train], sounds.y[train])
    skzsl.save(model, path, note="Synthesised soundscapes")

    # %%
    # A loaded model answers to the bit, for labels of the training and for others.
    same = skzsl.load(path)
    for labels in (None, unseen):
        scores = [each.decision_function(sounds.X[test], labels=labels) for each in (model, same)]
        np.testing.assert_array_equal(*scores)
    accuracy = same.score(sounds.X[test], sounds.y[test], labels=unseen)
    sizes[name] = path.stat().st_size / 1e6, len(pickle.dumps(model)) / 1e6
    print(f"{name}: {accuracy:.2f} of unseen labels right, chance {1 / len(unseen):.2f}; {sizes[name][0]:.2f} MB")

# %%
# What a file says of itself, and a card for people.
header = skzsl.read_header(path)
print(header["model"], header["encoders"], header["note"])
print(skzsl.model_card(path, trained_on="Synthesised soundscapes", limits=["Synthesised sounds only."])[:400])

# %%
# A file that was cut is no model any more, and says so.
path.write_bytes(path.read_bytes()[:-100])
try:
    skzsl.load(path)
except skzsl.exceptions.ModelIntegrityError as error:
    print(error)

# %%
figure, axes = plt.subplots(figsize=(6, 2), layout="constrained")
places = np.arange(len(sizes))
for offset, (kind, column) in enumerate(zip(("file", "pickle"), np.transpose(list(sizes.values())), strict=True)):
    axes.barh(places + offset * 0.35, column, 0.35, label=kind)
axes.set(
    yticks=places + 0.175, yticklabels=sizes, xlabel="MB", title="A file is as small as a pickle, and runs nothing"
)
axes.legend()
plt.show()
