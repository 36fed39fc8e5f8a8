"""Training inside ``torch.autocast`` keeps to what training in float32 does."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skzsl import (
    GlobalLocalAttentionClassifier,
    MultiLevelAttentionClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotTemporalAttention,
    indicator_frame,
)
from skzsl.text import HashingEncoder

LABELS = ["bell", "crow", "dog", "rain", "wind"]
NET = {"lr": 0.01, "max_epochs": 6, "batch_size": 32, "random_state": 0, "device": "cpu"}
TAGGERS = [
    MultiLevelAttentionClassifier("2-A-1-A", hidden_size=32, **NET),
    MultiLevelAttentionClassifier("1-A", hidden_size=32, **NET),
    GlobalLocalAttentionClassifier(hidden_size=32, window=2, **NET),
    GlobalLocalAttentionClassifier(
        MultiLevelAttentionClassifier("1-A-1-A", hidden_size=32, **NET),
        hidden_size=32, n_conv_layers=0, window=2, training="frozen_global", **NET,
    ),
]  # fmt: skip
TEXT = HashingEncoder(16)
ZERO_SHOT = [
    ZeroShotBilinear(TEXT, solver="minibatch", **NET),
    ZeroShotContrastive(TEXT, **NET),
    ZeroShotContrastive(TEXT, head="cscm", **NET),
    # A hinge loss near zero jumps at larger rates.
    ZeroShotTemporalAttention(TEXT, optimizer="AdamW", **{**NET, "lr": 0.003}),
]


@pytest.fixture
def clips(rng):
    """Segments and an indicator; 1 to 4 segments of a clip show its labels."""
    y = rng.random((200, 5)) < 0.3
    y[np.arange(200), rng.integers(0, 5, 200)] = True
    X = rng.normal(size=(200, 4, 16)).astype(np.float32)
    X[:, :3] += (y @ (2 * rng.normal(size=(5, 16))))[:, None].astype(np.float32)
    X[::5, 3] = 0
    return X, indicator_frame([[LABELS[column] for column in np.flatnonzero(row)] for row in y], labels=LABELS)


def fitted(model, X, y, precision="float32", device="cpu"):
    with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
        return clone(model).set_params(device=device).fit(X, y)


def both_losses(model, X, y, device="cpu"):
    """Losses of the epochs in float32 and in bfloat16, which differ."""
    models = [fitted(model, X, y, precision, device) for precision in ("float32", "bfloat16")]
    exact, half = ([epoch["train_loss"] for epoch in model.history_] for model in models)
    assert exact != half
    return exact, half


@pytest.mark.parametrize("model", TAGGERS + ZERO_SHOT, ids=lambda model: type(model).__name__)
def test_losses_in_bfloat16_follow_those_in_float32(model, clips):
    X, y = clips
    if isinstance(model, ZeroShotBilinear):
        X, y = X.mean(axis=1), y.columns[y.to_numpy().argmax(axis=1)]
    exact, half = both_losses(model, X, y)
    np.testing.assert_allclose(half, exact, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("model", TAGGERS, ids=lambda model: type(model).__name__)
def test_predictions_in_bfloat16_are_near_those_in_float32(model, clips):
    X, _ = clips
    model = fitted(model, *clips)
    exact = model.predict_proba(X)
    with torch.autocast("cpu", torch.bfloat16):
        half = model.predict_proba(X)
    assert half.dtype == exact.dtype
    np.testing.assert_allclose(half, exact, atol=0.03)


def test_the_setting_of_autocast_is_left_as_it_was(clips):
    with torch.autocast("cpu", torch.bfloat16):
        fitted(TAGGERS[0], *clips)
        assert torch.is_autocast_cache_enabled()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("model", TAGGERS + ZERO_SHOT[1:], ids=lambda model: type(model).__name__)
def test_losses_in_bfloat16_follow_those_in_float32_on_a_gpu(model, clips):
    exact, half = both_losses(model, *clips, device="cuda")
    np.testing.assert_allclose(half, exact, rtol=0.02, atol=0.05)
