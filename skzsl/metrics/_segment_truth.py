"""Event tables on a grid of segments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._events import Events, check_events, check_number

TIME_DECIMALS = 6  # seconds are compared to the microsecond, so that rounding decides nothing
_VALUES_AT_ONCE = 1 << 20


class Coverage(NamedTuple):
    """How long a label has sounded in a clip until each edge, for the pairs of clip and label that have an event.

    Pairs are in the order of clips, then labels; the events of pair ``i`` are ``start[i]`` to ``start[i + 1]``.
    """

    clip: np.ndarray
    label: np.ndarray
    seconds: np.ndarray
    start: np.ndarray


def segment_truth(events, edges, *, clips, labels, share=0.5) -> np.ndarray:
    """Which labels sound in which segments: an event table as an array.

    Events of one clip and label that overlap are united first, so that nothing counts twice.

    Parameters
    ----------
    events : pandas.DataFrame
        Events, one a row, with the columns clip, label, onset and offset (seconds); others are not read.
    edges : array of shape (T + 1,)
        Borders of the segments of every clip in seconds, increasing.
    clips : sequence of n clips
        The rows of the result. They may be without events.
    labels : sequence of C labels
        The columns of the result.
    share : float, default=0.5
        Share of a segment for which a label must sound, above 0 and at most 1.

    Returns
    -------
    truth : ndarray of shape (n, T, C)
        True where the label sounds for ``share`` of the segment or more, to the microsecond.

    Raises
    ------
    ValueError
        For what is no event table, events of other clips or labels, edges that do not increase, and a share out of
        range.

    Examples
    --------
    >>> import pandas as pd
    >>> from skzsl.metrics import segment_truth
    >>> events = pd.DataFrame([["a", "dog", 0.5, 2.2]], columns=["clip", "label", "onset", "offset"])
    >>> segment_truth(events, [0, 1, 2, 3], clips=["a", "b"], labels=["dog"])[:, :, 0]
    array([[ True,  True, False],
           [False, False, False]])
    """
    edges, share = check_edges(edges), check_number("share", share, 0, 1, open_low=True)
    coded, clips, labels = code_events(check_events(events, "events"), clips, labels, "events")
    pairs = coverage(unite(coded), edges)
    truth = np.zeros((len(clips), len(edges) - 1, len(labels)), dtype=bool)
    enough = share * np.diff(edges)
    step = max(1, _VALUES_AT_ONCE // len(edges))
    for start in range(0, len(pairs.clip), step):
        block = slice(start, start + step)
        truth[pairs.clip[block], :, pairs.label[block]] = reaches(np.diff(pairs.seconds[block], axis=1), enough)
    return truth


def reaches(seconds, needed):
    """Whether something sounds for the seconds that are needed, and at all."""
    least = np.maximum(np.round(needed, TIME_DECIMALS), 10.0**-TIME_DECIMALS)
    return np.round(seconds, TIME_DECIMALS) >= least


def check_edges(edges) -> np.ndarray:
    """Borders of segments as floats, refused unless they are finite and increase."""
    edges = np.asarray(edges)
    if edges.ndim != 1 or len(edges) < 2 or edges.dtype.kind not in "uif":
        raise ValueError(f"edges of shape {edges.shape} and dtype {edges.dtype} must be (T + 1,) seconds.")
    edges = edges.astype(float)
    if not np.isfinite(edges).all() or not (np.diff(edges) > 0).all():
        raise ValueError(f"edges={edges} must be finite seconds that increase.")
    return edges


def code_events(events: Events, clips, labels, name: str) -> tuple[Events, list, list]:
    """Events with the positions of their clips and labels in two lists, which are returned too.

    Raises
    ------
    ValueError
        For duplicates in a list, and events of clips or labels that are in none.
    """
    import pandas as pd

    codes, keys = [], []
    for what, given, column in (("clips", clips, events.clip), ("labels", labels, events.label)):
        if isinstance(given, str):
            raise ValueError(f"{what}={given!r} is one string; pass a list, such as [{given!r}].")
        index = pd.Index(list(given), dtype=object, tupleize_cols=False)
        if index.has_duplicates:
            raise ValueError(f"{what} holds {index[index.duplicated()][0]!r} more than once; pass each once.")
        code = index.get_indexer(column)
        if (code < 0).any():
            row = np.argmax(code < 0)
            raise ValueError(f"{name} row {row} is of {column[row]!r}, not in {what}; add it there or drop its events.")
        codes.append(code)
        keys.append(index.tolist())
    return events._replace(clip=codes[0], label=codes[1]), keys[0], keys[1]


def unite(events: Events) -> Events:
    """Events of one clip and label that overlap or touch as one, in the order of clip, label and onset."""
    clip, label = (np.tile(codes, 2) for codes in (events.clip, events.label))
    bound, ends = np.concatenate([events.onset, events.offset]), np.repeat([False, True], len(events.clip))
    order = np.lexsort((ends, bound, label, clip))
    clip, label, bound, ends = clip[order], label[order], bound[order], ends[order]
    going_on = np.cumsum(np.where(ends, -1, 1))
    first, last = ~ends & (going_on == 1), ends & (going_on == 0)
    return Events(clip[first], label[first], bound[first], bound[last])


def coverage(events: Events, edges: np.ndarray) -> Coverage:
    """Seconds that sounded until each edge, for united events in order."""
    new = np.ones(len(events.clip), dtype=bool)
    new[1:] = (np.diff(events.clip) != 0) | (np.diff(events.label) != 0)
    start = np.flatnonzero(new)
    ends = np.append(start, len(new))
    seconds = np.empty((len(start), len(edges)))
    step = max(1, _VALUES_AT_ONCE // len(edges))
    for pair in range(0, len(start), step):
        rows = slice(ends[pair], ends[min(pair + step, len(start))])
        onset, length = events.onset[rows, None], (events.offset - events.onset)[rows, None]
        until = np.clip(edges - onset, 0, length)
        seconds[pair : pair + step] = np.add.reduceat(until, start[pair : pair + step] - rows.start, axis=0)
    return Coverage(events.clip[start], events.label[start], seconds, ends)
