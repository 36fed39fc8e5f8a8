"""Class-disjoint protocols: splitters by label, scorers over unseen candidates, what is chosen on held-out labels."""

from ._event_scorers import event_scorer
from ._few_shot import FewShotKFold
from ._generalized import GeneralizedSplit
from ._greedy import GreedyLabelFolds
from ._leakage import leakage_report
from ._scorers import get_scorer, zero_shot_scorer
from ._splitters import CategoryPairs, ClassDisjointKFold, LeaveOneCategoryOut, WithinCategoryKFold
from ._temperature_tuner import TemperatureTuner
from ._threshold_tuner import ThresholdTuner
from ._unknown_rejector import UnknownRejector

__all__ = [
    "CategoryPairs",
    "ClassDisjointKFold",
    "FewShotKFold",
    "GeneralizedSplit",
    "GreedyLabelFolds",
    "LeaveOneCategoryOut",
    "TemperatureTuner",
    "ThresholdTuner",
    "UnknownRejector",
    "WithinCategoryKFold",
    "event_scorer",
    "get_scorer",
    "leakage_report",
    "zero_shot_scorer",
]
