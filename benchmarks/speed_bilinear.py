"""Speed of ZeroShotBilinear's solvers: ratios measured side by side in one run, alternating, medians of repeats.

The online solver against training algorithm 1 written literally and against a vectorised numpy loop that makes one
rank-1 update a clip; its growth with n, d, C and k; and, where LightFM is installed, its WARP loss. The minibatch
solver against hand-written torch loops that do the same work.
"""

import importlib.util
import tempfile
import time

import numpy as np
from common import alternate, in_process, run
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from skzsl import ZeroShotBilinear

REFERENCE = {"n": 1600, "d": 128, "k": 300, "C": 40}
GROWTH = {
    "n": [50, 200, 800, 3200, 12800],
    "d": [2, 16, 64, 256, 1024, 2048],
    "k": [2, 16, 64, 384, 1024],
    "C": [2, 5, 10, 100, 400, 1000],
}
CORNERS = [
    {"n": 5, "d": 2, "k": 2, "C": 2},
    {"n": 20, "d": 2, "k": 2, "C": 2},
    {"n": 200, "d": 8, "k": 4, "C": 300},
    {"n": 300, "d": 1024, "k": 384, "C": 527},
    {"n": 300, "d": 128, "k": 50, "C": 2000},
]


def make_problem(n, d, k, C, learnable=True):
    """Make clips around the means of their labels, or anywhere, at unit length, and random unit label vectors."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, C, n)
    clips = learnable * rng.normal(size=(C, d))[codes] + 1.5 * rng.normal(size=(n, d))
    vectors = rng.normal(size=(C, k))
    unit = [array / np.linalg.norm(array, axis=1, keepdims=True) for array in (clips, vectors)]
    return unit[0], codes, unit[1]


def literal(clips, codes, vectors, lr, epochs):
    """Training algorithm 1 as printed."""
    n_labels = len(vectors)
    beta = np.cumsum(1.0 / np.arange(1, n_labels + 1))
    W = np.zeros((clips.shape[1], vectors.shape[1]))
    for _ in range(epochs):
        for x, true in zip(clips, codes, strict=True):
            scores = [x @ W @ vector for vector in vectors]
            losses = [0.0 if c == true else 1 + scores[c] - scores[true] for c in range(n_labels)]
            for rank, c in enumerate(sorted(range(n_labels), key=lambda c: -losses[c]), start=1):
                if losses[c] > 0:
                    W -= lr * beta[(n_labels - 1) // rank - 1] * np.outer(x, vectors[c] - vectors[true])
    return W


def rank_one(clips, codes, vectors, lr, epochs):
    """The same map with numpy: all labels at once and one rank-1 update a clip."""
    n_labels = len(vectors)
    beta = np.cumsum(1.0 / np.arange(1, n_labels + 1))
    weights = np.r_[beta[(n_labels - 1) // np.arange(1, n_labels) - 1], 0.0]
    W = np.zeros((clips.shape[1], vectors.shape[1]))
    for _ in range(epochs):
        for x, true in zip(clips, codes, strict=True):
            scores = vectors @ (x @ W)
            losses = 1 + scores - scores[true]
            losses[true] = 0.0
            moves = np.zeros(n_labels)
            moves[np.argsort(-losses, kind="stable")] = weights
            moves *= losses > 0
            W -= np.outer(lr * x, moves @ vectors - moves.sum() * vectors[true])
    return W


def ours(clips, codes, vectors, lr, epochs):
    """The package's solver."""
    from skzsl.solvers import online_ranking

    return online_ranking(clips, codes, vectors, lr=lr, max_epochs=epochs, shuffle=False)


def time_online(sizes, contenders, threads, repeats=5, epochs=2):
    """Seconds an epoch of each contender, on one problem, after checking that all learn the same map."""
    problem = make_problem(**sizes)
    with threadpool_limits(threads):
        learned = [function(*problem, 0.1, epochs) for function in contenders.values()]
        for other in learned[1:]:
            np.testing.assert_allclose(other, learned[0], atol=1e-8)
        calls = {name: lambda f=function: f(*problem, 0.1, epochs) for name, function in contenders.items()}
        return {name: seconds / epochs for name, seconds in alternate(calls, repeats).items()}


def first_calls():
    """Seconds of the first and the second call in this process."""
    from skzsl.solvers import online_ranking

    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        online_ranking(np.eye(3), np.arange(3), np.eye(3), lr=1.0, max_epochs=1)
        seconds.append(time.perf_counter() - start)
    return seconds


def time_compilation():
    """Seconds of the first call in a fresh process, with an empty and with a filled cache, and of the second call."""
    with tempfile.TemporaryDirectory() as cache:
        first, second = (in_process(first_calls, NUMBA_CACHE_DIR=cache) for _ in range(2))
    return {"empty cache": first[0], "filled cache": second[0], "later calls": second[1]}


def time_lightfm(sizes):
    """Seconds an epoch of LightFM's WARP with the same clips and label vectors as side features, 32 components."""
    from lightfm import LightFM
    from scipy.sparse import coo_matrix, csr_matrix

    clips, codes, vectors = make_problem(**sizes)
    pairs = coo_matrix((np.ones(len(codes)), (np.arange(len(codes)), codes)), shape=(len(clips), len(vectors)))
    features = {"user_features": csr_matrix(clips), "item_features": csr_matrix(vectors)}
    model = LightFM(no_components=32, loss="warp", random_state=0)
    calls = {
        "lightfm": lambda: model.fit_partial(pairs, epochs=2, num_threads=1, **features),
        "ours": lambda: ours(clips, codes, vectors, 0.1, 2),
    }
    return {name: seconds / 2 for name, seconds in alternate(calls, 5).items()}


def time_minibatch(model, sizes, batch_size, epochs, threads):
    """Seconds of a whole fit of the minibatch solver and of two plain torch loops over the same batches."""
    import torch

    from skzsl.nets import WeightedRankingLoss

    torch.set_num_threads(threads)
    # Moments of AdamW that fade to denormal numbers slow both sides by up to a third, more or less with the order.
    torch.set_flush_denormal(True)
    clips, codes, vectors = (
        array.astype(np.float32) if array.dtype == float else array for array in make_problem(**sizes)
    )
    labels = np.array([f"label {code:04}" for code in range(len(vectors))])
    table = dict(zip(labels, vectors, strict=True))

    def plain(**options):
        weight = torch.zeros(clips.shape[1], vectors.shape[1], requires_grad=True, device=model.device)
        optimizer, loss_of = torch.optim.AdamW([weight], lr=0.01, weight_decay=0.0, **options), WeightedRankingLoss()
        X, y, V = (torch.from_numpy(array).to(model.device) for array in (clips, codes, vectors))
        generator = torch.Generator().manual_seed(0)
        for _ in range(epochs):
            losses = []
            for rows in torch.randperm(len(X), generator=generator).split(batch_size):
                optimizer.zero_grad()
                product = (X[rows] @ weight) @ V.T if batch_size <= 32 else X[rows] @ (weight @ V.T)
                loss = loss_of(product, y[rows])
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            torch.stack(losses).mean().item()

    model = clone(model).set_params(text_encoder=table, max_epochs=epochs, batch_size=batch_size)
    calls = {
        "ours": lambda: model.fit(clips, labels[codes]),
        "plain loop": plain,
        "plain loop, fused optimiser": lambda: plain(fused=True),
    }
    return alternate(calls, 7, torch.cuda.synchronize if model.device == "cuda" else None)


CONTENDERS = {"numpy": rank_one, "ours": ours}
ONLINE = {
    f"reference, {threads} threads{'' if learnable else ', labels at random'}": (threads, learnable)
    for threads, learnable in [(1, True), (2, True), (1, False)]
}
PROBLEMS = [{**REFERENCE, name: value} for name, values in GROWTH.items() for value in values] + CORNERS
MINIBATCH = [(REFERENCE, 32, 100, 1), (REFERENCE, 32, 100, 2), (REFERENCE, 256, 200, 1)]
MINIBATCH += [({**REFERENCE, "d": 1024, "k": 384}, 32, 30, 1), (REFERENCE, 32, 5, 1)]
SETTINGS = {"optimizer": "AdamW", "lr": 0.01, "standardize": False, "device": "cpu", "random_state": 0}
SOLVER = ZeroShotBilinear(solver="minibatch", **SETTINGS)


def minibatch_key(sizes, batch_size, epochs, threads):
    """What the figure of a fit is called."""
    return f"minibatch {sizes}, batch {batch_size}, {epochs} epochs, {threads} threads"


def calls(arguments):
    """The online solver, LightFM where it is installed, and the minibatch solver, which alone can use a GPU."""
    solver = clone(SOLVER).set_params(device=arguments.device)
    found = {"compilation": (time_compilation,)}
    for key, (threads, learnable) in ONLINE.items():
        problem = {**REFERENCE, "learnable": learnable}
        found[key] = (time_online, problem, {"literal": literal, **CONTENDERS}, threads)
    found |= {str(sizes): (time_online, sizes, CONTENDERS, 1, 3) for sizes in PROBLEMS}
    if importlib.util.find_spec("lightfm"):
        found["lightfm"] = (time_lightfm, REFERENCE)
    return found | {minibatch_key(*case): (time_minibatch, solver, *case) for case in MINIBATCH}


def tables(figures):
    """Seconds and ratios of each solver."""
    compilation = figures["compilation"]
    yield "First call of the online solver, seconds", [*compilation], [[*compilation.values()]]

    rows = []
    for key, (threads, learnable) in ONLINE.items():
        seconds = figures[key]
        ratios = [f"{seconds[name] / seconds['ours']:.0f} x" for name in ("literal", "numpy")]
        cells = [str(threads), "learnable" if learnable else "at random"]
        rows.append([*cells, *(f"{1e3 * value:.2f}" for value in seconds.values()), *ratios])
    header = ["threads", "labels", "literal loop", "rank-1 numpy", "ours", "literal / ours", "numpy / ours"]
    yield f"Online solver at {REFERENCE}, milliseconds an epoch", header, rows

    rows = []
    for sizes in PROBLEMS:
        numpy, own = figures[str(sizes)].values()
        cells = [f"{1e3 * numpy:.2f}", f"{1e3 * own:.2f}", f"{1e6 * own / sizes['n']:.2f}", f"{numpy / own:.1f} x"]
        rows.append([*map(str, sizes.values()), *cells])
    header = [*REFERENCE, "rank-1 numpy, ms", "ours, ms", "ours, µs a clip", "numpy / ours"]
    yield "Growth, an epoch, one thread", header, rows

    if "lightfm" in figures:
        theirs, own = figures["lightfm"].values()
        rows = [[f"{1e3 * theirs:.1f}", f"{1e3 * own:.2f}", f"{theirs / own:.1f} x"]]
        yield "LightFM's WARP (32 components), ms an epoch", ["LightFM", "ours", "ratio"], rows

    rows = []
    for case in MINIBATCH:
        (own, *loops), (sizes, *rest) = figures[minibatch_key(*case)].values(), case
        rows.append(
            [f"{sizes['d']} x {sizes['k']}", *map(str, rest), own, *loops, *(own / seconds for seconds in loops)]
        )
    header = ["d x k", "batch", "epochs", "threads", "ours, s", "plain loop, s", "with fused optimiser, s"]
    yield "Minibatch solver, a whole fit", [*header, "ours / plain", "ours / fused"], rows


if __name__ == "__main__":
    run("speed_bilinear", calls, tables, device={"default": "cpu", "help": "cpu or cuda"})
