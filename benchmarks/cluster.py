"""A search of 12 points on one dask worker and on two, beside one and two processes without dask.

Workers are processes of one thread on this machine. What two without dask gain is what the machine has to give.
"""

import time
from contextlib import ExitStack

import joblib
import numpy as np
from common import run

N_CLIPS, SHAPE, N_LABELS, REPEATS = 20_000, (10, 128), 50, 3
GRID = {"alpha_audio": [1.0, 10.0, 100.0, 1000.0], "alpha_text": [0.1, 1.0, 10.0]}
ENGINES = ("dask", "loky")


def measure():
    """Seconds of each search, taken in turns, and whether all scores are the same."""
    from distributed import Client, LocalCluster
    from sklearn.model_selection import GridSearchCV

    from skzsl import ZeroShotRidge
    from skzsl.model_selection import ClassDisjointKFold, zero_shot_scorer
    from skzsl.text import HashingEncoder

    rng = np.random.default_rng(0)
    codes = np.arange(N_CLIPS) % N_LABELS
    noise = rng.normal(size=(N_CLIPS, *SHAPE)).astype(np.float32)
    X = noise + rng.normal(size=(N_LABELS, 1, SHAPE[1])).astype(np.float32)[codes]
    y = np.array([f"sound {code}" for code in range(N_LABELS)])[codes]
    settings = {"scoring": zero_shot_scorer("accuracy"), "cv": ClassDisjointKFold(5, random_state=0), "refit": False}
    seconds, scores = {f"{engine} {n}": [] for engine in ENGINES for n in (1, 2)}, []
    with ExitStack() as stack:
        ways = {}
        for n in (1, 2):
            machine = {"n_workers": n, "threads_per_worker": 1, "dashboard_address": None}
            client = stack.enter_context(Client(stack.enter_context(LocalCluster(**machine))))
            ways[f"dask {n}"] = {"backend": "dask", "client": client, "scatter": [X, y], "n_jobs": -1}
            ways[f"loky {n}"] = {"backend": "loky", "inner_max_num_threads": 1, "n_jobs": n}
        for _ in range(REPEATS + 1):  # what processes import in the first does not count
            for name, way in ways.items():
                start = time.perf_counter()
                with joblib.parallel_config(**way):
                    search = GridSearchCV(ZeroShotRidge(HashingEncoder()), GRID, **settings).fit(X, y)
                seconds[name].append(time.perf_counter() - start)
                scores.append(search.cv_results_["mean_test_score"])
    same = all((each == scores[0]).all() for each in scores)
    return {**{name: float(np.median(taken[1:])) for name, taken in seconds.items()}, "same": same}


def calls(_):
    """All searches in one figure."""
    return {"search": (measure,)}


def tables(figures):
    """Seconds, their ratio, and whether the scores are the same."""
    found, rows = figures["search"], []
    for engine in ENGINES:
        one, two = found[f"{engine} 1"], found[f"{engine} 2"]
        rows.append([engine, f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}", "yes" if found["same"] else "no"])
    header = ["engine", "one process, s", "two processes, s", "times faster", "same scores to the bit"]
    yield "A search of 12 points, 5 folds, by processes of one thread (median of three)", header, rows


if __name__ == "__main__":
    run("cluster", calls, tables)
