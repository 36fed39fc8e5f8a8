import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skzsl.nets import ConvStream, GlobalLocalModule, MultiLevelAttentionModule, TaggingLoss
from skzsl.nets.global_local import select_windows

D, C, H = 5, 4, 6
MULTI_LEVEL = (MultiLevelAttentionModule, {"levels": [(1, "softmax_label"), (1, "sigmoid")], "hidden_size": H})


def conv(n_conv_layers=1, **settings):
    return ConvStream, {"n_conv_layers": n_conv_layers, "hidden_size": H, **settings}


def seeded(build, seed=0):
    """Build a module of doubles whose weights, batch statistics and units are far from those of the start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build()
        state = module.state_dict()
        for name, values in state.items():
            if name.endswith("var") or name.removesuffix("weight") + "shift" in state:
                values.uniform_(0.5, 3)
            elif values.is_floating_point():
                values.add_(0.2 * torch.randn_like(values))
    return module.double().eval()


def make_stream(n_conv_layers=1, seed=0, **settings):
    return seeded(lambda: ConvStream(D, np.linspace(-2, 1, C), n_conv_layers, H, **settings), seed)


def make_module(global_stream=None, seed=0, n_windows=3, window=3, **settings):
    streams = [(stream, {"n_features": D, "log_odds": np.zeros(C), **given}) for stream, given in
               (global_stream or conv(), conv())]  # fmt: skip
    return seeded(lambda: GlobalLocalModule(*streams, n_windows, window, **settings), seed)


@pytest.fixture
def ragged(rng):
    """Five clips of 8, 3, 1, 6 and 8 of 8 segments, the others NaN, and their mask."""
    mask = np.arange(8) < np.array([8, 3, 1, 6, 8])[:, None]
    segments = np.where(mask[:, :, None], rng.normal(size=(5, 8, D)) * 2, np.nan)
    return torch.from_numpy(segments), torch.from_numpy(mask)


def written_out_frames(stream, clip):
    """Features (T, h) of one clip (T, d) by torch's own convolution."""
    features = (clip - stream.shift) * stream.weight
    for block in stream.blocks:
        kernel = block.conv.weight.unflatten(1, (3, -1)).transpose(1, 2)
        conv = F.conv1d(features.T[None], kernel, padding=1)
        norm = block.norm
        statistics = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        features = F.relu(F.batch_norm(conv, *statistics, eps=norm.eps))[0].T
    return features


def written_out_score(stream, pooled):
    hidden = [max(0.0, float(row @ pooled + bias)) for row, bias in zip(*parameters(stream.hidden), strict=True)]
    return [float(row @ np.array(hidden) + bias) for row, bias in zip(*parameters(stream.score), strict=True)]


def parameters(layer):
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def written_out(stream, clip):
    """Log-odds of one clip (C,) and of each of its frames (T, C)."""
    features = written_out_frames(stream, clip).detach().numpy()
    clip_score = written_out_score(stream, features.max(axis=0) + features.mean(axis=0))
    return np.array(clip_score), np.array([written_out_score(stream, frame) for frame in features])


@pytest.mark.parametrize("n_conv_layers", [0, 1, 2])
def test_a_stream_equals_convolutions_pooling_and_two_dense_layers(ragged, n_conv_layers):
    stream, (segments, mask) = make_stream(n_conv_layers, dropout=0.5), ragged
    scores, frames = stream.with_frames(segments, mask)
    np.testing.assert_array_equal(stream(segments, mask).detach(), scores.detach())
    assert frames.requires_grad is False
    for clip, present, score, of_frames in zip(segments, mask, scores, frames, strict=True):
        expected, expected_frames = written_out(stream, clip[present])
        np.testing.assert_allclose(score.detach(), expected, atol=1e-8)
        np.testing.assert_allclose(of_frames[present], expected_frames, atol=1e-8)


@pytest.mark.parametrize("n_conv_layers", [0, 1, 2])
def test_absent_segments_give_a_stream_no_gradient_and_spoil_none(ragged, n_conv_layers):
    segments, mask = ragged
    gradients = []
    for filling, n_more in ((0.0, 0), (torch.nan, 2)):
        stream = make_stream(n_conv_layers).train()
        filled = F.pad(segments.masked_fill(~mask[:, :, None], filling), (0, 0, 0, n_more), value=filling)
        stream(filled, F.pad(mask, (0, n_more))).square().sum().backward()
        gradients.append([parameter.grad for parameter in stream.parameters()])
    for clean, spoilt in zip(*gradients, strict=True):
        assert clean.abs().max() > 0
        torch.testing.assert_close(spoilt, clean)


def test_batch_norm_of_a_stream_counts_the_present_segments_alone(ragged):
    segments, mask = ragged
    stream = ConvStream(D, np.zeros(C), 1, H).double().train()
    stream(segments, mask)
    filled = segments.masked_fill(~mask[:, :, None], 0)
    kernel = stream.blocks[0].conv.weight.unflatten(1, (3, -1)).transpose(1, 2)
    rows = F.conv1d(filled.transpose(1, 2), kernel, padding=1).transpose(1, 2)[mask].detach()
    torch.testing.assert_close(stream.blocks[0].norm.running_mean, 0.1 * rows.mean(dim=0))
    torch.testing.assert_close(stream.blocks[0].norm.running_var, 0.9 + 0.1 * rows.var(dim=0))


def written_out_selection(clip, frames, n_windows, window, suppress):
    """Columns and starts of one clip (C,) with frames (T, C), all present."""
    n_frames, taken, columns, starts = len(frames), set(), [], []
    for column in sorted(range(len(clip)), key=lambda c: (-clip[c], c))[:n_windows]:
        if len(taken) == n_frames:
            taken = set()
        peak = max((t for t in range(n_frames) if t not in taken), key=lambda t: (frames[t, column], -t))
        if suppress:
            taken.update(t for t in range(n_frames) if abs(t - peak) <= window // 4)
        start = peak - window // 2
        while start + window > n_frames:
            start -= 1
        columns.append(column)
        starts.append(max(start, 0))
    return columns, starts


@pytest.mark.parametrize("suppress", [False, True], ids=["free", "suppress"])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("window", [1, 2, 3, 4, 7, 9, 20])
@pytest.mark.parametrize("n_windows", [1, 3, 10])
def test_windows_equal_those_of_a_loop(rng, n_windows, window, ties, suppress):
    lengths = np.arange(40) % 9 + 1
    clips, frames = rng.normal(size=(40, 6)), rng.normal(size=(40, 9, 6))
    if ties:
        clips, frames = np.round(clips), np.round(frames)
    mask = np.arange(9) < lengths[:, None]
    frames[~mask] = 100.0
    given = (torch.from_numpy(array) for array in (clips, frames, mask))
    columns, starts = select_windows(*given, n_windows, window, suppress)
    assert columns.shape == starts.shape == (40, min(n_windows, 6))
    for row, length in enumerate(lengths):
        expected = written_out_selection(clips[row], frames[row, :length], n_windows, window, suppress)
        assert (columns[row].tolist(), starts[row].tolist()) == expected


def test_of_many_equally_probable_labels_the_first_choose():
    clips, mask = torch.zeros(3, 1000), torch.ones(3, 2, dtype=torch.bool)
    clips[:, 700] = 1
    columns, _ = select_windows(clips, torch.zeros(3, 2, 1000), mask, 4, 1, suppress=False)
    assert columns.tolist() == [[700, 0, 1, 2]] * 3


def test_suppressed_frames_come_back_when_none_is_left():
    clips, frames = torch.tensor([[3.0, 2.0, 1.0]]), torch.zeros(1, 2, 3)
    mask = torch.ones(1, 2, dtype=torch.bool)
    _, starts = select_windows(clips, frames, mask, 3, 1, suppress=True)
    assert starts.tolist() == [[0, 1, 0]]
    frames[0, 1] = 1
    assert select_windows(clips, frames, mask, 3, 1, suppress=True)[1].tolist() == [[1, 0, 1]]
    assert select_windows(clips, frames, mask, 3, 1, suppress=False)[1].tolist() == [[1, 1, 1]]


def probability(log_odds):
    return 1 / (1 + np.exp(-log_odds))


@pytest.mark.parametrize("suppress", [False, True], ids=["free", "suppress"])
@pytest.mark.parametrize("window", [1, 3, 8, 11])
@pytest.mark.parametrize("n_windows", [1, 3, 9])
@pytest.mark.parametrize("stream", [conv(), conv(0), MULTI_LEVEL], ids=["conv", "dense", "multi-level"])
def test_both_streams_equal_a_loop_over_the_windows(ragged, stream, n_windows, window, suppress):
    module = make_module(stream, n_windows=n_windows, window=window, suppress=suppress)
    segments, mask = ragged
    outputs, chosen = module(segments, mask).detach(), module.windows(segments, mask)
    for clip, present, output, (columns, starts) in zip(segments, mask, outputs, chosen, strict=True):
        clip, whole = clip[present], torch.ones(1, int(present.sum()), dtype=torch.bool)
        score, frames = (values[0].detach().numpy() for values in module.global_stream.with_frames(clip[None], whole))
        np.testing.assert_allclose(output[0], score, atol=1e-8)
        expected = written_out_selection(score, frames, n_windows, window, suppress)
        assert (columns.tolist(), starts.tolist()) == expected
        local = np.array(
            [probability(written_out(module.local_stream, clip[start : start + window])[0]) for start in expected[1]]
        )
        fused = 0.5 * (local.max(axis=0) + local.mean(axis=0))
        np.testing.assert_allclose(probability(output[1].numpy()), fused, atol=1e-8)


def test_windows_that_several_labels_choose_count_as_often(ragged):
    module, (segments, mask) = make_module(n_windows=4, window=2), ragged
    outputs = probability(module(segments, mask).detach().numpy())[0, 1]
    starts = module.windows(segments, mask)[0, 1].tolist()
    assert 1 < len(set(starts)) < 4
    local = np.array([probability(written_out(module.local_stream, segments[0, t : t + 2])[0]) for t in starts])
    np.testing.assert_allclose(outputs, 0.5 * (local.max(axis=0) + local.mean(axis=0)), atol=1e-8)
    distinct = np.unique(local, axis=0)
    assert np.abs(0.5 * (distinct.max(axis=0) + distinct.mean(axis=0)) - outputs).max() > 1e-3


@pytest.mark.parametrize("suppress", [False, True], ids=["free", "suppress"])
@pytest.mark.parametrize("stream", [conv(), conv(2)], ids=["one layer", "two layers"])
def test_a_window_as_long_as_the_clip_with_shared_weights_gives_the_global_stream(ragged, stream, suppress):
    streams = [(kind, {"n_features": D, "log_odds": np.zeros(C), **given}) for kind, given in (stream, stream)]
    module = seeded(lambda: GlobalLocalModule(*streams, 3, 8, suppress))
    module.local_stream.load_state_dict(module.global_stream.state_dict())
    global_scores, local_scores = module(*ragged).unbind(dim=1)
    torch.testing.assert_close(local_scores, global_scores, rtol=0, atol=1e-9)
    assert global_scores.std() > 0.3


def test_the_choice_of_windows_carries_no_gradient(ragged):
    module = make_module().train()
    module(*ragged)[:, 1].sum().backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in module.global_stream.parameters())
    assert all(parameter.grad.any() for parameter in module.local_stream.parameters())
    module.zero_grad()
    module(*ragged)[:, 0].sum().backward()
    assert all(parameter.grad.any() for parameter in module.global_stream.parameters())
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in module.local_stream.parameters())


@pytest.mark.parametrize("stream", [conv(dropout=0.5), MULTI_LEVEL], ids=["conv", "multi-level"])
def test_a_frozen_global_stream_stays_as_it_is(ragged, stream):
    module, (segments, mask) = make_module(stream, frozen=True), ragged
    before = {name: values.clone() for name, values in module.state_dict().items()}
    alone = module.global_stream(segments, mask)
    outputs = module.train()(segments, mask)
    torch.testing.assert_close(outputs[:, 0], alone)
    TaggingLoss()(outputs, torch.ones(5, C)).backward()
    assert all(parameter.grad is None for parameter in module.global_stream.parameters())
    assert all(parameter.grad is not None for parameter in module.local_stream.parameters())
    changed = {name.split(".")[0] for name, values in module.state_dict().items() if not values.equal(before[name])}
    assert changed == {"local_stream"}
    joint = make_module(stream).train()
    joint(segments, mask)
    changed = {name.split(".")[0] for name, values in joint.state_dict().items() if not values.equal(before[name])}
    assert changed == {"global_stream", "local_stream"}


def test_the_loss_is_the_sum_of_the_cross_entropies_of_the_streams(ragged, rng):
    outputs, targets = make_module()(*ragged).detach(), torch.from_numpy(rng.random((5, C)))
    expected = sum(F.binary_cross_entropy(torch.sigmoid(outputs[:, stream]), targets) for stream in (0, 1))
    torch.testing.assert_close(TaggingLoss()(outputs, targets), expected)
    single = F.binary_cross_entropy(torch.sigmoid(outputs[:, 0]), targets)
    torch.testing.assert_close(TaggingLoss()(outputs[:, 0], targets), single)


def test_states_of_other_sizes_are_refused(ragged):
    state = make_module().state_dict()
    torch.testing.assert_close(make_module(seed=1, start=state)(*ragged).shape, torch.Size([5, 2, C]))
    with pytest.raises(ValueError, match="layers of other sizes"):
        make_module(conv(2), start=state)
