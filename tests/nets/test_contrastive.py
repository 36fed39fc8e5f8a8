import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skzsl.nets import ContrastiveModule, SymmetricCrossEntropy
from skzsl.nets.contrastive import MeanHead

D, K, H = 5, 4, 6
HEADS = ["cscm", "mlp", "linear"]
LOG_100 = math.log(100)


def make_module(head, **settings):
    """A module of doubles whose weights, batch statistics and units are far from those of the start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = ContrastiveModule(D, K, head, H, **settings)
        for name, values in module.state_dict().items():
            if name.endswith("var") or name == "weight":
                values.uniform_(0.5, 1.5)
            elif values.is_floating_point() and name != "log_scale":
                values.add_(0.4 * torch.randn_like(values))
    return module.double().eval()


@pytest.fixture
def ragged(rng):
    """Four clips of 6, 3, 1 and 5 of 6 segments, the others NaN, their mask, and the vectors of three labels."""
    mask = np.arange(6) < np.array([6, 3, 1, 5])[:, None]
    segments = np.where(mask[:, :, None], rng.normal(size=(4, 6, D)), np.nan)
    return torch.from_numpy(segments), torch.from_numpy(mask), torch.from_numpy(rng.normal(size=(3, K)))


def dense(state, name, row):
    return [
        bias + sum(weight * value for weight, value in zip(weights, row, strict=True))
        for weights, bias in zip(state[f"{name}.weight"], state[f"{name}.bias"], strict=True)
    ]


def written_out_mean_head(state, clips, training):
    """Vectors of clips (t, d) of any length, from the means of their segments."""
    rows = [[sum(segment[d] for segment in clip) / len(clip) for d in range(D)] for clip in clips]
    if "layers.weight" in state:
        return [dense(state, "layers", row) for row in rows]
    rows = [dense(state, "layers.0", row) for row in rows]
    mean, variance = state["layers.1.running_mean"], state["layers.1.running_var"]
    if training:
        mean = [sum(row[unit] for row in rows) / len(rows) for unit in range(H)]
        variance = [sum((row[unit] - mean[unit]) ** 2 for row in rows) / len(rows) for unit in range(H)]
    gain, offset = state["layers.1.weight"], state["layers.1.bias"]
    hidden = [
        [
            max(0, gain[unit] * (row[unit] - mean[unit]) / (variance[unit] + 1e-5) ** 0.5 + offset[unit])
            for unit in range(H)
        ]
        for row in rows
    ]
    return [dense(state, "layers.3", row) for row in hidden]


def cosine(first, second):
    product = sum(a * b for a, b in zip(first, second, strict=True))
    return product / (sum(a * a for a in first) * sum(b * b for b in second)) ** 0.5


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("scale", [None, 1.0, 30.0], ids=str)
@pytest.mark.parametrize("head", HEADS)
def test_scores_equal_the_written_out_loops(ragged, head, scale, training):
    module, (segments, mask, vectors) = make_module(head, logit_scale=scale).train(training), ragged
    state = {name: values.clone().numpy() for name, values in module.state_dict().items()}
    clips = [
        [(segment - state["shift"]) * state["weight"] for segment in clip[there].numpy()]
        for clip, there in zip(segments, mask, strict=True)
    ]
    if head == "cscm":  # held to its own loops in test_cscm.py
        padded = [clip + [np.zeros(D)] * (6 - len(clip)) for clip in clips]
        of_clips = module.head(torch.tensor(np.array(padded)), mask).detach().numpy()
    else:
        of_head = {name.removeprefix("head."): values for name, values in state.items()}
        of_clips = written_out_mean_head(of_head, clips, training)
    expected = [[(scale or 1 / 0.07) * cosine(clip, vector) for vector in vectors.numpy()] for clip in of_clips]
    np.testing.assert_allclose(module(*ragged).detach(), expected, rtol=1e-6, atol=1e-8)
    module.log_scale.data.fill_(math.log(scale or 1 / 0.07))  # not rounded to float32
    np.testing.assert_allclose(module(*ragged).detach(), expected, rtol=0, atol=1e-8)
    with torch.no_grad():
        np.testing.assert_allclose(module(*ragged), expected, rtol=0, atol=1e-8)
    assert np.ptp(expected, axis=0).min() > 1e-2


@pytest.mark.parametrize("filling", [0.0, 1e30, torch.nan, torch.inf], ids=str)
@pytest.mark.parametrize("head", HEADS)
def test_absent_segments_change_neither_scores_nor_gradients(ragged, head, filling):
    segments, mask, vectors = ragged
    results = []
    for value, n_more in ((0.0, 0), (filling, 2)):
        module = make_module(head, shift=np.full(D, 3.0)).train()
        given = F.pad(segments.masked_fill(~mask[:, :, None], value), (0, 0, 0, n_more), value=value)
        scores = module(given, F.pad(mask, (0, n_more)), vectors)
        scores.square().sum().backward()
        results.append([scores, *module.buffers(), *(parameter.grad for parameter in module.parameters())])
    for clean, spoilt in zip(*results, strict=True):
        torch.testing.assert_close(spoilt, clean)
    assert all(parameter.grad.any() for parameter in module.parameters())


def test_dropout_of_two_layers_acts_in_training_only(ragged):
    module = make_module("mlp", dropout=0.5)
    scores = module(*ragged)
    module.head.layers[2].train()
    assert not module(*ragged).equal(scores)
    assert module.eval()(*ragged).equal(scores)
    assert isinstance(MeanHead(D, None, K, 0.5).layers, torch.nn.Linear)


@pytest.mark.parametrize("head", HEADS)
def test_lengths_of_vectors_do_not_matter(ragged, head):
    module, (segments, mask, vectors) = make_module(head), ragged
    scores = module(segments, mask, vectors)
    torch.testing.assert_close(module(segments, mask, vectors * torch.tensor([[0.1], [1], [50]])), scores)
    assert (module(segments, mask, 0 * vectors) == 0).all()
    assert (scores.abs() < 1 / 0.07).all()


def test_the_scale_is_learned_up_to_a_hundred_and_comes_back_from_there(ragged):
    module = make_module("linear").train()
    assert module.log_scale.exp().item() == pytest.approx(1 / 0.07)
    expected = 100 * module(*ragged).detach() * 0.07
    optimizer = torch.optim.SGD([module.log_scale], lr=0.01)
    for direction in (-1, 1):
        for step in range(200):
            optimizer.zero_grad()
            scores = module(*ragged)
            assert scores.abs().max() <= expected.abs().max() * (1 + 1e-6)
            if direction > 0 and step == 0:
                torch.testing.assert_close(scores.detach(), expected)
            (direction * scores.abs().mean()).backward()
            optimizer.step()
    assert module.log_scale < LOG_100 - 0.5
    module.eval().log_scale.data.fill_(7.0)
    torch.testing.assert_close(module(*ragged), expected)
    assert module.log_scale == 7.0


@pytest.mark.parametrize("scale", [1.0, 250.0])
def test_a_fixed_scale_has_no_gradient_and_no_limit(ragged, scale):
    module = make_module("linear", logit_scale=scale)
    module(*ragged).sum().backward()
    assert module.log_scale.grad is None
    assert module.log_scale.exp().item() == pytest.approx(scale)


def test_going_on_takes_the_weights_and_a_learned_scale_but_no_other_than_the_fixed(ragged):
    first = make_module("cscm", logit_scale=20.0)
    for scale, expected in ((None, 20.0), (5.0, 5.0)):
        module = ContrastiveModule(D, K, "cscm", H, logit_scale=scale, start=first.state_dict()).double().eval()
        assert module.log_scale.requires_grad is (scale is None)
        torch.testing.assert_close(module(*ragged), first(*ragged) * expected / 20, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="layers of other sizes"):
        ContrastiveModule(D, K, "mlp", H, start=first.state_dict())


def literal_loss(scores, labels, soft=False):
    """Cross entropies over rows and columns of the similarities (b, b) of the batch's clips and their texts.

    The target is the diagonal or, if ``soft``, the same share of every pair with the same label.
    """
    b, total = len(labels), 0.0
    similarity = [[scores[clip, labels[text]] for text in range(b)] for clip in range(b)]
    for i in range(b):
        same = [j for j in range(b) if labels[j] == labels[i]] if soft else [i]
        for line in (similarity[i], [similarity[clip][i] for clip in range(b)]):
            normalizer = math.log(sum(math.exp(value) for value in line))
            total += sum(normalizer - line[j] for j in same) / len(same) / 2
    return total / b


def written_out_loss(scores, targets):
    """Every clip brings a copy of the text of each of its labels, which counts by the label's share of the clip."""
    shares = [[value / sum(row) if sum(row) else 0.0 for value in row] for row in targets.tolist()]
    copies = [(clip, c, share) for clip, row in enumerate(shares) for c, share in enumerate(row) if share]
    total, n_labelled = 0.0, sum(sum(row) > 0 for row in shares)
    for clip, c, share in copies:
        of_row = sum(weight * math.exp(scores[clip, text]) for _, text, weight in copies)
        of_column = sum(math.exp(scores[other, c]) for other in range(len(scores)))
        total += share * (math.log(of_row) + math.log(of_column) - 2 * scores[clip, c]) / 2
    return total / n_labelled


def one_hot(labels, n_labels=6):
    return torch.from_numpy((np.asarray(labels)[:, None] == np.arange(n_labels)).astype(np.uint8))


LABELS = {"different": [3, 1, 4, 0], "twice": [2, 0, 2, 5, 0, 2], "all the same": [1, 1, 1], "one clip": [4]}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_loss_of_one_label_a_clip_equals_the_matrix_of_pairs(rng, labels):
    scores = 3 * rng.normal(size=(len(labels), 6))
    loss = SymmetricCrossEntropy()(torch.from_numpy(scores), one_hot(labels)).item()
    assert loss == pytest.approx(literal_loss(scores, labels), abs=1e-8)
    assert loss == pytest.approx(literal_loss(scores, labels, soft=True), abs=1e-8)
    assert loss == pytest.approx(written_out_loss(scores, one_hot(labels).numpy()), abs=1e-8)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_gradients_of_one_label_a_clip_equal_those_of_plain_torch(rng, labels):
    scores = torch.from_numpy(3 * rng.normal(size=(len(labels), 6))).requires_grad_()
    pairs, diagonal = scores[:, labels], torch.arange(len(labels))
    plain = (F.cross_entropy(pairs, diagonal) + F.cross_entropy(pairs.T, diagonal)) / 2
    (expected,) = torch.autograd.grad(plain, scores)
    (gradient,) = torch.autograd.grad(SymmetricCrossEntropy()(scores, one_hot(labels)), scores)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-10)
    others = [c for c in range(6) if c not in labels]
    assert (gradient[:, others] == 0).all()


TARGETS = {
    "several": [[1, 1, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]],
    "some without": [[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]],
    "one with": [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]],
    "mixed": [[0.3, 0.7, 0, 0], [0, 1.0, 0, 0], [0.2, 0, 0.8, 0], [0, 0.25, 0, 0]],
}


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_loss_of_several_labels_a_clip_equals_the_loop_over_copies_of_texts(rng, targets):
    values, targets = 2 * rng.normal(size=(len(targets), 4)), np.array(targets)
    scores, loss = torch.from_numpy(values), SymmetricCrossEntropy()
    expected = written_out_loss(values, targets)
    assert loss(scores, torch.from_numpy(targets)).item() == pytest.approx(expected, abs=1e-8)
    assert loss(scores, torch.from_numpy(7 * targets)).item() == pytest.approx(expected, abs=1e-8)
    assert torch.autograd.gradcheck(loss, (scores.requires_grad_(), torch.from_numpy(targets)))


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_labels_of_no_clip_in_the_batch_are_no_texts_of_it(rng, targets):
    targets = torch.cat([torch.tensor(targets), torch.zeros(len(targets), 2)], dim=1)
    scores = torch.from_numpy(2 * rng.normal(size=targets.shape))
    results = []
    for shift in (0.0, -1e4, 1e4):
        shifted = scores.clone()
        shifted[:, 4:] += shift
        shifted.requires_grad_()
        loss = SymmetricCrossEntropy()(shifted, targets)
        (gradient,) = torch.autograd.grad(loss, shifted)
        assert (gradient[:, 4:] == 0).all()
        results.append((loss.detach(), gradient))
    alone = SymmetricCrossEntropy()(scores[:, :4], targets[:, :4])
    for loss, gradient in results:
        torch.testing.assert_close(loss, alone)
        torch.testing.assert_close(gradient, results[0][1])


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_in_evaluation_clips_find_their_texts_among_all_labels_whatever_the_batch(rng, targets):
    scores, targets = torch.from_numpy(2 * rng.normal(size=(len(targets), 4))), torch.tensor(targets).double()
    loss = SymmetricCrossEntropy().eval()
    costs = []
    for row, shares in zip(scores.numpy(), targets.numpy(), strict=True):
        if shares.sum() > 0:
            logs = np.log(np.exp(row) / np.exp(row).sum())
            costs.append(-(shares / shares.sum() * logs).sum())
    assert loss(scores, targets).item() == pytest.approx(np.mean(costs) if costs else 0.0, abs=1e-8)
    alone = [loss(scores[row : row + 1], targets[row : row + 1]).item() for row in range(len(scores))]
    assert [cost for cost, shares in zip(alone, targets, strict=True) if shares.any()] == pytest.approx(costs, abs=1e-8)


def test_texts_are_to_fit_clips_without_labels_less(rng):
    targets = torch.tensor([[1, 0], [0, 1], [0, 0]])
    scores = torch.from_numpy(rng.normal(size=(3, 2))).requires_grad_()
    (gradient,) = torch.autograd.grad(SymmetricCrossEntropy()(scores, targets), scores)
    assert (gradient[2] > 0).all()


def test_a_batch_without_labels_costs_nothing_and_moves_nothing(rng):
    scores = torch.from_numpy(rng.normal(size=(5, 3))).requires_grad_()
    loss = SymmetricCrossEntropy()(scores, torch.zeros(5, 3, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert (scores.grad == 0).all()


def test_cosines_at_scale_one_cannot_cost_less_than_the_floor(rng):
    targets, floor = torch.eye(16), math.log(1 + 15 * math.exp(-2))
    loss = SymmetricCrossEntropy()
    assert loss(2 * torch.eye(16).double() - 1, targets).item() == pytest.approx(floor, abs=1e-12)
    assert floor == pytest.approx(1.109, abs=1e-3)
    free = torch.from_numpy(rng.normal(size=(16, 16))).requires_grad_()
    optimizer = torch.optim.Adam([free], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        value = loss(torch.tanh(free), targets)
        assert value > floor
        value.backward()
        optimizer.step()
    assert value < floor + 0.01


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_extreme_scores_have_finite_losses_and_gradients(rng, targets, size):
    targets = torch.tensor(targets)
    values = size * np.sign(rng.normal(size=targets.shape))
    results = []
    for dtype in (torch.float32, torch.float64):
        scores = torch.tensor(values, dtype=dtype, requires_grad=True)
        loss = SymmetricCrossEntropy()(scores, targets)
        loss.backward()
        assert loss.isfinite()
        assert scores.grad.isfinite().all()
        results.append((loss.detach().double(), scores.grad.double()))
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-4, atol=1e-6 * size)
