"""The scikit-learn contract, for every estimator."""

import warnings

import pytest
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skzsl import (
    EventDetector,
    GlobalLocalAttentionClassifier,
    MultiLevelAttentionClassifier,
    ScoreNormalizer,
    ZeroRuleClassifier,
    ZeroShotBilinear,
    ZeroShotContrastive,
    ZeroShotConvex,
    ZeroShotNearest,
    ZeroShotRidge,
    ZeroShotRidgeCV,
    ZeroShotTemporalAttention,
)
from skzsl.exceptions import LabelTextWarning
from skzsl.model_selection import TemperatureTuner
from skzsl.preprocessing import SegmentPooling, Segmentwise
from skzsl.text import HashingEncoder


class NearestOfAnyWidth(ZeroShotNearest):
    """Hashes words to as many features as X has, since the checks come with X of any width."""

    def _start_text(self, labels):
        given = self.text_encoder
        self.text_encoder = HashingEncoder(self.n_features_in_)
        try:
            super()._start_text(labels)
        finally:
            self.text_encoder = given


# Enough for clips that are easily told apart.
SMALL = {"hidden_size": 32, "batch_size": 16, "lr": 0.01, "max_epochs": 8}

ESTIMATORS = [
    ZeroShotBilinear(HashingEncoder()),
    ZeroShotBilinear(HashingEncoder(), solver="minibatch"),
    ZeroShotTemporalAttention(HashingEncoder(), max_epochs=30),
    ZeroShotContrastive(HashingEncoder(), head="cscm", **SMALL),
    ZeroShotContrastive(HashingEncoder(), head="mlp", **SMALL),
    ZeroShotContrastive(HashingEncoder(), head="linear", batch_size=16, lr=0.01, max_epochs=8),
    ZeroShotConvex(HashingEncoder()),
    NearestOfAnyWidth(HashingEncoder()),
    ZeroShotRidge(HashingEncoder()),
    ZeroShotRidgeCV(  # the checks have too few labels for class-disjoint folds
        HashingEncoder(),
        alphas_audio=[1.0],
        alphas_text=[0.1, 1.0],
        cv=KFold(3, shuffle=True, random_state=0),
        scoring="accuracy",
    ),
    ScoreNormalizer(ZeroShotTemporalAttention(HashingEncoder(), max_epochs=30, lr=0.01, random_state=0)),
    EventDetector(ZeroShotRidge(HashingEncoder())),
    TemperatureTuner(ZeroShotRidge(HashingEncoder()), cv=2),
    ScoreNormalizer(ZeroShotBilinear(HashingEncoder(), random_state=0)),
    MultiLevelAttentionClassifier(**SMALL),
    MultiLevelAttentionClassifier("1-A", mixup=0.2, averaged_epochs=5, balanced=True, **SMALL),
    GlobalLocalAttentionClassifier(MultiLevelAttentionClassifier(hidden_size=32), **SMALL),
    GlobalLocalAttentionClassifier(MultiLevelAttentionClassifier("1-A", hidden_size=32), n_conv_layers=0, **SMALL),
    ZeroRuleClassifier(),
    SegmentPooling(),
    SegmentPooling("mean+max"),
    Segmentwise(StandardScaler()),
]


@pytest.mark.filterwarnings(f"ignore::{LabelTextWarning.__module__}.LabelTextWarning")
@parametrize_with_checks(ESTIMATORS, xfail_strict=True)
def test_estimator_keeps_the_contract(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LabelTextWarning)
        check(estimator)
