import tempfile
import warnings

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from skzsl import ZeroShotBilinear, ZeroShotRidge, indicator_frame
from skzsl.exceptions import CandidateWarning, LabelTextWarning, UndefinedLabelWarning
from skzsl.metrics import mean_average_precision
from skzsl.text import HashingEncoder

CALLS = {
    "fit": (LabelTextWarning, lambda: ZeroShotBilinear(HashingEncoder()).fit(np.eye(2), [0, 1])),
    "partial_fit": (LabelTextWarning, lambda: ZeroShotRidge(HashingEncoder()).partial_fit(np.eye(2), [0, 1])),
    "fit with a memory": (
        LabelTextWarning,
        lambda: ZeroShotRidge(HashingEncoder(), memory=FOLDER).fit(np.eye(2), [0, 1]),
    ),
    "cross-validation": (
        LabelTextWarning,
        lambda: cross_val_score(ZeroShotRidge(HashingEncoder()), np.eye(4), [0, 1] * 2, cv=[([0, 1], [2, 3])]),
    ),
    "score": (CandidateWarning, lambda: FITTED.score(np.eye(2), ["dog", "siren"])),
    "score of several": (CandidateWarning, lambda: SEVERAL.score(np.eye(2), FRAME, labels=["dog", "siren"])),
    "metric": (UndefinedLabelWarning, lambda: mean_average_precision([[1, 0], [0, 0]], np.eye(2))),
}
FOLDER = tempfile.mkdtemp()
FITTED = ZeroShotRidge(HashingEncoder()).fit(np.eye(2), ["rain", "dog"])
FRAME = indicator_frame([["rain"], ["dog"]])
SEVERAL = ZeroShotRidge(HashingEncoder()).fit(np.eye(2), FRAME)


@pytest.mark.parametrize(("category", "call"), CALLS.values(), ids=CALLS)
def test_warnings_point_at_the_line_that_called(category, call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert [(warning.category, warning.filename) for warning in caught] == [(category, __file__)]
