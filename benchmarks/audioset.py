"""AudioSet for the benchmarks: clips, labels, texts, and the recipe, which is the default on better text."""

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skzsl import ScoreNormalizer, ZeroShotTemporalAttention
from skzsl.datasets import load_audioset_ontology, load_audioset_vggish, select_leaf_labels
from skzsl.preprocessing import Segmentwise
from skzsl.text import LookupEncoder, TextKernel


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


def centred(table):
    """Vectors of a table, centred on the training labels and scaled to unit length."""
    return make_pipeline(LookupEncoder(table), StandardScaler(with_std=False), Normalizer())


def joined_text(texts):
    """Descriptions and Word2Vec side by side, through a Gaussian kernel on the training labels."""
    union = make_union(centred(texts["description"]), centred(texts["words"]))
    return make_pipeline(union, Normalizer(), TextKernel(), StandardScaler(with_std=False), Normalizer())


def to_unit_range(segments):
    """Bring quantised features to [-1, 1]."""
    return segments / 127.5 - 1.0


def plain_pipeline(model):
    """Features as they are published, but for their quantisation."""
    return make_pipeline(Segmentwise(FunctionTransformer(to_unit_range)), model)


def recipe(texts, seed, **settings):
    """The model of the benchmark: the default with these texts, with normalised scores."""
    return ScoreNormalizer(ZeroShotTemporalAttention(joined_text(texts), random_state=seed, **settings))
