"""Tagging with fixed labels: weakly supervised nets, and the zero rule."""

from ._global_local import GlobalLocalAttentionClassifier
from ._multi_level import MultiLevelAttentionClassifier
from ._zero_rule import ZeroRuleClassifier

__all__ = ["GlobalLocalAttentionClassifier", "MultiLevelAttentionClassifier", "ZeroRuleClassifier"]
