"""Lists of labels to a multi-label y."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._labels import label_array

if TYPE_CHECKING:
    import pandas as pd

_AS_TEXT = "perhaps a list written as text"


def indicator_frame(label_lists, labels=None, *, sep=None) -> pd.DataFrame:
    """Make a multi-label y of lists of labels: a DataFrame with a column for each label and a row for each clip.

    Parameters
    ----------
    label_lists : list of lists of str, or of str
        The labels of each clip, in any order; a clip may have none. A Series keeps its index. With ``sep`` texts.
    labels : list of str or None, default=None
        The columns. None takes all labels that occur, sorted. A column without a positive clip is an unseen label.
    sep : str or None, default=None
        What stands between the labels of a text, such as ``","``; blanks around labels are dropped.

    Returns
    -------
    y : pandas.DataFrame of shape (n, n_labels)
        1 where the clip has the label, else 0, as uint8.

    Raises
    ------
    ValueError
        For a clip whose labels are a lone string without ``sep``, no string with it, or not all in ``labels``, for an
        array of 0 and 1, and when there is no label at all.

    Examples
    --------
    >>> from skzsl import indicator_frame
    >>> indicator_frame([["rain", "wind"], ["dog"], []])
       dog  rain  wind
    0    0     1     1
    1    1     0     0
    2    0     0     0
    >>> indicator_frame(["rain;wind", "dog"], sep=";").columns.tolist()
    ['dog', 'rain', 'wind']
    """
    import pandas as pd

    if isinstance(label_lists, np.ndarray) and label_lists.dtype.kind in "biuf" and np.isin(label_lists, (0, 1)).all():
        raise ValueError(
            f"label_lists of shape {label_lists.shape} is an indicator, not lists of labels; pass it as y as it is, or "
            "pandas.DataFrame(label_lists, columns=labels) for names of its columns."
        )
    index = getattr(label_lists, "index", None)  # of a Series; a list has a method of that name
    label_lists = list(label_lists)
    if sep is not None:
        label_lists = _split(label_lists, sep)
    for clip, given in enumerate(label_lists):
        if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
            given = given.item() if isinstance(given, np.generic) else given
            raise ValueError(
                f"label_lists[{clip}] is {given!r}; pass a list of labels for each clip, such as [{given!r}]"
                f"{_or_sep(given)}."
            )
    label_lists = [label_array(list(given), f"label_lists[{clip}]") for clip, given in enumerate(label_lists)]
    if labels is None:
        found = {label for given in label_lists for label in given.tolist()}
        labels = sorted(label_array(list(found), "label_lists").tolist())
    columns = label_array(labels, "labels").tolist()
    if not columns:
        raise ValueError("label_lists has no label; pass at least one, or name the columns in labels=[...].")
    position = {label: column for column, label in enumerate(columns)}
    if len(position) < len(columns):
        raise ValueError(f"labels={columns!r} has duplicates; pass each label once.")
    values = np.zeros((len(label_lists), len(columns)), dtype=np.uint8)
    for clip, given in enumerate(label_lists):
        for label in given.tolist():
            if label not in position:
                raise ValueError(f"Label {label!r} of clip {clip} is not in labels; add it.")
            values[clip, position[label]] = 1
    return pd.DataFrame(values, columns=columns, index=None if callable(index) else index)


def _split(texts, sep):
    if not isinstance(sep, str) or not sep:
        raise ValueError(f"sep={sep!r}; pass what stands between labels, such as ','.")
    for clip, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"label_lists[{clip}] is {text!r}; pass text for sep={sep!r}, or lists without sep.")
        if text.startswith("["):
            raise ValueError(f"label_lists[{clip}] is {text!r}, {_AS_TEXT}; pass ast.literal_eval of each without sep.")
    return [[label.strip() for label in text.split(sep) if label.strip()] for text in texts]


def _or_sep(given):
    """The advice for text that may hold several labels."""
    if isinstance(given, str) and given.startswith("["):
        return f"; or, {_AS_TEXT}, ast.literal_eval of each"
    found = next((mark for mark in "\t;|," if isinstance(given, str) and mark in given), None)
    return "" if found is None else f", or sep={found!r} if these are several labels"
