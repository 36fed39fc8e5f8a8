"""Embeddings from files of other programs, as X and what is known of its clips."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from .._clip_names import plain_name
from ..preprocessing import pad_segments
from ._clip_files import Clips, of_files, read_all_clips, read_clip
from ._table_files import joined, read_table, refuse_tensors, table_of
from ._vector_tables import clips_of_table

_ARRAYS, _TEXT, _TABLES = _KINDS = {".npy", ".npz"}, {".txt"}, {".parquet", ".csv", ".tsv"}
_IN_FOLDERS = {".npy", ".npz", ".parquet"}
_BIRDNET = ".embeddings.txt"


def load_embeddings(source, *, vectors=None, recording=None, empty="error") -> Bunch:
    r"""Load embeddings that another program has written, as the X that every estimator here takes.

    Parameters
    ----------
    source : str, path-like, list of these, or table
        - A folder, a pattern such as ``"openl3/**/*.npz"`` or a list of files: each npy, npz or text file is a clip, in
          the order of their names. Of a folder, folders below included, npy, npz, parquet and BirdNET-Analyzer's
          ``.embeddings.txt`` files are read, which have to be of one kind (npy and npz are one).
        - One npy or npz file: all clips, (n, d) or (n, T, d), or the one clip of an npz file with ``timestamps``.
        - Parquet, csv or tsv files; a DataFrame; a table of Hugging Face's datasets, polars or pyarrow: a vector a row.
    vectors : str or None, default=None
        Name of the array in npz files or of the column in tables that has the embeddings; for a column a feature
        what stands before the numbers, such as ``"emb_"`` of emb_0, emb_1, .... None finds the only one.
    recording : str or None, default=None
        What each clip was cut from: a column of a table, or a regular expression whose first group in a clip's name is
        its recording, such as ``r"\d-(\d+)-"`` for ESC-50. None takes each file as a recording of its own.
    empty : {"error", "drop", "keep"}, default="error"
        What to do with clips without a segment, which front ends give for sounds shorter than a window: name them in an
        error, leave them out, or keep them as one segment of zeros. ``empty`` of the result names them.

    Returns
    -------
    embeddings : Bunch
        X : ndarray of shape (n, d) or (n, T, d)
            In the dtype of the source; a memory map for an npy file of all clips. Clips of unequal length have segments
            of zeros at the end, which count as absent.
        files : ndarray of shape (n,), str
            Name of each clip, without the endings of sounds and embeddings, relative to the folder or to what all have
            in common; the number of its row if the source has no names.
        times, ends : ndarray of shape (n, T), or None
            Seconds at which each segment starts and ends, NaN where it is absent or that is not known; None if the
            source does not say.
        hop : float or None
            Seconds from one segment to the next, as `EventDetector` takes them; None where they differ by more than a
            thousandth or are not known.
        groups : ndarray of shape (n,), or None
            Recording of each clip, for splitters that keep recordings together; None if it is not known.
        empty : list of str
            Clips without a segment.
        table : DataFrame or None
            The other columns of a table, of each clip's first row; of an npz file of all clips, other arrays with an
            entry for each.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or none of a known kind.
    ImportError
        If pyarrow is needed and missing.
    ValueError
        If a file is damaged or of another form, clips have different numbers of features or the same name, some have no
        segment, or ``recording`` is not found in a name. The message names the file, and the line or row in it.

    See Also
    --------
    load_labels : The labels of these clips.
    load_audioset_vggish : AudioSet's TFRecord files.

    Notes
    -----
    Of npz files, OpenL3's ``embedding`` and ``timestamps`` are known, and arrays of names beside those of all clips.

    Of tables the columns are known by names such as ``file``, ``filename``, ``start`` and ``end``; rename others with
    pandas. An index is a column too, unless it only numbers the rows. Where a file is named in several rows, these are
    its segments and have to have a start. A column of text may hold numbers between commas.

    Folders are followed into links; files and folders whose names begin with a point are left out.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skzsl.datasets import load_embeddings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "dawn.npy", np.ones((3, 2)))
    ...     np.save(Path(folder) / "dusk.npy", np.ones((1, 2)))
    ...     sounds = load_embeddings(folder)
    >>> sounds.X.shape, sounds.files.tolist()
    ((2, 3, 2), ['dawn', 'dusk'])
    """
    if empty not in ("error", "drop", "keep"):
        raise ValueError(f"empty={empty!r}; pass 'error', 'drop' or 'keep'.")
    clips = _read(source, vectors, recording)
    given = clips.files or np.arange(len(clips.vectors)).astype(str).tolist()
    names = _distinct(given) if clips.files else given
    without = [] if isinstance(clips.vectors, np.ndarray) else [not len(clip) for clip in clips.vectors]
    named = [given[row] for row in np.flatnonzero(without)]
    if named and (empty == "error" or len(named) == len(without)):
        raise ValueError(
            f"{len(named)} of {len(without)} clips have no segment: {named[:5]}; pass empty='drop' to leave them out "
            "or empty='keep' to keep them as a segment of zeros."
        )
    kept = [row for row in range(len(clips.vectors)) if empty == "keep" or not (without and without[row])]
    files, times = np.array(names)[kept], _padded(clips.start, kept)
    return Bunch(
        X=_stacked(clips.vectors, given, kept),
        files=files,
        times=times,
        ends=_padded(clips.end, kept),
        hop=_hop(times),
        groups=_recordings(recording, files if clips.files else None, clips.table, kept),
        empty=[str(name) for name in named],
        table=None if clips.table is None else clips.table.iloc[kept].reset_index(drop=True),
    )


def _read(source, vectors, recording) -> Clips:
    if not isinstance(source, str | PathLike | list | tuple):
        return clips_of_table(_of_object(source), vectors)
    if not isinstance(source, list | tuple) and Path(source).is_file():
        path = Path(source)
        if path.suffix.lower() in _ARRAYS | _TEXT:
            return read_all_clips(path, vectors)
    paths, root = _paths(source)
    kinds = sorted({path.suffix.lower() for path in paths})
    if not any(set(kinds) <= of_a_kind for of_a_kind in _KINDS):
        raise ValueError(
            f"{source!r} has files of the kinds {kinds}; pass files of one kind: .npy and .npz, .txt of "
            "BirdNET-Analyzer, or .parquet, .csv and .tsv. AudioSet's TFRecord files are for load_audioset_vggish."
        )
    if kinds[0] in _TABLES:
        return clips_of_table(joined([read_table(path, root, recording) for path in paths]), vectors)
    return of_files([read_clip(path, vectors) for path in paths], [path.relative_to(root).as_posix() for path in paths])


def _paths(source):
    """Files of a folder, a pattern or a list, and the folder that their names are relative to."""
    if isinstance(source, list | tuple):
        paths = [Path(path) for path in source]
        missing = [str(path) for path in paths if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"{missing[0]!r} is missing or is no file; pass files that are there.")
    elif Path(source).is_dir():
        found = (Path(source) / name for name in glob.iglob("**/*", root_dir=source, recursive=True))
        paths = sorted(path for path in found if _is_known(path) and not path.is_dir())
        lost = next((str(path) for path in paths if not path.exists()), None)
        if lost is not None:
            raise FileNotFoundError(f"{lost!r} is a link to what is not there; get the file or remove the link.")
    elif Path(source).is_file():
        paths = [Path(source)]
    else:
        paths = sorted(Path(path) for path in glob.glob(str(source), recursive=True) if Path(path).is_file())
    if not paths:
        raise FileNotFoundError(
            f"{str(source)!r} has no file of embeddings; pass a folder of .npy, .npz, .parquet or {_BIRDNET} files, a "
            "file, or a pattern such as 'folder/**/*.npz'."
        )
    if not isinstance(source, list | tuple) and Path(source).is_dir():
        return paths, Path(source)
    parents = [path.absolute().parent for path in paths]
    shared = next(
        folder for folder in [parents[0], *parents[0].parents] if all(p.is_relative_to(folder) for p in parents)
    )
    return [path.absolute() for path in paths], shared


def _is_known(path):
    return path.suffix.lower() in _IN_FOLDERS or path.name.endswith(_BIRDNET)


def _of_object(source):
    """Table of a table of any kind."""
    import pandas as pd

    frame = source
    if type(source).__module__.startswith("pyarrow"):
        refuse_tensors(source, "the table")
    for convert in ("to_pandas", "to_frame"):
        if hasattr(frame, convert):
            frame = getattr(frame, convert)()
    if not isinstance(frame, pd.DataFrame):
        advice = ", such as what its collect() gives" if hasattr(source, "collect") else ""
        advice = f", such as that of {next(iter(source))!r}" if isinstance(source, Mapping) and source else advice
        raise ValueError(f"source is {type(source).__name__}; pass a path, a list of paths or a table{advice}.")
    features = getattr(source, "features", None)  # of Hugging Face's datasets, where some have names for numbers
    named = (
        {}
        if not isinstance(features, Mapping)
        else {name: dict(enumerate(feature.names)) for name, feature in features.items() if hasattr(feature, "int2str")}
    )
    return table_of(frame.assign(**{name: frame[name].map(of_code) for name, of_code in named.items()}))


def _distinct(given):
    """Plain names of the clips, which are unlike."""
    place: dict = {}
    for row, name in enumerate(map(plain_name, given)):
        first = place.setdefault(name, row)
        if first != row:
            raise ValueError(
                f"Clips {first} and {row}, {str(given[first])!r} and {str(given[row])!r}, are both named {name!r}; "
                "name each clip once."
            )
    return list(place)


def _stacked(clips, names, kept):
    """X of the clips that are kept, which agree in their number of features."""
    if isinstance(clips, np.ndarray):  # perhaps mapped, and of clips that all have segments
        return clips
    width = next(clip.shape[-1] for clip in clips if len(clip))
    for name, clip in zip(names, clips, strict=True):
        if len(clip) and clip.shape[-1] != width:
            raise ValueError(f"{str(name)!r} has {clip.shape[-1]} features, others have {width}; use one embedding.")
        if not np.isfinite(clip).all():
            raise ValueError(f"{str(name)!r} holds NaN or infinity; compute or get its embeddings again.")
    clips = [clips[row] if len(clips[row]) else np.zeros(width, clips[row].dtype) for row in kept]
    if all(clip.ndim == 1 for clip in clips):
        return np.stack(clips)
    return pad_segments([np.atleast_2d(clip) for clip in clips])


def _padded(seconds, kept):
    """Seconds of each segment, (n, T)."""
    if seconds is None:
        return None
    seconds = [seconds[row] for row in kept]
    times = np.full((len(seconds), max(1, *map(len, seconds))), np.nan)
    for row, of_clip in zip(times, seconds, strict=True):
        row[: len(of_clip)] = of_clip
    return times


def _hop(times):
    """Seconds between segments that follow each other, if these are alike."""
    steps = np.empty(0) if times is None else np.diff(times, axis=1)
    steps = steps[np.isfinite(steps)]
    if not len(steps) or np.ptp(steps) > 1e-3 * abs(steps[0]):
        return None
    return float(np.round(np.median(steps), 6))


def _recordings(recording, files, table, kept):
    if recording is None:
        return files
    if table is not None and recording in table:
        unknown = table[recording].isna().to_numpy()[kept]
        if unknown.any():
            clip = int(unknown.argmax()) if files is None else str(files[unknown.argmax()])
            raise ValueError(f"{recording} of clip {clip!r} is empty; fill it in, or pass recording=None.")
        return table[recording].to_numpy()[kept]
    if files is None:
        raise ValueError(f"recording={recording!r} is no column, and the clips have no names; name one of each.")
    found = [re.search(recording, name) for name in files]
    for name, match in zip(files, found, strict=True):
        if match is None or not match.re.groups:
            raise ValueError(
                f"recording={recording!r} finds no recording in {str(name)!r}; pass a column of the table, or a "
                "regular expression whose first group is the recording."
            )
    return np.array([match[1] for match in found if match])
