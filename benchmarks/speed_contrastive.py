"""Speed of the contrastive net: ratios measured side by side in one run, alternating, medians of repeats.

``fit`` against hand-written torch loops that do the same work with fused AdamW, the learning rates of one cycle and the
same batches. One uses the package's module and loss; the plain one torch's own layers and the paper's matrix of pairs.
``decision_function`` against the bare module in inference mode.
"""

import numpy as np
import torch
from common import alternate, run
from torch import nn
from torch.nn import functional as F

from skzsl import ZeroShotContrastive, nets

SIZES = {"n": 1600, "T": 9, "d": 1024, "C": 50, "k": 384}
EPOCHS = 2
HEADS = ("linear", "mlp", "cscm")
CASES = [("linear", 64, 1), ("mlp", 64, 1), ("mlp", 16, 1), ("cscm", 64, 1), ("cscm", 64, 2)]


def make_clips(n, T, d, C, k):
    """Random clips, one label each, and the labels' vectors."""
    rng = np.random.default_rng(0)
    vectors = {f"label {i}": rng.normal(size=k) for i in range(C)}
    return rng.normal(size=(n, T, d)).astype(np.float32), np.array([f"label {i % C}" for i in range(n)]), vectors


class PlainCSCM(nn.Module):
    """The paper's module on a map of one row, as one would write it."""

    def __init__(self, d, hidden, k, dropout):
        super().__init__()
        self.gate = nn.Sequential(nn.Conv2d(d, d // 16, 1), nn.ReLU(), nn.Conv2d(d // 16, d, 1))
        self.spatial = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1), nn.Sigmoid())
        self.conv = nn.Sequential(nn.Conv2d(d, hidden, 3, padding=1), nn.ReLU(), nn.Dropout(dropout))
        self.project = nn.Conv2d(hidden, k, 1)

    def forward(self, x):
        x = x.transpose(1, 2)[:, :, None]
        mean, highest = x.mean(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
        x = x * torch.sigmoid(self.gate(mean) + self.gate(highest))
        x = x * self.spatial(torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1))
        return self.project(self.conv(x)).mean(dim=(2, 3))


class PlainMLP(nn.Module):
    """One dense layer on the mean of the segments, or two."""

    def __init__(self, d, hidden, k, dropout):
        super().__init__()
        layers = [nn.Linear(d, k)]
        if hidden:
            layers = [
                nn.Linear(d, hidden),
                nn.BatchNorm1d(hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, k),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x.mean(dim=1))


def plain(head):
    """The plain net of a head."""
    d, k = SIZES["d"], SIZES["k"]
    return PlainCSCM(d, 512, k, 0.5) if head == "cscm" else PlainMLP(d, 512 if head == "mlp" else 0, k, 0.5)


def plain_loop(head, X, codes, vectors, batch_size):
    """Contrast every clip of a batch with the text of every clip, one pair each."""
    module, log_scale = plain(head), nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
    values = X.flatten(0, 1)
    shift, scale = values.mean(dim=0), values.std(dim=0)
    texts = F.normalize(vectors, dim=1)

    def loss(rows):
        clips = F.normalize(module((X[rows] - shift) / scale), dim=1)
        scores, diagonal = log_scale.clamp(max=4.6).exp() * clips @ texts[codes[rows]].T, torch.arange(len(rows))
        return (F.cross_entropy(scores, diagonal) + F.cross_entropy(scores.T, diagonal)) / 2

    train(loss, [*module.parameters(), log_scale], len(X), batch_size)


def module_loop(model, X, codes, vectors, batch_size):
    """The same with the package's module and loss."""
    values = X.flatten(0, 1)
    shift, scale = values.mean(dim=0), values.std(dim=0)
    module = type(model.module_)(SIZES["d"], SIZES["k"], model.head, 512, 0.5, shift=shift, weight=1 / scale)
    criterion, indicator = nets.SymmetricCrossEntropy(), F.one_hot(codes)

    def loss(rows):
        mask = torch.ones(len(rows), X.shape[1], dtype=torch.bool)
        return criterion(module(X[rows], mask, vectors), indicator[rows])

    train(loss, list(module.parameters()), len(X), batch_size)


def train(loss, parameters, n, batch_size):
    """Epochs of fused AdamW under one cycle."""
    optimizer = torch.optim.AdamW(parameters, lr=0.001, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.001, total_steps=EPOCHS * -(-n // batch_size))
    for _ in range(EPOCHS):
        losses = []
        for rows in torch.randperm(n).split(batch_size):
            value = loss(rows)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            losses.append(value.detach())
        torch.stack(losses).mean().item()


def time_fit(head, batch_size, threads, repeats=5):
    """Seconds of a whole fit, and of the loops."""
    settle(threads)
    X, y, table = make_clips(**SIZES)
    model = ZeroShotContrastive(table, head=head, batch_size=batch_size, max_epochs=EPOCHS, device="cpu")
    model.fit(X, y)
    names = list(table)
    clips, codes = torch.from_numpy(X), torch.tensor([names.index(label) for label in y])
    vectors = torch.tensor(np.array(list(table.values())), dtype=torch.float32)
    calls = {
        "ours": lambda: model.fit(X, y),
        "loop, our module": lambda: module_loop(model, clips, codes, vectors, batch_size),
        "plain loop": lambda: plain_loop(head, clips, codes, vectors, batch_size),
    }
    return alternate(calls, repeats)


def time_predict(head, threads, repeats=7):
    """Seconds of decision_function, and of the bare module on the same batches."""
    settle(threads)
    X, y, table = make_clips(**SIZES)
    model = ZeroShotContrastive(table, head=head, max_epochs=1, device="cpu").fit(X, y)
    vectors = torch.tensor(np.array([table[label] for label in model.classes_]), dtype=torch.float32)
    module = model.module_.eval()

    def bare():
        with torch.inference_mode():
            return [
                module(rows, torch.ones(rows.shape[:2], dtype=torch.bool), vectors)
                for rows in torch.from_numpy(X).split(200)
            ]

    return alternate({"ours": lambda: model.decision_function(X), "bare module": bare}, repeats)


def settle(threads):
    """One state of torch for all sides."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def fit_key(head, batch_size, threads):
    """What the figure of a fit is called."""
    return f"fit {head}, batch {batch_size}, {threads} threads"


def calls(_):
    """Fits, then scores."""
    fits = {
        f"fit {head}, batch {size}, {threads} threads": (time_fit, head, size, threads) for head, size, threads in CASES
    }
    return fits | {f"predict {head}": (time_predict, head, 1) for head in HEADS}


def tables(figures):
    """Seconds and ratios of fits and of scores."""
    rows = []
    for head, batch_size, threads in CASES:
        seconds = figures[fit_key(head, batch_size, threads)]
        ratios = [f"{seconds['ours'] / seconds[other]:.3f}" for other in ("loop, our module", "plain loop")]
        rate = f"{SIZES['n'] * EPOCHS / seconds['ours']:.0f}"
        rows.append([head, str(batch_size), str(threads), f"{seconds['ours']:.2f}", *ratios, rate])
    header = ["head", "batch", "threads", "fit, s", "fit / loop with our module", "fit / plain loop", "clips a second"]
    yield "A whole fit of 1600 clips x 9 x 1024, 50 labels, 2 epochs", header, rows
    rows = []
    for head in HEADS:
        seconds = figures[f"predict {head}"]
        rows.append([head, *seconds.values(), seconds["ours"] / seconds["bare module"]])
    yield "Scores of 1600 clips, one thread", ["head", "decision_function, s", "bare module, s", "ratio"], rows


if __name__ == "__main__":
    run("speed_contrastive", calls, tables)
