import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import (
    ScoreNormalizer,
    ZeroShotBilinear,
    ZeroShotNearest,
    ZeroShotTemporalAttention,
    indicator_frame,
    with_labels,
)
from skzsl.model_selection import ClassDisjointKFold, GreedyLabelFolds, ThresholdTuner, get_scorer
from skzsl.preprocessing import Segmentwise
from skzsl.text import HashingEncoder

LABELS = ["wind", "rain", "heavy rain"]


@pytest.fixture
def tagged(rng):
    y = indicator_frame(
        [[["rain"], ["rain", "dog"], ["hail", "siren"], ["wind"], ["hail"], ["dog"]][clip % 6] for clip in range(60)]
    )
    y["thunder"] = 0
    return rng.normal(size=(60, 4, 8)) + (y.to_numpy() @ rng.normal(size=(6, 8)))[:, None], y


@pytest.fixture
def model():
    return ZeroShotTemporalAttention(HashingEncoder(), max_epochs=2, text_sizes=(8,), audio_sizes=(8,), random_state=0)


@pytest.mark.parametrize("norm", ["z", "t", "zt"])
@pytest.mark.parametrize("labels", [LABELS, ["heavy rain"], None], ids=["some", "one", "those of fit"])
def test_scores_are_normalised_as_written_out(tagged, model, norm, labels):
    X, y = tagged
    normalizer = ScoreNormalizer(model, norm=norm, n_cohort=25).fit(X, y)
    plain = clone(model).fit(X, y)
    candidates = list(y.columns) if labels is None else labels
    cohort_labels = candidates + [label for label in plain.seen_classes_ if label not in candidates]
    scores = plain.decision_function(X, labels=cohort_labels).astype(float)
    np.testing.assert_array_equal(normalizer.cohort_, X[::3])
    if norm != "t":
        cohort = plain.decision_function(X[::3], labels=cohort_labels).astype(float)
        scores = (scores - cohort.mean(axis=0)) / cohort.std(axis=0)
    if norm != "z":
        scores = np.array([(row - row.mean()) / row.std() for row in scores])
    expected = scores[:, : len(candidates)]
    for _ in range(2):  # the second time with what is remembered
        np.testing.assert_allclose(normalizer.decision_function(X, labels=labels), expected, atol=2e-5)
    np.testing.assert_array_equal(
        normalizer.predict(X, labels=labels), normalizer.decision_function(X, labels=labels) > 2.0
    )


def test_shifts_of_labels_and_of_clips_disappear(tagged, model):
    X, y = tagged
    raw = ScoreNormalizer(model).fit(X, y)
    shifted = pickle.loads(pickle.dumps(raw))
    inner = shifted.estimator_.decision_function

    def skewed(X, labels=None):
        scores = inner(X, labels=labels)
        scale = np.array([1 + len(label) for label in labels])
        return scores * scale + 10 * scale

    shifted.estimator_.decision_function = skewed
    shifted._moments = {}
    np.testing.assert_allclose(
        shifted.decision_function(X, labels=LABELS), raw.decision_function(X, labels=LABELS), atol=1e-3
    )


def test_pipelines_searches_tuners_and_scorers_take_it(tagged, model, tmp_path):
    X, y = tagged
    pipeline = make_pipeline(Segmentwise(StandardScaler()), clone(model).set_params(memory=str(tmp_path)))
    normalizer = ScoreNormalizer(pipeline)
    grid = {"norm": ["z", "zt"], "estimator__zeroshottemporalattention__alpha": [0.0, 1.0]}
    folds = GreedyLabelFolds(2)
    search = GridSearchCV(normalizer, grid, cv=folds, scoring=get_scorer("zsl_auc"), error_score="raise").fit(X, y)
    assert search.best_score_ > 0
    tuner = ThresholdTuner(search.best_estimator_, cv=folds).fit(X, y)
    assert tuner.predict(X, labels=LABELS).shape == (60, 3)
    assert tuner.estimator_.threshold == tuner.threshold_
    view = with_labels(tuner, LABELS)
    np.testing.assert_array_equal(view.decision_function(X), tuner.decision_function(X, labels=LABELS))
    tags = tuner.estimator_.tag(X[:2], labels=LABELS, top_k=2)
    assert [len(found) for found in tags] == [2, 2]


def test_one_label_a_clip_is_normalised_too(word_sounds):
    X, y = word_sounds
    model = ScoreNormalizer(ZeroShotBilinear(HashingEncoder(), random_state=0))
    train, test = next(ClassDisjointKFold(4, random_state=0).split(X, y))
    model.fit(X[train], y[train])
    assert get_scorer("zsl_accuracy")(model, X[test], y[test]) > 0.5
    two = with_labels(model, sorted(set(y[test]))[:2])
    assert two.decision_function(X[test]).ndim == 1
    assert set(two.predict(X[test])) <= set(two.classes_)


def test_scores_that_never_vary_stay_finite(tagged, model):
    X, y = tagged
    normalizer = ScoreNormalizer(model).fit(np.zeros_like(X), y)
    assert np.isfinite(normalizer.decision_function(X[:3] * 0, labels=["wind"])).all()


def test_bad_parameters_are_refused(tagged, model):
    X, y = tagged
    for wrong in ({"norm": "s"}, {"n_cohort": 1}, {"threshold": "high"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ScoreNormalizer(model, **wrong).fit(X, y)


def test_parameters_that_act_after_training_may_change(tagged, model):
    X, y = tagged
    normalizer = ScoreNormalizer(model).fit(X, y)
    normalizer.decision_function(X, labels=LABELS)
    normalizer.estimator_.set_params(alpha=0.0)
    expected = ScoreNormalizer(clone(model).set_params(alpha=0.0)).fit(X, y).decision_function(X, labels=LABELS)
    np.testing.assert_allclose(normalizer.decision_function(X, labels=LABELS), expected, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda model, X, y: model.set_params(alpha=1.0),
        lambda model, X, y: model.partial_fit(X[:20], y[:20]),
        lambda model, X, y: model.set_params(random_state=1).fit(X, y),
        lambda model, X, y: model.set_params(label_texts={"wind": "storm"}),
    ],
    ids=["a parameter of training too", "trained on", "trained anew", "other texts"],
)
def test_moments_follow_the_model_inside(tagged, model, change):
    X, y = tagged
    normalizer = ScoreNormalizer(model.set_params(train_on="fused"), norm="z").fit(X, y)
    before = normalizer.decision_function(X, labels=LABELS)
    change(normalizer.estimator_, X, y)
    if normalizer.estimator_.label_texts:  # the vectors of fit are kept
        normalizer.decision_function(X, labels=LABELS)
    changed = normalizer.decision_function(X, labels=LABELS)
    normalizer._moments = {}
    np.testing.assert_array_equal(changed, normalizer.decision_function(X, labels=LABELS))
    assert np.abs(changed - before).max() > 1e-3


@pytest.mark.parametrize("norm", ["z", "t", "zt"])
def test_seen_labels_pay_after_normalising(word_sounds, norm):
    X, y = word_sounds
    train, _ = next(ClassDisjointKFold(4, random_state=0).split(X, y))
    free = ScoreNormalizer(ZeroShotBilinear(HashingEncoder(), random_state=0), norm=norm).fit(X[train], y[train])
    paid = clone(free).set_params(seen_penalty=0.5).fit(X[train], y[train])
    labels = np.unique(y)
    difference = free.decision_function(X, labels=labels) - paid.decision_function(X, labels=labels)
    np.testing.assert_allclose(difference, np.tile(0.5 * np.isin(labels, y[train]), (len(X), 1)), atol=1e-9)
    rates = [get_scorer("gzsl_seen_accuracy")(model, X, y) for model in (free, paid.set_params(seen_penalty=50.0))]
    assert rates[0] > rates[1] == 0.0


def test_a_penalty_inside_is_refused(word_sounds):
    X, y = word_sounds
    inside = make_pipeline("passthrough", ZeroShotBilinear(HashingEncoder(), seen_penalty=0.1))
    with pytest.raises(ValueError, match=r"seen_penalty=0\.1, which normalising undoes"):
        ScoreNormalizer(inside).fit(X, y)
    fitted = ScoreNormalizer(inside.set_params(zeroshotbilinear__seen_penalty=0.0)).fit(X, y)
    assert fitted.predict(X[:2]).shape == (2,)
    fitted.estimator_[-1].seen_penalty = 1.0
    with pytest.raises(ValueError, match="pass seen_penalty to ScoreNormalizer"):
        fitted.predict(X)


@pytest.mark.parametrize("norm", ["z", "t", "zt"])
def test_labels_that_are_numbers_meet_candidates_that_are_text(word_sounds, norm):
    X, y = word_sounds
    names = np.unique(y)
    numbers = np.searchsorted(names, y)
    texts = ZeroShotBilinear(HashingEncoder(), random_state=0)
    named = ScoreNormalizer(texts, norm=norm).fit(X, y)
    numbered = ScoreNormalizer(clone(texts).set_params(label_texts=dict(enumerate(names))), norm=norm).fit(X, numbers)
    new = ["slow siren", "fast drum"]
    np.testing.assert_allclose(
        numbered.decision_function(X[:9], labels=[*new, "hum"]), named.decision_function(X[:9], labels=[*new, "hum"])
    )


@pytest.mark.parametrize("norm", ["z", "t", "zt"])
def test_models_fitted_without_labels_are_normalised(rng, norm):
    X, labels = rng.normal(size=(40, 8)), ["siren", "horn", "rain"]
    nearest = ZeroShotNearest(HashingEncoder(8))
    normalizer = ScoreNormalizer(nearest, norm=norm).fit(X, None)
    scores = clone(nearest).fit(X).decision_function(X, labels=labels)
    if "z" in norm:
        scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    if "t" in norm:
        scores = (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)
    for _ in range(2):
        np.testing.assert_allclose(normalizer.decision_function(X, labels=labels), scores, atol=1e-9)


def test_scores_that_vary_by_rounding_only_are_not_blown_up(word_sounds):
    X, y = word_sounds
    alike = np.tile(X[0], (len(X), 1)) * (1 + 2.3e-16 * (np.arange(len(X)) % 2))[:, None]
    normalizer = ScoreNormalizer(ZeroShotBilinear(HashingEncoder(), random_state=0), norm="z").fit(X, y)
    normalizer.cohort_, normalizer._moments = alike, {}
    assert np.abs(normalizer.decision_function(alike)).max() < 1e-6
