"""The ranking loss of clips with several labels against plain binary cross entropy: value and gradient, one thread.

The sides take turns, medians of repeats; also the same loss written as a loop over clips.
"""

import time

import numpy as np
import torch
from common import run
from torch import nn

from skzsl import nets

SIZES = {"32 x 111": (32, 111, 1.4), "500 x 527": (500, 527, 2.0)}  # clips, labels, mean labels a clip


def loop_loss(scores, targets):
    """The same loss, clip by clip."""
    weights = torch.tensor([0.0, *np.cumsum(1 / np.arange(1, scores.shape[1] + 1)) / np.arange(1, scores.shape[1] + 1)])
    total = scores.new_zeros(())
    for row, positive in zip(scores, targets.bool(), strict=True):
        hinges = torch.relu(1.0 - row[positive][:, None] + row[~positive])
        total = total + (weights[(hinges > 0).sum(dim=1)].to(row) * hinges.sum(dim=1)).sum()
    return total / len(scores)


def measure(n_clips, n_labels, labels_per_clip, repeats=15, calls=40):
    """Median microseconds of one value and gradient, for random scores, most of which violate the margin."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(n_clips, n_labels, generator=generator, requires_grad=True)
    targets = (torch.rand(n_clips, n_labels, generator=generator) < labels_per_clip / n_labels).to(torch.uint8)
    cross_entropy, ranking, floats = nn.BCEWithLogitsLoss(), nets.MultilabelRankingLoss(), targets.float()
    assert abs(float((ranking(scores, targets) - loop_loss(scores, targets)).detach())) < 1e-3
    sides = {
        "BCE": lambda: cross_entropy(scores, floats),
        "ranking": lambda: ranking(scores, targets),
        "loop": lambda: loop_loss(scores, targets),
    }
    seconds = {name: [] for name in sides}
    for _ in range(repeats):
        for name, loss in sides.items():
            n_calls = calls if name != "loop" else 2
            start = time.perf_counter()
            for _ in range(n_calls):
                scores.grad = None
                loss().backward()
            seconds[name].append((time.perf_counter() - start) / n_calls)
    return {name: 1e6 * float(np.median(times)) for name, times in seconds.items()}


def calls(_):
    """One call for each size."""
    return {name: (measure, *size) for name, size in SIZES.items()}


def tables(figures):
    """Microseconds and ratios."""
    rows = []
    for name in SIZES:
        found = figures[name]
        cells = [f"{found[side]:.0f}" for side in ("BCE", "ranking", "loop")]
        rows.append([name, *cells, f"{found['ranking'] / found['BCE']:.2f}", f"{found['loop'] / found['ranking']:.0f}"])
    header = ["clips x labels", "BCE, us", "ranking loss, us", "loop over clips, us", "ranking / BCE", "loop / ranking"]
    yield "Ranking loss against binary cross entropy, value and gradient", header, rows


if __name__ == "__main__":
    run("speed_ranking_loss", calls, tables)
