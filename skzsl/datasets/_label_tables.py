"""Tables of labels in the dialects of sound datasets, row by row."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from .._clip_names import CLIP_NAMES, known_column, plain_name
from ._event_lines import Lines, delimiter_of, read_lines

_ONE = ("label", "category", "class", "class_name", "species", "target")
_SEVERAL = ("positive_labels", "labels", "tags", "mids")  # columns with commas between labels
_BETWEEN = re.compile(r"""(['"])\s+(['"])""")
_FIELDS, _CATEGORY = "TAGS", "---"  # of MTG-Jamendo: a field for each tag; between a category and its tag


@dataclass
class LabelTable:
    """A table of labels.

    Attributes
    ----------
    lines : Lines
        Fields of each row.
    names : list of str
        The columns.
    labels : list of lists of str
        Labels of each row.
    label : str
        Column of the labels.
    several : bool
        Whether a row may have several.
    """

    lines: Lines
    names: list[str]
    labels: list[list[str]]
    label: str
    several: bool

    @property
    def path(self) -> Path:
        """The file."""
        return self.lines.path

    def fault(self, row, what):
        """Error of a row, for the caller to raise."""
        return self.lines.fault(row, what)

    def texts(self, column):
        """Texts of one column."""
        return self.lines.column(self.names.index(column))

    def clip_columns(self):
        """Columns that may name the clips, the most telling first."""
        given = {name.lower(): name for name in reversed(self.names)}
        return [given[name] for name in CLIP_NAMES if name in given]

    def refuse_repeated(self, column):
        """Refuse a row without a clip, and a clip of another row."""
        before: dict = {}
        for row, name in enumerate(self.texts(column)):
            if not name:
                raise self.fault(row, f"{column} is empty; name the clip or remove the line.")
            first = before.setdefault(plain_name(name), row)
            if first != row:
                raise self.fault(row, f"{name!r} is on line {self.lines.numbers[first]} too; keep one of them.")

    def others(self, rows):
        """Data of some rows but for the labels, as numbers where a column has nothing else."""
        import pandas as pd

        frame = pd.DataFrame({name: self.texts(name) for name in self.names if name != self.label}).iloc[rows]
        for name in frame:
            numbers = pd.to_numeric(frame[name], errors="coerce")
            if numbers.notna().all():
                frame[name] = numbers
        return frame.reset_index(drop=True)


def read_label_table(path, label, sep, *, keep_empty=False) -> LabelTable:
    """Read a table of labels, with rows without a label where these may be kept.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If a row has another number of fields than the header, or no label, or there is no column of labels.
    """
    delimiter = delimiter_of(path, comment="#")
    lines = read_lines(path, delimiter, quoted=True)
    header = next((row for row, fields in enumerate(lines.fields) if not _is_comment(fields)), len(lines.fields))
    comments = [fields for fields in lines.fields[:header] if len(fields) > 1]
    if comments and comments[-1][-1].endswith("positive_labels"):  # AudioSet's names are in its last comment
        names = [comments[-1][0].lstrip("# "), *comments[-1][1:]]
    elif header < len(lines.fields):
        names, header = lines.fields[header], header + 1
    else:
        raise ValueError(f"{str(lines.path)!r} is empty; pass a table with a header and a row for each clip.")
    lines = lines._replace(numbers=lines.numbers[header:], fields=lines.fields[header:])
    if len(set(names)) < len(names):
        raise ValueError(f"{str(lines.path)!r} has the columns {names}, two of one name; name each once.")
    if not lines.fields:
        raise ValueError(f"{str(lines.path)!r} has the columns {names} and no rows; add a row for each clip.")
    table = _with_labels(lines, names, label, sep, fields_of_tags=sep is None and delimiter == "\t")
    for row, of_row in enumerate(table.labels):
        if not of_row and not (keep_empty and table.several):
            advice = ", or pass empty='keep' for a clip with none" if table.several else ""
            raise lines.fault(row, f"{table.label} is empty; add the label or remove the line{advice}.")
    return table


def _is_comment(fields):
    return fields[0].startswith("#")


def _with_labels(lines, names, label, sep, fields_of_tags):
    column = known_column(names, [*_SEVERAL[:-1], *_ONE] if label is None else [label.lower()])
    if column is None:
        what = "none is known to have labels" if label is None else f"none is {label!r}"
        raise ValueError(
            f"{str(lines.path)!r} has the columns {names[:12]}, of which {what}; pass label='...', "
            "begin with a line of names, or correct what stands between its fields to a tab, comma or semicolon."
        )
    tags = fields_of_tags and column == names[-1] == _FIELDS
    for row, fields in enumerate(lines.fields):
        if len(fields) < len(names) or (len(fields) > len(names) and not tags):
            raise lines.fault(
                row, f"{len(fields)} fields, not {len(names)}; quote fields that hold separators, or complete the line."
            )
    place = names.index(column)
    lists = any(fields[place].startswith(("[", "{")) for fields in lines.fields)
    if tags:
        texts = [fields[place:] for fields in lines.fields]
    elif lists:
        texts = [_listed(lines, row, fields[place]) for row, fields in enumerate(lines.fields)]
    else:
        parts_none = sep is None or not any(sep in fields[place] for fields in lines.fields)
        sep = "," if sep is None and column.lower() in _SEVERAL else sep
        texts = [[fields[place]] if sep is None else fields[place].split(sep) for fields in lines.fields]
        if parts_none:
            _refuse_delimited(lines, texts)
    labels = [list(dict.fromkeys(text.strip() for text in of_row if text.strip())) for of_row in texts]
    if tags:
        labels = _without_categories(labels)
    return LabelTable(lines, names, labels, column, tags or lists or sep is not None)


def _listed(lines, row, text):
    """Labels of a list as Python, JSON or, with blanks between, numpy writes it."""
    try:
        found = ast.literal_eval(_BETWEEN.sub(r"\1, \2", text)) if text else []
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise lines.fault(row, f"{text[:60]!r} is no list of labels, as other rows have; write it as \"['a', 'b']\".")
    return found


def _refuse_delimited(lines, texts):
    """Refuse labels that may be several, where what stands between them is not known or is nowhere."""
    for row, of_row in enumerate(texts):
        for text in of_row:
            mark = next((mark for mark in ";|" if mark in text), None)
            if mark:
                raise lines.fault(row, f"{text!r} may be several labels; pass sep={mark!r}.")


def _without_categories(labels):
    """Tags without their categories, but for those that two categories have."""
    whole = {tag for of_row in labels for tag in of_row}
    bare: dict = {}
    for tag in whole:
        bare.setdefault(tag.rpartition(_CATEGORY)[2], []).append(tag)
    name = {tags[0]: short for short, tags in bare.items() if short and len(tags) == 1}
    return [[name.get(tag, tag) for tag in of_row] for of_row in labels]
