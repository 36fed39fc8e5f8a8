"""Training algorithms on plain arrays (numpy and numba): no labels, no text, no estimators."""

from ._online_ranking import online_ranking

__all__ = ["online_ranking"]
