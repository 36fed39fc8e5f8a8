"""How cost grows with labels and clips: text, read, decode, train and predict, beside loops written by hand.

Everything runs on one thread, each case in a process of its own. What is made stands for what is real in size only.
"""

import gc
import time
from functools import partial

import numpy as np
from common import ONE_THREAD, alternate, forget_peak, in_process, memory, run

LABELS = {1_000: 20_000, 10_000: 4_000, 100_000: 2_000}  # candidates, and the clips that are scored against them
N_FEATURES, N_DIMS, K = 256, 384, 10
SCORERS = ("ridge", "bilinear, minibatch", "contrastive")
PARTS = (("deep", "soft", "distant", "sharp", "old"), ("wooden", "metal", "glass", "paper", "plastic"))


def names_of(n_labels):
    """Names of labels: two of a few words, and a number for all the others."""
    return [f"{PARTS[0][i % 5]} {PARTS[1][i // 5 % 5]} sound {i}" for i in range(n_labels)]


def scorer(name, table):
    """Build a model whose texts are in a table, on clips as they are."""
    from skzsl import ZeroShotBilinear, ZeroShotContrastive, ZeroShotRidge

    settings = {"standardize": False, "random_state": 0, "max_epochs": 1}
    if name == "ridge":
        return ZeroShotRidge(table, standardize=False)
    if name == "contrastive":
        return ZeroShotContrastive(table, **settings)
    return ZeroShotBilinear(table, solver="minibatch", **settings)


def measure_labels(name, n_labels):
    """Seconds to predict and to tag, by the model and by hand, and memory of the model's."""
    import torch

    from skzsl.text import VectorTable

    torch.set_num_threads(1)
    rng, names, n_clips = np.random.default_rng(0), names_of(n_labels), LABELS[n_labels]
    table = VectorTable(names, rng.normal(size=(n_labels, N_DIMS)).astype(np.float32))
    X = rng.normal(size=(n_clips, N_FEATURES)).astype(np.float32)
    y = np.array(names)[rng.integers(0, 50, n_clips)]
    model = scorer(name, table).fit(X, y)
    model.temperature = float(model.decision_function(X[:50], labels=names).std())
    model.with_labels(names)
    found = {"again": seconds(model.with_labels, names)}
    view = model.with_labels(names)
    found["before"] = forget_peak()
    view.predict(X)
    view.tag(X[:200], top_k=K)
    found["peak"] = memory("VmHWM")
    by_hand = (by_hand_torch if name == "contrastive" else by_hand_numpy)(view, X, n_labels)
    gc.freeze()  # else Python looks through all that is loaded now and then, in the time of whichever is running
    for what, ours in {"predict": view.predict, "tag": partial(view.tag, top_k=K)}.items():
        pair = {"ours": partial(ours, X), "hand": partial(by_hand, what)}
        found[what] = alternate(pair, 7)
    return found


def by_hand_numpy(view, X, n_labels):
    """Product in blocks of clips with argmax, or argpartition and the softmax of what it keeps."""
    coef, vectors, temperature = view.coef_, view.label_vectors(), view.temperature
    names = view.classes_.tolist()
    step = max(128, (4 << 20) // (8 * n_labels))

    def loop(what):
        weights, found = coef @ vectors.T.astype(coef.dtype, copy=False), []
        for start in range(0, len(X), step):
            scores = X[start : start + step].astype(coef.dtype, copy=False) @ weights
            found.append(scores.argmax(axis=1) if what == "predict" else best(scores, names, temperature))
        return found

    return loop


def by_hand_torch(view, X, n_labels):
    """The same around the net itself."""
    import torch
    from torch.nn import functional

    module, vectors = view.module_.eval(), torch.from_numpy(view.label_vectors()).float()
    names, step = view.classes_.tolist(), max(128, (4 << 20) // (4 * n_labels))

    def loop(what):
        found = []
        with torch.inference_mode():
            directions, scale = functional.normalize(vectors, dim=1), module.log_scale.exp()
            for rows in torch.from_numpy(X)[:, None].split(step):
                clips = functional.normalize(module.head(rows, torch.ones(len(rows), 1)), dim=1)
                scores = (scale * (clips @ directions.T)).numpy()
                found.append(scores.argmax(axis=1) if what == "predict" else best(scores, names, view.temperature))
        return found

    return loop


def best(scores, names, temperature):
    """Lists of (label, probability) of the best labels, as ``tag`` gives them."""
    columns = np.argpartition(scores, scores.shape[1] - K, axis=1)[:, -K:]
    values = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-values, axis=1)
    columns, values = np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1)
    shares = np.exp((values - values[:, :1]) / temperature)
    shares /= np.exp((scores - values[:, :1]) / temperature).sum(axis=1, keepdims=True)
    return [
        [(names[column], share) for column, share in zip(*of_clip, strict=True)]
        for of_clip in zip(columns.tolist(), shares.tolist(), strict=True)
    ]


def measure_text(n_labels):
    """Seconds of a fitted model to meet label texts, and to have them again."""
    import torch

    from skzsl import ZeroShotRidge

    torch.set_num_threads(1)
    names = names_of(n_labels)
    X = np.random.default_rng(0).normal(size=(200, N_FEATURES)).astype(np.float32)
    model = ZeroShotRidge().fit(X, np.array(names)[np.arange(200) % 25])
    found = {"before": forget_peak()}
    for what in ("first", "again"):
        found[what] = seconds(model.with_labels, names)
    vectors = model.label_vectors(names)
    return {**found, "peak": memory("VmHWM"), "size": vectors.nbytes / 1e6, "dims": vectors.shape[1]}


CLIPS, SHAPE, SEEN = (20_000, 200_000, 2_000_000), (10, 128), 50
SEVERAL = ("ridge, 527 labels", "temporal attention, 527 labels", "multi-level of 64 units, 527 labels")  # in sparse y
MODELS = ("ridge", "bilinear, online", "contrastive", "temporal attention", *SEVERAL)


def make_file(path):
    """Write clips whose labels move their features, a part at a time."""
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(CLIPS[-1], *SHAPE))
    rng = np.random.default_rng(0)
    shifts = rng.integers(0, 40, (SEEN, 1, SHAPE[1]), dtype=np.uint8)
    for start in range(0, len(X), 20_000):
        noise = rng.integers(1, 200, (20_000, *SHAPE), dtype=np.uint8)
        X[start : start + 20_000] = noise + shifts[np.arange(start, start + 20_000) % SEEN]
    X.flush()


def measure_clips(path, name, n_clips):
    """Clips a second of reading, of a fit of one pass and of predictions, and the peak of memory in all.

    The fewest clips are trained on and predicted before and after these, on the machine of that moment.
    """
    import torch

    torch.set_num_threads(1)
    X = np.load(path, mmap_mode="r")[:n_clips]
    model, y = learner(name, n_clips)
    few, y_few = learner(name, CLIPS[0])
    found = {"read": n_clips / seconds(read_all, path, X)}
    pairs = {
        "train": (partial(model.fit, X, y), partial(few.fit, X[: CLIPS[0]], y_few)),
        "predict": (partial(model.predict, X), partial(few.predict, X[: CLIPS[0]])),
    }
    for what, (all_clips, few_clips) in pairs.items():
        few_clips()  # what is loaded and compiled in a first call does not count
        before, taken, after = (seconds(call) for call in (few_clips, all_clips, few_clips))
        found[what], found[f"{what}, few"] = n_clips / taken, 2 * CLIPS[0] / (before + after)
        found[f"{what}, peak"] = memory("VmHWM")
    return found


def seconds(call, *arguments):
    """How long a call takes."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def read_all(path, X):
    """Read the rows of a file without looking at them further."""
    with open(path, "rb") as file:
        file.seek(X.offset)
        for first in range(0, len(X), 4096):
            np.fromfile(file, np.uint8, X[first : first + 4096].size).sum(dtype=np.int64)


def learner(name, n_clips):
    """Build a model that makes one pass over the clips, and their labels."""
    from scipy import sparse

    from skzsl import (
        MultiLevelAttentionClassifier,
        ZeroShotBilinear,
        ZeroShotContrastive,
        ZeroShotRidge,
        ZeroShotTemporalAttention,
    )
    from skzsl.text import HashingEncoder

    names, codes = names_of(527), np.arange(n_clips) % SEEN
    y, text = np.array(names[:SEEN])[codes], {"text_encoder": HashingEncoder()}
    if name in SEVERAL:
        others = np.random.default_rng(1).integers(SEEN, 527, (n_clips, 2))
        columns, starts = np.column_stack([codes, others]).ravel(), np.arange(0, 3 * n_clips + 1, 3)
        y = sparse.csr_array((np.ones(len(columns), np.uint8), columns, starts), shape=(n_clips, 527))
        y.sum_duplicates()
        y.data[:] = 1
        text["label_texts"] = names
    settings = {"max_epochs": 1, "random_state": 0}
    if name.startswith("multi-level"):
        # With 600 units a pass over 2 million clips takes an hour, and fewer hide less of what reading them costs.
        return MultiLevelAttentionClassifier(hidden_size=64, averaged_epochs=0, **settings), y
    if name.startswith("ridge"):
        return ZeroShotRidge(**text), y
    kinds = {"bilinear, online": ZeroShotBilinear, "contrastive": ZeroShotContrastive}
    return kinds.get(name, ZeroShotTemporalAttention)(**text, **settings), y


def measure_decode(n_clips):
    """Clips a second out of TFRecords: into memory, and read where they are."""
    import sys
    import tempfile
    from pathlib import Path

    from skzsl.datasets import load_audioset_vggish

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # where the writer is that tests hold the reader to
    from tfrecords import clip_record, framed

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder) / "shard.tfrecord", "wb") as file:
            for number in range(n_clips):
                file.write(framed(clip_record(number, [number % 527]).record))
        for what, in_memory in {"into memory": True, "where they are": False}.items():
            start = time.perf_counter()
            clips = load_audioset_vggish(folder, labels=names_of(527), in_memory=in_memory).X
            for first in range(0, n_clips, 4096):
                np.asarray(clips[first : first + 4096])
            found[what] = n_clips / (time.perf_counter() - start)
    return found


def alone(function, *case):
    """Measure in a process of its own, on one thread."""
    return in_process(function, *case, **ONE_THREAD)


def on_clips(path, *case):
    """Measure on clips of a file, which is written once."""
    if not path.exists():
        make_file(path)
    return alone(measure_clips, str(path), *case)


def calls(arguments):
    """All cases."""
    labels = {f"{name}, {n} labels": (alone, measure_labels, name, n) for n in LABELS for name in SCORERS}
    texts = {f"text of {n} labels": (alone, measure_text, n) for n in LABELS}
    path = arguments.scratch / "clips.npy"
    clips = {f"{name}, {n} clips": (on_clips, path, name, n) for n in CLIPS for name in MODELS}
    return labels | texts | {"decode": (alone, measure_decode, 2_000)} | clips


def tables(figures):
    """Labels, texts and clips."""
    yield "Many labels: a model against a loop in blocks written by hand, one thread", *of_labels(figures)
    yield "Many label texts: with_labels of a fitted model, text_encoder=None, one thread", *of_texts(figures)
    yield "Many clips (10 x 128, uint8, a memory map): clips a second in one pass, one thread", *of_clips(figures)

    rows = [[what, f"{clips:,.0f}"] for what, clips in figures["decode"].items()]
    yield "AudioSet's TFRecords: clips a second, one thread", ["read", "clips/s"], rows


def of_labels(figures):
    """A row for each model and number of labels."""
    header = ["model", "labels", "clips", "predict, million scores/s", "of the loop's time", f"tag(top_k={K})"]
    header += ["of the loop's time", "memory, MB", "with_labels, s"]
    rows = []
    for name in SCORERS:
        for n_labels, n_clips in LABELS.items():
            found = figures[f"{name}, {n_labels} labels"]
            cells = [f"{n_clips / found[what]['ours'] * n_labels / 1e6:.0f}" for what in ("predict", "tag")]
            ratios = [f"{found[what]['ours'] / found[what]['hand']:.2f}" for what in ("predict", "tag")]
            peak = f"{found['peak'] - found['before']:.0f}"
            rows.append([name, f"{n_labels:,}", f"{n_clips:,}", cells[0], ratios[0], cells[1], ratios[1], peak])
            rows[-1].append(f"{found['again']:.2f}")
    return header, rows


def of_texts(figures):
    """A row for each number of labels."""
    header, rows = ["labels", "first, s", "again, s", "texts/s", "vectors, MB", "memory above that of the fit, MB"], []
    for n_labels in LABELS:
        found = figures[f"text of {n_labels} labels"]
        seconds = [f"{found[what]:.2f}" for what in ("first", "again")]
        sizes = [f"{found['size']:.0f}", f"{found['peak'] - found['before']:.0f}"]
        rows.append([f"{n_labels:,}", *seconds, f"{n_labels / found['first']:.0f}", *sizes])
    return header, rows


def of_clips(figures):
    """A row for each model and number of clips."""
    few = f"of that of {CLIPS[0]:,}"
    rows = []
    for name in MODELS:
        for n_clips in CLIPS:
            found = figures[f"{name}, {n_clips} clips"]
            cells = [f"{found['read']:,.0f}"]
            for what in ("train", "predict"):
                cells += [f"{found[what]:,.0f}", f"{found[what] / found[f'{what}, few']:.2f}"]
            peaks = [f"{found[f'{what}, peak']:.0f}" for what in ("train", "predict")]
            rows.append([name, f"{n_clips:,}", *cells, *peaks])
    return ["model", "clips", "read", "train", few, "predict", few, "peak of training, MB", "of both"], rows


if __name__ == "__main__":
    run("scale", calls, tables)
