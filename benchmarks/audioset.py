"""AudioSet for the benchmarks: clips, labels, texts, and the recipe of audio and text vectors."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from skorch.callbacks import LRScheduler

from skzsl import ScoreNormalizer, ZeroShotTemporalAttention
from skzsl.datasets import load_audioset_ontology, load_audioset_vggish, select_leaf_labels
from skzsl.preprocessing import Segmentwise
from skzsl.text import LookupEncoder


def load(folder):
    """Clips of both parts (n, 10, 128), their 527 labels, the number of clips in the first part, and text vectors."""
    parts = [load_audioset_vggish(folder / f"audioset_vggish_{part}.npz") for part in ("bal_train", "eval")]
    X = np.concatenate([part.X for part in parts])
    y = pd.concat([part.y for part in parts], ignore_index=True)
    with np.load(folder / "label_embeddings.npz", allow_pickle=False) as stored:
        names = stored["audioset527_name"].tolist()
        kinds = {"name": "minilm", "description": "minilm_description", "words": "word2vec"}
        texts = {kind: dict(zip(names, stored[f"audioset527_{key}"], strict=True)) for kind, key in kinds.items()}
    return X, y, len(parts[0].X), texts


def leaf_labels(folder, y):
    """The single-parent, unrestricted leaf labels."""
    return select_leaf_labels(load_audioset_ontology(folder / "audioset_ontology.json"), y.columns)


def undo_whitening(segments):
    """Give the components of VGGish, which were whitened, a falling spectrum again."""
    weights = (np.arange(segments.shape[1]) + 1.0) ** -0.5
    return segments * (weights / np.sqrt(np.mean(weights**2)))


def centred(table):
    """Vectors of a table, centred on the training labels and scaled to unit length."""
    return make_pipeline(LookupEncoder(table), StandardScaler(with_std=False), Normalizer())


def joined_text(texts, n_labels):
    """Descriptions and Word2Vec side by side, through a Gaussian kernel on the training labels."""
    kernel = Nystroem(kernel="rbf", gamma=0.5, n_components=n_labels, random_state=0)
    union = make_union(centred(texts["description"]), centred(texts["words"]))
    return make_pipeline(union, Normalizer(), kernel, StandardScaler(with_std=False), Normalizer())


def to_unit_range(segments):
    """Bring quantised features to [-1, 1]."""
    return segments / 127.5 - 1.0


def plain_pipeline(model):
    """Features as they are published, but for their quantisation."""
    return make_pipeline(Segmentwise(FunctionTransformer(to_unit_range)), model)


def audio_pipeline(model):
    """Standardise segments, give them a spectrum, and pass them on."""
    scaling = make_pipeline(StandardScaler(), FunctionTransformer(undo_whitening))
    return make_pipeline(Segmentwise(scaling), model)


def recipe(texts, n_labels, seed, **settings):
    """The model of the benchmark in its Pipeline, with normalised scores."""
    defaults = {
        "standardize": False,
        "one_cycle": False,
        "optimizer": partial(torch.optim.SGD, momentum=0.9),
        "lr": 0.03,
        "max_epochs": 10,
        "batch_size": 256,
        "callbacks": [("cosine", LRScheduler(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=10))],
        "random_state": seed,
    }
    model = ZeroShotTemporalAttention(joined_text(texts, n_labels), **{**defaults, **settings})
    return ScoreNormalizer(audio_pipeline(model))
