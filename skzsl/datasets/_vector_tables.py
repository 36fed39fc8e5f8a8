"""Embeddings from tables: a vector a row, in one column or in a column for each feature."""

from __future__ import annotations

import re

import numpy as np

from .._clip_names import CLIP_NAMES, known_column
from ._clip_files import Clips

_STARTS = ("start", "start_time", "start_seconds", "start_sec", "onset", "timestamp", "time")
_ENDS = ("end", "end_time", "end_seconds", "end_sec")
_DECIMAL = re.compile(r"[+-]?\d+,\d+")
_NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.DOTALL | re.ASCII)


def clips_of_table(table, vectors) -> Clips:
    """Clips of a table: rows that share a name and have times are segments of one clip.

    Raises
    ------
    ValueError
        If the embeddings or the name of a clip are not there, or a clip is named twice.
    """
    frame = table.frame
    name, start, end = (known_column(frame.columns, known) for known in (CLIP_NAMES, _STARTS, _ENDS))
    X, used = _vectors(table, vectors, {name, start, end})
    files = None if name is None else _names(table, name)
    repeated = np.zeros(len(frame), bool) if name is None else frame[name].duplicated().to_numpy()
    if files is None or not repeated.any():
        one = isinstance(X, np.ndarray) and X.ndim == 2  # else what a row has are seconds of a clip
        known = [column for column in (start, end) if one and column is not None and frame[column].dtype.kind in "iufm"]
        times = {column: list(_seconds(table, column)[:, None]) for column in known if not frame[column].isna().any()}
        others = frame.drop(columns=[*used, *times]).reset_index(drop=True)
        return Clips(X, files, times.get(start), times.get(end), others)
    if start is None:
        row = int(repeated.argmax())
        raise table.fault(
            row,
            f"{files[row]!r} is named before; name each clip once, or add a column 'start' with the seconds of its "
            "segments.",
        )
    seconds = {column: _seconds(table, column) for column in (start, end) if column is not None}
    _refuse_unlike(table, X)
    return _segments(table, X, files, seconds, start, end, [*used, *seconds])


def _refuse_unlike(table, X):
    """Refuse rows that are no vectors of one length, where each is a segment."""
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return
    shape = next((np.shape(row) for row in X if np.ndim(row) == 1 and len(row)), None)
    row = next((row for row, vector in enumerate(X) if np.shape(vector) != shape), None)
    if row is not None:
        held = np.shape(X[row])
        raise table.fault(row, f"the vector has the shape {held}; a row of a segment takes one as long as the others.")


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

    values = table.frame[column]
    if values.dtype.kind == "M":
        raise ValueError(f"{table.source}: {column} has dates; pass seconds from the start of the recording.")
    if values.dtype.kind == "m":
        values = values.dt.total_seconds()
    values = pd.to_numeric(values, errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        row = int((~np.isfinite(values)).argmax())
        raise table.fault(row, f"{column} is {table.frame[column].tolist()[row]!r}; correct it to a finite number.")
    return values


def _vectors(table, vectors, others):
    """Embeddings, (n, d) or a list of arrays, and the columns they are in, which are none of the others."""
    frame = table.frame
    groups = _numbered(frame)
    lists = [name for name in frame.columns if name not in others and _holds_lists(frame[name])]
    if vectors is None:
        found = [*lists, *groups]
        if len(found) != 1:
            first = frame[lists[0]].iloc[0] if lists else ""
            comma = isinstance(first, str) and _DECIMAL.fullmatch(first)
            hint = f" If {first!r} is one number, write a decimal point." if comma else ""
            raise ValueError(
                f"{table.source} has the columns {list(frame.columns)[:9]}, of which {found} may hold embeddings; name "
                f"the column, or what stands before the number of each feature's column, in vectors='...'.{hint}"
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
    return frame.to_numpy(np.result_type(*(getattr(kind, "numpy_dtype", kind) for kind in frame.dtypes)))


def _of_lists(table, column):
    """Vectors (d,) or (T, d) of each row as one array where they agree; a row without a vector is empty."""
    rows = []
    for row, value in enumerate(table.frame[column]):
        array = _parsed(value) if isinstance(value, str) else _array(value)
        if array is None or array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
            raise table.fault(row, f"{column} is {str(value)[:60]!r}; pass a list of numbers, as long in each row.")
        rows.append(array)
    return np.stack(rows) if len({row.shape for row in rows}) == 1 else rows


def _array(value):
    if value is None or (isinstance(value, float) and value != value):
        return np.empty(0, np.float32)
    try:
        array = np.asarray(value)
        if not array.size:
            return np.empty(0, np.float32)
        return np.stack([np.asarray(row) for row in array]) if array.dtype == object and len(array) else array
    except ValueError:
        return None
