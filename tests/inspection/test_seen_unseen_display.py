import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ZeroShotBilinear, ZeroShotRidge, with_labels
from skzsl.inspection import SeenUnseenDisplay
from skzsl.metrics import ausuc, harmonic_mean
from skzsl.model_selection import ClassDisjointKFold, GeneralizedSplit, get_scorer
from skzsl.text import HashingEncoder

mpl.use("agg")


def test_curve_of_a_pipeline_is_that_of_its_scores(word_sounds):
    X, y = word_sounds
    train, test = next(GeneralizedSplit(ClassDisjointKFold(3, random_state=0), random_state=0).split(X, y))
    model = make_pipeline(StandardScaler(), ZeroShotBilinear(HashingEncoder(), random_state=0)).fit(X[train], y[train])
    display = SeenUnseenDisplay.from_estimator(model, X[test], y[test])
    labels = np.unique(y)
    scores = with_labels(model, labels).decision_function(X[test])
    seen = model[-1].seen_classes_
    assert display.area_ == pytest.approx(ausuc(y[test], scores, labels, seen), abs=1e-12)
    np.testing.assert_array_equal(display.line_.get_xydata(), np.c_[display.unseen, display.seen])
    other = SeenUnseenDisplay.from_predictions(y[test], scores, labels, seen, ax=display.ax_, color="black")
    assert other.area_ == display.area_
    assert other.line_.get_color() == "black"

    # The best penalty, given to the model, has the harmonic mean that the display names.
    assert display.harmonic_ == harmonic_mean(display.seen, display.unseen).max()
    model.set_params(zeroshotbilinear__seen_penalty=display.best_penalty_)
    assert get_scorer("gzsl_harmonic")(model, X[test], y[test]) == pytest.approx(display.harmonic_, abs=1e-12)


def test_clips_of_one_kind_only_are_refused(word_sounds):
    X, y = word_sounds
    model = ZeroShotBilinear(HashingEncoder(), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="None of the labels is unseen"):
        SeenUnseenDisplay.from_estimator(model, X, y)


@pytest.mark.parametrize("seed", range(12))
def test_the_best_penalty_gives_the_best_mean_to_the_model(seed):
    rng = np.random.default_rng(seed)
    labels = np.array([f"{one} {other}" for one in ("low", "high") for other in ("hum", "beep", "ring")])
    X, y = rng.normal(size=(60, 8)), rng.choice(labels, 60)
    y[:6] = labels
    train = ~np.isin(y, labels[[1, 5]])
    model = [ZeroShotRidge(HashingEncoder()), ZeroShotBilinear(HashingEncoder(), random_state=0)][seed % 2]
    display = SeenUnseenDisplay.from_estimator(model.fit(X[train], y[train]), X, y, ax=Figure().subplots())
    view = with_labels(model.set_params(seen_penalty=display.best_penalty_), labels)
    assert get_scorer("gzsl_harmonic")(view, X, y) == pytest.approx(display.harmonic_, abs=1e-12)
    assert display.harmonic_ > 0


@pytest.mark.parametrize(
    ("seen", "unseen", "expected"),
    [([1.0, 0.5, 0.0], [0.5, 0.5, 1.0], -1.0), ([1.0, 0.9, 0.0], [0.0, 0.9, 1.0], 1.25), ([1, 1, 0.5], [0, 0, 1], 5.0)],
)
def test_the_best_penalty_lies_between_switches_and_is_finite_beyond_the_last(seen, unseen, expected):
    display = SeenUnseenDisplay(np.array([-np.inf, 0.5, 2.0]), np.array(seen), np.array(unseen)).plot(
        ax=Figure().subplots()
    )
    assert display.best_penalty_ == pytest.approx(expected)


def test_a_model_that_is_not_fitted_is_refused(word_sounds):
    with pytest.raises(NotFittedError):
        SeenUnseenDisplay.from_estimator(ZeroShotRidge(HashingEncoder()), *word_sounds)
