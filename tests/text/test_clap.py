import pickle
import shutil
import warnings

import numpy as np
import pytest
import torch
from agreement import assert_agree
from sklearn.base import clone

from skzsl import ZeroShotNearest
from skzsl.exceptions import ModelNotFoundError
from skzsl.text import ClapTextEncoder, Prompts, _cache

TEXTS = ["dog bark", "rain", "the sound of church bells", "bells"]
SIZES = {
    "vocab_size": 12,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
    "projection_dim": 8,
    "type_vocab_size": 1,
}
AUDIO_SIZES = {
    "patch_embeds_hidden_size": 16,
    "hidden_size": 32,
    "depths": [1, 1],
    "num_attention_heads": [2, 2],
    "spec_size": 64,
    "window_size": 4,
    "num_mel_bins": 16,
    "projection_dim": 8,
}


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    words = ["<s>", "<pad>", "</s>", "<unk>", "dog", "bark", "rain", "sound", "of", "the", "church", "bells"]
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **names)


@pytest.fixture(scope="module")
def text_tower():
    from transformers import ClapTextConfig, ClapTextModelWithProjection

    torch.manual_seed(0)
    return ClapTextModelWithProjection(ClapTextConfig(**SIZES)).eval()


@pytest.fixture
def folder(tmp_path, tokenizer, text_tower):
    text_tower.save_pretrained(tmp_path / "clap")
    tokenizer.save_pretrained(tmp_path / "clap")
    return tmp_path / "clap"


def tokens(tokenizer, texts):
    tokens = tokenizer(texts, padding=True, return_tensors="pt")
    return {name: tokens[name] for name in ("input_ids", "attention_mask")}


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_vectors_are_those_of_transformers_at_unit_length(folder, tokenizer, text_tower, batch_size):
    _cache.clear()
    with torch.no_grad():
        expected = torch.cat([text_tower(**tokens(tokenizer, [text])).text_embeds for text in TEXTS]).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    for path in (folder, str(folder)):
        vectors = ClapTextEncoder(path, batch_size=batch_size).fit_transform(TEXTS)
        assert_agree(vectors, expected)
        assert vectors.dtype == np.float32


def test_the_text_side_of_a_whole_clap_model_is_read_without_noise(tmp_path, tokenizer, capfd):
    from transformers import ClapConfig, ClapModel

    model = ClapModel(ClapConfig(text_config=SIZES, audio_config=AUDIO_SIZES, projection_dim=8)).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with torch.no_grad():
        features = model.get_text_features(**tokens(tokenizer, TEXTS))
    expected = getattr(features, "pooler_output", features).numpy()  # a tensor before transformers 5
    capfd.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vectors = ClapTextEncoder(tmp_path).fit_transform(TEXTS)
    assert_agree(vectors, expected)
    assert "".join(capfd.readouterr()) == ""


def test_long_texts_are_cut_at_their_end(folder):
    long, longer = ClapTextEncoder(folder).fit_transform(["dog " * 8, "dog " * 50 + "rain"])
    assert_agree(long, longer)


def test_each_text_is_encoded_once_per_process(folder, monkeypatch):
    _cache.clear()
    encoder = ClapTextEncoder(folder).fit(["dog", "rain"])
    encoded = []
    original = ClapTextEncoder._encode_new
    monkeypatch.setattr(ClapTextEncoder, "_encode_new", lambda *args: encoded.extend(args[2]) or original(*args))
    clone(encoder).fit(["rain", "bark", "bark"])
    pickle.loads(pickle.dumps(encoder)).transform(["bark", "dog"])
    assert encoded == ["bark"]
    assert len(pickle.dumps(encoder)) < 1000


def test_clips_of_the_same_space_find_their_labels(folder, rng):
    encoder = Prompts(ClapTextEncoder(folder), ["the sound of {label}", "{label}"])
    X = encoder.fit_transform(["dog", "rain", "bells"]) + 0.01 * rng.normal(size=(3, 8))
    model = ZeroShotNearest(encoder).fit(X)
    assert model.predict(X, labels=["rain", "bells", "dog"]).tolist() == ["dog", "rain", "bells"]
    same = pickle.loads(pickle.dumps(model.fit(X, ["dog", "rain", "bells"])))
    assert same.score(X, ["dog", "rain", "bells"]) == 1


@pytest.mark.parametrize("name", ["/no/such/model", "./clap", "clap"])
def test_missing_folder_is_named(name):
    with pytest.raises(ModelNotFoundError, match=f"no model folder at '{name}'; pass an existing folder or a name on"):
        ClapTextEncoder(name).fit(["dog"])


def test_model_that_the_hub_does_not_give_is_named():
    with pytest.raises(
        ModelNotFoundError, match=r"'someone/some-clap' is not in the local cache .* connect to the net"
    ):
        ClapTextEncoder("someone/some-clap").fit(["dog"])


@pytest.mark.parametrize("lost", ["model.safetensors", "tokenizer.json", "config.json"])
def test_incomplete_folder_is_named(folder, lost):
    (folder / lost).unlink()
    with pytest.raises(ModelNotFoundError, match=r"cannot be read as a CLAP model .* save_pretrained"):
        ClapTextEncoder(folder).fit(["dog"])


def test_other_models_are_refused_instead_of_read_with_random_weights(tmp_path, tokenizer):
    from transformers import RobertaConfig, RobertaModel

    sizes = {name: size for name, size in SIZES.items() if name != "projection_dim"}
    RobertaModel(RobertaConfig(**sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelNotFoundError, match=r"lacks weights of CLAP's text tower, such as 'text_"):
        ClapTextEncoder(tmp_path).fit(["dog"])


def test_a_model_can_come_later(folder, tmp_path):
    encoder = ClapTextEncoder(tmp_path / "later")
    with pytest.raises(ModelNotFoundError):
        encoder.fit(["dog"])
    shutil.copytree(folder, tmp_path / "later")
    assert encoder.fit_transform(["dog"]).shape == (1, 8)


@pytest.mark.parametrize(("texts", "message"), [("dog", "not a list of texts"), (["dog", ""], "Text 1 is empty")])
def test_bad_texts_are_refused_before_a_model_is_loaded(texts, message):
    with pytest.raises(ValueError, match=message):
        ClapTextEncoder("/no/such/model").fit(texts)
    with pytest.raises(ValueError, match="batch_size"):
        ClapTextEncoder("/no/such/model", batch_size=0).fit(["dog"])


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_named(folder, device):
    with pytest.raises(ValueError, match=rf"device='{device}' cannot hold the model \(.+\); pass 'cpu'"):
        ClapTextEncoder(folder, device=device).fit(["dog"])
