"""Several labels a clip on real features; skipped, with a word why, where the data is absent."""

import numpy as np
import pandas as pd
import pytest
import torch

from skzsl import ScoreNormalizer, ZeroRuleClassifier, ZeroShotTemporalAttention
from skzsl.datasets import load_audioset_ontology, load_audioset_vggish, select_leaf_labels
from skzsl.model_selection import GreedyLabelFolds, ThresholdTuner, get_scorer
from skzsl.text import LookupEncoder


@pytest.fixture(scope="module")
def rotation(data):
    """Clips and labels of the first rotation's three parts, and a table of description vectors."""
    part = load_audioset_vggish(data / "audioset_vggish_eval.npz")
    leaves = select_leaf_labels(load_audioset_ontology(data / "audioset_ontology.json"), part.y.columns)
    with np.load(data / "label_embeddings.npz", allow_pickle=False) as stored:
        table = pd.DataFrame(stored["audioset527_minilm_description"], index=stored["audioset527_name"])
    rows = next(GreedyLabelFolds(3).rotations(part.X, part.y[leaves]))
    return [(part.X[r], part.y[leaves].iloc[r]) for r in rows], table


def test_unseen_labels_of_audioset_are_ranked_and_tagged_far_above_chance(rotation):
    (train, validation, test), table = rotation
    attention = ZeroShotTemporalAttention(LookupEncoder(table), random_state=0)
    model = ScoreNormalizer(attention).fit(*train)
    assert set(model.seen_classes_).isdisjoint(test[1].columns[test[1].any()])
    chance = test[1].loc[:, test[1].any()].to_numpy().mean()
    assert get_scorer("zsl_map")(model, *test) > 3 * chance
    assert get_scorer("zsl_auc")(model, *test) > 0.65
    tuner = ThresholdTuner(model, cv="prefit").fit(*validation)
    oracle = get_scorer("f1_micro")(ZeroRuleClassifier().fit(*test), *test)
    assert get_scorer("zsl_f1_micro")(tuner, *test) > oracle


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_ranks_unseen_labels_as_well(rotation):
    (train, _, test), table = rotation
    scores = {}
    for device in ("cpu", "cuda"):
        model = ZeroShotTemporalAttention(LookupEncoder(table), device=device, random_state=0)
        scores[device] = get_scorer("zsl_auc")(model.fit(*train), *test)
    assert scores["cuda"] == pytest.approx(scores["cpu"], abs=0.02)
