"""ZeroShotRidge on two million clips in a memory-mapped file: seconds and memory of one pass, against the BLAS.

All run in one process of one thread, in turns; medians. The machine's rate is that of the product of two blocks of
clips in float32 that stay in memory. ``block^T block``, which numpy hands to a routine that computes one half only, is
the least that the closed form needs. A rate counts 2 n d^2 operations, whatever is done. Memory is looked at every few
milliseconds of another fit: all that the process holds, but for pages of the file, which the system can take back.
"""

import threading

import numpy as np
from common import alternate, in_process, memory, run

N, D, C, K = 2_000_000, 128, 400, 64
BLOCK = 8192


def make_file(path):
    """Write random clips, a part at a time."""
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(N, D))
    rng = np.random.default_rng(0)
    for start in range(0, N, 100_000):
        X[start : start + 100_000] = rng.normal(size=(100_000, D)).astype(np.float32)
    X.flush()


def make_labels(kind):
    """Labels as text or as numbers, and the vector of each."""
    rng = np.random.default_rng(1)
    codes, vectors = rng.integers(0, C, N), rng.normal(size=(C, K))
    if kind == "numbers":
        return codes, {f"label {i}": vectors[i] for i in range(C)}, {i: f"label {i}" for i in range(C)}
    names = np.array([f"label {i}" for i in range(C)])
    return names[codes], dict(zip(names.tolist(), vectors, strict=True)), None


def measure(path, kind):
    """Seconds and memory of a fit, its rate, and the machine's."""
    from skzsl import ZeroShotRidge

    X = np.load(path, mmap_mode="r")
    y, table, label_texts = make_labels(kind)
    model = ZeroShotRidge(table, standardize=False, label_texts=label_texts)
    model.fit(X[:1000], y[:1000])
    block, other = np.array(X[:BLOCK]), np.array(X[BLOCK : 2 * BLOCK])

    def products(left, right):
        for _ in range(N // BLOCK):
            left.T @ right

    contenders = {
        "fit": lambda: model.fit(X, y),
        "two": lambda: products(block, other),
        "itself": lambda: products(block, block),
    }
    seconds = alternate(contenders, 5)
    before, peak = memory("RssAnon"), watched(lambda: model.fit(X, y))
    return {**seconds, "added": peak - before, "peak": peak, "with file": memory("VmHWM")}


def watched(function):
    """Highest memory of this process while a function runs, without mapped files, in MB."""
    found, done = [memory("RssAnon")], threading.Event()

    def watch():
        while not done.wait(0.003):
            found.append(memory("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    function()
    done.set()
    watcher.join()
    return max(found)


def measure_alone(path, kind):
    """Measure in a process of its own, on one thread."""
    if not path.exists():
        make_file(path)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return in_process(measure, str(path), kind, **threads)


def calls(arguments):
    """Labels as numbers, then as text, on the same file."""
    return {kind: (measure_alone, arguments.scratch / "clips.npy", kind) for kind in ("numbers", "text")}


def tables(figures):
    """Rates and memory."""
    rows = []
    for kind in ("numbers", "text"):
        found = figures[kind]
        rates = {side: 2 * N * D * D / found[side] / 1e9 for side in ("fit", "two", "itself")}
        shares = [rates["fit"] / rates[side] for side in ("two", "itself")]
        cells = [f"{found['fit']:.2f}", *(f"{rate:.0f}" for rate in rates.values())]
        sizes = [found[size] for size in ("added", "peak", "with file")]
        rows.append([kind, *cells, *(f"{share:.2f}" for share in shares), *(f"{size:.0f}" for size in sizes)])
    header = ["labels", "fit, s", "GFLOP/s", "two blocks", "a block with itself", "share of the first", "of the second"]
    header += ["memory of fit, MB", "of the process, MB", "with the file, MB"]
    yield f"fit of {N} clips x {D}, float32, {C} labels, one thread", header, rows


if __name__ == "__main__":
    run("speed_ridge", calls, tables)
