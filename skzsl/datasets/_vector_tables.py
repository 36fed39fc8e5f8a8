"""Embeddings from tables: a vector a row, in one column or in a column for each feature."""

from __future__ import annotations

import re
import warnings
from typing import Any, NamedTuple

import numpy as np

from ._clip_files import Clips
from ._clip_names import CLIP_NAMES, known_column
from ._event_lines import delimiter_of

_STARTS = ("start", "start_time", "start_seconds", "start_sec", "onset", "timestamp", "time")
_ENDS = ("end", "end_time", "end_seconds", "end_sec")
_NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.DOTALL | re.ASCII)


class Table(NamedTuple):
    """A table, and how to name a row of it."""

    frame: Any
    source: str
    first: int | None = None  # line of the first row, in files of lines

    def fault(self, row, what):
        """Error of a row, for the caller to raise."""
        if self.first is None:
            return ValueError(f"{self.source}, row {row}: {what}")
        texts = self.frame.iloc[:row].select_dtypes(exclude="number")
        breaks = sum(str(text).count("\n") for column in texts for text in texts[column])  # within quotes
        return ValueError(f"{self.source}, line {row + self.first + breaks}: {what}")


def read_table(path) -> Table:
    """Read a csv, tsv or parquet file.

    Raises
    ------
    ImportError
        If parquet cannot be read for want of pyarrow.
    ValueError
        If the file is damaged.
    """
    import pandas as pd

    source = repr(str(path))
    if path.suffix == ".parquet":
        try:
            return Table(pd.read_parquet(path), source)
        except ImportError as error:
            raise ImportError(f"{source} needs pyarrow; install it with pip install 'skzsl[tables]'.") from error
        except Exception as error:  # what pyarrow raises depends on where the damage is
            raise ValueError(f"{source} is damaged or is no parquet file ({error}); get it again.") from error
    options: dict = {
        "sep": delimiter_of(path),
        "encoding": "utf-8-sig",
        "skip_blank_lines": False,
        "keep_default_na": False,
        "na_values": [""],
        "skipinitialspace": True,
        "low_memory": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            names = pd.read_csv(path, nrows=0, **options).columns
            name = known_column(names, CLIP_NAMES)
            frame = pd.read_csv(path, dtype={} if name is None else {name: str}, **options)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning, OverflowError) as error:
        raise ValueError(f"{source} is damaged or is no table ({error}); correct or get it again.") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(f"{source}, line 2: more fields than the {len(names)} names of line 1; name each column.")
    return Table(_without_end(frame), source, 2)


def _without_end(frame):
    """Leave out the empty lines at the end of a file."""
    filled = np.flatnonzero(frame.notna().any(axis=1))
    return frame.iloc[: filled[-1] + 1 if len(filled) else 0]


def clips_of_table(table, vectors) -> Clips:
    """Clips of a table: rows that share a name and have times are segments of one clip.

    Raises
    ------
    ValueError
        If the embeddings or the name of a clip are not there, or a clip is named twice.
    """
    frame = table.frame
    X, used = _vectors(table, vectors)
    name, start, end = (known_column(frame.columns, known) for known in (CLIP_NAMES, _STARTS, _ENDS))
    if name is None:
        return Clips(X, None, None, None, frame.drop(columns=used).reset_index(drop=True))
    files = _names(table, name)
    repeated = frame[name].duplicated().to_numpy()
    if not repeated.any():
        return Clips(X, files, None, None, frame.drop(columns=used).reset_index(drop=True))
    if start is None:
        row = int(repeated.argmax())
        raise table.fault(
            row,
            f"{files[row]!r} is named before; name each clip once, or add a column 'start' with the seconds of its "
            "segments.",
        )
    seconds = {column: _seconds(table, column) for column in (start, end) if column is not None}
    return _segments(table, X, files, seconds, start, end, [*used, *seconds])


def _segments(table, X, files, seconds, start, end, used):
    """Clips from rows of segments, in the order of their start."""
    codes, names = _codes(files)
    order = np.lexsort((seconds[start], codes))
    again = np.flatnonzero((np.diff(codes[order]) == 0) & (np.diff(seconds[start][order]) == 0))
    if len(again):
        row = int(order[again[0] + 1])
        raise table.fault(row, f"{files[row]!r} has another segment at {seconds[start][row]} s; keep one of them.")
    borders = np.flatnonzero(np.diff(codes[order])) + 1

    def cut(values):
        if isinstance(values, list):
            return [_stack([values[row] for row in rows]) for rows in np.split(order, borders)]
        return np.split(values[order], borders)

    first = order[np.r_[0, borders]]
    others = table.frame.drop(columns=used).iloc[first].reset_index(drop=True)
    return Clips(cut(X), names, cut(seconds[start]), None if end is None else cut(seconds[end]), others)


def _codes(files):
    place = {name: code for code, name in enumerate(dict.fromkeys(files))}
    return np.array([place[name] for name in files]), list(place)


def _names(table, column):
    names = table.frame[column]
    if names.isna().any():
        raise table.fault(int(names.isna().to_numpy().argmax()), f"{column} is empty; name the clip or remove the row.")
    return [str(name) for name in names.tolist()]


def _seconds(table, column):
    import pandas as pd

    values = pd.to_numeric(table.frame[column], errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        raise table.fault(row, f"{column} is {table.frame[column].iloc[row]!r}; correct it to a finite number.")
    return values


def _vectors(table, vectors):
    """Embeddings, (n, d) or a list of arrays, and the columns they are in."""
    frame = table.frame
    groups = _numbered(frame)
    lists = [name for name in frame.columns if _holds_lists(frame[name])]
    if vectors is None:
        found = [*lists, *groups]
        if len(found) != 1:
            raise ValueError(
                f"{table.source} has the columns {list(frame.columns)[:9]}, of which {found} may hold embeddings; name "
                "the column, or what stands before the number of each feature's column, in vectors='...'."
            )
        vectors = found[0]
    if vectors in lists:
        return _of_lists(table, vectors), [vectors]
    if vectors in groups:
        return _of_columns(table, groups[vectors]), groups[vectors]
    raise ValueError(f"vectors={vectors!r} is no column of lists in {table.source}; pass one of {[*lists, *groups]}.")


def _numbered(frame):
    """Columns that differ in a number which counts up from 0 or 1, in its order, by what stands before it."""
    groups: dict = {}
    for name in frame.columns:
        match = _NUMBERED.fullmatch(str(name))
        if match:
            groups.setdefault(match[1], {})[int(match[2])] = name
    return {
        prefix: [columns[number] for number in sorted(columns)]
        for prefix, columns in groups.items()
        if len(columns) > 1 and min(columns) in (0, 1) and max(columns) - min(columns) == len(columns) - 1
    }


def _holds_lists(column):
    if column.dtype.kind in "iufb" or not len(column):
        return False
    value = next((value for value in column if isinstance(value, list | tuple | np.ndarray | str)), None)
    if isinstance(value, str):
        return len(value.split(",")) > 1 and _parsed(value) is not None
    return value is not None and np.asarray(value).dtype.kind in "iufO"


def _parsed(text):
    try:
        return np.array(text.strip("[]() ").rstrip(",").split(","), dtype=np.float32)
    except ValueError:
        return None


def _of_columns(table, columns):
    import pandas as pd

    frame = table.frame[columns]
    if any(kind.kind not in "iufb" for kind in frame.dtypes) or frame.isna().to_numpy().any():
        numbers = frame.apply(pd.to_numeric, errors="coerce").to_numpy(float)
        if np.isnan(numbers).any():
            row, column = np.argwhere(np.isnan(numbers))[0]
            value = frame.iloc[row, column]
            shown = "empty" if pd.isna(value) else repr(value)
            raise table.fault(row, f"{columns[column]} is {shown}; correct it to a number or remove the row.")
        return numbers
    return frame.to_numpy()


def _of_lists(table, column):
    """Vectors (d,) or (T, d) of each row as one array where they agree; a row without a vector is empty."""
    rows = []
    for row, value in enumerate(table.frame[column]):
        array = _parsed(value) if isinstance(value, str) else _array(value)
        if array is None or array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
            raise table.fault(row, f"{column} is {str(value)[:60]!r}; pass a list of numbers, as long in each row.")
        rows.append(array)
    return _stack(rows)


def _stack(rows):
    return np.stack(rows) if len({row.shape for row in rows}) == 1 else rows


def _array(value):
    if value is None or (isinstance(value, float) and value != value):
        return np.empty(0, np.float32)
    try:
        array = np.asarray(value)
        return np.stack([np.asarray(row) for row in array]) if array.dtype == object and len(array) else array
    except ValueError:
        return None
