"""How the temporal attention model trains: its objective, going on, new labels, failing."""

import numpy as np
import pandas as pd
import pytest
import torch
from scaled import scaling

from skzsl import ZeroShotTemporalAttention
from skzsl.nets import MultilabelRankingLoss, TemporalAttentionModule
from skzsl.nets.schedule import one_cycle
from skzsl.text import HashingEncoder, WordAverage


def make_model(**parameters):
    defaults = {
        "audio_sizes": (8,),
        "text_sizes": (12, 8),
        "optimizer": "SGD",
        "max_epochs": 2,
        "lr": 0.01,
        "dropout": 0.0,
        "batch_size": 32,
        "random_state": 0,
    }
    return ZeroShotTemporalAttention(HashingEncoder(16), device="cpu", **{**defaults, **parameters})


def random_clips(rng, names=("rain", "dog", "wind", "cat"), n_clips=40):
    return rng.normal(size=(n_clips, 4, 6)), pd.DataFrame(
        (rng.random((n_clips, len(names))) < 0.4).astype(np.uint8), columns=list(names)
    )


@pytest.fixture
def clips(rng):
    return random_clips(rng)


def weights(model):
    return np.concatenate([parameter.detach().numpy().ravel() for parameter in model.module_.parameters()])


@pytest.mark.parametrize("cycled", [False, True], ids=["constant", "one cycle"])
@pytest.mark.parametrize("train_on", ["attention", "fused"])
@pytest.mark.parametrize("clip_score", ["project_then_mean", "mean_then_project"])
def test_training_equals_a_plain_torch_loop(clips, train_on, clip_score, cycled):
    X, y = clips
    settings = {"shuffle": False, "batch_size": 16, "margin": 0.7, "alpha": 0.3, "lr": 0.1, "one_cycle": cycled}
    model = make_model(train_on=train_on, clip_score=clip_score, **settings)
    start = make_model(train_on=train_on, clip_score=clip_score, **{**settings, "lr": 1e-30, "max_epochs": 1})
    state = start.fit(X, y).module_.state_dict()
    segments = torch.from_numpy(X).float()
    mask, vectors = torch.ones(40, 4, dtype=torch.bool), HashingEncoder(16).fit_transform(list(y))
    module = TemporalAttentionModule(
        6, 16, (8,), (12, 8), project_mean=clip_score == "mean_then_project", start=state,
        alpha=1.0 if train_on == "attention" else 0.3,
    )  # fmt: skip
    shift, weight = scaling(X)
    np.testing.assert_allclose(module.shift, shift, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(module.weight, weight, rtol=1e-4)
    optimizer, loss = torch.optim.SGD(module.parameters(), lr=0.1), MultilabelRankingLoss(0.7)
    losses, step = [], 0
    for _ in range(2):
        total = 0.0
        for first in range(0, 40, 16):
            rows, step = slice(first, first + 16), step + 1
            optimizer.param_groups[0]["lr"] = 0.1 * one_cycle((step - 1) / 6) if cycled else 0.1
            optimizer.zero_grad()
            batch = loss(
                module(segments[rows], mask[rows], torch.from_numpy(vectors).float()), torch.tensor(y.to_numpy()[rows])
            )
            batch.backward()
            optimizer.step()
            total += batch.item() * len(segments[rows])
        losses.append(total / 40)
    expected = np.concatenate([parameter.detach().numpy().ravel() for parameter in module.parameters()])
    np.testing.assert_allclose(weights(model.fit(X, y)), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose([epoch["train_loss"] for epoch in model.history_], losses, rtol=1e-4)


def test_the_papers_settings_run(clips):
    X, y = clips
    model = ZeroShotTemporalAttention(
        WordAverage(HashingEncoder(16)),
        optimizer="SGD",
        lr=0.01,
        one_cycle=False,
        max_epochs=100,
        batch_size=32,
        text_sizes=(512, 128),
        dropout=0.0,
        standardize=False,
        random_state=0,
        device="cpu",
    ).fit(X, y)
    losses = [epoch["train_loss"] for epoch in model.history_]
    assert model.n_iter_ == len(losses) == 100
    assert losses[-1] < losses[0]
    uniform = make_model(alpha=0.0, train_on="fused", optimizer="SGD", standardize=False).fit(X, y)
    np.testing.assert_array_equal(uniform.predict(X), (uniform.decision_function(X) > 1.51).astype(np.uint8))


def test_clips_with_no_label_or_with_all_of_them_cost_nothing(rng):
    X, names = rng.normal(size=(20, 3, 6)), ["rain", "dog"]
    y = pd.DataFrame(np.resize([[0, 0], [1, 1]], (20, 2)), columns=names)
    model = make_model(optimizer="SGD").fit(X, y)
    assert [epoch["train_loss"] for epoch in model.history_] == [0.0, 0.0]


@pytest.mark.parametrize("warm", [False, True], ids=["partial_fit", "warm_start"])
def test_new_columns_join_behind_the_old_and_missing_ones_are_kept(clips, rng, warm):
    X, y = clips
    model = make_model(warm_start=warm).fit(X, y.assign(cat=0))
    assert model.seen_classes_.tolist() == ["rain", "dog", "wind"]
    new = pd.DataFrame({"siren": y["cat"], "dog": y["dog"], "bell": 0})
    (model.fit if warm else model.partial_fit)(X, new)
    assert model.classes_.tolist() == ["rain", "dog", "wind", "cat", "siren", "bell"]
    assert model.seen_classes_.tolist() == ["rain", "dog", "wind", "siren"]
    assert model.predict(X).shape == (40, 6)
    (model.fit if warm else model.partial_fit)(X, y[["cat"]])
    assert model.seen_classes_.tolist() == ["rain", "dog", "wind", "cat", "siren"]


def test_announced_labels_are_candidates_before_they_are_met(clips):
    X, y = clips
    model = make_model().partial_fit(X, y[["rain", "dog"]], classes=["siren", "dog"])
    assert model.classes_.tolist() == ["siren", "dog", "rain"]
    assert model.seen_classes_.tolist() == ["dog", "rain"]


def test_a_first_part_without_any_positive_clip_is_an_error_that_says_so(clips):
    X, y = clips
    with pytest.raises(ValueError, match="no positive clip"):
        make_model().partial_fit(X, y * 0)


def test_later_parts_without_any_positive_clip_change_no_label(clips):
    X, y = clips
    model = make_model().fit(X, y).partial_fit(X, y * 0)
    assert model.seen_classes_.tolist() == y.columns.tolist()
    assert model.history_[-1]["train_loss"] == 0.0


def test_names_and_numbers_of_labels_are_never_mixed(clips):
    X, y = clips
    model = make_model().fit(X, y)
    with pytest.raises(ValueError, match="type"):
        model.partial_fit(X, y.to_numpy())


@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_widths_given_anew_are_the_same_widths(clips, kind):
    X, y = clips
    model = make_model(text_sizes=kind([12, 8])).fit(X, y)
    model.set_params(text_sizes=kind([12, 8])).partial_fit(X, y)
    np.testing.assert_array_equal(weights(model), weights(make_model().fit(X, y).partial_fit(X, y)))


def test_dropout_acts_in_training_only_and_repeats_with_the_seed(rng):
    X, y = random_clips(rng)
    plain, dropped, again = (make_model(dropout=share).fit(X, y) for share in (0.0, 0.5, 0.5))
    assert np.abs(plain.decision_function(X) - dropped.decision_function(X)).max() > 1e-3
    np.testing.assert_array_equal(dropped.decision_function(X), again.decision_function(X))
    np.testing.assert_array_equal(dropped.decision_function(X), dropped.decision_function(X))
