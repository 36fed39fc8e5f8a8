"""What files of events share: lines as fields, faults by their line, and writing all or nothing."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._atomic import replacing
from ..metrics._events import check_events


class Lines(NamedTuple):
    """Lines of a file that hold anything: their fields, without blanks around them, and their numbers."""

    path: Path
    numbers: list[int]
    fields: list[list[str]]

    def fault(self, row, what):
        """Error of a line, for the caller to raise."""
        return ValueError(f"{str(self.path)!r}, line {self.numbers[row]}: {what}")

    def keep(self, wanted):
        """Lines whose fields ``wanted`` takes."""
        kept = [row for row, fields in enumerate(self.fields) if wanted(fields)]
        return Lines(self.path, [self.numbers[row] for row in kept], [self.fields[row] for row in kept])

    def below(self):
        """Lines under the first, the header."""
        return self._replace(numbers=self.numbers[1:], fields=self.fields[1:])

    def filled(self, width):
        """Lines with empty fields at their end, up to ``width``.

        Raises
        ------
        ValueError
            If a line has more.
        """
        for row, fields in enumerate(self.fields):
            if any(fields[width:]):
                raise self.fault(row, f"{len(fields)} fields, not {width}; remove the separators within them.")
        return self._replace(
            fields=[
                fields if len(fields) == width else [*fields[:width], *[""] * (width - len(fields))]
                for fields in self.fields
            ]
        )

    def column(self, place):
        """Texts of one column."""
        return [fields[place] for fields in self.fields]

    def seconds(self, place, name):
        """Numbers of one column.

        Raises
        ------
        ValueError
            For what is no finite number.
        """
        values = np.array([number(text) for text in self.column(place)], dtype=float)
        if np.isnan(values).any():
            row = int(np.isnan(values).argmax())
            raise self.fault(row, f"{name} is {self.fields[row][place]!r}; correct it to a finite number.")
        return values

    def events(self, clip, label, onset, offset, score=None):
        """Event table with one event a line.

        Raises
        ------
        ValueError
            For an empty label or clip, and for times that are negative or go backwards.
        """
        import pandas as pd

        frame = pd.DataFrame({"clip": clip, "label": label, "onset": onset, "offset": offset})
        if score is not None:
            frame["score"] = score
        for name in ("clip", "label"):
            empty = frame[name].to_numpy(dtype=object) == ""
            if empty.any():
                raise self.fault(int(empty.argmax()), f"the {name} is empty; name it or remove the line.")
        negative, backwards = onset < 0, offset < onset
        if negative.any():
            row = int(negative.argmax())
            raise self.fault(row, f"onset {onset[row]} is negative; correct it to seconds from the clip's start.")
        if backwards.any():
            row = int(backwards.argmax())
            raise self.fault(row, f"offset {offset[row]} lies before onset {onset[row]}; swap them or remove the line.")
        return frame


def read_lines(path, delimiter, *, quoted=False):
    """Lines of a text file in UTF-8, with or without byte order mark.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is not in UTF-8 or has a zero byte, or a quoted field does not end.
    """
    path = existing(path)
    numbers, rows, begin = [], [], 1
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(
            file,
            delimiter=delimiter,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            skipinitialspace=quoted,
            strict=True,
        )
        try:
            for fields in reader:
                texts = [text.strip() for text in fields]
                if any("\0" in text for text in texts):
                    raise ValueError(f"{str(path)!r}, line {begin}: a zero byte, which no text has; save it as UTF-8.")
                if any(texts):
                    numbers.append(reader.line_num)
                    rows.append(texts)
                begin = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise ValueError(f"{str(path)!r} is not in UTF-8 ({error}); save it as UTF-8.") from error
        except csv.Error as error:
            raise ValueError(f"{str(path)!r}, line {begin}: {error}; correct its quotes.") from error
    return Lines(path, numbers, rows)


def existing(path):
    """Path of a file that is there."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} is missing or is no file; pass the path of a text file.")
    return path


def delimiter_of(path, comment=None):
    """Return a tab if the first line that holds anything has one, else what is more frequent of semicolon and comma.

    Lines that start with ``comment`` hold nothing.
    """
    with existing(path).open(encoding="utf-8-sig", errors="replace") as file:
        holding = (line for line in file if line.strip() and not (comment and line.startswith(comment)))
        line = next(holding, "")
    return "\t" if "\t" in line else max(";,", key=line.count)


def refuse_repeated(names, source):
    """Raise a ValueError if two columns have one name."""
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"{source} has two columns {twice!r}; give each a name of its own.")


def number(text):
    """Return the finite number that a text holds, with a point or a comma before the decimals, else NaN."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def events_of_one_clip(events, clip):
    """Rows of one clip: of ``clip``, or of the only one.

    Raises
    ------
    ValueError
        For what is no event table, and for several clips where none is chosen.
    """
    check_events(events, "events")
    if clip is not None:
        return events[[key == clip for key in events["clip"]]]
    clips = list(dict.fromkeys(events["clip"]))
    if len(clips) > 1:
        raise ValueError(
            f"events has {len(clips)} clips ({', '.join(repr(key) for key in clips[:3])}{', ...' * (len(clips) > 3)}), "
            "and such a file holds one; write one file a clip, each with clip=."
        )
    return events


def one_line(texts, name):
    """Texts that can stand between tabs.

    Raises
    ------
    ValueError
        For an empty text, and one with a tab or a line break.
    """
    texts = [str(text) for text in texts]
    for text in texts:
        if not text.strip():
            raise ValueError(f"{name} {text!r} is empty; such a file needs a text for every event.")
        if any(mark in text for mark in "\t\n\r"):
            raise ValueError(f"{name} {text!r} has a tab or a line break, which end a field; replace them by blanks.")
    return texts


def write_table(frame, path, *, header):
    """Write a table between tabs, seconds with six decimals: the whole file or, if that fails, nothing.

    Raises
    ------
    FileNotFoundError
        If the folder is missing.
    OSError
        If the disk is full.
    """
    text = frame.to_csv(
        sep="\t", header=header, index=False, float_format="%.6f", quoting=csv.QUOTE_NONE, lineterminator="\n"
    )
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
