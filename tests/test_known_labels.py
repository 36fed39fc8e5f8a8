"""Which labels a classifier takes in fit, and that a refused fit takes none."""

import numpy as np
import pandas as pd
import pytest

from skzsl import ScoreNormalizer, ZeroShotConvex, ZeroShotRidge, ZeroShotTemporalAttention
from skzsl.text import HashingEncoder

X, NAMES = np.eye(4), ["rain", "dog", "rain", "wind"]


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
