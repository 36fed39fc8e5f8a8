"""Event tables as text with commas or tabs, in the forms that sound event detection has them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ._event_lines import delimiter_of, number, read_lines, refuse_repeated

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {
    "clip": ("clip", "filename", "file", "segment_id"),
    "label": ("label", "event_label"),
    "onset": ("onset", "event_onset", "start_time_seconds"),
    "offset": ("offset", "event_offset", "end_time_seconds"),
    "score": ("score",),
}
_WITHOUT_HEADER = {
    3: ["onset", "offset", "label"],
    4: ["clip", "onset", "offset", "label"],
    5: ["clip", "scene_label", "onset", "offset", "label"],
}


def read_events(path, *, clip=None) -> pd.DataFrame:
    r"""Read an event table from a csv or tsv file, in any of the forms listed below.

    Parameters
    ----------
    path : str or path-like
        Text file in UTF-8 whose fields are separated by tabs, commas or semicolons: by a tab where the first line has
        one. Fields may be quoted; seconds have a decimal point or comma.
    clip : hashable or None, default=None
        Key of the clip, for files that name none; None takes the file's name without its ending.

    Returns
    -------
    events : pandas.DataFrame
        One event a row, with the columns clip, label, onset and offset (seconds), and score where the file has one.
        Other columns are not kept, and blanks around labels are dropped. An empty file is a table without rows, and so
        are lines that name only a clip, by which DCASE lists clips without an event.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If the file is not in UTF-8, is of another form or lacks a column, if a line has a time or score that is no
        number, an offset before the onset, an empty label or too many fields, and if ``clip`` is given for a file that
        names its clips; the message names the line.

    See Also
    --------
    read_audacity_labels, read_raven_table : Files of annotation tools.

    Notes
    -----
    The forms, with a header in any order:

    - ``clip, label, onset, offset`` and perhaps ``score``: what ``events.to_csv(path, index=False)`` writes. Clips that
      are all whole numbers become numbers again, so that row numbers survive.
    - ``filename`` (or ``file``), ``onset``, ``offset``, ``event_label``: DCASE, DESED, sed_scores_eval; also with the
      older names ``event_onset`` and ``event_offset``.
    - ``segment_id``, ``start_time_seconds``, ``end_time_seconds``, ``label``: AudioSet's strong labels. Seconds count
      from the start of the segment, labels are identifiers of the ontology.

    Without a header, as sed_eval reads them: ``onset, offset, label``; ``filename, onset, offset, label``; or
    ``filename, scene, onset, offset, label``. A first line without any number is a header.

    References
    ----------
    Mesaros, Heittola and Virtanen (2016). Metrics for polyphonic sound event detection. Applied Sciences 6(6).
    Hershey et al. (2021). The benefit of temporally-strong labels in audio event classification. ICASSP.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skzsl.datasets import read_events
    >>> text = "filename,onset,offset,event_label\na.wav,0.5,1.0,Dog\nb.wav,2.0,9.25,Rain\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "validation.csv"
    ...     _ = path.write_text(text)
    ...     read_events(path)
        clip label  onset  offset
    0  a.wav   Dog    0.5    1.00
    1  b.wav  Rain    2.0    9.25
    """
    table = read_lines(path, delimiter_of(path), quoted=True)
    names, lines = _columns(table)
    refuse_repeated([name for name in names if name], repr(str(table.path)))
    place = {column: _place(names, known) for column, known in _NAMES.items()}
    missing = [column for column in ("label", "onset", "offset") if place[column] is None]
    if missing:
        wanted = ", ".join(" or ".join(repr(name) for name in _NAMES[column]) for column in missing)
        raise ValueError(f"{str(table.path)!r} has the columns {names}; rename or add {wanted}.")
    if place["clip"] is not None and clip is not None:
        name = names[place["clip"]]
        raise ValueError(f"{str(table.path)!r} names its clips in the column {name!r}; leave clip=None.")
    lines = lines.filled(len(names)).keep(
        lambda fields: any(fields[place[column]] for column in ("label", "onset", "offset"))
    )
    onset, offset = (lines.seconds(place[column], names[place[column]]) for column in ("onset", "offset"))
    score = None if place["score"] is None else lines.seconds(place["score"], "score")
    key = lines.path.stem if clip is None else clip
    clips = [key] * len(onset) if place["clip"] is None else lines.column(place["clip"])
    if place["clip"] is not None and names[place["clip"]] == "clip" and all(_is_row_number(text) for text in clips):
        clips = [int(text) for text in clips]
    return lines.events(clips, lines.column(place["label"]), onset, offset, score)


def _columns(table):
    """Names of the columns, from the header or by their number, and the lines of events."""
    first = table.fields[0] if table.fields else ["clip", "label", "onset", "offset"]
    if all(math.isnan(number(text)) for text in first):
        return [name.lower() for name in first], table.below()
    if len(first) not in _WITHOUT_HEADER:
        raise table.fault(0, f"{len(first)} fields and no header; pass one of the forms that read_events lists.")
    return _WITHOUT_HEADER[len(first)], table


def _place(names, known):
    return next((names.index(name) for name in known if name in names), None)


def _is_row_number(text):
    # 18 digits fit 64 bits.
    return len(text) <= 18 and text.isdecimal() and str(int(text)) == text
