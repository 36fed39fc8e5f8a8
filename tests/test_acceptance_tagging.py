"""Tagging on real features; skipped, with a word why, where the data is absent."""

import pytest
import torch

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl.datasets import load_audioset_vggish
from skzsl.model_selection import ThresholdTuner, get_scorer


@pytest.fixture(scope="module")
def audioset(data):
    """All clips of the balanced set, and a quarter of the evaluation set."""
    train = load_audioset_vggish(data / "audioset_vggish_bal_train.npz")
    test = load_audioset_vggish(data / "audioset_vggish_eval.npz")
    return (train.X, train.y), (test.X[::4], test.y.iloc[::4])


@pytest.fixture(scope="module")
def tagger(audioset):
    model = MultiLevelAttentionClassifier(
        "1-A",
        attention_activation="sigmoid",
        hidden_size=200,
        dropout=0.2,
        lr=0.005,
        weight_decay=0.0,
        batch_size=256,
        max_epochs=3,
    )
    return model.set_params(random_state=0, device="cpu").fit(*audioset[0])


def test_few_epochs_on_audioset_pass_a_net_on_clip_means(tagger, audioset):
    assert get_scorer("map")(tagger, *audioset[1]) > 0.253
    assert get_scorer("auc")(tagger, *audioset[1]) > 0.93


def test_thresholds_of_held_out_clips_serve_new_clips(tagger, audioset):
    X, y = audioset[1]
    half = len(X) // 2
    tuner = ThresholdTuner(tagger, cv="prefit").fit(X[:half], y.iloc[:half])
    new = X[half:], y.iloc[half:]
    assert get_scorer("f1_micro")(tuner, *new) > get_scorer("f1_micro")(tagger, *new) + 0.02


def test_windows_add_to_a_global_stream(audioset):
    (X, y), test = audioset
    model = GlobalLocalAttentionClassifier(
        None,
        hidden_size=200,
        dropout=0.0,
        weight_decay=0.0,
        n_windows=10,
        n_conv_layers=0,
        lr=0.003,
        batch_size=256,
        max_epochs=4,
        random_state=0,
        device="cpu",
    ).fit(X, y)
    fused, alone = (get_scorer("map")(model.set_params(stream=stream), *test) for stream in ("fused", "global"))
    assert fused > alone + 0.005


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_tags_as_well(tagger, audioset):
    (X, y), test = audioset
    other = MultiLevelAttentionClassifier(**{**tagger.get_params(), "device": "cuda"}).fit(X, y)
    assert get_scorer("map")(other, *test) == pytest.approx(get_scorer("map")(tagger, *test), abs=0.01)
