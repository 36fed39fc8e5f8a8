import matplotlib as mpl
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skzsl import ZeroShotBilinear, with_labels
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
    model.set_params(zeroshotbilinear__seen_penalty=display.best_penalty_ + 1e-6)
    assert get_scorer("gzsl_harmonic")(model, X[test], y[test]) == pytest.approx(display.harmonic_, abs=1e-12)


def test_clips_of_one_kind_only_are_refused(word_sounds):
    X, y = word_sounds
    model = ZeroShotBilinear(HashingEncoder(), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="None of the labels is unseen"):
        SeenUnseenDisplay.from_estimator(model, X, y)
