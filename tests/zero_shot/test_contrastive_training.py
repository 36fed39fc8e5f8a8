"""How the contrastive model trains: its objective, its scale, mixing, going on, new labels, failing."""

import numpy as np
import pandas as pd
import pytest
import torch
from scaled import clip_vectors, scaling
from skorch.callbacks import Callback, LRScheduler
from torch.nn import functional as F

from skzsl import ZeroShotContrastive, indicator_frame
from skzsl.nets import ContrastiveModule
from skzsl.nets.schedule import one_cycle
from skzsl.text import HashingEncoder, Prompts

HEADS = ["cscm", "mlp", "linear"]
NAMES = ["rain", "dog", "wind", "cat"]


def make_model(**parameters):
    defaults = {"hidden_size": 8, "max_epochs": 2, "lr": 0.01, "dropout": 0.0, "batch_size": 16, "random_state": 0}
    return ZeroShotContrastive(HashingEncoder(16), device="cpu", **{**defaults, **parameters})


@pytest.fixture
def clips(rng):
    """Clips of four segments, and the labels that each has, none to four."""
    values = (rng.random((40, 4)) < 0.4).astype(np.uint8)
    return rng.normal(size=(40, 4, 6)), pd.DataFrame(values, columns=NAMES)


@pytest.fixture
def named(rng):
    """Clips of four segments, and the label of each."""
    return rng.normal(size=(40, 4, 6)), rng.choice(NAMES, 40)


def weights(model):
    return np.concatenate([values.detach().numpy().ravel() for values in model.module_.state_dict().values()])


def scale_of(model):
    return model.module_.log_scale.exp().item()


def loss_of_pairs(scores, codes):
    """The paper's loss: each clip against the texts of the batch's clips, one of them its own, and the reverse."""
    pairs, own = scores[:, codes], torch.arange(len(codes))
    return (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.T, own)) / 2


@pytest.mark.parametrize("cycled", [False, True], ids=["constant", "one cycle"])
@pytest.mark.parametrize("scale", ["learned", 3.0], ids=str)
@pytest.mark.parametrize("head", HEADS)
def test_training_equals_a_plain_torch_loop(named, head, scale, cycled):
    X, y = named
    settings = {"head": head, "logit_scale": scale, "optimizer": "SGD", "shuffle": False, "one_cycle": cycled}
    model = make_model(lr=0.05, **settings)
    start = make_model(**{**settings, "lr": 1e-30, "max_epochs": 1}).fit(X, y).module_
    clips = X if head == "cscm" else clip_vectors(X)[:, None]
    module = ContrastiveModule(clips.shape[2], 16, head, 8, logit_scale=None if scale == "learned" else scale)
    module.load_state_dict(start.state_dict())
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.reset_running_stats()
    shift, weight = scaling(X) if head == "cscm" else (np.zeros(12), np.ones(12))
    np.testing.assert_allclose(module.shift, shift, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(module.weight, weight, rtol=1e-4)
    labels = sorted(NAMES)
    vectors = torch.from_numpy(HashingEncoder(16).fit_transform(labels)).float()
    codes = torch.tensor([labels.index(label) for label in y])
    segments, mask = torch.from_numpy(clips).float(), torch.ones(clips.shape[:2], dtype=torch.bool)
    optimizer, losses, step = torch.optim.SGD(module.parameters(), lr=0.05), [], 0
    for _ in range(2):
        total = 0.0
        for rows in torch.arange(40).split(16):
            optimizer.param_groups[0]["lr"] = 0.05 * one_cycle(step / 6) if cycled else 0.05
            optimizer.zero_grad()
            loss = loss_of_pairs(module(segments[rows], mask[rows], vectors), codes[rows])
            loss.backward()
            optimizer.step()
            total, step = total + loss.item() * len(rows), step + 1
        losses.append(total / 40)
    model.fit(X, y)
    for name, values in module.state_dict().items():
        torch.testing.assert_close(model.module_.state_dict()[name], values, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose([epoch["train_loss"] for epoch in model.history_], losses, rtol=1e-4)


def test_the_papers_settings_run_and_the_rate_falls_by_a_factor_each_epoch(named):
    X, y = named
    model = ZeroShotContrastive(
        Prompts(HashingEncoder(16), "an audio clip of {label}"),
        head="cscm",
        **{"optimizer": "SGD", "weight_decay": 5e-4, "batch_size": 16, "lr": 8e-5, "logit_scale": 1.0},
        **{"one_cycle": False, "max_epochs": 30, "hidden_size": 8, "random_state": 0, "device": "cpu"},
        callbacks=[LRScheduler("ExponentialLR", gamma=0.96)],
    ).fit(X, y)
    np.testing.assert_allclose([epoch["event_lr"] for epoch in model.history_], 8e-5 * 0.96 ** np.arange(30))
    assert model.n_iter_ == 30
    assert scale_of(model) == 1.0
    with pytest.raises(ValueError, match="pass one_cycle=False"):
        make_model(callbacks=[LRScheduler("ExponentialLR", gamma=0.96)]).fit(X, y)


def test_a_learned_scale_moves_and_stays_below_a_hundred():
    """Clips on a circle, whose cosines with their own label and its neighbours differ little at best."""
    angles, y = np.arange(12) * np.pi / 6, np.array(list("abcdefghijkl"))
    X = np.c_[np.cos(angles), np.sin(angles)]
    axes = dict(zip(y.tolist(), np.eye(12), strict=True))  # on which scores are as long as the scale
    scales = {}
    for lr in (1e-30, 0.01, 0.3):
        model = make_model(lr=lr, max_epochs=60, head="linear", one_cycle=False).set_params(text_encoder=axes).fit(X, y)
        lengths = np.linalg.norm(model.decision_function(X), axis=1)
        scales[lr] = lengths.mean()
        np.testing.assert_allclose(lengths, min(100, scale_of(model)), rtol=1e-5)
    assert scales[1e-30] == pytest.approx(1 / 0.07)
    assert abs(scales[0.01] - scales[1e-30]) > 0.1
    assert scales[0.3] == pytest.approx(100)


@pytest.mark.parametrize("scale", [1.0, 4, 200.0], ids=str)
def test_a_fixed_scale_stays(clips, scale):
    model = make_model(logit_scale=scale, lr=0.1, weight_decay=1.0, max_epochs=5).fit(*clips)
    assert scale_of(model) == pytest.approx(scale)


def test_going_on_with_another_scale_takes_it(clips):
    model = make_model().fit(*clips)
    model.set_params(logit_scale=5.0).partial_fit(*clips)
    assert scale_of(model) == pytest.approx(5.0)
    model.set_params(logit_scale="learned", lr=0.1).partial_fit(*clips)
    assert 0.1 < abs(scale_of(model) - 5.0) < 4


def test_a_scale_of_one_keeps_the_loss_above_its_floor(word_sounds):
    X, y = word_sounds[0][::10], word_sounds[1][::10]
    settings = {"lr": 0.03, "max_epochs": 100, "head": "linear"}
    losses = {
        scale: make_model(logit_scale=scale, **settings).fit(X, y).history_[-1]["train_loss"]
        for scale in (1.0, "learned")
    }
    assert losses[1.0] > np.log(1 + 11 * np.exp(-2)) > 0.5 > losses["learned"]


@pytest.mark.parametrize("head", HEADS)
def test_batches_without_any_label_do_not_spoil_training(clips, head):
    X, _ = clips
    rare = pd.DataFrame(np.eye(40, 4, dtype=np.uint8), columns=NAMES)
    model = make_model(head=head, batch_size=4).fit(X, rare)
    assert np.isfinite(model.decision_function(X)).all()
    assert model.partial_fit(X, rare * 0).history_[-1]["train_loss"] == 0.0


@pytest.mark.parametrize("head", HEADS)
def test_a_last_batch_of_one_clip_costs_nothing(named, head):
    X, y = named
    settings = {"head": head, "shuffle": False, "standardize": False, "one_cycle": False, "optimizer": "SGD"}
    model, other = (make_model(**settings, batch_size=39).fit(X[:n_clips], y[:n_clips]) for n_clips in (40, 39))
    for values, expected in zip(model.module_.parameters(), other.module_.parameters(), strict=True):
        torch.testing.assert_close(values, expected)
    assert np.isfinite(model.decision_function(X)).all()


class Rates(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_end(self, net, **kwargs):
        self.seen.append(net.optimizer_.param_groups[0]["lr"])


def test_a_fit_is_a_cycle_of_the_rate_and_a_part_is_not(clips):
    rates = Rates()
    model = make_model(callbacks=[rates]).fit(*clips)
    np.testing.assert_allclose(rates.seen, [0.01 * one_cycle(step / 6) for step in range(6)])
    model.partial_fit(*clips)
    assert rates.seen[6:] == [0.01] * 3


@pytest.mark.parametrize("warm", [False, True], ids=["partial_fit", "warm_start"])
def test_new_labels_join(clips, named, warm):
    X, y = clips
    model = make_model(warm_start=warm).fit(X, y.assign(cat=0))
    (model.fit if warm else model.partial_fit)(X, pd.DataFrame({"siren": y["cat"], "dog": y["dog"], "bell": 0}))
    assert model.classes_.tolist() == [*NAMES, "siren", "bell"]
    assert model.seen_classes_.tolist() == ["rain", "dog", "wind", "siren"]
    single = make_model(warm_start=warm).fit(*named)
    (single.fit if warm else single.partial_fit)(X, np.resize(["bell", "dog"], 40))
    assert single.classes_.tolist() == sorted([*NAMES, "bell"])
    with pytest.raises(ValueError, match="training began with one label a clip"):
        single.partial_fit(X, y)


def test_early_stopping_works_on_a_single_held_out_clip(word_sounds):
    X, y = word_sounds
    model = make_model(head="mlp", max_epochs=8, validation_fraction=1 / len(y)).fit(X, y)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert min(losses) > 0
    assert len(set(losses)) == len(losses)


def test_what_has_nothing_to_be_told_from_is_refused(named):
    X, y = named
    with pytest.raises(ValueError, match="batch_size=1;"):
        make_model(batch_size=1).fit(X, y)
    model = make_model().fit(X, y)
    before, rain = weights(model), y == "rain"
    alike = indicator_frame([["rain"]] * len(X), labels=["rain", "siren"])
    with pytest.raises(ValueError, match="label 'rain', and there is nothing to tell it from"):
        make_model().partial_fit(X, alike)
    alike.loc[0, "rain"] = 0  # then the others are told from a clip without it
    make_model().partial_fit(X, alike)
    for label in ("rain", "siren"):
        with pytest.raises(ValueError, match=f"label '{label}', and there is nothing to tell it from"):
            model.partial_fit(X[rain], np.full(rain.sum(), label))
    np.testing.assert_array_equal(weights(model), before)
    assert "siren" not in model.classes_


def test_a_text_without_a_direction_is_refused(named):
    X, y = named
    table = dict(zip(NAMES, np.eye(4), strict=True))
    zero = {**table, "rain": np.zeros(4)}
    with pytest.raises(ValueError, match="text vector of 'rain' is zero"):
        make_model().set_params(text_encoder=zero).fit(X, y)
    model = make_model().set_params(text_encoder={**table, "hum": np.zeros(4)}).fit(X, y)
    with pytest.raises(ValueError, match="text vector of 'hum' is zero"):
        model.predict(X, labels=["rain", "hum"])
