"""Labels from the tables that sound datasets come with, joined to clips."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.utils import Bunch

from .._clip_names import known_column, places
from ..preprocessing import indicator_frame
from ._label_tables import read_label_table

_MIDS = ("/m/", "/g/", "/t/")


def load_labels(
    path, clips=None, *, label=None, file=None, sep=None, names=None, missing="error", empty="error"
) -> Bunch:
    r"""Load the label or the labels of each clip from a csv or tsv file, and join them to clips.

    Parameters
    ----------
    path : str or path-like
        Text file in UTF-8 with a header: fields between tabs, commas or semicolons, perhaps quoted. The tables of
        AudioSet, FSD50K, MTG-Jamendo, ESC-50 and UrbanSound8K are known (see Notes).
    clips : list of str or None, default=None
        Names of the clips, such as ``files`` of `load_embeddings`, to which the rows are joined by file or identifier:
        without the endings of sounds and embeddings, and without folders where the names are distinct without. None
        takes the rows as they are.
    label : str or None, default=None
        Column of the label or labels; None finds it by its name.
    file : str or None, default=None
        Column that names the clips; None finds it by its name, where several do the one that most ``clips`` match.
    sep : str or None, default=None
        What stands between several labels of a clip, such as ``","``. None knows it for the tables above, and reads
        lists as Python and JSON write them, ``['dog', 'rain']``; in others a clip has one label.
    names : dict, Bunch or None, default=None
        Name of each identifier, such as ``"/m/09x0r"``: `load_audioset_ontology`'s result or a dict.
    missing : {"error", "drop"}, default="error"
        What to do with clips that have no row.
    empty : {"error", "keep"}, default="error"
        What to do with rows without a label where a clip may have several: name the line in an error, or take the clip
        as one with none of the labels.

    Returns
    -------
    labels : Bunch
        y : ndarray of shape (n,), str; or DataFrame of shape (n, n_labels)
            The label of each clip as the file has it; or, for several labels a clip, an indicator.
        rows : ndarray of shape (n,), int
            Which of ``clips`` each entry of y belongs to: ``X[labels.rows]`` are its clips.
        files : ndarray of shape (n,), str
            Name of each clip: as in ``clips`` or, without these, as in the file.
        table : DataFrame
            The other columns, such as folds and recordings, of the same clips; numbers where all are.
        without_label : list of str
            Names among ``clips`` that no row has.
        without_clip : list of str
            Names in the file that none of ``clips`` has.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    TypeError
        If ``path`` is a table.
    ValueError
        If a row has too many or too few fields, no label, labels that ``sep`` does not part or the clip of another row,
        a column or the name of an identifier is not found, two names are the same but for their folders, no clip has a
        row, or some have none. The message names the file and, where it is one, the line.

    See Also
    --------
    load_embeddings : The embeddings of clips.
    read_events : Labels with their onsets and offsets.
    skzsl.indicator_frame : Several labels a clip from lists or text.

    Notes
    -----
    The known tables, by their header:

    - AudioSet's clips: three lines of comment, then ``YTID, start_seconds, end_seconds, positive_labels``, the last
      with quoted identifiers between commas, which need ``names``.
    - FSD50K: ``fname, labels, mids``, with quoted labels between commas.
    - MTG-Jamendo: ``TRACK_ID, ..., PATH, DURATION, TAGS`` between tabs, with a field for each tag. The category before
      ``---`` is left out where no other tag has the same name.
    - ESC-50: ``filename, fold, target, category, ...``.
    - UrbanSound8K: ``slice_file_name, fsID, ..., classID, class``.

    References
    ----------
    Gemmeke et al. (2017). Audio Set. ICASSP.
    Fonseca et al. (2022). FSD50K. IEEE/ACM TASLP.
    Bogdanov et al. (2019). The MTG-Jamendo dataset. ICML workshop.
    Piczak (2015). ESC. ACM Multimedia.
    Salamon et al. (2014). A dataset and taxonomy for urban sound research. ACM Multimedia.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skzsl.datasets import load_labels
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_text("filename,category\na.wav,dog\nb.wav,rain\nc.wav,wind\n")
    ...     labels = load_labels(path, ["b", "a"])
    >>> labels.y.tolist(), labels.without_clip
    (['rain', 'dog'], ['c.wav'])
    """
    if hasattr(path, "columns"):
        raise TypeError(
            "path is a table; take its column as y, or skzsl.indicator_frame of it for several labels, if its rows are "
            "in the order of the clips. To join it to them by name, write it with to_csv(path, index=False)."
        )
    for name, column in (("label", label), ("file", file)):
        if not isinstance(column, str | None):
            raise ValueError(f"{name}={column!r}; pass the name of a column.")
    if sep is not None and (not isinstance(sep, str) or not sep):
        raise ValueError(f"sep={sep!r}; pass what stands between labels, such as ';'.")
    if not isinstance(names, Mapping | None):
        raise ValueError(f"names is a {type(names).__name__}; pass a dict from identifiers to names.")
    if missing not in ("error", "drop"):
        raise ValueError(f"missing={missing!r}; pass 'error' or 'drop'.")
    if empty not in ("error", "keep"):
        raise ValueError(f"empty={empty!r}; pass 'error' or 'keep'.")
    table = read_label_table(path, label, sep, keep_empty=empty == "keep")
    column, given, found = _matched(table, file, clips)
    table.refuse_repeated(column)
    own = table.texts(column)
    clip_rows = np.array([clip for clip, row in enumerate(found) if row is not None], dtype=int)
    table_rows = np.array([row for row in found if row is not None], dtype=int)
    without_label = [clip for clip, row in zip(given, found, strict=True) if row is None]
    if not len(table_rows):
        raise ValueError(
            f"No clip, such as {given[:2]}, is among the {len(own)} rows of {str(path)!r}, such as {own[:2]}; "
            f"name the clips as its column {column!r} does, pass file='...', or, if rows and clips are in the same "
            "order, no clips."
        )
    if without_label and missing == "error":
        raise ValueError(
            f"{str(path)!r} has no row for {len(without_label)} of {len(given)} clips: {without_label[:5]}; pass "
            "missing='drop' to leave these out."
        )
    taken = set(table_rows.tolist())
    return Bunch(
        y=_targets(table, table_rows, names),
        rows=clip_rows,
        files=np.array(given)[clip_rows],
        table=table.others(table_rows),
        without_label=without_label,
        without_clip=[name for row, name in enumerate(own) if row not in taken],
    )


def _matched(table, file, clips):
    """Column that names the clips, the names of clips, and the row of each."""
    columns = table.clip_columns() if file is None else [known_column(table.names, [file.lower()])]
    if not columns or columns[0] is None:
        raise ValueError(
            f"{str(table.path)!r} has the columns {table.names}, of which none names the clips; pass file='...'."
        )
    if clips is None:
        return columns[0], table.texts(columns[0]), list(range(len(table.labels)))
    clips = [str(clip) for clip in clips]
    matches = {column: places(clips, table.texts(column), "clips", repr(str(table.path))) for column in columns}
    best = max(matches, key=lambda column: sum(row is not None for row in matches[column]))
    return best, clips, matches[best]


def _targets(table, rows, names):
    """The label of each row, or an indicator; identifiers by their names."""
    lists = [table.labels[row] for row in rows]
    if names is not None:
        name_of = names.get("names", names)
        for row, labels in zip(rows, lists, strict=True):
            unknown = next((label for label in labels if label not in name_of), None)
            if unknown is not None:
                raise table.fault(row, f"{unknown!r} has no entry in names; add it, or pass names=None for text.")
        lists = [[name_of[label] for label in labels] for labels in lists]
    else:
        for row, labels in zip(rows, lists, strict=True):
            mid = next((label for label in labels if label.startswith(_MIDS)), None)
            if mid is not None:
                raise table.fault(
                    row,
                    f"{mid!r} is an identifier; pass names=load_audioset_ontology('ontology.json') for its name.",
                )
    return indicator_frame(lists) if table.several else np.array([label for (label,) in lists])
