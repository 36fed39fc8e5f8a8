"""A grid search over 20 thresholds with ``memory`` against one fit per fold.

AudioSet, the 365 labels of the zero-shot protocol, three greedy label folds, train on two and score the third; where
the data is absent, soundscapes.
"""

import inspect
import tempfile
import time

import numpy as np
from audioset import load_protocol
from common import Results, fingerprint, parser, print_table
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skzsl import ZeroShotTemporalAttention
from skzsl.model_selection import GreedyLabelFolds, ThresholdTuner, get_scorer
from skzsl.text import LookupEncoder

N_THRESHOLDS = 20


def measure(folder):
    """Seconds of the two sides, and of ThresholdTuner, which does the same exactly."""
    X, y, texts = load_protocol(folder)
    folds = list(GreedyLabelFolds().split(X, y))
    model = ZeroShotTemporalAttention(LookupEncoder(texts), random_state=0)
    model.fit(X[:64], y[:64])  # imports
    start = time.perf_counter()
    for train, _ in folds:
        clone(model).fit(X[train], y.iloc[train])
    fits = time.perf_counter() - start
    grid = {"threshold": np.linspace(0.0, 5.0, N_THRESHOLDS).tolist()}
    with tempfile.TemporaryDirectory() as memory:
        remembering = clone(model).set_params(memory=memory)
        start = time.perf_counter()
        search = GridSearchCV(remembering, grid, cv=folds, scoring=get_scorer("zsl_f1_micro"), refit=False)
        search.fit(X, y)
        searched = time.perf_counter() - start
    start = time.perf_counter()
    tuner = ThresholdTuner(model, cv=folds)
    tuner._choose  # noqa: B018
    return {"fits": fits, "search": searched, "best": float(search.best_score_), "tuner": time.perf_counter() - start}


def main():
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    results = Results("search", {})
    code = fingerprint(inspect.getmodule(ZeroShotTemporalAttention), measure)
    found = results.get("audioset", lambda: measure(arguments.data), code)
    print(found)
    print_table("", [], [])


if __name__ == "__main__":
    main()
