import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skzsl.nets.cscm import CBAM, CSCM, _convolve

HIDDEN, K = 4, 3
GRIDS = [(1, 1), (1, 8), (8, 1), (2, 4), (3, 5)]


def make_cscm(n_features, **settings):
    """A module of doubles whose weights and batch statistics are far from those of the start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = CSCM(n_features, HIDDEN, K, **settings)
        for name, values in module.state_dict().items():
            if name.endswith("var"):
                values.uniform_(0.5, 1.5)
            elif values.is_floating_point():
                values.add_(0.4 * torch.randn_like(values))
    return module.double().eval()


def make_tokens(rng, grid, n_features):
    """Three clips with all, some and one of their places present, the others zero, and their mask."""
    n_places = grid[0] * grid[1]
    mask = np.arange(n_places) < np.array([n_places, (n_places + 1) // 2, 1])[:, None]
    tokens = np.where(mask[:, :, None], rng.normal(size=(3, n_places, n_features)), 0.0)
    return torch.from_numpy(tokens), torch.from_numpy(mask)


def logistic(value):
    return 1 / (1 + np.exp(-value))


def dense(state, name, row):
    return state[f"{name}.weight"] @ row + state[f"{name}.bias"]


def convolve(channels, weight, bias):
    """Every output channel at every place: a sum over input channels and kernel offsets, outside of the map 0."""
    (n_in, height, width), (n_out, _, *kernel) = channels.shape, weight.shape
    result = np.zeros((n_out, height, width))
    for out, row, column in np.ndindex(result.shape):
        result[out, row, column] = bias[out]
        for channel, i, j in np.ndindex(n_in, *kernel):
            r, c = row + i - kernel[0] // 2, column + j - kernel[1] // 2
            if 0 <= r < height and 0 <= c < width:
                result[out, row, column] += weight[out, channel, i, j] * channels[channel, r, c]
    return result


def written_out_attention(state, tokens, places, grid, training):
    """Gated maps (n, d, h, w) of clips, a channel and a place at a time; ``places`` lists those present."""
    n_features = tokens.shape[2]
    gated, convolved = np.zeros((len(tokens), n_features, *grid)), []
    for clip, there in enumerate(places):
        value = {(r, c): tokens[clip, r * grid[1] + c] for r, c in there}
        mean = np.array([sum(value[place][d] for place in there) / len(there) for d in range(n_features)])
        highest = np.array([max(value[place][d] for place in there) for d in range(n_features)])
        total = sum(
            dense(state, "channels.2", np.maximum(dense(state, "channels.0", summary), 0))
            for summary in (mean, highest)
        )
        summary = np.zeros((2, *grid))
        for place in there:
            for d in range(n_features):
                gated[clip, d][place] = logistic(total[d]) * value[place][d]
            summary[0][place] = max(gated[clip, d][place] for d in range(n_features))
            summary[1][place] = sum(gated[clip, d][place] for d in range(n_features)) / n_features
        convolved.append(convolve(summary, state["places.weight"], [0.0])[0])
    mean, variance = state["norm.running_mean"][0], state["norm.running_var"][0]
    if training:
        every = [convolved[clip][place] for clip, there in enumerate(places) for place in there]
        mean = sum(every) / len(every)
        variance = sum((one - mean) ** 2 for one in every) / len(every)
    for clip, there in enumerate(places):
        for place in there:
            normed = (convolved[clip][place] - mean) / np.sqrt(variance + 1e-5)
            gated[clip][:, *place] *= logistic(state["norm.weight"][0] * normed + state["norm.bias"][0])
    return gated


def written_out(module, tokens, mask, grid):
    """Gated maps, and vectors (n, k) for which the 1 x 1 convolution comes before the mean."""
    tokens, mask = tokens.numpy(), mask.numpy()
    state = {name: values.clone().numpy() for name, values in module.state_dict().items()}
    attention = {name.removeprefix("attention."): values for name, values in state.items()}
    places = [[(t // grid[1], t % grid[1]) for t in range(len(row)) if row[t]] for row in mask]
    gated, vectors = written_out_attention(attention, tokens, places, grid, module.training), []
    for clip, there in zip(gated, places, strict=True):
        hidden = np.maximum(convolve(clip, state["conv.weight"], state["conv.bias"]), 0)
        of_places = [dense(state, "project", hidden[:, *place]) for place in there]
        vectors.append(sum(of_places) / len(of_places))
    return gated, np.array(vectors)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("n_features", [5, 33])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_attention_and_vectors_equal_the_written_out_loops(rng, grid, n_features, training):
    module = make_cscm(n_features, grid=None if grid[0] == 1 else grid).train(training)
    tokens, mask = make_tokens(rng, grid, n_features)
    expected_maps, expected = written_out(module, tokens, mask, grid)
    maps, present = tokens.unflatten(1, grid).permute(0, 3, 1, 2), mask.unflatten(1, grid)[:, None]
    np.testing.assert_allclose(module.attention(maps, present).detach(), expected_maps, rtol=0, atol=1e-8)
    np.testing.assert_allclose(module(tokens, mask).detach(), expected, rtol=0, atol=1e-8)
    with torch.no_grad():
        np.testing.assert_allclose(module(tokens, mask), expected, rtol=0, atol=1e-8)
    assert np.ptp(expected, axis=0).min() > 1e-3


def test_layers_have_the_published_sizes():
    for n_features, n_hidden in ((768, 48), (33, 2), (5, 1)):
        assert CBAM(n_features).channels[0].weight.shape == (n_hidden, n_features)
    assert CBAM(33).places.weight.shape == (1, 2, 7, 7)
    assert CSCM(33, HIDDEN, K).conv.weight.shape == (HIDDEN, 33, 3, 3)


@pytest.mark.parametrize("kernel", [3, 7])
@pytest.mark.parametrize("n_places", [1, 2, 9])
def test_convolving_one_row_equals_the_whole_kernel(rng, kernel, n_places):
    conv = torch.nn.Conv2d(3, 4, kernel, padding=kernel // 2).double()
    maps = torch.from_numpy(rng.normal(size=(2, 3, 1, n_places))).requires_grad_()
    gradients = []
    for result in (_convolve(conv, maps), F.conv2d(maps, conv.weight, conv.bias, padding=kernel // 2)):
        gradients.append(torch.autograd.grad(result.square().sum(), [maps, conv.weight, conv.bias]))
        assert result.shape == (2, 4, 1, n_places)
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_absent_segments_behind_change_nothing(rng, training):
    tokens, mask = make_tokens(rng, (1, 6), 33)
    results = []
    for n_more in (0, 4):
        module = make_cscm(33).train(training)
        given = F.pad(tokens, (0, 0, 0, n_more)).requires_grad_()
        vectors = module(given, F.pad(mask, (0, n_more)))
        vectors.square().sum().backward()
        gradients = [parameter.grad for parameter in module.parameters()]
        results.append([vectors, given.grad[:, :6][mask], *module.buffers(), *gradients])
    for short, long in zip(*results, strict=True):
        torch.testing.assert_close(long, short)
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)


def test_clips_score_alone_as_among_others_once_trained(rng):
    module = make_cscm(5, grid=(2, 3)).eval()
    tokens, mask = make_tokens(rng, (2, 3), 5)
    together = module(tokens, mask)
    for clip in range(3):
        torch.testing.assert_close(module(tokens[[clip]], mask[[clip]]), together[[clip]])


def test_one_place_alone_trains_by_the_running_statistics(rng):
    module = make_cscm(5).train()
    tokens, mask = torch.from_numpy(rng.normal(size=(1, 1, 5))), torch.ones(1, 1, dtype=torch.bool)
    before = module.attention.norm.running_mean.clone()
    trained = module(tokens, mask)
    assert module.attention.norm.running_mean.equal(before)
    torch.testing.assert_close(trained, module.eval()(tokens, mask))
    trained.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


def test_dropout_acts_between_the_convolutions_in_training_only(rng):
    module = make_cscm(5, dropout=0.5)
    module.attention.eval()
    tokens, mask = make_tokens(rng, (1, 40), 5)
    torch.manual_seed(0)
    module.activate.train()
    drawn = torch.stack([module(tokens, mask) for _ in range(1000)]).detach()
    expected = module.eval()(tokens, mask).detach()
    spread = drawn.std(dim=0)
    assert (spread > 1e-3).all()
    assert ((drawn.mean(dim=0) - expected).abs() < 5 * spread / 1000**0.5).all()
    assert module(tokens, mask).equal(expected)
