"""Weights of clips: exact in the closed form, refused by what draws batches."""

import numpy as np
import pytest
from agreement import assert_agree
from models import EPOCHS, data, new
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.utils.validation import has_fit_parameter

from skzsl import ZeroShotRidge
from skzsl.text import HashingEncoder

FORMS = ["vectors", "segments", "few clips", "float64"]


def clips(form):
    X, _ = data("one")
    X = X[:, 0] if form in ("vectors", "few clips") else X
    if form == "few clips":
        X = np.repeat(X, 4, axis=1)  # more features than clips
    return X.astype(np.float64) if form == "float64" else X


@pytest.mark.parametrize("kind", ["one", "several"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_weight_is_that_many_clips(kind, form, standardize, method, rng):
    X, (_, y) = clips(form), data(kind)
    weights = rng.integers(0, 4, len(X))
    weights[:4] = 1, 2, 3, 0
    repeated = np.repeat(np.arange(len(X)), weights)
    model = ZeroShotRidge(HashingEncoder(16), standardize=standardize)
    weighted = getattr(model, method)(X, y, sample_weight=weights)
    scores = weighted.decision_function(X)
    of_repeated = y.iloc[repeated] if kind == "several" else y[repeated]
    plain = getattr(clone(model), method)(X[repeated], of_repeated)
    assert_agree(scores, plain.decision_function(X))
    assert weighted.n_samples_seen_ == len(repeated)


def test_fractions_are_weights_and_scale_what_the_regulariser_is_beside(rng):
    X, y = data("one")
    model = ZeroShotRidge(HashingEncoder(16), alpha_audio=1.0)
    half = model.fit(X, y, sample_weight=np.full(len(X), 0.5)).coef_
    assert_agree(half, model.set_params(alpha_audio=2.0).fit(X, y).coef_)


def test_a_label_without_a_clip_that_counts_is_unseen():
    X, y = data("several")
    model = ZeroShotRidge(HashingEncoder(16)).fit(X, y, sample_weight=1 - y["dog"])
    assert "dog" in model.classes_
    assert "dog" not in model.seen_classes_


@pytest.mark.parametrize(
    ("weights", "message"),
    [(-1.0, "Negative"), (np.nan, "NaN"), (np.ones(3), "shape"), (0.0, "zero")],
)
def test_bad_weights_are_refused_and_lose_nothing(weights, message):
    X, y = data("one")
    model = ZeroShotRidge(HashingEncoder(16)).fit(X, y)
    before = model.coef_
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, sample_weight=np.full(len(X), weights) if np.isscalar(weights) else weights)
    assert model.coef_ is before


def test_memory_tells_weights_apart(tmp_path):
    X, y = data("one")
    model = ZeroShotRidge(HashingEncoder(16), memory=str(tmp_path))
    plain = model.fit(X, y).coef_
    weighted = model.fit(X, y, sample_weight=np.arange(1, len(X) + 1)).coef_
    assert not np.allclose(plain, weighted)
    np.testing.assert_array_equal(model.fit(X, y).coef_, plain)


@pytest.mark.parametrize(("name", "kind"), EPOCHS)
def test_nets_and_the_online_solver_say_why_they_take_none(name, kind):
    model, (X, y) = new(name), data(kind)
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(TypeError, match=r"takes no sample_weight: .* Repeat clips"):
            fit(X, y, sample_weight=np.ones(len(X)))
        with pytest.raises(TypeError, match="takes X and y, not epochs"):
            fit(X, y, epochs=3)
    assert not has_fit_parameter(model, "sample_weight")


def test_bags_of_nets_repeat_clips_instead():
    X, y = data("one")
    labels = {0: "rain", 1: "dog", 2: "wind", 3: "cat"}
    bags = BaggingClassifier(new("bilinear, online", label_texts=labels), n_estimators=2, random_state=0)
    assert bags.fit(X[:, 0], y).predict(X[:, 0]).shape == (len(X),)
