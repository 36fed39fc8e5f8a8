"""The main job on real embeddings; skipped, with a word why, where the data is absent."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from skzsl import ZeroShotBilinear
from skzsl.datasets import load_esc50_embeddings
from skzsl.model_selection import LeaveOneCategoryOut, zero_shot_scorer
from skzsl.preprocessing import SegmentPooling


@pytest.fixture(scope="module")
def esc50(data):
    return load_esc50_embeddings(data)


def test_esc50_is_as_published(esc50):
    assert esc50.X.shape == (2000, 9, 1024)
    assert esc50.X.min() >= 0
    assert len(np.unique(esc50.recordings)) == 1524
    labels, counts = np.unique(esc50.y, return_counts=True)
    assert set(counts) == {40}
    assert set(labels) == set(esc50.categories) == set(esc50.random_folds) == set(esc50.synonyms)
    for groups in (esc50.categories, esc50.random_folds):
        assert set(np.unique(list(groups.values()), return_counts=True)[1]) == {10}


@pytest.mark.parametrize(("groups", "floor"), [("random_folds", 0.45), ("categories", 0.18)])
def test_defaults_recognise_unseen_labels_of_esc50(esc50, groups, floor):
    model = make_pipeline(
        SegmentPooling(), FunctionTransformer(np.sqrt), Normalizer(), ZeroShotBilinear(random_state=0)
    )
    folds = LeaveOneCategoryOut(esc50[groups])
    scores = cross_val_score(model, esc50.X, esc50.y, cv=folds, scoring=zero_shot_scorer(), error_score="raise")
    assert scores.mean() > floor


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"esc50_yamnet\.npz.*is missing"):
        load_esc50_embeddings(tmp_path)
