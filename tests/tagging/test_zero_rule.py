import numpy as np
import pandas as pd
import pytest

from skzsl import ZeroRuleClassifier, with_labels
from skzsl.metrics import multilabel_f1
from skzsl.model_selection import zero_shot_scorer


@pytest.fixture
def tagged(rng):
    values = rng.random((50, 4)) < [0.1, 0.5, 0.3, 0.0]
    return rng.normal(size=(50, 3, 2)), pd.DataFrame(values, columns=["siren", "rain", "dog", "wind"])


def test_the_oracle_has_the_published_values(tagged):
    X, y = tagged
    present = y.columns[y.any()]
    share, labels_per_clip = y["rain"].mean(), y.to_numpy().sum() / len(y)
    model = ZeroRuleClassifier().fit(X, y)
    micro = zero_shot_scorer("f1_micro", "test")(model, X, y)
    assert micro == pytest.approx(2 * share / (1 + labels_per_clip))
    macro = multilabel_f1(y[present], with_labels(model, present).predict(X))
    assert macro == pytest.approx(2 * share / ((1 + share) * len(present)))


def test_the_most_frequent_candidate_is_predicted(tagged):
    X, y = tagged
    model = ZeroRuleClassifier().fit(X, y)
    assert model.predict(X, labels=["dog", "siren"]).tolist() == [[True, False]] * 50
    assert model.tag(X[:1]) == [[("rain", y["rain"].mean())]]
    assert model.seen_classes_.tolist() == ["siren", "rain", "dog"]
    single = ZeroRuleClassifier().fit(X[:3], ["rain", "dog", "rain"])
    assert single.predict(X[:2], labels=["dog", "siren"]).tolist() == ["dog", "dog"]
    np.testing.assert_allclose(single.predict_proba(X[:1], labels=["wind", "siren"]), [[0.5, 0.5]])
    np.testing.assert_allclose(single.predict_proba(X[:1]), [[1 / 3, 2 / 3]])


def test_a_wrong_number_of_rows_is_refused(tagged):
    X, y = tagged
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[49, 50\]"):
        ZeroRuleClassifier().fit(X[1:], y)
