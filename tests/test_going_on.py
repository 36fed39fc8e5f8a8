"""Which parameters a net takes anew when its training goes on, and which start another net from its weights."""

import numpy as np
import pytest
from models import data, new
from skorch.callbacks import Callback

from skzsl import MultiLevelAttentionClassifier
from skzsl.text import HashingEncoder

NETS = ["bilinear, minibatch", "temporal attention", "contrastive, mlp", "multi-level", "global-local"]
TAKEN_ANEW = {
    "lr": 0.002,
    "max_epochs": 4,
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
    "optimizer": "RMSprop",
    "weight_decay": 0.5,
    "shuffle": False,
    "device": "auto",
    "callbacks": [Callback()],
    "validation_fraction": 0.4,
    "patience": 2,
    "random_state": 1,
    "verbose": True,
    "train_on": "fused",
    "margin": 0.0,
    "dropout": 0.1,
    "standardize": False,
    "logit_scale": 2.0,
    "one_cycle": False,
    "balanced": True,
    "mixup": 0.3,
    "averaged_epochs": 2,
    "attention_activation": "softmax_label",
    "n_windows": 1,
    "window": 3,
    "suppress": False,
    "training": "frozen_global",
}
CHANGES_THE_WEIGHTS = {  # which cannot be kept, or start in another way only
    "audio_sizes": (9, 8),
    "text_sizes": (9, 8),
    "hidden_size": 9,
    "head": "linear",
    "architecture": "3-A",
    "batch_norm": False,
    "n_conv_layers": 2,
    "global_net": MultiLevelAttentionClassifier("1-A", hidden_size=8),
    "token_grid": None,  # of another head
    "init": None,  # needs texts in the space of the clips
    "solver": "online",
}
EVERY = {**TAKEN_ANEW, **STARTS_ANOTHER_NET, **CHANGES_THE_WEIGHTS}
ACT_ELSEWHERE = {"device", "callbacks", "patience", "verbose", "token_grid", "init"} | TAKEN_ANEW.keys()
TRAIN = sorted((EVERY.keys() - ACT_ELSEWHERE) | {"lr", "max_epochs", "batch_size"})


def parameters_of(name, among):
    return [(name, parameter) for parameter in among if parameter in new(name).get_params(deep=False)]


@pytest.mark.parametrize("name", NETS)
def test_every_parameter_is_listed_here(name):
    assert new(name).get_params(deep=False).keys() <= EVERY.keys()


@pytest.mark.parametrize(
    ("name", "parameter"), [pair for name in NETS for pair in parameters_of(name, {**TAKEN_ANEW, **STARTS_ANOTHER_NET})]
)
def test_a_changed_parameter_starts_another_net_unless_the_net_can_take_it(name, parameter):
    X, y = data("one")
    model = new(name, max_epochs=2, warm_start=True)
    n_before = model.fit(X, y).n_iter_
    model.set_params(**{parameter: EVERY[parameter]}).fit(X, y)
    goes_on = len(model._net.epochs_since(0)) > len(model.history_) - n_before
    assert goes_on == (parameter in TAKEN_ANEW)
    assert model.n_iter_ == 2 + model.max_epochs
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize(("name", "parameter"), [pair for name in NETS for pair in parameters_of(name, TRAIN)])
def test_every_training_parameter_acts_and_repeats_with_the_seed(name, parameter):
    X, y = data("one" if name.startswith("bilinear") else "several")
    X = 2 * X + 1
    plain = new(name, max_epochs=3).fit(X, y).predict_proba(X)
    changed = {"max_epochs": 3, parameter: EVERY[parameter]}
    first, again = (new(name, **changed).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - plain).max() > 1e-5
