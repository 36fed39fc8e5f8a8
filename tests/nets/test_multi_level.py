import numpy as np
import pytest
import torch

from skzsl.nets import MultiLevelAttentionModule, TaggingLoss
from skzsl.nets.multi_level import log_odds
from skzsl.tagging._multi_level import parse_architecture

D, C, H = 5, 3, 8
PUBLISHED = [
    *("3-A", "6-A", "9-A", "1-A-1-A-1-A", "2-A-1-A"),
    *("2-A-2-A-2-A", "3-A-3-A", "3-A-3-A-3-A", "5-A-4-A"),
]
ODDS = np.array([-2.0, 0.5, -0.5])


def levels_of(architecture, reading="softmax_label"):
    return [(depth, reading if pool == "A" else pool) for depth, pool in parse_architecture(architecture)]


def make_module(architecture="2-A-1-A", reading="softmax_label", **settings):
    """A module of doubles whose weights, batch statistics and units are far from those of the start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = MultiLevelAttentionModule(D, ODDS, levels_of(architecture, reading), H, dropout=0.5, **settings)
        for name, values in module.state_dict().items():
            if name.endswith("var") or name == "weight":
                values.uniform_(0.5, 1.5)
            elif values.is_floating_point():
                values.add_(0.4 * torch.randn_like(values))
    return module.double().eval()


@pytest.fixture
def ragged(rng):
    """Four clips of 6, 3, 1 and 5 of 6 segments, the others NaN, and their mask."""
    mask = np.arange(6) < np.array([6, 3, 1, 5])[:, None]
    segments = np.where(mask[:, :, None], rng.normal(size=(4, 6, D)), np.nan)
    return torch.from_numpy(segments), torch.from_numpy(mask)


def logistic(values):
    return 1 / (1 + np.exp(-values))


def dense(state, name, row):
    return state[f"{name}.weight"] @ row + state[f"{name}.bias"]


def written_out_pool(state, name, reading, rows):
    """Probabilities (C,) of one clip from the features (t, h) of its segments."""
    probabilities = np.array([logistic(dense(state, f"{name}.score", row)) for row in rows])
    if reading == "max":
        return probabilities.max(axis=0)
    if reading == "mean":
        return probabilities.mean(axis=0)
    logits = np.array([dense(state, f"{name}.attention", row) for row in rows])
    if reading == "softmax_label":
        weights = np.array([np.exp(row) / np.exp(row).sum() for row in logits]).clip(1e-7, 1 - 1e-7)
    else:
        weights = logistic(logits) if reading == "sigmoid" else np.exp(logits)
    return (weights * probabilities).sum(axis=0) / weights.sum(axis=0)


def written_out(module, levels, clip, batch_norm=True):
    """Log-odds (C,) of one clip (t, d), a segment, a layer and a level at a time."""
    state = {name: values.numpy() for name, values in module.state_dict().items()}
    rows = [(segment - state["shift"]) * state["weight"] for segment in clip]
    pooled = []
    for level, (depth, reading) in enumerate(levels):
        for layer in range(depth):
            name = f"blocks.{level}.{layer}"
            rows = [dense(state, f"{name}.0", row) for row in rows]
            if batch_norm:
                mean, variance = state[f"{name}.1.running_mean"], state[f"{name}.1.running_var"]
                gain, offset = state[f"{name}.1.weight"], state[f"{name}.1.bias"]
                rows = [gain * (row - mean) / np.sqrt(variance + 1e-5) + offset for row in rows]
            rows = [np.maximum(row, 0) for row in rows]
        pooled.append(written_out_pool(state, f"pools.{level}", reading, rows))
    if len(levels) > 1:
        return dense(state, "fuse", np.concatenate(pooled))
    return np.log(pooled[0] / (1 - pooled[0]))


@pytest.mark.parametrize("reading", ["softmax_label", "softmax_time", "sigmoid"])
@pytest.mark.parametrize("architecture", [*PUBLISHED, "3-mean", "2-max", "1-mean-2-A-1-max"])
@pytest.mark.parametrize("batch_norm", [True, False], ids=["norm", "plain"])
def test_log_odds_equal_the_written_out_loops(ragged, architecture, reading, batch_norm):
    module, levels = make_module(architecture, reading, batch_norm=batch_norm), levels_of(architecture, reading)
    scores = module(*ragged).detach().numpy()
    expected = [
        written_out(module, levels, clip[there].numpy(), batch_norm) for clip, there in zip(*ragged, strict=True)
    ]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-8)
    assert np.ptp(scores, axis=0).min() > 1e-4


def test_the_published_net_has_as_many_parameters_as_published():
    module = MultiLevelAttentionModule(128, np.zeros(527), levels_of("2-A-1-A"), 600, batch_norm=False)
    assert sum(parameter.numel() for parameter in module.parameters()) == 2_621_493


@pytest.mark.parametrize("reading", ["softmax_label", "softmax_time", "sigmoid", "mean", "max"])
def test_one_level_is_its_own_output(ragged, reading):
    module = make_module("2-A", reading)
    assert module.fuse is None
    rows = module.blocks[0](module.standardize(*ragged)[ragged[1]])
    torch.testing.assert_close(torch.sigmoid(module(*ragged)), module.pools[0](rows, ragged[1]))


@pytest.mark.parametrize("architecture", ["2-A", "2-A-1-A", "1-mean-1-max"])
def test_frames_score_as_clips_of_one_segment(ragged, architecture):
    module, (segments, mask) = make_module(architecture), ragged
    clips, frames = module.with_frames(segments, mask)
    assert clips.equal(module(segments, mask))
    assert frames.shape == (4, 6, C)
    assert clips.requires_grad
    assert not frames.requires_grad
    alone = module(segments[mask][:, None], torch.ones(int(mask.sum()), 1, dtype=torch.bool))
    torch.testing.assert_close(frames[mask], alone.detach(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("filling", [0.0, 1e30, torch.nan, torch.inf], ids=str)
@pytest.mark.parametrize("reading", ["softmax_label", "softmax_time", "sigmoid", "mean", "max"])
def test_absent_segments_change_neither_scores_nor_gradients(ragged, reading, filling):
    segments, mask = ragged
    results = []
    for value in (0.0, filling):
        module = make_module(reading=reading, shift=np.full(D, 3.0)).train()
        torch.manual_seed(0)
        scores = module(segments.masked_fill(~mask[:, :, None], value), mask)
        scores.square().sum().backward()
        statistics = [values for name, values in module.named_buffers() if "running" in name]
        results.append([scores, *statistics, *(parameter.grad for parameter in module.parameters())])
    for clean, spoilt in zip(*results, strict=True):
        torch.testing.assert_close(spoilt, clean)
    assert results[0][-1].abs().max() > 0


@pytest.mark.parametrize("level", [0, 1, -1])
def test_attention_is_that_of_the_level(ragged, level):
    module, (segments, mask) = make_module(), ragged
    weights = module.attention(segments, mask, level)
    features = list(module._levels(segments, mask))[level][0]
    torch.testing.assert_close(weights, module.pools[level].weights(features, mask).transpose(1, 2))
    assert weights.shape == (4, C, 6)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(4, C, dtype=torch.float64))


def fresh(architecture, odds):
    """A new module that gives every clip the probabilities of its start."""
    module = MultiLevelAttentionModule(D, odds, levels_of(architecture), H).double().eval()
    for pool in module.pools:
        torch.nn.init.zeros_(pool.score.weight)
    return module


@pytest.mark.parametrize("architecture", ["2-A", "2-A-1-A", "1-A-1-mean-1-max"])
def test_the_start_gives_labels_their_log_odds(ragged, architecture):
    odds = np.array([-12.0, -7.0, -3.0, -1.0, -0.1, 0.0, 0.1, 2.0, 9.0])
    scores = fresh(architecture, odds)(*ragged).detach()
    np.testing.assert_allclose(scores, np.tile(odds, (4, 1)), atol=1e-3)


@pytest.mark.parametrize("odds", [-9.0, -1.0, 0.0, 1.0, 4.0], ids=str)
@pytest.mark.parametrize("architecture", ["2-A-1-A", "1-A-1-A-1-A"])
def test_the_start_grows_with_the_probability_of_every_level(architecture, odds):
    module = fresh(architecture, np.full(C, odds))
    n_levels = len(module.pools)
    weight = module.fuse.weight.detach().unflatten(1, (n_levels, C))
    for level in range(n_levels):
        assert (weight[:, level].diagonal() > 0).all()
        assert (weight[:, level].fill_diagonal_(0) == 0).all()


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9], ids=str)
def test_labels_rare_and_frequent_are_learnt(rng, share):
    truth = rng.random(400) < share
    segments = 0.3 * rng.normal(size=(400, 4, D))
    segments[truth, 1, 0] += 3
    segments, targets = torch.from_numpy(segments).float(), torch.from_numpy(truth[:, None])
    mask, odds = torch.ones(400, 4, dtype=torch.bool), np.log([truth.mean() / (1 - truth.mean())])
    torch.manual_seed(0)
    module = MultiLevelAttentionModule(D, odds, levels_of("1-A-1-A", "softmax_time"), 8)
    optimizer, losses = torch.optim.Adam(module.parameters(), lr=0.02), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = TaggingLoss()(module(segments, mask), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_log_odds_of_certain_probabilities_are_finite():
    probabilities = torch.tensor([0.0, 1e-30, 0.25, 0.5, 1.0])
    odds = log_odds(probabilities)
    assert torch.isfinite(odds).all()
    torch.testing.assert_close(odds[1:4], torch.tensor([-69.0776, -1.0986, 0.0]), rtol=1e-4, atol=1e-6)
    assert odds[0] < odds[1]
    assert odds[4] > 15


def test_states_of_other_sizes_are_refused():
    state = make_module().state_dict()
    assert make_module(start=state).fuse.weight.shape == (C, 2 * C)
    with pytest.raises(ValueError, match="layers of other sizes"):
        make_module("3-A-1-A", start=state)


@pytest.mark.parametrize("architecture", PUBLISHED)
def test_published_architectures_are_layers_and_modules_in_turn(architecture):
    levels = parse_architecture(architecture)
    assert [pool for _, pool in levels] == ["A"] * len(levels)
    assert "-".join(f"{depth}-{pool}" for depth, pool in levels) == architecture
    blocks = MultiLevelAttentionModule(D, ODDS, levels_of(architecture), H).blocks
    assert [len(block) for block in blocks] == [depth for depth, _ in levels]


def test_pools_without_attention_and_deep_levels_are_read_too():
    assert parse_architecture("12-mean-1-max") == [(12, "mean"), (1, "max")]


@pytest.mark.parametrize(
    "wrong", ["", "A", "2", "2-A-", "-2-A", "2-A-1", "A-2", "0-A", "2-a", "2-avg", "1.5-A", "2 A", "+2-A"]
)
def test_other_architectures_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=f"architecture={wrong!r}; pass numbers of layers".replace("+", r"\+")):
        parse_architecture(wrong)
