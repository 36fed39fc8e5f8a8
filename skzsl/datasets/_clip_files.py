"""Embeddings from files of arrays and from BirdNET-Analyzer's text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._clip_names import CLIP_NAMES, known_column
from ._event_lines import number, read_lines
from ._npz import read_arrays

_ARRAYS = ("embedding", "embeddings", "x", "features")
_NAMES = (*CLIP_NAMES, *(f"{known}s" for known in CLIP_NAMES), "name", "names")
_TIMES = ("timestamps", "times", "start")


class Clips(NamedTuple):
    """Clips as a source has them.

    Attributes
    ----------
    vectors : ndarray of shape (n, d) or (n, T, d), or list of arrays of shape (d,) or (T_i, d)
        Embeddings.
    files : list of str or None
        Name of each clip.
    start, end : list of arrays of shape (T_i,), or None
        Seconds of the segments.
    table : DataFrame or None
        What a table says of each clip besides.
    """

    vectors: Any
    files: list[str] | None = None
    start: list | None = None
    end: list | None = None
    table: Any = None


class ClipFile(NamedTuple):
    """One clip's embeddings (d,) or (T, d), and the seconds of its segments where the file has them."""

    vectors: np.ndarray
    start: np.ndarray | None = None
    end: np.ndarray | None = None


def read_all_clips(path, vectors) -> Clips:
    """Clips of one npy or npz file that holds all of them, or of a file of one clip.

    Raises
    ------
    ValueError
        If the file is damaged, or its array has not two or three axes.
    """
    if path.suffix.lower() == ".txt":
        return of_files([read_clip(path, vectors)], [path.name])
    arrays = _arrays(path, mapped=True)
    name = _chosen(path, arrays, vectors)
    array, others = arrays[name], {key: other for key, other in arrays.items() if key != name}
    if array.ndim not in (2, 3) or not array.shape[-1]:
        raise ValueError(
            f"{str(path)!r} holds an array of shape {array.shape}; pass (n, d) or (n, T, d) for all clips, or a folder "
            "with a file for each clip."
        )
    one_each = {key: _texts(other) for key, other in others.items() if other.ndim == 1 and other.dtype.kind in "SUbiuf"}
    key = known_column([key for key, other in one_each.items() if other.dtype.kind in "Uiu"], _NAMES)
    if key is None:
        start = _times(path, others, array)
        if start is not None:
            return of_files([_in_order(path, ClipFile(array, start))], [path.name])
    elif len(one_each[key]) != len(array):
        raise ValueError(
            f"{str(path)!r} has {len(one_each[key])} names in {key!r} for {len(array)} clips; name each once."
        )
    return Clips(
        array,
        None if key is None else one_each[key].astype(str).tolist(),
        table=_table_of({name: other for name, other in one_each.items() if len(other) == len(array)}),
    )


def _table_of(arrays):
    import pandas as pd

    return pd.DataFrame(arrays) if arrays else None


def read_clip(path, vectors) -> ClipFile:
    """One clip's embeddings.

    Raises
    ------
    ValueError
        If the file is damaged, or has an array that is not (d,), (T, d) or (T, 1, d).
    """
    if path.suffix.lower() == ".txt":
        return _in_order(path, _read_birdnet(path))
    arrays = _arrays(path)
    array = arrays[_chosen(path, arrays, vectors)]
    if array.ndim == 3 and array.shape[1] == 1:  # Perch has a channel axis
        array = array[:, 0]
    if array.ndim not in (1, 2) or (array.ndim == 2 and not array.shape[1]):
        raise ValueError(f"{str(path)!r} holds an array of shape {array.shape}; pass (d,) or (T, d) for each clip.")
    return _in_order(path, ClipFile(array, _times(path, arrays, array)))


def of_files(clips, names) -> Clips:
    """Clips from one file each."""

    def seconds(side):
        given = [getattr(clip, side) for clip in clips]
        if all(of_clip is None for of_clip in given):
            return None
        lengths = [len(np.atleast_2d(clip.vectors)) for clip in clips]
        return [np.full(n, np.nan) if part is None else part for part, n in zip(given, lengths, strict=True)]

    return Clips([clip.vectors for clip in clips], list(names), seconds("start"), seconds("end"))


def _in_order(path, clip):
    """Segments by their start, as those of tables."""
    if clip.start is None:
        return clip
    order = np.argsort(clip.start, kind="stable")
    again = np.flatnonzero(np.diff(clip.start[order]) == 0)
    if len(again):
        raise ValueError(f"{str(path)!r} has two segments at {clip.start[order[again[0]]]} s; keep one of them.")
    if (np.diff(order) == 1).all():
        return clip
    return ClipFile(clip.vectors[order], clip.start[order], None if clip.end is None else clip.end[order])


def _arrays(path, mapped=False):
    """Arrays of a file by name; a map holds the file open, of which a process may have a thousand or fewer."""
    if path.suffix.lower() == ".npz":
        return read_arrays(path)
    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # what numpy raises depends on where the damage is, and it takes anything for a pickle
        if "Object arrays" in str(error) or "Python objects" in str(error):
            raise ValueError(
                f"{str(path)!r} holds Python objects, perhaps arrays of unequal length; save each in a file of its own."
            ) from error
        what = "it has no numbers that can be read" if "pickle" in str(error) else error
        raise ValueError(f"{str(path)!r} is damaged or is no npy file ({what}); save it again.") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{str(path)!r} is an npz file by another name; end its name in .npz.")
    return {"": array}


def _chosen(path, arrays, vectors):
    """Name of the array of embeddings."""
    numbers = [name for name, array in arrays.items() if array.dtype.kind in "iuf"]
    if "" in arrays:
        if not numbers:
            raise ValueError(f"{str(path)!r} holds {arrays[''].dtype}; pass an array of real numbers.")
        return ""
    if vectors is not None:
        if vectors not in numbers:
            raise ValueError(f"vectors={vectors!r} is no array of numbers in {str(path)!r}; pass one of {numbers}.")
        return vectors
    wide = [name for name in numbers if arrays[name].ndim > 1]
    known = known_column(wide or numbers, _ARRAYS)
    if known is None and len(wide) != 1:
        raise ValueError(f"{str(path)!r} has the arrays {list(arrays)}; name that of the embeddings in vectors='...'.")
    return wide[0] if known is None else known


def _times(path, arrays, array):
    """Seconds at which segments start, where a file has as many as segments."""
    key = known_column(arrays, _TIMES)
    n_segments = len(np.atleast_2d(array))
    if key is None or array.ndim > 2 or arrays[key].dtype.kind not in "iuf":
        return None
    if arrays[key].size != n_segments:
        raise ValueError(
            f"{str(path)!r} has {arrays[key].size} {key} for {n_segments} segments; save one for each segment."
        )
    return arrays[key].astype(float).ravel()


def _texts(array):
    return np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array


def _read_birdnet(path):
    """Lines of start, end and numbers between commas, or of the numbers alone."""
    lines = read_lines(Path(path), "\t")
    rows, times = [], []
    for row, fields in enumerate(lines.fields):
        if len(fields) not in (1, 3):
            raise lines.fault(row, f"{len(fields)} fields between tabs; pass start, end and numbers between commas.")
        try:
            rows.append(np.array(fields[-1].rstrip(",").split(","), dtype=np.float32))
        except ValueError as error:
            raise lines.fault(row, f"{error}; correct or remove the line.") from error
        if len(rows[row]) != len(rows[0]):
            raise lines.fault(row, f"{len(rows[row])} numbers, not {len(rows[0])}; correct or remove the line.")
        times.append([number(text) for text in fields[:-1]])
        if len(times[row]) != len(times[0]) or any(value != value for value in times[row]):
            raise lines.fault(row, f"start and end are {fields[:-1]}; correct them to finite numbers.")
    if not rows:
        return ClipFile(np.empty((0, 0), np.float32), np.empty(0), np.empty(0))
    start, end = np.array(times).T if times[0] else (None, None)
    return ClipFile(np.stack(rows), start, end)
