"""The main job on real embeddings; skipped, with a word why, where the data is absent."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skzsl import ZeroShotBilinear, ZeroShotContrastive, ZeroShotConvex, ZeroShotRidgeCV
from skzsl.datasets import load_esc50_embeddings
from skzsl.model_selection import LeaveOneCategoryOut, zero_shot_scorer
from skzsl.preprocessing import SegmentPooling
from skzsl.text import Prompts


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


@pytest.mark.parametrize(("groups", "floor"), [("random_folds", 0.55), ("categories", 0.27)])
def test_defaults_recognise_unseen_labels_of_esc50(esc50, groups, floor):
    model = ZeroShotBilinear(random_state=0)
    folds = LeaveOneCategoryOut(esc50[groups])
    scores = cross_val_score(model, esc50.X, esc50.y, cv=folds, scoring=zero_shot_scorer(), error_score="raise")
    assert scores.mean() > floor


def roots(*steps):
    """Roots of mean and maximum over segments, and what follows."""
    return make_pipeline(SegmentPooling("mean+max"), FunctionTransformer(np.sqrt), *steps)


@pytest.mark.parametrize(("groups", "floor"), [("random_folds", 0.57), ("categories", 0.27)])
def test_the_closed_form_chooses_its_regularisers_on_unseen_labels(esc50, groups, floor):
    folds = LeaveOneCategoryOut(esc50[groups])
    scores = cross_val_score(
        ZeroShotRidgeCV(cv=3), esc50.X, esc50.y, cv=folds, scoring=zero_shot_scorer(), error_score="raise"
    )
    assert scores.mean() > floor


def test_class_scores_name_sounds_without_training(data, esc50):
    with np.load(data / "esc50_yamnet.npz", allow_pickle=False) as stored:
        scores, names = stored["scores"].astype(np.float32).mean(axis=1), stored["score_class_name"].tolist()
    model = ZeroShotConvex(source_labels=names).fit(scores)
    assert np.mean(model.predict(scores, labels=esc50.labels) == esc50.y) > 0.57


def test_sounds_and_prompted_texts_are_aligned(esc50):
    prompts = Prompts(templates="an audio clip of {label}")
    net = ZeroShotContrastive(prompts, head="mlp", standardize=False, max_epochs=15, random_state=0)
    train = esc50.fold != 1
    model = roots(net).fit(esc50.X[train], esc50.y[train])
    assert model.score(esc50.X[~train], esc50.y[~train]) > 0.86


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"esc50_yamnet\.npz.*is missing"):
        load_esc50_embeddings(tmp_path)
