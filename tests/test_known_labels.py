"""Which labels a classifier takes in fit, and that a refused fit takes none."""

import numpy as np
import pandas as pd
import pytest

from skzsl import ScoreNormalizer, ZeroRuleClassifier, ZeroShotConvex, ZeroShotRidge, ZeroShotTemporalAttention
from skzsl.text import HashingEncoder

X, NAMES = np.eye(4), ["rain", "dog", "rain", "wind"]
BAD_Y = {
    "None": None,
    "float": [0.5, 1.5, 2.5, 3.5],
    "3-D": np.zeros((4, 2, 2)),
    "bytes": [b"rain", b"dog", b"rain", b"wind"],
    "mixed": ["rain", 1, "dog", 2],
    "empty text": ["rain", "", "dog", "wind"],
    "dict": {"rain": 1},
    "dates": np.array(["2026-01-01"] * 4, dtype="datetime64[D]"),
    "too few": ["rain", "dog"],
}


@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
@pytest.mark.parametrize("y", BAD_Y.values(), ids=BAD_Y.keys())
def test_a_refused_refit_leaves_the_zero_rule_as_it_was(y, several):
    model = ZeroRuleClassifier().fit(X, pd.get_dummies(pd.Series(NAMES)) if several else NAMES)
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError)):
        model.fit(np.eye(4, 7), y)
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())


@pytest.mark.parametrize("threshold", [float("nan"), [0.1, 0.2, 0.3], {"rain": 0.1}, {None: float("nan")}], ids=str)
@pytest.mark.parametrize(
    "model", [ZeroShotRidge, ZeroShotTemporalAttention, ZeroShotConvex], ids=lambda kind: kind.__name__
)
def test_thresholds_that_one_label_a_clip_cannot_use_are_refused(model, threshold):
    with pytest.raises(ValueError, match="threshold="):
        model(HashingEncoder(), threshold=threshold).fit(X, NAMES)


@pytest.mark.parametrize(
    "threshold", [float("nan"), [0.1, float("nan"), 0.3], {"rain": float("nan"), None: 0.0}], ids=str
)
def test_thresholds_of_several_labels_are_numbers(threshold):
    with pytest.raises(ValueError, match="no number"):
        ZeroShotRidge(HashingEncoder(), threshold=threshold).fit(X, pd.get_dummies(pd.Series(NAMES)))


@pytest.mark.parametrize(
    "bad",
    [{"seen_penalty": np.inf}, {"seen_penalty": -np.inf}, {"threshold": np.nan}, {"threshold": [0.1, 0.2]}],
    ids=str,
)
def test_score_normalizer_takes_the_parameters_that_models_take(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        ScoreNormalizer(ZeroShotRidge(HashingEncoder()), **bad).fit(X, NAMES)
