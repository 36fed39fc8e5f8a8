"""How both taggers train: their objective, stopping, going on, failing."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback
from torch.nn import functional as F

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl.nets.schedule import one_cycle

LABELS = ["siren", "rain", "dog", "wind"]


@pytest.fixture(
    params=[MultiLevelAttentionClassifier, partial(GlobalLocalAttentionClassifier, None)], ids=["multi", "global-local"]
)
def make_model(request):
    def make(**parameters):
        defaults = {"hidden_size": 8, "max_epochs": 2, "lr": 0.01, "dropout": 0.0, "batch_size": 32}
        return request.param(**{**defaults, "random_state": 0, "device": "cpu", **parameters})

    return make


@pytest.fixture
def clips(rng):
    values = (rng.random((60, 4)) < 0.4).astype(np.uint8)
    return rng.normal(size=(60, 5, 6)), pd.DataFrame(values, columns=LABELS)


def weights(model):
    return np.concatenate([values.detach().numpy().ravel() for values in model.module_.state_dict().values()])


def written_out_loss(outputs, targets):
    streams = outputs.unbind(dim=1) if outputs.ndim == 3 else [outputs]
    return sum(F.binary_cross_entropy(torch.sigmoid(stream), targets) for stream in streams)


@pytest.mark.parametrize("cycled", [False, True], ids=["constant", "one cycle"])
def test_training_equals_a_plain_torch_loop(make_model, clips, cycled):
    X, y = clips
    settings = {"optimizer": "SGD", "weight_decay": 0.0, "shuffle": False, "batch_size": 16, "one_cycle": cycled}
    model = make_model(**settings, lr=0.1)
    module = make_model(**settings, lr=1e-30, max_epochs=1).fit(X, y).module_.train()
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.reset_running_stats()
    segments, mask = torch.from_numpy(X).float(), torch.ones(60, 5, dtype=torch.bool)
    targets, losses, step = torch.tensor(y.to_numpy(), dtype=torch.float32), [], 0
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(2):
        total = 0.0
        for first in range(0, 60, 16):
            rows = slice(first, first + 16)
            optimizer.param_groups[0]["lr"] = 0.1 * one_cycle(step / 8) if cycled else 0.1
            optimizer.zero_grad()
            loss = written_out_loss(module(segments[rows], mask[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            total, step = total + loss.item() * len(segments[rows]), step + 1
        losses.append(total / 60)
    model.fit(X, y)
    for name, values in module.state_dict().items():
        torch.testing.assert_close(model.module_.state_dict()[name], values, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose([epoch["train_loss"] for epoch in model.history_], losses, rtol=1e-4)
    np.testing.assert_allclose([epoch["epoch"] for epoch in model.history_], [1, 2])


@pytest.mark.parametrize("balanced", [False, True])
def test_training_starts_near_the_frequencies_of_rare_labels(make_model, rng, balanced):
    X = rng.normal(size=(2000, 2, 6))
    y = pd.DataFrame(np.arange(2000)[:, None] % [1000, 200, 20, 3] == 0, columns=LABELS)
    model = make_model(lr=1e-30, max_epochs=1, balanced=balanced).fit(X, y)
    chances = (y / y.sum()).sum(axis=1) / 4 if balanced else np.full(2000, 1 / 2000)
    frequencies = chances @ y.to_numpy()
    probabilities = model.predict_proba(X)
    assert (np.abs(probabilities.mean(axis=0) - frequencies) < 0.15).all()
    rare = probabilities[:, :2]
    assert rare.min() > 0.1 if balanced else rare.max() < 0.1


def test_held_out_clips_without_labels_are_an_error_that_says_so(make_model, clips):
    X, y = clips
    first_only = y * 0
    first_only.loc[0] = 1
    with pytest.raises(ValueError, match="6 clips held out for validation have no label"):
        make_model(validation_fraction=0.1).fit(X, first_only)
    messages = {"held out for validation have no label", "None of the 30 clips to train on has a label"}
    for seed in range(4):
        with pytest.raises(ValueError, match="|".join(messages)):
            make_model(validation_fraction=0.5, balanced=True, random_state=seed).fit(X, first_only)


def test_batch_sizes_may_be_numbers_of_numpy(make_model, clips):
    np.testing.assert_array_equal(
        weights(make_model(batch_size=np.int64(8)).fit(*clips)), weights(make_model(batch_size=8).fit(*clips))
    )


def test_labels_announced_too_late_are_refused(make_model, clips):
    X, y = clips
    model = make_model().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"Labels \['hail'\] were not in the first call"):
        model.partial_fit(X, y, classes=[*y.columns, "hail"])
    model.partial_fit(X, y, classes=list(y.columns))
    single = make_model().fit(X, np.resize(LABELS, 60))
    with pytest.raises(ValueError, match=r"Labels \['bell'\] were not in the first call"):
        single.partial_fit(X, ["bell"] * 60)
    assert single.partial_fit(X, ["rain"] * 60).n_iter_ == 3


def test_the_only_clip_cannot_be_held_out(make_model, clips):
    X, y = clips
    with pytest.raises(ValueError, match=r"validation_fraction=0\.5 holds clips out, and there is only one"):
        make_model(validation_fraction=0.5).fit(X[:1], y[:1] * 0 + 1)


def test_labels_without_a_positive_clip_are_trained_as_absent(make_model, clips):
    X, y = clips
    for change in ({}, {"balanced": True}, {"mixup": 0.4}):
        model = make_model(**change).fit(X, y.assign(bell=0)[["bell", *LABELS]])
        assert model.classes_.tolist() == ["bell", *LABELS]
        assert model.seen_classes_.tolist() == LABELS
        probabilities = model.predict_proba(X)
        assert probabilities[:, 0].mean() < probabilities[:, 1:].mean()


def test_parts_keep_to_the_labels_of_the_first(make_model, clips):
    X, y = clips
    model = make_model().partial_fit(X, y[["rain", "dog"]], classes=["wind", "dog"])
    assert model.classes_.tolist() == ["wind", "dog", "rain"]
    assert model.seen_classes_.tolist() == ["dog", "rain"]
    model.partial_fit(X, y[["rain", "wind"]])
    assert model.seen_classes_.tolist() == ["wind", "dog", "rain"]
    with pytest.raises(ValueError, match=r"Labels \['siren'\] were not in the first call"):
        model.partial_fit(X, y)
    assert model.predict(X).shape == (60, 3)
    ordered, twin = make_model().fit(X, y), make_model().fit(X, y)
    ordered.partial_fit(X, y[LABELS[::-1]])
    np.testing.assert_array_equal(weights(ordered), weights(twin.partial_fit(X, y)))
    absent = make_model().fit(X, y).partial_fit(X, y[["dog", "wind"]])
    twin = make_model().fit(X, y).partial_fit(X, y.assign(siren=0, rain=0))
    np.testing.assert_array_equal(weights(absent), weights(twin))


def test_a_part_without_any_positive_clip_teaches_that_labels_are_absent(make_model, clips):
    X, y = clips
    with pytest.raises(ValueError, match="no positive clip"):
        make_model().partial_fit(X, y * 0)
    model = make_model(one_cycle=False, lr=0.05).fit(X, y)
    before = model.predict_proba(X).mean()
    for _ in range(5):
        model.partial_fit(X, y * 0)
    assert model.predict_proba(X).mean() < before - 0.1
    assert model.seen_classes_.tolist() == LABELS


@pytest.mark.parametrize("averaged_epochs", [0, 2])
def test_training_that_a_person_interrupts_keeps_what_it_learnt(make_model, clips, averaged_epochs):
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    settings = {"one_cycle": False, "averaged_epochs": averaged_epochs}
    model = make_model(max_epochs=9, callbacks=[Interrupt()], **settings).fit(*clips)
    assert model.n_iter_ == 3
    whole = make_model(max_epochs=3, one_cycle=False).fit(*clips)
    np.testing.assert_array_equal(weights(model), weights(whole))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"averaged_epochs": 2, "validation_fraction": 0.2}, "use one of the two"),
        ({"averaged_epochs": 3}, "averaged_epochs=3 is more than max_epochs=2"),
        ({"balanced": True, "shuffle": False}, "balanced=True .* needs shuffle=True"),
        ({"memory": "cache", "warm_start": True}, "use one of the two"),
        ({"threshold": float("nan")}, "no number"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together_are_refused(make_model, clips, parameters, message):
    with pytest.raises(ValueError, match=message):
        make_model(**parameters).fit(*clips)
