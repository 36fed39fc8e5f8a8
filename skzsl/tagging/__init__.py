"""Estimators for the labels of fit."""

from ._zero_rule import ZeroRuleClassifier

__all__ = ["ZeroRuleClassifier"]
