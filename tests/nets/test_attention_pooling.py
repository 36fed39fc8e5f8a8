import numpy as np
import pytest
import torch
from agreement import assert_agree

from skzsl.nets.attention_pooling import AttentionPooling, attended_mean, gather, spread

H, C = 5, 4
ATTENDING = ["softmax_label", "softmax_time", "sigmoid"]
READINGS = [*ATTENDING, "mean", "max"]


def make_pool(reading, scale=1.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pool = AttentionPooling(H, C, reading, torch.linspace(-1, 1, C))
        if pool.attention is not None:
            pool.attention.weight.data.mul_(scale)
    return pool.double()


@pytest.fixture
def ragged(rng):
    """Rows of the present segments of four clips of 6, 3, 1 and 5 of 6 segments, gathered, and the mask."""
    mask = np.arange(6) < np.array([6, 3, 1, 5])[:, None]
    segments = np.where(mask[:, :, None], 2 * rng.normal(size=(4, 6, H)), np.nan)
    mask = torch.from_numpy(mask)
    return gather(torch.from_numpy(segments), mask), mask


def logistic(value):
    return 1 / (1 + np.exp(-value))


def linear(layer, row):
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return [bias[c] + sum(weight[c, i] * row[i] for i in range(H)) for c in range(C)]


def written_out_weights(pool, rows):
    """Weights v (t, C) of the segments of one clip, before they are divided by their sum."""
    if pool.reading == "mean":
        return np.ones((len(rows), C))
    if pool.reading == "max":
        first = [max(range(len(rows)), key=lambda t: (linear(pool.score, rows[t])[c], -t)) for c in range(C)]
        return np.array([[float(t == first[c]) for c in range(C)] for t in range(len(rows))])
    logits = np.array([linear(pool.attention, row) for row in rows])
    if pool.reading == "sigmoid":
        return logistic(logits)
    if pool.reading == "softmax_time":
        return np.exp(logits - logits.max())
    shares = np.array([np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in logits])
    return np.minimum(np.maximum(shares, 1e-7), 1 - 1e-7)


def written_out(pool, rows, mask):
    """Probabilities (n, C) and weights (n, T, C), clip by clip and label by label."""
    rows, mask, place = rows.numpy(), mask.numpy(), 0
    pooled, weights = np.zeros((len(mask), C)), np.zeros((*mask.shape, C))
    for n, present in enumerate(mask):
        of_clip = rows[place : place + present.sum()]
        place += present.sum()
        values = written_out_weights(pool, of_clip)
        for c in range(C):
            total = sum(values[t, c] for t in range(len(of_clip)))
            shares = [values[t, c] / total for t in range(len(of_clip))]
            weights[n, present, c] = shares
            pooled[n, c] = sum(
                share * logistic(linear(pool.score, row)[c]) for share, row in zip(shares, of_clip, strict=True)
            )
    return pooled, weights


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("reading", READINGS)
def test_pooling_and_weights_equal_the_written_out_loops(ragged, reading, scale):
    pool = make_pool(reading, scale)
    pooled, weights = written_out(pool, *ragged)
    np.testing.assert_allclose(pool(*ragged).detach(), pooled, rtol=0, atol=1e-8)
    np.testing.assert_allclose(pool.weights(*ragged).detach(), weights, rtol=0, atol=1e-8)
    with torch.no_grad():
        np.testing.assert_allclose(pool(*ragged), pooled, rtol=0, atol=1e-8)


@pytest.mark.parametrize("reading", READINGS)
def test_weights_sum_to_one_over_the_present_segments_and_are_zero_on_the_absent(ragged, reading):
    weights, mask = make_pool(reading).weights(*ragged), ragged[1]
    assert weights.shape == (4, 6, C)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4, C, dtype=torch.float64))
    assert (weights[~mask] == 0).all()
    if reading != "max":
        assert (weights[mask] > 0).all()


@pytest.mark.parametrize("reading", READINGS)
def test_a_clip_of_one_segment_is_the_segment_alone(ragged, reading):
    pool, (rows, _) = make_pool(reading), ragged
    alone = pool(rows, torch.ones(len(rows), 1, dtype=torch.bool))
    torch.testing.assert_close(alone, pool.frames(rows))
    torch.testing.assert_close(alone, torch.sigmoid(pool.score(rows)))


@pytest.mark.parametrize("reading", READINGS)
def test_the_biases_of_the_scores_start_at_the_given_log_odds(reading):
    torch.testing.assert_close(make_pool(reading).score.bias.detach(), torch.linspace(-1, 1, C).double())


@pytest.mark.parametrize("all_present", [False, True], ids=["ragged", "all present"])
@pytest.mark.parametrize("reading", ATTENDING)
def test_gradients_equal_finite_differences(rng, ragged, reading, all_present):
    mask = torch.ones(4, 6, dtype=torch.bool) if all_present else ragged[1]
    attention, scores = (torch.from_numpy(rng.normal(size=(4, 6, C))).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(attended_mean, (attention, scores, mask, reading))


@pytest.mark.parametrize("logit", [25.0, -25.0], ids=["near 1", "near 0"])
def test_weights_outside_the_clip_range_have_no_gradient(rng, ragged, logit):
    mask = ragged[1]
    attention, scores = (torch.from_numpy(rng.normal(size=(4, 6, C))) for _ in range(2))
    attention[:, 0, 1] = attention[1:, 2, 3] = logit
    shares = torch.softmax(attention, dim=2)
    clipped = (shares < 1e-7) | (shares > 1 - 1e-7)
    assert clipped[mask].any()
    assert not clipped[mask].all()
    attention.requires_grad_()
    assert torch.autograd.gradcheck(attended_mean, (attention, scores.requires_grad_(), mask, "softmax_label"))


@pytest.mark.parametrize("reading", ATTENDING)
def test_gradients_of_a_whole_pool_are_those_of_plain_torch(ragged, reading):
    rows, mask = ragged
    pool, plain = make_pool(reading), make_pool(reading)
    pool(rows, mask).square().sum().backward()
    values, scores = spread(plain.attention(rows), mask), spread(plain.score(rows), mask)
    absent = ~mask[:, :, None]
    if reading == "softmax_time":
        values = torch.softmax(values.masked_fill(absent, -torch.inf), dim=1)
    else:
        values = torch.sigmoid(values) if reading == "sigmoid" else torch.softmax(values, dim=2).clamp(1e-7, 1 - 1e-7)
    values = values.masked_fill(absent, 0)
    pooled = (values * torch.sigmoid(scores)).sum(dim=1) / values.sum(dim=1)
    pooled.square().sum().backward()
    assert min(layer.weight.grad.abs().max() for layer in (plain.attention, plain.score)) > 1e-3
    for parameter, expected in zip(pool.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)


@pytest.mark.parametrize("reading", ["mean", "max"])
def test_pools_without_weights_to_learn_pass_gradients_to_the_scores(ragged, reading):
    pool, (rows, mask) = make_pool(reading), ragged
    assert pool.attention is None
    rows.requires_grad_()
    assert torch.autograd.gradcheck(lambda features: pool(features, mask), (rows,))


def with_logits(attention, score=0.0):
    """A pool whose logits are given: features (N, C + 1) are the attention logits and, in the last, all scores."""
    n_labels = len(attention[0])
    pool = AttentionPooling(n_labels + 1, n_labels, "softmax_label", torch.zeros(n_labels)).double()
    with torch.no_grad():
        pool.attention.weight.copy_(torch.eye(n_labels, n_labels + 1))
        pool.attention.bias.zero_()
        pool.score.weight.copy_(torch.cat([torch.zeros(n_labels, n_labels), torch.ones(n_labels, 1)], dim=1))
    rows = torch.tensor([[*logits, score] for logits in attention], dtype=torch.float64)
    return pool, rows


def test_weights_are_clipped_so_that_labels_beaten_everywhere_weigh_segments_the_same():
    pool, rows = with_logits([[900.0, 0.0, -5.0], [0.0, -900.0, 0.0], [500.0, 0.0, 0.0]])
    weights = pool.weights(rows, torch.ones(1, 3, dtype=torch.bool))[0].detach().numpy()
    low, high = 1e-7, 1 - 1e-7
    values = np.array([[high, low, low], [0.5, low, 0.5], [high, low, low]])
    np.testing.assert_allclose(weights, values / values.sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize("ragged_clip", [False, True], ids=["all present", "ragged"])
@pytest.mark.parametrize("logit", [-900.0, 900.0], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("reading", ATTENDING)
def test_extreme_logits_give_numbers_and_gradients(reading, dtype, logit, ragged_clip):
    mask = torch.tensor([[True, True, not ragged_clip]])
    attention = spread(
        torch.tensor([[logit] * 2, [logit - 1] * 2, [logit - 50] * 2], dtype=dtype)[: int(mask.sum())], mask
    )
    scores = spread(torch.tensor([[800.0, -800.0], [0.0, 0.0], [0.0, 0.0]], dtype=dtype)[: int(mask.sum())], mask)
    attention.requires_grad_()
    pooled = attended_mean(attention, scores.requires_grad_(), mask, reading)
    pooled.sum().backward()
    assert torch.isfinite(attention.grad).all()
    assert torch.isfinite(scores.grad).all()
    first = 1 / (1 + np.exp(-1)) if reading == "softmax_time" or (reading == "sigmoid" and logit < 0) else None
    if first is not None:
        expected = [[first + (1 - first) / 2, (1 - first) / 2]]
    else:
        n_present = mask.sum().item()
        expected = [[(1 + (n_present - 1) / 2) / n_present, (n_present - 1) / 2 / n_present]]
    assert_agree(pooled.detach(), expected)


def test_the_first_of_equal_maxima_has_the_weight():
    pool = AttentionPooling(1, 1, "max", torch.zeros(1))
    rows = torch.tensor([[0.0], [2.0], [2.0], [1.0], [2.0], [2.0]])
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    with torch.no_grad():
        pool.score.weight.fill_(1.0)
    assert pool.weights(rows, mask)[:, :, 0].tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    with torch.no_grad():
        pool.score.weight.fill_(-1.0)
    assert pool.weights(rows, mask)[:, :, 0].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]


def test_rows_gathered_and_spread_are_in_their_places_again(rng):
    segments = torch.from_numpy(rng.normal(size=(3, 4, 2)))
    mask = torch.tensor([[True, False, True, False], [True] * 4, [False, True, False, False]])
    for given in (mask, torch.ones_like(mask)):
        rows = gather(segments, given)
        assert rows.shape == (given.sum(), 2)
        assert spread(rows, given).equal(segments * given[:, :, None])
