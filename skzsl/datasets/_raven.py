"""Selection tables of Raven."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._event_lines import events_of_one_clip, one_line, read_lines, write_table

if TYPE_CHECKING:
    import pandas as pd

_BEGIN, _END, _FILE_OFFSET = "Begin Time (s)", "End Time (s)", "File Offset (s)"
_LOW, _HIGH = "Low Freq (Hz)", "High Freq (Hz)"
_LABELS = ("Annotation", "Common Name", "Species", "Label", "Species Code")
_SCORES = ("Confidence", "Score")
_FILES = ("Begin Path", "Begin File")


def write_raven_table(events, path, *, clip=None, label_column="Annotation", band=(0.0, 8000.0)) -> None:
    """Write the events of one clip as a selection table of Raven.

    Parameters
    ----------
    events : pandas.DataFrame
        One event a row, with the columns clip, label, onset and offset (seconds), and score if there is one.
    path : str or path-like
        File to write, usually ``.txt``; one that is there is replaced once the new one is complete.
    clip : hashable or None, default=None
        Which clip to write; where it has no event, the table has no selection. None takes the only one.
    label_column : str, default="Annotation"
        Column of the labels: "Annotation" is what Raven Lite shows, "Common Name" what BirdNET-Analyzer writes.
    band : (float, float), default=(0.0, 8000.0)
        Lowest and highest frequency of every selection in hertz, which events do not have; 8000 is all that there is
        at 16,000 samples a second.

    Raises
    ------
    ValueError
        If ``events`` is no event table or has several clips and none is chosen, for a label that is empty or has a tab
        or a line break, a score that is no finite number, and a ``label_column`` or ``band`` that a table cannot have.
    FileNotFoundError
        If the folder is missing.
    OSError
        If the disk is full; a file that is there is left as it was.

    See Also
    --------
    read_raven_table : The way back.
    write_audacity_labels : The same for Audacity.

    Notes
    -----
    Raven counts the seconds of a table of several files from the start of the first, so it takes their durations to
    write one: hence one file a clip. Seconds and scores have six decimals; scores are in the column "Confidence". All
    selections are of the view "Spectrogram 1" and of channel 1.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from skzsl.datasets import read_raven_table, write_raven_table
    >>> events = pd.DataFrame({"clip": [7, 7], "label": ["dog", "rain"], "onset": [0.5, 2], "offset": [1, 9.25]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "clip7.txt"
    ...     write_raven_table(events, path)
    ...     again = read_raven_table(path, clip=7)
    >>> again
       clip label  onset  offset
    0     7   dog    0.5    1.00
    1     7  rain    2.0    9.25
    """
    import pandas as pd

    chosen = events_of_one_clip(events, clip)
    low, high = band
    if not 0 <= low < high < np.inf:
        raise ValueError(f"band={band!r}; pass two frequencies in hertz, the lower one first.")
    columns = {
        "Selection": range(1, len(chosen) + 1),
        "View": "Spectrogram 1",
        "Channel": 1,
        _BEGIN: chosen["onset"].to_numpy(dtype=float),
        _END: chosen["offset"].to_numpy(dtype=float),
        _LOW: float(low),
        _HIGH: float(high),
    }
    if label_column in [*columns, *_SCORES]:
        raise ValueError(f"label_column={label_column!r} has another meaning in Raven; pass one of {list(_LABELS)}.")
    (label_column,) = one_line([label_column], "label_column")
    columns[label_column] = one_line(chosen["label"], "label")
    if "score" in chosen:
        columns[_SCORES[0]] = chosen["score"].to_numpy(dtype=float)
        if not np.isfinite(columns[_SCORES[0]]).all():
            raise ValueError("events['score'] has values that are no finite numbers; correct them or drop the column.")
    write_table(pd.DataFrame(columns), path, header=True)


def read_raven_table(path, *, clip=None, label_column=None) -> pd.DataFrame:
    """Read a selection table of Raven, or of a tool that writes them, as an event table.

    Parameters
    ----------
    path : str or path-like
        Text file in UTF-8 with tabs between its columns, of which "Begin Time (s)" and "End Time (s)" must be there.
    clip : hashable or None, default=None
        Key of the clip. The times are then those of "Begin Time (s)" and "End Time (s)", which Raven counts through
        all files of a sound. None takes for each event the file that it begins in ("Begin Path", else "Begin File")
        and counts from the start of that file ("File Offset (s)"); a table without these columns is of one clip, with
        the file's name without its ending for a key.
    label_column : str or None, default=None
        Column of the labels. None takes the first there is of "Annotation" (Raven's own), "Common Name"
        (BirdNET-Analyzer), "Species", "Label" and "Species Code".

    Returns
    -------
    events : pandas.DataFrame
        One event a row, with the columns clip, label, onset and offset (seconds), and score from "Confidence" or
        "Score" where the table has one. The rows that Raven writes for the views of one selection, waveform and
        spectrogram, are one event. Frequencies are not kept. Rows with "nocall" for both "Common Name" and
        "Species Code", by which BirdNET-Analyzer says that it found nothing, are left out.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If the file is not in UTF-8 or lacks a column, or a line has a time or score that is no number, an offset before
        the onset, an empty label or too many fields; the message names the line.

    See Also
    --------
    write_raven_table : The way back, with an example.
    """
    table = read_lines(path, "\t")
    header = _Header(table.path, table.fields[0] if table.fields else [])
    begin, end = header.place([_BEGIN]), header.place([_END])
    label = header.place(_LABELS if label_column is None else [label_column])
    lines = table.below().filled(len(header.names))
    lines = lines.keep(_detections(header)).keep(_first_views(header, [begin, end, label]))
    onset, offset = lines.seconds(begin, _BEGIN), lines.seconds(end, _END)
    clips = [lines.path.stem if clip is None else clip] * len(onset)
    files = header.find(_FILES)
    if clip is None and files is not None:
        clips = lines.column(files)
        shift = _file_offsets(lines, header, clips, onset) - onset
        onset, offset = onset + shift, offset + shift
    score = header.find(_SCORES)
    scores = None if score in (None, label) else lines.seconds(score, "the score")
    return lines.events(clips, lines.column(label), onset, offset, scores)


class _Header(NamedTuple):
    """Names of the columns, in capitals or small letters."""

    path: Path
    names: list[str]

    def find(self, columns):
        """Place of the first of these columns that there is, or None."""
        names = [name.lower() for name in self.names]
        return next((names.index(name.lower()) for name in columns if name.lower() in names), None)

    def place(self, columns):
        """Place of the first of these columns that there is."""
        place = self.find(columns)
        if place is None:
            wanted = " or ".join(repr(name) for name in columns)
            step = "pass label_column=" if len(columns) > 1 else "pass a selection table of Raven that has it"
            raise ValueError(f"{str(self.path)!r} has no column {wanted} among {self.names}; {step}.")
        return place


def _detections(header):
    """Whether a line is not that by which BirdNET-Analyzer says that it found nothing."""
    places = [header.find([name]) for name in ("Common Name", "Species Code")]
    return lambda fields: None in places or any(fields[place] != "nocall" for place in places)


def _first_views(header, places):
    """Whether a line is the first of its selection: lines for other views repeat its number, file, times and label."""
    selection, view = header.find(["Selection"]), header.find(["View"])
    places = [selection, *places, *(place for place in [header.find(_FILES)] if place is not None)]
    seen = set()

    def first(fields):
        if selection is None or view is None:
            return True
        key = tuple(fields[place] for place in places)
        new = key not in seen
        seen.add(key)
        return new

    return first


def _file_offsets(lines, header, clips, onset):
    """Seconds from the start of the file that each event begins in."""
    place = header.find([_FILE_OFFSET])
    if place is not None:
        return lines.seconds(place, _FILE_OFFSET)
    if len(set(clips)) > 1:
        raise ValueError(
            f"{str(lines.path)!r} is of several files but has no column {_FILE_OFFSET!r}; add that measurement in "
            "Raven, or pass clip= to keep seconds from the start of the first file."
        )
    return onset
