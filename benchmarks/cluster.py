"""A search of 12 points on one dask worker and on two: seconds, and whether the scores are the same.

Workers are processes of one thread on this machine.
"""

import time

import joblib
import numpy as np
from common import run

N_CLIPS, SHAPE, N_LABELS, REPEATS = 20_000, (10, 128), 50, 3
GRID = {"alpha_audio": [1.0, 10.0, 100.0, 1000.0], "alpha_text": [0.1, 1.0, 10.0]}


def measure():
    """Seconds of each search, and the scores."""
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
    found = {"seconds": {}, "same": True}
    cv, scorer, first = ClassDisjointKFold(5, random_state=0), zero_shot_scorer("accuracy"), None
    for n_workers in (1, 2):
        settings = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**settings) as cluster, Client(cluster):
            seconds = []
            for _ in range(REPEATS + 1):  # what workers import in the first does not count
                search = GridSearchCV(
                    ZeroShotRidge(HashingEncoder()), GRID, scoring=scorer, cv=cv, n_jobs=-1, refit=False
                )
                start = time.perf_counter()
                with joblib.parallel_config(backend="dask", scatter=[X, y]):
                    search.fit(X, y)
                seconds.append(time.perf_counter() - start)
                scores = search.cv_results_["mean_test_score"]
                first = scores if first is None else first
                found["same"] &= bool((scores == first).all())
            found["seconds"][str(n_workers)] = float(np.median(seconds[1:]))
    return found


def calls(_):
    """Both searches in one figure."""
    return {"search": (measure,)}


def tables(figures):
    """Seconds, their ratio, and whether the scores are the same."""
    found = figures["search"]
    one, two = found["seconds"].values()
    header = ["workers", "seconds", "times faster", "same scores to the bit"]
    rows = [["1", f"{one:.1f}", "", ""], ["2", f"{two:.1f}", f"{one / two:.2f}", "yes" if found["same"] else "no"]]
    yield "A search of 12 points, 5 folds, on dask workers of one thread (median of three)", header, rows


if __name__ == "__main__":
    run("cluster", calls, tables)
