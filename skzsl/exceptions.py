"""Errors and warnings of skzsl; each message names the offending value and the next step."""

import sys
import warnings

__all__ = [
    "CandidateWarning",
    "DataIntegrityError",
    "DataNotFoundError",
    "LabelTextWarning",
    "LeakWarning",
    "MissingExtraWarning",
    "ModelIntegrityError",
    "ModelNotFoundError",
    "UndefinedLabelWarning",
    "UnknownWordError",
    "UnknownWordWarning",
    "UntrustedModelError",
    "UntrustedTypeWarning",
]


class LabelTextWarning(UserWarning):
    """Labels without a text of their own tell a text encoder nothing: numbers, ids, spellings of one name."""


class CandidateWarning(UserWarning):
    """Some true labels are not among the candidates, so no prediction of them can be right."""


class LeakWarning(UserWarning):
    """Labels or clips are on both sides of a split that should keep them apart."""


class UndefinedLabelWarning(UserWarning):
    """A metric is not defined for some labels, which were left out of its mean."""


class UnknownWordError(ValueError):
    """A label has no word that the word vectors or the lookup table know."""


class UnknownWordWarning(UserWarning):
    """Some words of a label are unknown to the word vectors and were left out of its average."""


class MissingExtraWarning(UserWarning):
    """A default does without what an extra of this package would bring."""


class ModelNotFoundError(OSError):
    """A text model is neither installed, nor a readable path, nor on the hub."""


class ModelIntegrityError(OSError):
    """A model file is damaged or is not the file its hash says it should be."""


class UntrustedModelError(ValueError):
    """A model file holds types of other packages, whose code would run when it is loaded."""


class UntrustedTypeWarning(UserWarning):
    """A model was saved that holds types of other packages, which whoever loads it has to trust."""


class DataNotFoundError(OSError):
    """A file of a data set is not there and may not or cannot be downloaded."""


class DataIntegrityError(OSError):
    """A downloaded file of a data set is not what it should be, by its hash or by its contents."""


_PASSED = {"skzsl", "sklearn", "joblib"}  # whose lines are not the caller's


def warn(message, category):
    """Issue a warning that points at the line that called skzsl, however deep inside it is found."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level + 1)
