"""Sparse indicators: models learn from them what they learn from dense ones, and predict what they predict."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from models import MODELS, N_CLIPS
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skzsl import _labels
from skzsl._labels import encode_targets

NAMES = ["rain", "dog", "wind", "cat", "siren"]
SEVERAL = {name: model.estimator for name, model in MODELS.items() if "several" in model.kinds}


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    y = pd.DataFrame((rng.random((N_CLIPS, 5)) < 0.4).astype(np.uint8), columns=NAMES)
    y.iloc[:, 4] = 0  # unseen
    return rng.normal(size=(N_CLIPS, 4, 8)) ** 2, y


@pytest.mark.parametrize("name", SEVERAL)
def test_sparse_columns_teach_what_dense_ones_do(clips, name):
    X, y = clips
    if name == "convex of scores":
        X = X[..., :4]
    sparse = y.astype(pd.SparseDtype(np.uint8, 0))
    dense_model, sparse_model = clone(SEVERAL[name]).fit(X, y), clone(SEVERAL[name]).fit(X, sparse)
    assert_array_equal(sparse_model.decision_function(X), dense_model.decision_function(X))
    assert sparse_model.classes_.tolist() == dense_model.classes_.tolist()
    assert sparse_model.seen_classes_.tolist() == dense_model.seen_classes_.tolist()
    predicted = sparse_model.predict(X)
    assert type(predicted) is np.ndarray
    assert predicted.dtype == dense_model.predict(X).dtype == np.uint8
    assert sparse_model.score(X, sparse) == dense_model.score(X, y)


@pytest.mark.parametrize("name", [name for name, model in SEVERAL.items() if hasattr(model, "label_texts")])
def test_label_texts_name_the_columns_of_a_sparse_matrix(clips, name):
    X, y = clips
    model = clone(SEVERAL[name])
    if model.get_params().get("source_labels") is not None:
        pytest.skip("its text encoder has other texts")
    model.set_params(label_texts=NAMES)
    fitted = [clone(model).fit(X, given) for given in (sp.coo_array(y.to_numpy(bool)), y.to_numpy(bool))]
    assert_array_equal(fitted[0].decision_function(X), fitted[1].decision_function(X))
    assert fitted[0].classes_.tolist() == NAMES
    assert fitted[0].predict(X).dtype == bool


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.epochs])
def test_many_single_labels_train_from_a_sparse_indicator_all_the_same(clips, name, monkeypatch):
    X, _ = clips
    y = np.resize(NAMES, N_CLIPS)
    expected = clone(MODELS[name].estimator).fit(X, y).decision_function(X)
    monkeypatch.setattr(_labels, "_DENSE_CELLS", 10)
    assert sp.issparse(encode_targets(y, N_CLIPS).indicator())
    assert_array_equal(clone(MODELS[name].estimator).fit(X, y).decision_function(X), expected)
