"""Speed of the tagging nets: ratios measured side by side in one run, alternating, medians of repeats.

``fit`` against hand-written torch loops that do the same work: the same loss, optimiser (AdamW, fused), learning rates
and batches of uint8 clips, cast a batch at a time. One uses the package's module, the plain one torch's own layers
(``nn.ReLU``, ``nn.Dropout``, autograd through the attention pooling). ``fit`` against skorch as it comes, with its
default iterator, its callbacks and arrays of float32, around the same module and around the plain one.
``predict_proba`` against the bare module in inference mode.
"""

import inspect

import numpy as np
import torch
from common import alternate, run
from sklearn.base import clone
from torch import nn
from torch.nn import functional as F

from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier, nets

SIZES = {"n": 2000, "T": 10, "d": 128, "C": 527}
SMALL = {"n": 2000, "T": 10, "d": 128, "C": 24}
CLIPS = {"n": 2000, "T": 1, "d": 128, "C": 24}
WAIT = {"cpu": None, "cuda": torch.cuda.synchronize}
MODELS = {
    "1-A": MultiLevelAttentionClassifier("1-A"),
    "2-A-1-A": MultiLevelAttentionClassifier("2-A-1-A"),
    "global-local": GlobalLocalAttentionClassifier(),
}


def make_clips(n, T, d, C):
    """Random uint8 clips and labels, about two a clip."""
    rng = np.random.default_rng(0)
    X = rng.integers(1, 256, (n, T, d), dtype=np.uint8)
    y = (rng.random((n, C)) < 2 / C).astype(np.uint8)
    y[np.arange(C) % n, np.arange(C)] = 1
    return X, y


class PlainAttention(nn.Module):
    """The 2-A-1-A or 1-A net from torch's own layers, as one would write it."""

    def __init__(self, d, C, levels, hidden=600, dropout=0.4):
        super().__init__()
        sizes, blocks = d, []
        for depth in levels:
            layers = []
            for _ in range(depth):
                layers += [nn.Linear(sizes, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(dropout)]
                sizes = hidden
            blocks.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(blocks)
        self.attention = nn.ModuleList(nn.Linear(hidden, C) for _ in levels)
        self.score = nn.ModuleList(nn.Linear(hidden, C) for _ in levels)
        self.fuse = nn.Linear(C * len(levels), C) if len(levels) > 1 else None

    def forward(self, x):
        n, T, d = x.shape
        h, pooled = x.reshape(n * T, d), []
        for block, attention, score in zip(self.blocks, self.attention, self.score, strict=True):
            h = block(h)
            v = torch.softmax(attention(h), dim=1).clamp(1e-7, 1 - 1e-7).view(n, T, -1)
            f = torch.sigmoid(score(h)).view(n, T, -1)
            pooled.append((v * f).sum(dim=1) / v.sum(dim=1))
        if self.fuse is None:
            return torch.logit(pooled[0].clamp(1e-7, 1 - 1e-7))
        return self.fuse(torch.cat(pooled, dim=1))


def loop(module, X, y, batch_size, epochs, device, lr=0.001):
    """Train a module of (segments) or (segments, mask) on uint8 clips, with the learning rates of one cycle."""
    module = module.to(device)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    values = X.flatten(0, 1).double()
    shift, scale = values.mean(dim=0).float().to(device), values.std(dim=0).float().to(device)
    takes_mask = len(inspect.signature(module.forward).parameters) == 2
    optimizer = torch.optim.AdamW(module.parameters(), lr=lr, weight_decay=0.0, fused=True)
    steps = epochs * -(-len(X) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    for _ in range(epochs):
        losses = []
        for rows in torch.randperm(len(X)).split(batch_size):
            segments, targets = X[rows].to(device).float(), y[rows].to(device)
            if takes_mask:
                outputs = module(segments, torch.ones(segments.shape[:2], dtype=torch.bool, device=device))
            else:
                outputs = module((segments - shift) / scale)
            targets = targets.float() if outputs.ndim == 2 else targets[:, None].float().expand_as(outputs)
            loss = F.binary_cross_entropy_with_logits(outputs, targets) * (1 if outputs.ndim == 2 else 2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        torch.stack(losses).mean().item()


def skorch_net(module, batch_size, epochs):
    """A skorch net with its own iterator, data set and callbacks."""
    from skorch import NeuralNet

    return NeuralNet(
        module,
        nets.TaggingLoss,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=0.0,
        lr=0.001,
        batch_size=batch_size,
        max_epochs=epochs,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    )


def settle(threads, precision="highest"):
    """One state of torch for both sides."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)
    # Moments of AdamW that fade to denormal numbers slow both sides, more or less with the order of the clips.
    torch.set_flush_denormal(True)


def trained(model, X, y, **settings):
    """A model of a kind that has trained, and what builds its net."""
    model = clone(model).set_params(random_state=0, **settings).fit(X, y)
    build = {key[8:]: value for key, value in model._net.get_params().items() if key.startswith("module__")}
    return model, {key: value for key, value in build.items() if "__" not in key}


def plain(build):
    """The plain net of the same sizes."""
    levels = [depth for depth, _ in build["levels"]]
    return PlainAttention(build["n_features"], len(build["log_odds"]), levels, build["hidden_size"])


def time_fit(model, sizes, batch_size, epochs, threads, device, repeats=7):
    """Seconds of a whole fit, and of the loops."""
    settle(threads)
    X, y = make_clips(**sizes)
    model, build = trained(model, X, y, batch_size=batch_size, max_epochs=epochs, device=device)
    calls = {
        "ours": lambda: model.fit(X, y),
        "loop, our module": lambda: loop(type(model.module_)(**build), X, y, batch_size, epochs, device),
    }
    if "levels" in build:
        calls["plain loop"] = lambda: loop(plain(build), X, y, batch_size, epochs, device)
    return {**alternate(calls, repeats, WAIT[device]), "clips a second": sizes["n"] * epochs}


def time_iterators(sizes, hidden_size, epochs=4, repeats=5):
    """Seconds of a whole fit of 1-A at batch 32 on a CPU, and of skorch with its default iterator."""
    settle(1)
    X, y = make_clips(**sizes)
    model, build = trained(
        MultiLevelAttentionClassifier("1-A"),
        X,
        y,
        batch_size=32,
        max_epochs=epochs,
        hidden_size=hidden_size,
        device="cpu",
    )
    same = skorch_net(type(model.module_)(**build), 32, epochs)
    torchs = skorch_net(plain(build), 32, epochs)
    wide, mask = X.astype(np.float32), np.ones(X.shape[:2], dtype=bool)
    scaled = (wide - build["shift"]) / build["scale"]
    calls = {
        "ours": lambda: model.fit(X, y),
        "skorch, same module": lambda: same.fit({"segments": wide, "mask": mask}, y),
        "skorch, plain module": lambda: torchs.fit(scaled.astype(np.float32), y),
    }
    return alternate(calls, repeats)


def time_precisions(model, device):
    """Seconds of a whole fit in float32, with its matrix products in bfloat16, and inside torch.autocast."""
    X, y = make_clips(**SIZES)
    model = clone(model).set_params(batch_size=500, max_epochs=2, device=device, random_state=0)

    def fit(precision):
        settle(1, "medium" if precision == "medium" else "highest")
        with torch.autocast(device, torch.bfloat16, enabled=precision == "autocast"):
            model.fit(X, y)

    calls = {precision: lambda p=precision: fit(p) for precision in ("highest", "medium", "autocast")}
    return alternate(calls, 3, WAIT[device])


def time_predict(model, sizes, threads, device, repeats=5):
    """Seconds of predict_proba, and of the bare module on the same batches."""
    settle(threads)
    X, y = make_clips(**sizes)
    model, _ = trained(model, X, y, batch_size=500, max_epochs=1, device=device)
    module = model.module_.eval()

    def bare():
        with torch.inference_mode():
            return [
                torch.sigmoid(
                    module(rows.to(device).float(), torch.ones(rows.shape[:2], dtype=torch.bool, device=device))
                ).cpu()
                for rows in torch.from_numpy(X).split(200)
            ]

    return alternate({"ours": lambda: model.predict_proba(X), "bare module": bare}, repeats, WAIT[device])


CASES = [(name, SIZES, 500, 2, threads) for name in MODELS for threads in (1, 2)]
CASES += [("1-A", SMALL, 32, 4, 1), ("2-A-1-A", SMALL, 128, 4, 1), ("global-local", SMALL, 128, 4, 1)]
ITERATORS = [(sizes, hidden) for sizes in (CLIPS, SMALL) for hidden in (64, 600)]
PREDICTIONS = [(name, threads) for name in MODELS for threads in (1, 2)]


def fit_key(name, sizes, batch_size, epochs, threads):
    """What the figure of a fit is called."""
    return f"fit {name}, {sizes}, batch {batch_size}, {threads} threads"


def calls(arguments):
    """Fits, skorch's iterators on a CPU, precisions and predictions."""
    device = arguments.device
    found = {fit_key(*case): (time_fit, MODELS[case[0]], *case[1:], device) for case in CASES}
    if device == "cpu":
        found |= {f"iterator, {sizes}, hidden {hidden}": (time_iterators, sizes, hidden) for sizes, hidden in ITERATORS}
    found |= {f"precision {name}": (time_precisions, model, device) for name, model in MODELS.items()}
    return found | {
        f"predict {name}, {threads} threads": (time_predict, MODELS[name], SIZES, threads, device)
        for name, threads in PREDICTIONS
    }


def tables(figures):
    """Seconds and ratios of each kind."""
    rows = []
    for case in CASES:
        seconds, (name, sizes, batch_size, _, threads) = figures[fit_key(*case)], case
        cells = [name, str(sizes["C"]), str(batch_size), str(threads), f"{seconds['ours']:.2f}"]
        for other in ("loop, our module", "plain loop"):
            cells.append(f"{seconds['ours'] / seconds[other]:.3f}" if other in seconds else "-")
        rows.append([*cells, f"{seconds['clips a second'] / seconds['ours']:.0f}"])
    header = ["net", "labels", "batch", "threads", "fit, s", "fit / loop with our module", "fit / plain loop"]
    title = f"A whole fit of {SIZES['n']} clips x 10 x 128, 2 epochs (4 with 24 labels)"
    yield title, [*header, "clips a second"], rows

    rows = []
    for sizes, hidden in ITERATORS:
        if (key := f"iterator, {sizes}, hidden {hidden}") in figures:
            ours, *others = figures[key].values()
            ratios = [f"{other / ours:.2f} x" for other in others]
            rows.append([str(sizes["T"]), str(hidden), f"{ours:.2f}", *ratios])
    header = ["segments", "hidden units", "fit, s", "skorch around our module", "skorch around the plain one"]
    yield "1-A with skorch's default iterator: batch 32, 24 labels, 4 epochs, one thread", header, rows

    rows = []
    for name in MODELS:
        highest, *others = figures[f"precision {name}"].values()
        cells = [f"{seconds:.2f}" for seconds in (highest, *others)]
        rows.append([name, *cells, *(f"{highest / seconds:.2f} x" for seconds in others)])
    header = ["net", "float32, s", "products in bfloat16, s", "torch.autocast, s"]
    header += ["float32 / products", "float32 / autocast"]
    yield "bfloat16: the same fits, 527 labels, one thread", header, rows

    rows = []
    for name, threads in PREDICTIONS:
        ours, bare = figures[f"predict {name}, {threads} threads"].values()
        rows.append([name, str(threads), f"{ours:.2f}", f"{bare:.2f}", ours / bare])
    header = ["net", "threads", "predict_proba, s", "bare module, s", "ratio"]
    yield f"Prediction of {SIZES['n']} clips, {SIZES['C']} labels", header, rows


if __name__ == "__main__":
    run("speed_nets", calls, tables, device={"default": "cpu", "help": "cpu or cuda"})
