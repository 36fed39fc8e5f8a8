"""When two computations of the same numbers agree."""

import numpy as np

TOLERANCE = 1e-5  # of the largest number
TRAINED = 1e-3  # of the largest score, where rounding has gone through a training


def assert_agree(actual, expected, tolerance=TOLERANCE):
    """Hold ``actual`` to ``expected`` but for the rounding of float32.

    Products of different shapes go through different kernels, which differ between processors, so that one column of
    a wide product need not equal the same column alone. What a test of the same call, shape and seed compares is equal
    to the bit, and says so with ``assert_array_equal``.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * largest)
