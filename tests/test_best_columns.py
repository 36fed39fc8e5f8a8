"""The best columns of each row, held to a stable sort."""

import numpy as np
import pytest

from skzsl._best_columns import best_columns


@pytest.mark.parametrize("n_columns", [1, 7, 16, 79, 80, 81, 500, 1999, 4000])
@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("values", ["floats", "few values", "all equal", "sorted", "infinite"])
def test_the_best_columns_are_those_of_a_stable_sort(n_columns, k, values, rng):
    if k > n_columns:
        pytest.skip("there are not so many columns")
    scores = rng.normal(size=(17, n_columns)).astype(np.float32)
    if values == "few values":
        scores = np.round(scores)
    elif values == "all equal":
        scores[:] = 3.0
    elif values == "sorted":
        scores.sort(axis=1)
    elif values == "infinite":
        scores[rng.random(scores.shape) < 0.3] = -np.inf
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(best_columns(scores, k), expected)
