"""Which parameters a net takes anew when its training goes on, and which start another net from its weights."""

import inspect

import numpy as np
import pytest
from skorch.callbacks import Callback

from skzsl import (
    GlobalLocalAttentionClassifier,
    MultiLevelAttentionClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotTemporalAttention,
)
from skzsl.text import HashingEncoder

MODELS = {
    "bilinear": ZeroShotBilinear(HashingEncoder(8), solver="minibatch"),
    "temporal attention": ZeroShotTemporalAttention(HashingEncoder(8), audio_sizes=(6,), text_sizes=(6,)),
    "contrastive": ZeroShotContrastive(HashingEncoder(8), head="linear"),
    "multi-level": MultiLevelAttentionClassifier("1-A", hidden_size=6),
    "global-local": GlobalLocalAttentionClassifier(hidden_size=6),
}
TAKEN_ANEW = {
    "lr": 0.002,
    "max_epochs": 2,
    "batch_size": 3,
    "memory": None,
    "warm_start": True,
    "text_encoder": HashingEncoder(9),
    "label_texts": {"rain": "heavy rain"},
    "temperature": 2.0,
    "threshold": 0.25,
    "seen_penalty": 0.5,
    "alpha": 0.25,
    "clip_score": "mean_then_project",
    "stream": "local",
}
STARTS_ANOTHER_NET = {
    "optimizer": "SGD",
    "weight_decay": 0.5,
    "shuffle": False,
    "device": "cpu",
    "callbacks": [Callback()],
    "validation_fraction": 0.4,
    "patience": 2,
    "random_state": 1,
    "verbose": True,
    "train_on": "fused",
    "margin": 2.0,
    "dropout": 0.1,
    "standardize": False,
    "logit_scale": 2.0,
    "one_cycle": False,
    "balanced": True,
    "mixup": 0.3,
    "averaged_epochs": 1,
    "attention_activation": "sigmoid",
    "n_windows": 1,
    "window": 2,
    "suppress": False,
    "training": "frozen_global",
}
CHANGES_THE_WEIGHTS = {  # which cannot be kept, or start in another way only
    *("solver", "init", "head", "token_grid", "hidden_size", "audio_sizes", "text_sizes"),
    *("architecture", "batch_norm", "n_conv_layers", "global_net"),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_training_parameter_is_listed_here(name):
    parameters = set(inspect.signature(type(MODELS[name])).parameters)
    assert parameters <= TAKEN_ANEW.keys() | STARTS_ANOTHER_NET.keys() | CHANGES_THE_WEIGHTS


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        (name, changed)
        for name, model in MODELS.items()
        for changed in {**TAKEN_ANEW, **STARTS_ANOTHER_NET}
        if changed in model.get_params()
    ],
)
def test_a_changed_parameter_starts_another_net_unless_the_net_can_take_it(rng, name, changed):
    X, y = rng.normal(size=(8, 3, 5)), ["rain", "dog"] * 4
    model = (
        MODELS[name]
        .__class__(**MODELS[name].get_params(deep=False))
        .set_params(max_epochs=1, warm_start=True, random_state=0)
    )
    net = model.fit(X, y)._net
    model.set_params(**{changed: {**TAKEN_ANEW, **STARTS_ANOTHER_NET}[changed]}).fit(X, y)
    assert (model._net is net) == (changed in TAKEN_ANEW)
    assert model.n_iter_ == 1 + model.max_epochs
    assert np.isfinite(model.predict_proba(X)).all()
