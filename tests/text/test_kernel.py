import math
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from skzsl import ZeroShotRidge
from skzsl.text import HashingEncoder, TextKernel

LINEAR = [0.0, 0.05, 0.5, 1.0]


def unit_vectors(shape, rng):
    return Normalizer().fit_transform(rng.normal(size=shape))


def kernel(A, B, gamma, linear):
    """What the class documents, product by product."""
    return np.array(
        [
            [
                (1 - linear) * math.exp(-gamma * sum((x - z) ** 2 for x, z in zip(a, b, strict=True)))
                + linear * sum(x * z for x, z in zip(a, b, strict=True))
                for b in B.tolist()
            ]
            for a in A.tolist()
        ]
    )


@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("linear", LINEAR)
def test_products_of_the_texts_of_fit_are_the_kernel(linear, gamma, rng):
    X = unit_vectors((15, 6), rng)
    mapped = TextKernel(gamma, linear=linear).fit_transform(X)
    assert mapped.shape == (15, 15 + 6)
    np.testing.assert_allclose(mapped @ mapped.T, kernel(X, X, gamma, linear), atol=1e-8)


@pytest.mark.parametrize("linear", LINEAR)
@pytest.mark.parametrize("step", [0.0, 1e-9])
def test_texts_that_share_a_vector_are_mapped_alike(step, linear, rng):
    X = unit_vectors((8, 6), rng)
    X = np.concatenate([X, X[:3], X[:1] + step])
    mapped = TextKernel(linear=linear).fit_transform(X)
    np.testing.assert_allclose(mapped @ mapped.T, kernel(X, X, 1.0, linear), atol=1e-8)
    np.testing.assert_allclose(mapped[8:11], mapped[:3], atol=1e-8)


@pytest.mark.parametrize("linear", LINEAR)
def test_products_of_new_texts_and_those_of_fit_are_the_kernel_too(linear, rng):
    X, new = unit_vectors((10, 6), rng), unit_vectors((7, 6), rng)
    model = TextKernel(linear=linear).fit(X)
    np.testing.assert_allclose(model.transform(new) @ model.transform(X).T, kernel(new, X, 1.0, linear), atol=1e-8)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_gaussian_part_of_new_texts_is_that_of_nystroem(gamma, rng):
    X, new = unit_vectors((10, 6), rng), unit_vectors((7, 6), rng)
    ours = TextKernel(gamma, linear=0.0).fit(X).transform(new)
    assert not ours[:, 10:].any()
    theirs = Nystroem(gamma=gamma, n_components=10, random_state=0).fit(X).transform(new)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-8)


@pytest.mark.parametrize(
    ("n_landmarks", "rows"), [(1, [0]), (4, [0, 3, 6, 9]), (5, [0, 2, 4, 6, 8]), (6, [0, 2, 4, 6, 8]), (10, range(10))]
)
def test_landmarks_come_evenly_from_the_texts(n_landmarks, rows, rng):
    X, new = unit_vectors((10, 6), rng), unit_vectors((7, 6), rng)
    model = TextKernel(linear=0.2, n_landmarks=n_landmarks).fit(X)
    np.testing.assert_array_equal(model.landmarks_, X[rows])
    few = TextKernel(linear=0.2).fit(X[rows])
    mapped = model.transform(new)
    assert mapped.shape == (7, len(rows) + 6)
    np.testing.assert_allclose(mapped, few.transform(new), atol=1e-12)
    on_landmarks = mapped @ model.transform(X[rows]).T
    np.testing.assert_allclose(on_landmarks, kernel(new, X[rows], 1.0, 0.2), atol=1e-8)


def test_linear_alone_is_the_vectors_as_they_are(rng):
    X = unit_vectors((5, 3), rng)
    mapped = TextKernel(linear=1).fit_transform(X)
    assert not mapped[:, :5].any()
    np.testing.assert_array_equal(mapped[:, 5:], X)


def test_one_text_is_enough(rng):
    X, new = unit_vectors((1, 4), rng), unit_vectors((3, 4), rng)
    model = TextKernel(linear=0.25)
    assert np.square(model.fit_transform(X)).sum() == pytest.approx(1)
    np.testing.assert_allclose(model.transform(new)[:, 0], np.sqrt(0.75) * kernel(new, X, 1.0, 0.0)[:, 0])


def test_maps_of_32_bit_vectors_and_of_zeros_are_finite(rng):
    X = unit_vectors((30, 6), rng)
    expected = TextKernel().fit_transform(X)
    narrow = TextKernel().fit_transform(X.astype(np.float32))
    np.testing.assert_allclose(narrow @ narrow.T, expected @ expected.T, atol=1e-5)
    assert np.isfinite(TextKernel().fit_transform(np.zeros((3, 2)))).all()


@pytest.mark.parametrize(
    "parameters",
    [{"gamma": 0}, {"gamma": -1.0}, {"gamma": None}, {"linear": -0.1}, {"linear": 1.1}, {"n_landmarks": 0}],
    ids=str,
)
def test_bad_parameters_are_named(parameters, rng):
    with pytest.raises(ValueError, match=f"The '{next(iter(parameters))}' parameter of TextKernel"):
        TextKernel(**parameters).fit(unit_vectors((3, 2), rng))


def test_kernels_are_copied_stored_and_named(rng):
    X = unit_vectors((4, 3), rng)
    model = TextKernel(2.0, linear=0.3).fit(X)
    for same in (pickle.loads(pickle.dumps(model)), clone(model).fit(X)):
        np.testing.assert_array_equal(same.transform(X), model.transform(X))
    assert model.get_feature_names_out().tolist() == [f"textkernel{column}" for column in range(7)]
    assert model.set_output(transform="pandas").transform(X).shape == (4, 7)


def test_models_on_kernels_meet_new_labels(rng):
    X, y = rng.normal(size=(12, 5)), ["dog bark", "rain", "siren"] * 4
    model = ZeroShotRidge(make_pipeline(HashingEncoder(32), Normalizer(), TextKernel())).fit(X, y)
    assert model.coef_.shape == (5, 3 + 32)
    model.partial_fit(X[:4], ["wind", "dog bark", "cat", "rain"])
    assert model.coef_.shape == (5, 3 + 32)
    assert np.isfinite(model.decision_function(X, labels=["wind", "heavy rain"])).all()


@parametrize_with_checks([TextKernel(), TextKernel(linear=1.0, n_landmarks=5)], xfail_strict=True)
def test_kernel_keeps_the_contract(estimator, check):
    check(estimator)
