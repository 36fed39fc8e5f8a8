import numpy as np
import pytest
from agreement import assert_agree
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skzsl
from skzsl import FewShotAdapter, ZeroShotBilinear, ZeroShotConvex, ZeroShotRidge, with_labels
from skzsl.text import HashingEncoder

NAMES = np.array(["fast beep", "fast hum", "fast ring", "slow beep", "slow hum", "slow ring"])
KNOWN, NEW = NAMES[:4], NAMES[4:]


@pytest.fixture
def sounds(rng):
    directions = HashingEncoder(64).fit_transform(NAMES.tolist()) @ rng.normal(size=(64, 12))
    codes = np.arange(120) % 6
    return directions[codes] + 0.7 * rng.normal(size=(120, 12)), NAMES[codes]


@pytest.fixture
def model(sounds):
    X, y = sounds
    rows = np.isin(y, KNOWN)
    return ZeroShotRidge(HashingEncoder(64), standardize=False).fit(X[rows], y[rows])


def few(sounds, n):
    X, y = sounds
    rows = np.concatenate([np.flatnonzero(y == label)[:n] for label in NEW])
    return X[rows], y[rows]


def test_weights_minimise_the_loss_written_out(sounds, model):
    X, y = few(sounds, 3)
    adapter = FewShotAdapter(model, text_weight=0.5, C=2.0).fit(X, y)
    s = model.decision_function(X, labels=NEW.tolist())
    offsets = 0.5 * s / s.std()

    def loss(flat):
        scores = offsets + X @ flat.reshape(2, 12).T
        logs = scores - logsumexp(scores, axis=1, keepdims=True)
        return (flat**2).sum() / 2 - 2.0 * sum(row[label == NEW].item() for row, label in zip(logs, y, strict=True))

    slow = minimize(loss, np.zeros(24), options={"gtol": 1e-9}).x.reshape(2, 12)
    np.testing.assert_allclose(adapter.coef_, slow, atol=1e-5)
    assert np.ptp(slow) > 0.1


def test_without_text_it_is_logistic_regression_on_the_clips(sounds, model):
    X, y = sounds[0][:20], sounds[1][:20]  # of two labels, scikit-learn has one vector of weights
    adapter = FewShotAdapter(model, text_weight=0, C=3.0).fit(X, y)
    plain = LogisticRegression(C=3.0, fit_intercept=False, tol=1e-8, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(adapter.coef_, plain.coef_, atol=1e-4)
    assert_agree(adapter.decision_function(sounds[0]), sounds[0] @ adapter.coef_.T)


def test_scores_of_labels_without_a_clip_are_those_of_text(sounds, model):
    X, y = few(sounds, 2)
    adapter = FewShotAdapter(model).fit(X, y)
    assert adapter.classes_.tolist() == NEW.tolist()
    labels = ["fast hum", "slow ring", "engine"]
    text = model.decision_function(sounds[0], labels=labels)
    scores = adapter.decision_function(sounds[0], labels=labels)
    assert_agree(scores[:, [0, 2]], adapter.text_scale_ * text[:, [0, 2]])
    assert_agree(scores[:, 1] - adapter.text_scale_ * text[:, 1], sounds[0] @ adapter.coef_[1])


def test_a_clip_of_each_label_is_worth_more_than_none_and_the_model_stays(sounds, model):
    X, y = sounds
    test = np.isin(y, NEW)
    before = model.decision_function(X)
    adapter = FewShotAdapter(model).fit(*few(sounds, 2))
    assert adapter.score(X[test], y[test]) > model.score(X[test], y[test], labels=NEW.tolist())
    np.testing.assert_array_equal(model.decision_function(X), before)


def test_pipelines_views_segments_and_files_go_with_it(rng, tmp_path):
    X, y = rng.normal(size=(24, 3, 8)), np.repeat(["rain", "dog", "wind", "sea"], 6)
    fitted = ZeroShotBilinear(HashingEncoder(32), random_state=0).fit(X[:12], y[:12])
    adapter = FewShotAdapter(fitted).fit(X[12:], y[12:])
    assert adapter.coef_.shape == (2, 16)
    view = with_labels(adapter, ["wind", "rain"])
    assert_agree(view.predict_proba(X), adapter.predict_proba(X, labels=["rain", "wind"]))
    assert_agree(adapter.segment_scores(X).max(axis=1), adapter.predict_proba(X) * 0 + adapter._scores(X, None)[0])
    skzsl.save(adapter, tmp_path / "model.skzsl")
    assert_agree(skzsl.load(tmp_path / "model.skzsl").predict_proba(X), adapter.predict_proba(X))
    flat = make_pipeline(StandardScaler(), ZeroShotRidge(HashingEncoder(32))).fit(X[:12, 0], y[:12])
    inside = FewShotAdapter(flat[-1]).fit(flat[0].transform(X[12:, 0]), y[12:])
    around = FewShotAdapter(flat).fit(X[12:, 0], y[12:])
    assert_agree(around.predict_proba(X[:, 0]), inside.predict_proba(flat[0].transform(X[:, 0])))


def test_clones_around_a_frozen_model_are_fitted_and_others_say_what_to_do(sounds, model):
    X, y = few(sounds, 3)
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        clone(FewShotAdapter(model)).fit(X, y)
    frozen = clone(FewShotAdapter(FrozenEstimator(model))).fit(X, y)
    assert (frozen.decision_function(X) == FewShotAdapter(model).fit(X, y).decision_function(X)).all()


def test_what_it_cannot_adapt_is_refused(sounds, model):
    X, y = few(sounds, 2)
    with pytest.raises(NotFittedError, match=r"its estimator is not fitted; .*FrozenEstimator"):
        FewShotAdapter(ZeroShotRidge()).fit(X, y)
    with pytest.raises(TypeError, match="ZeroShotConvex has no clip vectors to adapt; pass ZeroShotRidge"):
        FewShotAdapter(ZeroShotConvex(HashingEncoder()).fit(X, y)).fit(X, y)
    with pytest.raises(ValueError, match="nothing to tell apart; pass clips of another label too"):
        FewShotAdapter(model).fit(X[:2], y[:2])
    several = skzsl.indicator_frame([[label] for label in y])
    with pytest.raises(ValueError, match="takes one label a clip"):
        FewShotAdapter(model).fit(X, several)
    with pytest.raises(ValueError, match="takes one label a clip"):
        FewShotAdapter(ZeroShotRidge(HashingEncoder()).fit(X, several)).fit(X, y)


def test_a_model_that_scores_all_alike_leaves_it_to_the_clips(sounds, model):
    X, y = few(sounds, 2)
    model.coef_ = np.zeros_like(model.coef_)
    adapter = FewShotAdapter(model).fit(X, y)
    alone = FewShotAdapter(model, text_weight=0).fit(X, y)
    assert_agree(adapter.decision_function(X, labels=NEW.tolist()), alone.decision_function(X, labels=NEW.tolist()))
    assert adapter.score(X, y) == 1
