"""Class-disjoint protocols: splitters by label and scorers over unseen candidates."""

from ._few_shot import FewShotKFold
from ._scorers import get_scorer, zero_shot_scorer
from ._splitters import CategoryPairs, ClassDisjointKFold, LeaveOneCategoryOut, WithinCategoryKFold

__all__ = [
    "CategoryPairs",
    "ClassDisjointKFold",
    "FewShotKFold",
    "LeaveOneCategoryOut",
    "WithinCategoryKFold",
    "get_scorer",
    "zero_shot_scorer",
]
