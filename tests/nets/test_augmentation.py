"""What training does to batches, rates, weights and units."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from agreement import assert_agree
from skorch.callbacks import Callback

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
from skzsl._indicators import balancing_chances, log_odds_of_labels
from skzsl.nets.augmentation import MixedBatches, mix
from skzsl.nets.batches import RowBatches, RowData
from skzsl.nets.layers import ReLUDropout, RowNorm
from skzsl.nets.schedule import CycledBatches, WeightAverage, one_cycle


def written_out_mix(segments, mask, targets, share, order):
    mixed, present = np.zeros_like(segments), np.zeros_like(mask)
    labels = np.zeros((len(segments), targets.shape[1]))
    for n, other in enumerate(order):
        labels[n] = share[n] * targets[n] + (1 - share[n]) * targets[other]
        for t in range(segments.shape[1]):
            present[n, t] = mask[n, t] or mask[other, t]
            if mask[n, t] and mask[other, t]:
                mixed[n, t] = share[n] * segments[n, t] + (1 - share[n]) * segments[other, t]
            elif present[n, t]:
                mixed[n, t] = segments[n, t] if mask[n, t] else segments[other, t]
    return mixed, present, labels


@pytest.fixture
def batch(rng):
    """Six clips of 1 to 4 of 5 segments, the others NaN or far off, with two labels."""
    mask = np.arange(5) < np.array([4, 1, 3, 2, 4, 1])[:, None]
    segments = np.where(mask[:, :, None], rng.normal(size=(6, 5, 3)), [np.nan, 1e30, np.inf])
    return segments, mask, (rng.random((6, 2)) < 0.5).astype(np.uint8)


@pytest.mark.parametrize("extreme", [False, True], ids=["shares", "0 and 1"])
def test_mixed_clips_equal_a_loop(batch, rng, extreme):
    segments, mask, targets = batch
    share = np.array([0.0, 1.0] * 3) if extreme else rng.random(6)
    order = np.array([1, 0, 5, 3, 2, 4])
    (mixed, present), labels = mix(*(torch.from_numpy(array) for array in (*batch, share, order)))
    expected = written_out_mix(np.where(mask[:, :, None], segments, 0), mask, targets, share, order)
    for found, wanted in zip((mixed, present, labels), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    np.testing.assert_array_equal(torch.from_numpy(segments).isnan().any(dim=2), ~mask)


def test_mixing_takes_shares_of_beta_and_partners_of_the_same_batch():
    numbers = np.arange(4000.0)
    data = RowData((numbers[:, None, None], np.ones((4000, 1), dtype=bool)), np.eye(2)[np.arange(4000) % 2])
    torch.manual_seed(0)
    batches = MixedBatches(RowBatches(data, 1000, "cpu"), 0.4)
    assert len(batches) == 4
    assert batches.n_rows == 4000
    shares = []
    for first, ((segments, mask), targets) in zip(range(0, 4000, 1000), batches, strict=True):
        assert mask.all()
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(1000, dtype=targets.dtype))
        assert first <= segments.min() < segments.max() < first + 1000
        own = targets[torch.arange(1000), torch.arange(1000) % 2]
        shares.append(own[own < 1 - 1e-6])
    shares = torch.cat(shares)
    assert 1850 < len(shares) < 2150
    assert abs(shares.mean() - 0.5) < 0.05
    assert abs(shares.var() - 0.25 / (2 * 0.4 + 1)) < 0.01


def test_one_cycle_rises_for_three_tenths_and_falls_to_zero():
    assert one_cycle(0) == pytest.approx(1 / 25)
    assert one_cycle(0.15) == pytest.approx((1 + 1 / 25) / 2)
    assert one_cycle(0.3) == pytest.approx(1)
    assert one_cycle(0.65) == pytest.approx(0.5)
    assert one_cycle(1) == pytest.approx(0)
    rates = [one_cycle(step / 1000) for step in range(1001)]
    assert np.argmax(rates) == 300
    assert (np.diff(rates[:301]) > 0).all()
    assert (np.diff(rates[300:]) < 0).all()
    assert np.abs(np.diff(rates)).max() < 0.006


def test_rates_follow_the_steps_of_the_whole_training():
    data = RowData((np.ones((10, 1, 1)),), np.ones(10))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=9.0)
    rates = []
    for first in (0, 3, 6):
        batches = CycledBatches(RowBatches(data, 4, "cpu"), optimizer, 0.5, first, 9)
        assert len(batches) == 3
        rates += [optimizer.param_groups[0]["lr"] for _ in batches]
    assert rates == [0.5 * one_cycle(step / 9) for step in range(9)]


class Recorder(Callback):
    """Weights after every epoch."""

    def on_train_begin(self, net, **kwargs):
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append({name: values.clone() for name, values in net.module_.state_dict().items()})


@pytest.fixture
def clips(rng):
    values = (rng.random((60, 3)) < 0.4).astype(np.uint8)
    return rng.normal(size=(60, 4, 5)), pd.DataFrame(values, columns=["rain", "dog", "wind"])


@pytest.mark.parametrize("averaged_epochs", [1, 2, 4])
@pytest.mark.parametrize(
    "model", [MultiLevelAttentionClassifier, partial(GlobalLocalAttentionClassifier, None)], ids=["multi", "local"]
)
def test_weights_are_the_mean_of_those_after_the_last_epochs(clips, model, averaged_epochs):
    recorder = Recorder()
    settings = {"hidden_size": 6, "max_epochs": 5, "random_state": 0, "device": "cpu", "batch_size": 16, "lr": 0.05}
    fitted = model(averaged_epochs=averaged_epochs, callbacks=[recorder], **settings).fit(*clips)
    for name, values in fitted.module_.state_dict().items():
        last = torch.stack([epoch[name] for epoch in recorder.seen[5 - averaged_epochs :]]).double()
        if values.is_floating_point():
            assert_agree(values, last.mean(dim=0))
    plain = model(**settings).fit(*clips).module_.state_dict()
    for name, values in recorder.seen[-1].items():
        torch.testing.assert_close(plain[name], values)
    assert len(recorder.seen) == fitted.n_iter_ == 5


@pytest.mark.parametrize(
    "model", [MultiLevelAttentionClassifier, partial(GlobalLocalAttentionClassifier, None)], ids=["multi", "local"]
)
def test_single_passes_after_a_cycle_are_made_at_the_full_rate(clips, model):
    settings = {"optimizer": "SGD", "shuffle": False, "dropout": 0.0, "lr": 0.1, "random_state": 0, "device": "cpu"}
    cycled, constant = (model(hidden_size=6, max_epochs=2, **settings).fit(*clips) for _ in range(2))
    constant.set_params(one_cycle=False)
    states = [fitted.partial_fit(*clips).module_.state_dict() for fitted in (cycled, constant)]
    for name, values in states[0].items():
        torch.testing.assert_close(states[1][name], values)


def test_an_average_of_nothing_changes_nothing():
    module = torch.nn.Linear(2, 2)
    average = WeightAverage(module)
    with torch.no_grad():
        module.weight.fill_(3.0)
    average.load()
    assert (module.weight == 3).all()
    average.update()
    with torch.no_grad():
        module.weight.fill_(5.0)
    average.update()
    average.load()
    assert (module.weight == 4).all()


def test_balanced_draws_meet_every_label_equally_often(rng):
    targets = (rng.random((2000, 5)) < [0.5, 0.2, 0.05, 0.01, 0]).astype(np.uint8)
    alone = targets * (targets.cumsum(axis=1) == 1)  # one label a clip
    chances = balancing_chances(alone)
    assert chances.sum() == pytest.approx(1)
    assert (chances[~alone.any(axis=1)] == 0).all()
    np.testing.assert_allclose(chances @ alone, [0.25] * 4 + [0])
    data = RowData((np.arange(2000.0)[:, None, None],), alone)
    drawn = [targets for _, targets in RowBatches(data, 100, "cpu", np.random.RandomState(0), chances)]
    assert len(drawn) == 20
    np.testing.assert_allclose(torch.cat(drawn).double().mean(dim=0), [0.25] * 4 + [0], atol=0.04)


def test_clips_of_several_labels_have_the_chances_of_all(rng):
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(balancing_chances(targets), np.array([5 / 6, 1 / 3, 0, 1 / 2, 1 / 3]) / 2)
    with pytest.raises(ValueError, match="None of the 5 clips to train on has a label to balance"):
        balancing_chances(0 * targets)


def test_log_odds_are_those_of_the_clips_as_drawn():
    targets = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]], dtype=np.uint8)
    np.testing.assert_allclose(log_odds_of_labels(targets), np.log([4.5 / 0.5, 0.5 / 4.5, 1.5 / 3.5]))
    drawn = log_odds_of_labels(targets, np.array([0.7, 0.1, 0.1, 0.1]))
    np.testing.assert_allclose(drawn, np.log([4.5 / 0.5, 0.5 / 4.5, 3.3 / 1.7]))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4, 0.75, 0.999])
def test_dropped_units_are_as_many_as_asked_and_the_others_make_up_for_them(rate):
    torch.manual_seed(0)
    values = torch.rand(400, 501) + 0.5
    values[:, ::3] *= -1
    result = ReLUDropout(rate).train()(values)
    positive = values > 0
    assert (result[~positive] == 0).all()
    assert abs((result[positive] == 0).double().mean() - rate) < 0.005
    kept = result > 0
    scale = (result / values)[kept]
    torch.testing.assert_close(scale, scale[:1].expand_as(scale))
    assert scale[0].item() == pytest.approx(256 / (256 - min(round(256 * rate), 255)))
    if rate < 0.9:
        assert result[positive].mean().item() == pytest.approx(values[positive].mean().item(), rel=0.02)
        neighbours = np.corrcoef(kept[:, 1:-1:3].flatten(), kept[:, 2::3].flatten())[0, 1] if rate else 0.0
        assert abs(neighbours) < 0.02


def test_dropped_units_pass_no_gradient():
    torch.manual_seed(0)
    values = torch.randn(30, 41).requires_grad_()
    result = ReLUDropout(0.4).train()(values)
    upstream = torch.rand(30, 41)
    result.backward(upstream)
    scale = 256 / (256 - 102)
    torch.testing.assert_close(values.grad, upstream * scale * (result > 0))
    torch.testing.assert_close(result.detach(), values.detach() * scale * (result > 0))


@pytest.mark.parametrize("settings", [{"rate": 0.4}, {"rate": 0.0, "training": True}], ids=["evaluation", "rate 0"])
def test_nothing_is_dropped_in_evaluation_or_at_rate_zero(settings):
    values = torch.randn(10, 7)
    copy = values.clone()
    layer = ReLUDropout(settings["rate"]).train(settings.get("training", False))
    assert layer(values).equal(copy.clamp(min=0))


def test_dropped_units_repeat_with_the_seed_of_torch_and_change_with_each_call():
    values, layer = torch.ones(9, 5), ReLUDropout(0.5).train()
    torch.manual_seed(3)
    first, second = layer(values), layer(values)
    torch.manual_seed(3)
    assert layer(values).equal(first)
    assert not first.equal(second)


@pytest.mark.parametrize("n_values", [1, 7, 8, 9])
def test_any_number_of_units_can_be_dropped(n_values):
    torch.manual_seed(0)
    layer = ReLUDropout(0.5).train()
    kept = torch.stack([layer(torch.ones(1, n_values))[0] > 0 for _ in range(400)]).double().mean(dim=0)
    assert (torch.abs(kept - 0.5) < 0.1).all()


def test_one_row_is_standardised_by_the_running_statistics():
    torch.manual_seed(0)
    norm, plain = RowNorm(3), torch.nn.BatchNorm1d(3)
    rows = 3 * torch.randn(50, 3) + 2
    torch.testing.assert_close(norm.train()(rows), plain.train()(rows))
    for name, values in norm.state_dict().items():
        assert values.equal(plain.state_dict()[name])
    before = {name: values.clone() for name, values in norm.state_dict().items()}
    torch.testing.assert_close(norm.train()(rows[:1]), plain.eval()(rows[:1]))
    for name, values in norm.state_dict().items():
        assert values.equal(before[name])
    norm.train()(rows[:1]).sum().backward()
    assert (norm.weight.grad != 0).all()
    expected = math.sqrt(norm.running_var[0] + norm.eps)
    assert norm.weight.grad[0].item() == pytest.approx((rows[0, 0] - norm.running_mean[0]).item() / expected, rel=1e-4)
