import numpy as np
import pytest
import torch
from agreement import assert_agree

from skzsl.nets import TemporalAttentionModule
from skzsl.nets.attention import _ABSENT, _Attend

D, K = 5, 4


def make_module(seed=0, **settings):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = TemporalAttentionModule(D, K, (6, 3), (7, 3), **settings)
        for parameter in module.parameters():
            parameter.data.mul_(2.0)  # attention far from uniform
    return module.double().eval()


@pytest.fixture
def ragged(rng):
    """Four clips of 6, 3, 1 and 5 of 6 segments, and five label vectors, as tensors of doubles."""
    lengths = np.array([6, 3, 1, 5])
    mask = np.arange(6) < lengths[:, None]
    segments = rng.normal(size=(4, 6, D)) * 2
    return torch.from_numpy(segments), torch.from_numpy(mask), torch.from_numpy(rng.normal(size=(5, K)))


def project(layers, x):
    """Linear layers with tanh after each, a number at a time."""
    for layer in layers:
        if isinstance(layer, torch.nn.Linear):
            weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            x = [np.tanh(bias[i] + sum(weight[i, j] * x[j] for j in range(len(x)))) for i in range(len(bias))]
    return np.array(x)


def written_out(module, segments, mask, vectors, alpha):
    """Scores (n, C) and attention (n, C, T) clip by clip, label by label, over the present segments only."""
    shift, weight = module.shift.numpy(), module.weight.numpy()
    scores = np.zeros((len(segments), len(vectors)))
    weights = np.zeros((len(segments), len(vectors), segments.shape[1]))
    for n in range(len(segments)):
        present = [t for t in range(segments.shape[1]) if mask[n, t]]
        inputs = [(segments[n, t].numpy() - shift) * weight for t in present]
        projected = [project(module.audio, x) for x in inputs]
        for c, vector in enumerate(vectors.numpy()):
            label = project(module.text, vector)
            fits = [float(a @ label) for a in projected]
            total = sum(np.exp(fit) for fit in fits)
            shares = [np.exp(fit) / total for fit in fits]
            weights[n, c, present] = shares
            attended = sum(share * fit for share, fit in zip(shares, fits, strict=True))
            average = sum(fits) / len(fits)
            if module.project_mean:
                average = float(project(module.audio, np.mean(inputs, axis=0)) @ label)
            scores[n, c] = alpha * attended + (1 - alpha) * average
    return scores, weights


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("project_mean", [False, True])
@pytest.mark.parametrize("standardized", [False, True])
def test_scores_and_weights_equal_the_written_out_loops(ragged, rng, alpha, project_mean, standardized):
    moments = {"shift": rng.normal(size=D), "weight": rng.uniform(0.5, 3, size=D)} if standardized else {}
    module = make_module(alpha=alpha, project_mean=project_mean, **moments)
    scores, weights = written_out(module, *ragged, alpha)
    segments, mask, vectors = ragged
    absent_is_nan = segments.masked_fill(~mask[:, :, None], torch.nan)
    for given in (segments, absent_is_nan):
        np.testing.assert_allclose(module(given, mask, vectors).detach(), scores, rtol=0, atol=1e-8)
        np.testing.assert_allclose(module.attention(given, mask, vectors).detach(), weights, rtol=0, atol=1e-8)


def test_alpha_of_a_call_goes_before_that_of_training(ragged):
    module = make_module(alpha=1.0)
    torch.testing.assert_close(module(*ragged, alpha=0.3), make_module(alpha=0.3)(*ragged))
    torch.testing.assert_close(module(*ragged, alpha=0), make_module(alpha=0.0)(*ragged))
    between = 0.3 * module(*ragged, alpha=1) + 0.7 * module(*ragged, alpha=0)
    torch.testing.assert_close(module(*ragged, alpha=0.3), between)


def test_weights_sum_to_one_over_the_present_segments_and_are_zero_on_the_absent(ragged):
    weights = make_module().attention(*ragged)
    assert weights.shape == (4, 5, 6)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(4, 5, dtype=torch.float64))
    absent = ~ragged[1][:, None, :].expand_as(weights)
    assert (weights[absent] == 0).all()
    assert (weights[~absent] > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_attended_scores_are_never_under_the_average(ragged, seed):
    module = make_module(seed)
    difference = module(*ragged, alpha=1) - module(*ragged, alpha=0)
    assert (difference > -1e-12).all()
    assert difference.max() > 1e-3


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("project_mean", [False, True])
def test_the_order_of_segments_is_irrelevant(ragged, alpha, project_mean):
    segments, mask, vectors = ragged
    module = make_module(project_mean=project_mean)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = module(segments[:, order], mask[:, order], vectors, alpha=alpha)
    torch.testing.assert_close(shuffled, module(*ragged, alpha=alpha), rtol=0, atol=1e-12)
    torch.testing.assert_close(
        module.attention(segments[:, order], mask[:, order], vectors), module.attention(*ragged)[:, :, order]
    )


@pytest.mark.parametrize("project_mean", [False, True])
def test_one_segment_is_its_own_average(ragged, project_mean):
    segments, _, vectors = ragged
    module, mask = make_module(project_mean=project_mean), torch.ones(4, 1, dtype=torch.bool)
    expected = module(segments[:, :1], mask, vectors, alpha=1)
    for alpha in (0, 0.4):
        torch.testing.assert_close(module(segments[:, :1], mask, vectors, alpha=alpha), expected)
    torch.testing.assert_close(module.attention(segments[:, :1], mask, vectors), torch.ones_like(expected)[:, :, None])


@pytest.mark.parametrize("filling", [0.0, 1e30, torch.nan, torch.inf], ids=str)
@pytest.mark.parametrize("project_mean", [False, True])
def test_absent_segments_change_nothing(ragged, filling, project_mean):
    segments, _, vectors = ragged
    present = torch.ones(4, 6, dtype=torch.bool)
    padded = torch.cat([segments, torch.full((4, 2, D), filling, dtype=torch.float64)], dim=1)
    mask = torch.cat([present, torch.zeros(4, 2, dtype=torch.bool)], dim=1)
    module = make_module(project_mean=project_mean, shift=np.full(D, 3.0), weight=np.full(D, 0.5))
    for alpha in (0, 0.5, 1):
        torch.testing.assert_close(
            module(padded, mask, vectors, alpha=alpha), module(segments, present, vectors, alpha=alpha)
        )


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("project_mean", [False, True])
def test_absent_segments_give_no_gradient_and_spoil_none(ragged, alpha, project_mean):
    segments, mask, vectors = ragged
    gradients = []
    for filling in (0.0, torch.nan):
        module = make_module(alpha=alpha, project_mean=project_mean)
        module(segments.masked_fill(~mask[:, :, None], filling), mask, vectors).square().sum().backward()
        gradients.append([parameter.grad for parameter in module.parameters()])
    for clean, spoilt in zip(*gradients, strict=True):
        assert torch.isfinite(spoilt).all()
        torch.testing.assert_close(spoilt, clean)


def attend(compatibilities, mask):
    return _Attend.apply(compatibilities.masked_fill(~mask[:, :, None], _ABSENT))


def plain_attend(compatibilities, mask):
    """The same by autograd alone."""
    weights = torch.softmax(compatibilities.masked_fill(~mask[:, :, None], -torch.inf), dim=1)
    return (weights * compatibilities).sum(dim=1)


def test_the_gradient_of_attending_is_that_of_autograd(ragged, rng):
    _, mask, _ = ragged
    values = torch.from_numpy(3 * rng.normal(size=(4, 6, 5)))
    upstream = torch.from_numpy(rng.normal(size=(4, 5)))
    ours, plain = values.clone().requires_grad_(), values.clone().requires_grad_()
    torch.testing.assert_close(attend(ours, mask), plain_attend(plain, mask), rtol=0, atol=1e-12)
    attend(ours, mask).backward(upstream)
    plain_attend(plain, mask).backward(upstream)
    torch.testing.assert_close(ours.grad, plain.grad, rtol=0, atol=1e-12)
    assert (ours.grad[~mask] == 0).all()


def test_the_gradient_of_attending_passes_the_numerical_check(ragged, rng):
    _, mask, _ = ragged
    values = torch.from_numpy(rng.normal(size=(4, 6, 3))).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: attend(c, mask), values)


def test_second_derivatives_of_attending_are_right_or_refused(ragged, rng):
    _, mask, _ = ragged
    values = torch.from_numpy(rng.normal(size=(4, 6, 3))).requires_grad_()
    (first,) = torch.autograd.grad(attend(values, mask).square().sum(), values, create_graph=True)
    expected = plain_attend(values, mask).square().sum()
    (plain,) = torch.autograd.grad(expected, values, create_graph=True)
    (wanted,) = torch.autograd.grad(plain.square().sum(), values)
    try:
        (second,) = torch.autograd.grad(first.square().sum(), values)
    except RuntimeError:
        return
    torch.testing.assert_close(second, wanted)


def test_the_gradient_of_the_module_passes_the_numerical_check(ragged):
    segments, mask, vectors = ragged
    module = make_module(alpha=0.5)
    assert torch.autograd.gradcheck(lambda x, v: module(x, mask, v), (segments.requires_grad_(), vectors))


def test_large_fits_do_not_overflow():
    mask = torch.ones(1, 3, dtype=torch.bool)
    fits = torch.tensor([1000.0, -1000.0, 999.0])[None, :, None]
    torch.testing.assert_close(attend(fits, mask)[0, 0].item(), 1000 - 1 / (1 + np.e), rtol=1e-6, atol=0)


def test_standardising_inside_is_standardising_before(ragged, rng):
    segments, mask, vectors = ragged
    shift, weight = rng.normal(size=D), rng.uniform(0.5, 3, size=D)
    inside, plain = make_module(shift=shift, weight=weight), make_module()
    before = (segments - torch.from_numpy(shift).float()) * torch.from_numpy(weight).float()
    torch.testing.assert_close(inside(*ragged), plain(before, mask, vectors))
    assert [name for name, _ in inside.named_parameters()] == [name for name, _ in plain.named_parameters()]


def test_a_start_is_taken_whole_and_refused_if_its_layers_differ(ragged):
    module = make_module(shift=np.ones(D))
    again = TemporalAttentionModule(D, K, (6, 3), (7, 3), start=module.state_dict()).double()
    assert_agree(again(*ragged).detach(), module(*ragged).detach())  # as far as float32 keeps the start
    with pytest.raises(ValueError, match="layers of other sizes; start anew with fit"):
        TemporalAttentionModule(D, K, (8, 3), (7, 3), start=module.state_dict())
