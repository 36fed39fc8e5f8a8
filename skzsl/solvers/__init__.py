"""Training algorithms on plain arrays (numpy and numba): no labels, no text, no estimators."""

__all__ = ["online_ranking"]


def __getattr__(name):
    # numba is loaded by the solver that needs it, not by the closed forms.
    if name in __all__:
        from ._online_ranking import online_ranking

        return online_ranking
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
