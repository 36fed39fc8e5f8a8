"""How the minibatch solver trains: parameters, going on, failing, diverging."""

import functools

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, LRScheduler

from skzsl import ZeroShotBilinear
from skzsl.text import HashingEncoder, Prompts


def make_model(**parameters):
    defaults = {"solver": "minibatch", "random_state": 0, "device": "cpu", "lr": 0.01, "max_epochs": 3}
    return ZeroShotBilinear(HashingEncoder(), **{**defaults, **parameters})


@pytest.fixture
def noise(rng):
    """Clips that cannot be learned, so that every pass in every order moves the map its own way."""
    return rng.normal(size=(120, 24)), rng.choice(["rain", "dog", "wind", "siren"], 120)


class Record(Callback):
    def __init__(self):
        self.epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs += 1


def test_weight_decay_shrinks_the_map(word_sounds):
    plain, decayed = (make_model(optimizer="AdamW", weight_decay=decay).fit(*word_sounds) for decay in (0.0, 5.0))
    assert np.linalg.norm(decayed.coef_) < np.linalg.norm(plain.coef_)


def test_callbacks_see_every_epoch(word_sounds):
    record = Record()
    make_model(callbacks=[record], max_epochs=5).fit(*word_sounds)
    assert record.epochs == 5


def test_checkpoints_keep_the_best_epoch(word_sounds, tmp_path):
    make_model(callbacks=[Checkpoint(dirname=str(tmp_path))], validation_fraction=0.2).fit(*word_sounds)
    assert (tmp_path / "params.pt").exists()


def test_momentum_can_be_fixed_in_the_optimizer(word_sounds):
    with_momentum = make_model(optimizer=functools.partial(torch.optim.SGD, momentum=0.9)).fit(*word_sounds)
    assert not np.allclose(with_momentum.coef_, make_model(optimizer="SGD").fit(*word_sounds).coef_)
    make_model(optimizer=functools.partial(torch.optim.SGD, foreach=True)).fit(*word_sounds)
    with pytest.raises(ValueError, match=r"fixes weight_decay; pass weight_decay=0\.5 to the estimator"):
        make_model(optimizer=functools.partial(torch.optim.SGD, weight_decay=0.5)).fit(*word_sounds)


def test_warm_start_takes_a_new_learning_rate_and_other_settings(word_sounds):
    model = make_model(warm_start=True).fit(*word_sounds)
    before = model.coef_
    model.set_params(lr=1e-12).fit(*word_sounds)
    np.testing.assert_allclose(model.coef_, before, atol=1e-7)
    record = Record()
    model.set_params(optimizer="SGD", callbacks=[record]).fit(*word_sounds)
    np.testing.assert_allclose(model.coef_, before, atol=1e-7)
    assert record.epochs == 3
    assert model.n_iter_ == len(model.history_) == 9
    with pytest.raises(ValueError, match="device='nonsense'"):
        model.set_params(device="nonsense").fit(*word_sounds)


def test_warm_start_holds_out_the_same_clips(word_sounds, monkeypatch):
    from skzsl.nets import EmbeddingNet

    held_out = []
    split = EmbeddingNet.get_split_datasets

    def spy(self, *args, **kwargs):
        train, valid = split(self, *args, **kwargs)
        held_out.append(sorted(valid.rows.tolist()))
        return train, valid

    monkeypatch.setattr(EmbeddingNet, "get_split_datasets", spy)
    model = make_model(warm_start=True, validation_fraction=0.2)
    model.fit(*word_sounds).fit(*word_sounds)
    assert held_out[0] == held_out[1]


def test_passes_are_counted_across_solvers(word_sounds):
    model = make_model(solver="online", max_epochs=4).fit(*word_sounds)
    model.set_params(solver="minibatch").partial_fit(*word_sounds)
    assert model.n_iter_ == len(model.history_) == 5
    model.set_params(solver="online").fit(*word_sounds)
    assert model.n_iter_ == len(model.history_) == 4


def test_passes_of_the_online_solver_that_diverge_are_an_error_that_names_the_rate(word_sounds):
    X, y = word_sounds
    with pytest.raises(ValueError, match=r"Training diverged.*Lower lr=0\.01"):
        make_model(solver="online", standardize=False).fit(1e160 * X, y)
    model = make_model(solver="online", standardize=False).fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match="diverged"):
        model.partial_fit(-1e160 * X, y)
    np.testing.assert_array_equal(model.predict(X), expected)


def packed(X):
    rows = np.zeros(len(X), dtype=[("a", "u1"), ("x", "f4", X.shape[1:])])
    rows["x"] = X
    return rows


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X[:, ::-1],
        lambda X: X[::-1],
        lambda X: X.astype(">f4"),
        lambda X: X.astype(np.longdouble),
        lambda X: np.round(10 * np.abs(X)).astype(np.uint16),
        np.asfortranarray,
        lambda X: packed(X)["x"],
    ],
    ids=["reversed features", "reversed clips", "big endian", "long double", "uint16", "Fortran", "packed"],
)
def test_arrays_that_torch_cannot_share_give_the_map_of_their_values(word_sounds, change):
    X, y = word_sounds
    odd = change(X)
    plain = np.ascontiguousarray(odd, dtype=np.float32)
    maps = [make_model(standardize=False).fit(clips, y).coef_ for clips in (odd, plain)]
    np.testing.assert_array_equal(*maps)


def test_passes_go_on_with_every_kind_of_optimizer_and_callback(word_sounds, tmp_path):
    class WithFile(Record):
        file = (tmp_path / "log").open("w")

    class Local(torch.optim.SGD):
        pass

    record = WithFile()
    record.open_file = WithFile.file
    for optimizer in ("LBFGS", Local, "AdamW"):
        model = make_model(optimizer=optimizer, callbacks=[record])
        for _ in range(3):
            model.partial_fit(*word_sounds)
        assert model.n_iter_ == 3
    assert record.epochs == 9
    WithFile.file.close()


class Interrupt(Callback):
    def on_batch_end(self, net, training=False, **kwargs):
        if self.armed:
            raise KeyboardInterrupt


def test_an_interrupt_within_an_epoch_gives_the_model_back(noise):
    interrupt = Interrupt()
    interrupt.armed = False
    model = make_model(callbacks=[interrupt]).fit(*noise)
    twin = make_model(callbacks=[interrupt]).fit(*noise)
    interrupt.armed = True
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(*noise)
    interrupt.armed = False
    np.testing.assert_array_equal(model.partial_fit(*noise).coef_, twin.partial_fit(*noise).coef_)
    assert model.n_iter_ == 4


def test_a_last_step_that_diverges_does_not_ruin_the_model(word_sounds):
    X, y = word_sounds
    model = make_model(max_epochs=1, batch_size=200, lr=1e-4, standardize=False).fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match=r"weights are no longer finite. Lower lr=1e\+38"):
        model.set_params(lr=1e38).partial_fit(10 * X, y)
    model.set_params(lr=1e-4)
    np.testing.assert_array_equal(model.predict(X), expected)
    model.partial_fit(X, y)


def test_schedules_go_on_from_pass_to_pass(word_sounds):
    def rates(model):
        return [epoch["event_lr"] for epoch in model.history_]

    def schedule():
        return [LRScheduler("ExponentialLR", gamma=0.5)]

    model = make_model(callbacks=schedule())
    for _ in range(4):
        model.partial_fit(*word_sounds)
    np.testing.assert_allclose(rates(model), [0.01, 0.005, 0.0025, 0.00125])
    whole = make_model(callbacks=schedule(), max_epochs=4).fit(*word_sounds)
    np.testing.assert_allclose(rates(whole), rates(model))


def test_callbacks_added_in_place_join_a_warm_start(word_sounds):
    record = Record()
    model = make_model(warm_start=True, callbacks=[]).fit(*word_sounds)
    model.callbacks.append(record)
    assert [epoch["epoch"] for epoch in model.fit(*word_sounds).history_] == [1, 2, 3, 4, 5, 6]
    assert record.epochs == 3


def test_parameters_of_the_encoder_are_checked_too(word_sounds):
    with pytest.raises(ValueError, match="'n_features' parameter of HashingEncoder"):
        ZeroShotBilinear(HashingEncoder(-3)).fit(*word_sounds)
    with pytest.raises(ValueError, match="'n_features' parameter of HashingEncoder"):
        ZeroShotBilinear(Prompts(HashingEncoder(-3))).fit(*word_sounds)


def test_tiny_data_keep_a_clip_to_train_on():
    model = make_model(validation_fraction=0.9).fit(np.eye(2), ["rain", "dog"])
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize(
    "parameters",
    [{"callbacks": [Record()]}, {"validation_fraction": 0.1}, {"weight_decay": 0.1}],
    ids=["callbacks", "validation", "decay"],
)
def test_parameters_of_the_other_solver_are_refused(word_sounds, parameters):
    with pytest.raises(ValueError, match=r"has no effect on solver='online'"):
        make_model(solver="online", **parameters).fit(*word_sounds)
