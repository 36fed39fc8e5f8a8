"""Models that start from the identity, for clips and texts in one space."""

import numpy as np
import pytest
from agreement import assert_agree
from sklearn.base import clone

from skzsl import ZeroShotBilinear, ZeroShotContrastive, ZeroShotNearest
from skzsl.text import HashingEncoder

ENCODER = HashingEncoder(48)
SEEN = ["slow bark", "fast bark", "slow beep", "fast ring", "slow hum", "fast buzz", "medium bark", "medium ring"]
UNSEEN = ["medium beep", "slow ring", "fast hum", "medium hum", "slow buzz", "fast beep"]
SETTINGS = {"init": "identity", "standardize": False, "max_epochs": 3, "random_state": 0}
MODELS = {
    "online": ZeroShotBilinear(ENCODER, lr=0.003, **SETTINGS),
    "minibatch": ZeroShotBilinear(ENCODER, solver="minibatch", optimizer="AdamW", lr=0.003, device="cpu", **SETTINGS),
    "contrastive": ZeroShotContrastive(ENCODER, head="linear", lr=0.01, device="cpu", **SETTINGS),
}


@pytest.fixture
def bent_space(rng):
    """Unit vectors near those of the labels, after a map near the identity, and the label of each clip."""
    y = np.repeat(SEEN + UNSEEN, 20)
    bend = np.eye(48) + 0.25 * rng.normal(size=(48, 48))
    X = (ENCODER.fit_transform(y.tolist()) + 0.15 * rng.normal(size=(len(y), 48))) @ bend
    return X / np.linalg.norm(X, axis=1, keepdims=True), y


@pytest.mark.parametrize("name", MODELS)
def test_before_training_scores_are_those_of_the_nearest_label(bent_space, name):
    X, y = bent_space
    model = clone(MODELS[name]).set_params(lr=1e-12, max_epochs=1).fit(X, y)
    nearest = ZeroShotNearest(ENCODER).fit(X, y).decision_function(X)
    scale = 1 / 0.07 if name == "contrastive" else 1.0
    assert_agree(model.decision_function(X), scale * nearest)


@pytest.mark.parametrize("name", MODELS)
def test_adapting_helps_seen_and_unseen_labels(bent_space, name):
    X, y = bent_space
    known = np.isin(y, SEEN)
    nearest = ZeroShotNearest(ENCODER).fit(X[known], y[known])
    model = clone(MODELS[name]).fit(X[known], y[known])
    assert model.score(X[known], y[known]) > nearest.score(X[known], y[known])
    scores = [m.score(X[~known], y[~known], labels=UNSEEN) for m in (model, nearest)]
    assert scores[0] >= scores[1] > 0.5
    elsewhere = clone(model).set_params(init="random" if name == "contrastive" else "zeros").fit(X[known], y[known])
    assert scores[0] > elsewhere.score(X[~known], y[~known], labels=UNSEEN)


@pytest.mark.parametrize("name", MODELS)
def test_a_second_call_goes_on_instead_of_starting_again(bent_space, name):
    X, y = bent_space
    model = clone(MODELS[name]).set_params(max_epochs=1, warm_start=True).fit(X, y)
    once = model.decision_function(X)
    further = np.abs(model.fit(X, y).decision_function(X) - once).max()
    again = np.abs(clone(model).fit(X, y).decision_function(X) - once).max()
    assert further > again == 0
    streamed = clone(model).set_params(warm_start=False).partial_fit(X[::2], y[::2]).partial_fit(X[1::2], y[1::2])
    assert streamed.score(X, y) > 0.5


@pytest.mark.parametrize("name", MODELS)
def test_other_sizes_are_refused_before_training(bent_space, name):
    X, y = bent_space
    with pytest.raises(ValueError, match="X has 40 features and text_encoder gives vectors of 48 numbers"):
        clone(MODELS[name]).fit(X[:, :40], y)


@pytest.mark.parametrize("name", MODELS)
def test_the_default_encoder_is_refused(bent_space, name):
    with pytest.raises(ValueError, match="text_encoder=None; pass the text side of the model that made X"):
        clone(MODELS[name]).set_params(text_encoder=None).fit(*bent_space)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("contrastive", {"head": "mlp"}), ("contrastive", {"head": "cscm"})]
    + [(name, {"standardize": True}) for name in MODELS],
)
def test_what_moves_the_clips_cannot_start_there(bent_space, name, settings):
    with pytest.raises(ValueError, match="init='identity' leaves the clips where they are"):
        clone(MODELS[name]).set_params(**settings).fit(*bent_space)
