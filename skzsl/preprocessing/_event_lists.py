"""True events: a list for each clip, which folds can take apart, and one table of all, which is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._clip_names import places
from .._labels import label_array
from ..metrics._events import COLUMNS, check_events
from ._indicator_frame import indicator_frame

if TYPE_CHECKING:
    import pandas as pd


def event_table(event_lists, clips=None) -> pd.DataFrame:
    """Put the events of every clip into one table.

    Parameters
    ----------
    event_lists : list of n lists of (label, onset, offset)
        Onset and offset in seconds; a clip may have no event.
    clips : list of n keys or None, default=None
        Names of the clips; None numbers them from 0.

    Returns
    -------
    events : pandas.DataFrame
        Columns clip, label, onset and offset.

    Raises
    ------
    ValueError
        For what is no list of events for each clip, and a number of ``clips`` that differs.

    Examples
    --------
    >>> from skzsl.preprocessing import event_table
    >>> event_table([[("rain", 0.0, 2.5)], [], [("dog", 1.0, 1.5), ("rain", 1.2, 3.0)]])
       clip label  onset  offset
    0     0  rain    0.0     2.5
    1     2   dog    1.0     1.5
    2     2  rain    1.2     3.0
    """
    import pandas as pd

    event_lists = _checked(event_lists)
    clips = range(len(event_lists)) if clips is None else list(clips)
    if len(clips) != len(event_lists):
        raise ValueError(f"There are {len(clips)} clips for {len(event_lists)} lists of events; name each clip once.")
    rows = [(clip, *event) for clip, events in zip(clips, event_lists, strict=True) for event in events]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"onset": np.float64, "offset": np.float64})


def event_lists(events, clips) -> list[list[tuple[Any, float, float]]]:
    """Take a table of events apart into a list for each clip.

    Parameters
    ----------
    events : pandas.DataFrame
        Columns clip, label, onset and offset.
    clips : int or list of n keys
        The clips in the order of X; a number n stands for 0 to n - 1. Events are joined as by
        :func:`skzsl.datasets.load_labels`: without the endings of sounds and embeddings, and without folders where the
        names of clips are distinct without. Names that are numbers match numbers.

    Returns
    -------
    event_lists : list of n lists of (label, onset, offset)
        In order of onset. It serves as y of :class:`skzsl.EventDetector`, in searches too, whose ``cv`` is to be a
        splitter, such as ``KFold(3)``: with a number, scikit-learn looks for classes in y.

    Raises
    ------
    ValueError
        For events of clips that are not in ``clips``, and clips named twice, or once with different endings.

    Examples
    --------
    >>> from skzsl.preprocessing import event_lists, event_table
    >>> event_lists(event_table([[("rain", 0.0, 2.5)], []]), clips=2)
    [[('rain', 0.0, 2.5)], []]
    """
    clips = list(range(clips)) if isinstance(clips, int | np.integer) else list(clips)
    found: dict = {clip: [] for clip in clips}
    if len(found) < len(clips):
        twice = next(clip for clip in clips if clips.count(clip) > 1)
        raise ValueError(f"Clip {twice!r} is named twice; name each clip once.")
    table = check_events(events, "events")
    keys = dict.fromkeys(table.clip)
    others = [clip for clip in keys if clip not in found]
    meant = places(others, clips, "events", "the list of clips")
    clip_of = {
        other: clips[place]
        for other, place in zip(others, meant, strict=True)
        if place is not None and clips[place] not in keys
    }
    for clip, label, onset, offset in zip(*table, strict=True):
        clip = clip_of.get(clip, clip)
        if clip not in found:
            raise ValueError(
                f"There are events of clip {clip!r}, which is not among the clips, such as {clips[:2]}; add it or drop "
                "them."
            )
        found[clip].append((label, float(onset), float(offset)))
    return [sorted(events, key=lambda event: event[1:]) for events in found.values()]


def is_event_lists(y) -> bool:
    """Whether y is a list, Series or array of lists of events, and not of labels or numbers; all may be empty.

    Raises
    ------
    ValueError
        For a table of events.
    """
    if hasattr(y, "columns") and set(COLUMNS).issubset(y.columns):
        raise ValueError(
            "y is a table of events; pass skzsl.preprocessing.event_lists(y, clips), a list for each clip."
        )
    y = y.tolist() if getattr(getattr(y, "dtype", None), "kind", "") == "O" and np.ndim(y) == 1 else y
    if not isinstance(y, list | tuple) or not y or not all(isinstance(events, list | tuple) for events in y):
        return False
    return all(isinstance(event, list | tuple) for events in y for event in events)


def event_labels(events) -> list:
    """Labels of a table of events, sorted."""
    return sorted(events["label"].unique().tolist())


def weak_labels(y, several: bool):
    """Labels of lists of events, as y of a model that takes ``several`` labels a clip, or one.

    Raises
    ------
    ValueError
        If a clip has no label or several, and the model takes one.
    """
    found = [sorted({event[0] for event in events}, key=str) for events in _checked(y)]
    if several:
        return indicator_frame(found)
    for clip, labels in enumerate(found):
        if len(labels) != 1:
            raise ValueError(
                f"Clip {clip} has labels {labels}, and the estimator takes one label a clip; use one that takes "
                "several, such as ZeroShotTemporalAttention."
            )
    return label_array([labels[0] for labels in found], "y")


def _checked(event_lists):
    event_lists = list(event_lists)
    for clip, events in enumerate(event_lists):
        if not isinstance(events, list | tuple):
            raise ValueError(f"Clip {clip} has {events!r}; pass a list of events, which may be empty.")
        for event in events:
            if not isinstance(event, list | tuple) or len(event) != 3:
                raise ValueError(f"Clip {clip} has the event {event!r}; pass (label, onset, offset).")
    return event_lists
