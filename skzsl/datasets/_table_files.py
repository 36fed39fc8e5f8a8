"""Tables in files and in memory as DataFrames whose rows can be named in errors."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np

from .._clip_names import CLIP_NAMES, known_column
from ._event_lines import delimiter_of, number, refuse_repeated


class Table(NamedTuple):
    """A table, and how to name a row of it."""

    frame: Any
    source: str
    first: int | None = None  # line of the first row, in files of lines
    parts: tuple = ()  # tables that it was joined of

    def fault(self, row, what):
        """Error of a row, for the caller to raise."""
        for part in self.parts:
            if row < len(part.frame):
                return part.fault(row, what)
            row -= len(part.frame)
        if self.first is None:
            return ValueError(f"{self.source}, row {row}: {what}")
        texts = self.frame.iloc[:row].select_dtypes(exclude="number")
        breaks = sum(str(text).count("\n") for column in texts for text in texts[column])  # within quotes
        return ValueError(f"{self.source}, line {row + self.first + breaks}: {what}")


def table_of(frame, source="the table") -> Table:
    """Table of a DataFrame, with the index as columns unless it only numbers the rows.

    Raises
    ------
    ValueError
        If two columns have one name.
    """
    names, index = list(frame.columns), frame.index
    refuse_repeated(names, source)
    if index.names == [None] and index.inferred_type == "string" and known_column(names, CLIP_NAMES) is None:
        frame = frame.rename_axis(index=CLIP_NAMES[0])
    elif index.names == [None] or not set(index.names).isdisjoint(names):
        return Table(frame.reset_index(drop=True), source)
    return Table(frame.reset_index(), source)


def refuse_tensors(table, source):
    """Raise a ValueError if a table of pyarrow has tensors, whose axes a DataFrame does not keep."""
    for field in getattr(table, "schema", ()):
        if hasattr(field.type, "shape"):
            raise ValueError(
                f"{source} has tensors of the shape {field.type.shape} in {field.name!r}, which would lose their axes; "
                "save them by to_numpy_ndarray() as npy."
            )


def read_table(path, root, recording=None) -> Table:
    """Read a csv, tsv or parquet file, with columns of folders below ``root`` that are called ``column=value``.

    Raises
    ------
    ImportError
        If parquet cannot be read for want of pyarrow.
    ValueError
        If the file is damaged, two columns have one name, or the first line has numbers and no names.
    """
    import pandas as pd

    source = repr(str(path))
    if path.suffix.lower() == ".parquet":
        try:
            from pyarrow import parquet

            table = parquet.read_table(path, partitioning=None)
            frame = table.to_pandas()
        except ImportError as error:
            raise ImportError(f"{source} needs pyarrow; install it with pip install 'skzsl[tables]'.") from error
        except Exception as error:  # what pyarrow raises depends on where the damage is
            raise ValueError(f"{source} is damaged or is no parquet file ({error}); get it again.") from error
        refuse_tensors(table, source)
        folders = (folder.partition("=") for folder in path.relative_to(root).parts[:-1])
        values = {name: unquote(value) for name, mark, value in folders if mark and name not in frame}
        return table_of(frame.assign(**values), source)
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
            first = pd.read_csv(path, nrows=1, header=None, dtype=str, **options).fillna("")
            names = first.iloc[0].tolist()
            texts = {known_column(names, CLIP_NAMES), recording}  # as they stand: 007 is not 7
            frame = pd.read_csv(path, dtype=dict.fromkeys(texts.intersection(names), str), **options)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning, OverflowError) as error:
        what = " ".join(str(error).split())
        raise ValueError(f"{source} is damaged or is no table ({what}); correct or get it again.") from error
    _refuse_numbers(names, source)
    refuse_repeated([name for name in names if name], source)
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(f"{source}, line 2: more fields than the {len(names)} names of line 1; name each column.")
    frame = _without_end(frame)
    if not names[0]:  # as pandas writes an index that has no name
        frame = frame.set_index(frame.columns[0]).rename_axis(index=None)
    return table_of(frame, source)._replace(first=2)


def joined(tables) -> Table:
    """One table of all rows, in turn.

    Raises
    ------
    ValueError
        If they have other columns.
    """
    import pandas as pd

    columns = [list(table.frame.columns) for table in tables]
    other = next((number for number, names in enumerate(columns) if set(names) != set(columns[0])), None)
    if other is not None:
        raise ValueError(
            f"{tables[other].source} has the columns {columns[other][:9]}, {tables[0].source} has {columns[0][:9]}; "
            "pass tables of the same columns."
        )
    frame = tables[0].frame if len(tables) == 1 else pd.concat([table.frame for table in tables], ignore_index=True)
    return Table(frame, tables[0].source, None, tuple(tables))


def _refuse_numbers(names, source):
    """Refuse numbers where names should stand; a column for each feature may be called by its whole number."""
    for name in names:
        if not name.strip().isdecimal() and not math.isnan(number(name)):
            raise ValueError(f"{source}, line 1: {name!r} is a number and no name; begin with a line of names.")


def _without_end(frame):
    """Leave out the empty lines at the end of a file."""
    filled = np.flatnonzero(frame.notna().any(axis=1))
    return frame.iloc[: filled[-1] + 1 if len(filled) else 0]
