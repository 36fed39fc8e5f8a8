"""skzsl: recognise sounds by the text of their labels, the scikit-learn way."""

import importlib

__version__ = "0.1.0.dev0"

_HOMES = {
    "EventDetector": "skzsl.detection",
    "FewShotAdapter": "skzsl.zero_shot",
    "GlobalLocalAttentionClassifier": "skzsl.tagging",
    "MultiLevelAttentionClassifier": "skzsl.tagging",
    "ScoreNormalizer": "skzsl.zero_shot",
    "ZeroRuleClassifier": "skzsl.tagging",
    "ZeroShotBilinear": "skzsl.zero_shot",
    "ZeroShotContrastive": "skzsl.zero_shot",
    "ZeroShotConvex": "skzsl.zero_shot",
    "ZeroShotNearest": "skzsl.zero_shot",
    "ZeroShotRidge": "skzsl.zero_shot",
    "ZeroShotRidgeCV": "skzsl.zero_shot",
    "ZeroShotTemporalAttention": "skzsl.zero_shot",
    "indicator_frame": "skzsl.preprocessing",
    "load": "skzsl.persistence",
    "model_card": "skzsl.persistence",
    "read_header": "skzsl.persistence",
    "save": "skzsl.persistence",
    "with_labels": "skzsl._views",
}
__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    try:
        return importlib.import_module(f"skzsl.{name}") if not name.startswith("_") else _no_attribute(name)
    except ModuleNotFoundError as error:
        if error.name != f"skzsl.{name}":
            raise
        return _no_attribute(name)


def _no_attribute(name):
    raise AttributeError(f"module 'skzsl' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
