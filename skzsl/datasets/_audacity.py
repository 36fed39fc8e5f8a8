"""Label tracks of Audacity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._event_lines import events_of_one_clip, one_line, read_lines, write_table

if TYPE_CHECKING:
    import pandas as pd


def write_audacity_labels(events, path, *, clip=None) -> None:
    """Write the events of one clip as a label track of Audacity (File, Import, Labels).

    Parameters
    ----------
    events : pandas.DataFrame
        One event a row, with the columns clip, label, onset and offset (seconds). Other columns are not written.
    path : str or path-like
        File to write, usually ``.txt``; one that is there is replaced once the new one is complete.
    clip : hashable or None, default=None
        Which clip to write; where it has no event, the file is empty. None takes the only one.

    Raises
    ------
    ValueError
        If ``events`` is no event table or has several clips and none is chosen, and for a label that is empty or has a
        tab or a line break.
    FileNotFoundError
        If the folder is missing.
    OSError
        If the disk is full; a file that is there is left as it was.

    See Also
    --------
    read_audacity_labels : The way back.
    write_raven_table : The same for Raven.

    Notes
    -----
    Each line is onset, offset and label, separated by tabs, the seconds with six decimals.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from skzsl.datasets import read_audacity_labels, write_audacity_labels
    >>> events = pd.DataFrame({"clip": ["a", "a"], "label": ["dog", "rain"], "onset": [0.5, 2], "offset": [1, 9.25]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     write_audacity_labels(events, path)
    ...     print(path.read_text().expandtabs(10))
    ...     again = read_audacity_labels(path)
    0.500000  1.000000  dog
    2.000000  9.250000  rain
    >>> again.equals(events)
    True
    """
    import pandas as pd

    chosen = events_of_one_clip(events, clip)
    times = {name: chosen[name].to_numpy(dtype=float) for name in ("onset", "offset")}
    write_table(pd.DataFrame({**times, "label": one_line(chosen["label"], "label")}), path, header=False)


def read_audacity_labels(path, *, clip=None) -> pd.DataFrame:
    """Read a label track of Audacity (File, Export, Labels) as an event table.

    Parameters
    ----------
    path : str or path-like
        Text file in UTF-8: onset, offset and label a line, separated by tabs, seconds with a decimal point or comma.
        Lines that begin with a backslash, which hold a range of frequencies, are skipped.
    clip : hashable or None, default=None
        Key of the clip; None takes the file's name without its ending.

    Returns
    -------
    events : pandas.DataFrame
        One event a row, with the columns clip, label, onset and offset (seconds), and score where every line has a
        fourth field, as BirdNET-Analyzer writes them. A point label is an event of no length. Blanks around labels are
        dropped. An empty file is a table without rows.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If the file is not in UTF-8, or a line has not these fields, a time or score that is no number, an offset
        before the onset or no label; the message names the line.

    See Also
    --------
    write_audacity_labels : The way back, with an example.

    References
    ----------
    https://manual.audacityteam.org/man/importing_and_exporting_labels.html
    """
    lines = read_lines(path, "\t").keep(lambda fields: not fields[0].startswith("\\"))
    has_scores = bool(lines.fields) and all(len(fields) == 4 for fields in lines.fields)
    for row, fields in enumerate(lines.fields):
        if len(fields) != 3 and not has_scores:
            raise lines.fault(
                row, f"{len(fields)} fields, not onset, offset and label between tabs; correct it or remove the line."
            )
    onset, offset = lines.seconds(0, "onset"), lines.seconds(1, "offset")
    score = lines.seconds(3, "score") if has_scores else None
    key = Path(path).stem if clip is None else clip
    return lines.events([key] * len(onset), lines.column(2), onset, offset, score)
