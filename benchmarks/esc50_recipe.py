"""Audio and text vectors of the ESC-50 benchmark, as scikit-learn transformers."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from skzsl.datasets import load_esc50_embeddings
from skzsl.preprocessing import SegmentPooling
from skzsl.text import SentenceEncoder


class ShrunkPCA(PCA):
    """PCA with partial whitening: components are divided by the root of their variance plus a share of the total."""

    def __init__(self, n_components=None, *, shrink=0.03, svd_solver="randomized", iterated_power=2, random_state=0):
        super().__init__(n_components, svd_solver=svd_solver, iterated_power=iterated_power, random_state=random_state)
        self.shrink = shrink

    def transform(self, X):
        variance = self.explained_variance_
        return super().transform(X) / np.sqrt(variance + self.shrink * variance.sum())

    def fit_transform(self, X, y=None):
        return self.fit(X).transform(X)


class AddWords:
    """Label name to the name and its synonyms."""

    def __init__(self, synonyms):
        self.synonyms = synonyms

    def __call__(self, names):
        return [", ".join(dict.fromkeys([name, *self.synonyms[name]])) for name in names]


def load(folder):
    """ESC-50, and roots of mean and maximum over segments."""
    esc50 = load_esc50_embeddings(folder)
    return esc50, np.sqrt(SegmentPooling("mean+max").fit_transform(esc50.X))


def unit_halves(X):
    """Scale the means and the maxima of a clip to unit length, each by itself."""
    return np.hstack(
        [half / np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-12) for half in np.hsplit(X, 2)]
    )


def divide_by_root_of_width(vectors):
    """Bring whitened vectors back to about unit length."""
    return vectors / np.sqrt(vectors.shape[1])


def audio(first, n_components=128):
    """Turn roots of mean and maximum over segments into 128 partly whitened dimensions at unit length."""
    return make_pipeline(*first, ShrunkPCA(n_components), Normalizer())


def centred(*first):
    """MiniLM vectors, centred on the training labels and scaled to unit length."""
    return make_pipeline(*first, SentenceEncoder(), Normalizer(), StandardScaler(with_std=False), Normalizer())


def texts(synonyms):
    """Encode names; or names joined with synonyms, plain or whitened."""
    union = make_union(centred(), centred(FunctionTransformer(AddWords(synonyms))))
    whitening = PCA(0.999, whiten=True, svd_solver="full")
    return {
        "names": [centred()],
        "joined": [make_pipeline(union, Normalizer())],
        "joined or whitened": [
            make_pipeline(union, Normalizer()),
            make_pipeline(union, whitening, FunctionTransformer(divide_by_root_of_width)),
        ],
    }
