"""Peak memory of fit and predict on a memory-mapped array of 500000 clips x 10 x 128, uint8, made on the fly.

Each measurement runs in a process of its own, whose peak resident memory is taken: it counts the interpreter, all
packages, y, the results and the pages of the file that the kernel keeps mapped.
"""

import argparse
import inspect
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Results, fingerprint, print_table

SHAPE = (500_000, 10, 128)
MODELS = {
    "1-A": "MultiLevelAttentionClassifier('1-A', **settings)",
    "global-local": "GlobalLocalAttentionClassifier(**settings)",
}
CASES = [("fit", "1-A", 527), ("fit", "1-A", 50), ("fit", "global-local", 50), ("predict", "1-A", 50)]


def make_file(path):
    """Write random clips, a part at a time."""
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=SHAPE)
    rng = np.random.default_rng(0)
    for start in range(0, len(X), 10_000):
        X[start : start + 10_000] = rng.integers(1, 256, (10_000, *SHAPE[1:]), dtype=np.uint8)
    X.flush()


def measure(path, model, n_labels, what):
    """Peak resident memory in MB of one process, and what it had before."""
    code = f"""
import json, sys
import numpy as np
sys.path.insert(0, {str(Path(__file__).parent)!r})
from common import memory
import torch
from skzsl import GlobalLocalAttentionClassifier, MultiLevelAttentionClassifier
torch.set_flush_denormal(True)
X = np.load({str(path)!r}, mmap_mode="r")
rng = np.random.default_rng(0)
y = np.zeros((len(X), {n_labels}), dtype=np.uint8)
y[np.arange(len(X)), rng.integers(0, {n_labels}, len(X))] = 1
settings = dict(hidden_size=128, max_epochs=1, random_state=0)
model = {model}
if {what!r} == "predict":
    model.fit(X[:1000], y[:1000])
before = memory("VmHWM")
model.fit(X, y) if {what!r} == "fit" else model.predict(X)
print(json.dumps([before, memory("VmHWM")]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = json.loads(run.stdout)
    return {"before": before, "peak": after}


def main():
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    from skzsl import MultiLevelAttentionClassifier, nets

    base = inspect.getmodule(MultiLevelAttentionClassifier.__mro__[1])
    results = Results("memory", {"shape": SHAPE})
    code = fingerprint(base, nets.training, nets.batches, nets.inference, measure)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clips.npy"
        for what, name, n_labels in CASES:
            key = f"{what} {name}, {n_labels} labels"

            def compute(what=what, name=name, n_labels=n_labels):
                if not path.exists():
                    make_file(path)
                return measure(path, MODELS[name], n_labels, what)

            figures = results.get(key, compute, code)
            y_size, result = SHAPE[0] * n_labels / 1e6, SHAPE[0] * n_labels * (what == "predict") / 1e6
            cells = [f"{value:.0f}" for value in (y_size, result, figures["before"], figures["peak"])]
            rows.append([what, name, str(n_labels), f"{np.prod(SHAPE) / 1e6:.0f}", *cells])
    header = ["call", "net", "labels", "X", "y", "result", "before the call", "peak"]
    print_table("Peak resident memory, MB", header, rows)


if __name__ == "__main__":
    main()
