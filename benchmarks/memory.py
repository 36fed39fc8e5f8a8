"""Peak memory of fit and predict on a memory-mapped array of 500000 clips x 10 x 128, uint8, made on the fly.

Each measurement runs in a process of its own, whose peak resident memory is taken: it counts the interpreter, all
packages, y, the results and the pages of the file that the kernel keeps mapped.
"""

import numpy as np
from common import in_process, memory, run

SHAPE = (500_000, 10, 128)
CASES = [("fit", "1-A", 527), ("fit", "1-A", 50), ("fit", "global-local", 50), ("predict", "1-A", 50)]


def make_file(path):
    """Write random clips, a part at a time."""
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=SHAPE)
    rng = np.random.default_rng(0)
    for start in range(0, len(X), 10_000):
        X[start : start + 10_000] = rng.integers(1, 256, (10_000, *SHAPE[1:]), dtype=np.uint8)
    X.flush()


def measure(path, what, name, n_labels, device="cpu"):
    """Peak resident memory of this process in MB, and what it had before the call."""
    import torch

    from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier

    torch.set_flush_denormal(True)
    X = np.load(path, mmap_mode="r")
    rng = np.random.default_rng(0)
    y = np.zeros((len(X), n_labels), dtype=np.uint8)
    y[np.arange(len(X)), rng.integers(0, n_labels, len(X))] = 1
    settings = {"hidden_size": 128, "max_epochs": 1, "random_state": 0, "device": device}
    both = {"global-local": GlobalLocalAttentionClassifier(), "1-A": MultiLevelAttentionClassifier("1-A")}
    model = both[name].set_params(**settings)
    if what == "predict":
        model.fit(X[:1000], y[:1000])
    before = memory("VmHWM")
    model.fit(X, y) if what == "fit" else model.predict(X)
    return {"before": before, "peak": memory("VmHWM")}


def measure_alone(path, *case):
    """Measure in a process of its own."""
    if not path.exists():
        make_file(path)
    return in_process(measure, str(path), *case)


def calls(arguments):
    """One call for each case, on the same file."""
    path = arguments.scratch / "clips.npy"
    on = () if arguments.device == "cpu" else (arguments.device,)
    return {f"{what} {name}, {n} labels": (measure_alone, path, what, name, n, *on) for what, name, n in CASES}


def tables(figures):
    """Sizes and peaks."""
    rows = []
    for what, name, n_labels in CASES:
        found = figures[f"{what} {name}, {n_labels} labels"]
        y_size, result = SHAPE[0] * n_labels / 1e6, SHAPE[0] * n_labels * (what == "predict") / 1e6
        cells = [f"{value:.0f}" for value in (y_size, result, found["before"], found["peak"])]
        rows.append([what, name, str(n_labels), f"{np.prod(SHAPE) / 1e6:.0f}", *cells])
    header = ["call", "net", "labels", "X", "y", "result", "before the call", "peak"]
    yield "Peak resident memory, MB", header, rows


if __name__ == "__main__":
    run("memory", calls, tables, device={"default": "cpu", "help": "cpu or cuda"})
