"""AudioSet's ontology and its tables of labels and clips, from their public addresses."""

from __future__ import annotations

import re
from functools import partial

from sklearn.utils import Bunch

from ._data_home import get_data_home
from ._ontology import load_audioset_ontology
from ._remote import RemoteFile, fetch_file

ONTOLOGY = RemoteFile(
    "https://raw.githubusercontent.com/audioset/ontology/d417d32bf59c711abb5910fd2f76a0eb44697991/ontology.json",
    "9c685f4403eecc3ca9be37fd7285cf212feaaea6ff7229d3e7ca89e0d1f2d15d",
)
_TABLES = "https://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv"
LABELS = RemoteFile(
    f"{_TABLES}/class_labels_indices.csv", "cdd1049833c4b86127c2773ac0d14a2754b6a6d0d1798002ed5c66e699708429"
)
SEGMENTS = {
    subset: RemoteFile(f"{_TABLES}/{subset}_segments.csv") for subset in ("balanced_train", "unbalanced_train", "eval")
}
_N_HEADER_LINES = 3


def fetch_audioset_ontology(*, data_home=None, download_if_missing=True) -> Bunch:
    """Fetch AudioSet's ontology: what each label means and which labels it is a kind of.

    It is downloaded once, 335 KiB, from a fixed commit of its repository.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Folder to keep it in; see `get_data_home`.
    download_if_missing : bool, default=True
        False is an error where the file is not there yet.

    Returns
    -------
    ontology : Bunch
        As from `load_audioset_ontology`.

    Raises
    ------
    DataNotFoundError
        If the file is missing and may not or cannot be downloaded.
    DataIntegrityError
        If the address sends another file: its SHA-256 is known.
    OSError
        If the folder cannot be written to.

    References
    ----------
    Gemmeke et al. (2017). Audio Set: an ontology and human-labeled dataset for audio events. ICASSP. CC BY-SA 4.0.

    Examples
    --------
    >>> from skzsl.datasets import fetch_audioset_ontology
    >>> ontology = fetch_audioset_ontology()  # doctest: +SKIP
    >>> ontology.parents["Bark"]  # doctest: +SKIP
    ['Dog']
    """
    folder = get_data_home(data_home) / "audioset"
    return load_audioset_ontology(fetch_file(ONTOLOGY, folder, download_if_missing=download_if_missing))


def fetch_audioset_tables(subsets=("balanced_train", "eval"), *, data_home=None, download_if_missing=True) -> Bunch:
    """Fetch AudioSet's list of labels and its tables of clips.

    Each file is downloaded once. The unbalanced one has two million clips and about 100 MB.

    Parameters
    ----------
    subsets : list of str, default=("balanced_train", "eval")
        Tables of clips to fetch: "balanced_train", "unbalanced_train", "eval". None of them is fine.
    data_home : str, path-like or None, default=None
        Folder to keep them in; see `get_data_home`.
    download_if_missing : bool, default=True
        False is an error where a file is not there yet.

    Returns
    -------
    tables : Bunch
        labels : DataFrame of shape (527, 3)
            ``index``, the number that the features have for a label; ``mid``, its identifier in the ontology; and
            ``display_name``.
        labels_path : Path
            The file of ``labels``, as `load_audioset_vggish` takes it.
        balanced_train, unbalanced_train, eval : DataFrame of shape (n_clips, 4)
            Those that ``subsets`` names. ``id`` of the video, ``start`` and ``end`` in seconds, and ``labels``, a list
            of names, which :func:`skzsl.indicator_frame` takes.

    Raises
    ------
    ValueError
        If ``subsets`` is a lone string or names an unknown table, or a file that was put there by hand is damaged.
    DataNotFoundError
        If a file is missing and may not or cannot be downloaded.
    DataIntegrityError
        If an address sends another file.
    OSError
        If the folder cannot be written to.

    Notes
    -----
    The SHA-256 of the list of labels is known. Those of the tables of clips are not, so these are held to three
    things: the MD5 that the server states, the numbers of clips and labels that their own first lines state, and from
    then on to the SHA-256 of the first download, which is written beside each.

    References
    ----------
    Gemmeke et al. (2017). Audio Set: an ontology and human-labeled dataset for audio events. ICASSP. CC BY 4.0.

    Examples
    --------
    >>> from skzsl import indicator_frame
    >>> from skzsl.datasets import fetch_audioset_tables
    >>> tables = fetch_audioset_tables(["eval"])  # doctest: +SKIP
    >>> indicator_frame(tables.eval["labels"]).shape  # doctest: +SKIP
    (20383, 527)
    """
    import pandas as pd

    unknown = [subsets] if isinstance(subsets, str) else [subset for subset in subsets if subset not in SEGMENTS]
    if unknown:
        raise ValueError(f"subsets has {unknown[0]!r}; pass a list of {list(SEGMENTS)}.")
    folder = get_data_home(data_home) / "audioset"
    fetch = partial(fetch_file, folder=folder, download_if_missing=download_if_missing)
    path = fetch(LABELS)
    tables = Bunch(labels=pd.read_csv(path), labels_path=path)
    names = dict(zip(tables.labels["mid"], tables.labels["display_name"], strict=True))
    for subset in subsets:
        clips = _read_segments(fetch(SEGMENTS[subset], check=_read_segments))
        try:
            clips["labels"] = [[names[mid] for mid in mids.split(",")] for mids in clips["labels"]]
        except KeyError as error:
            raise ValueError(
                f"{SEGMENTS[subset].name} has the label {error}, but {LABELS.name} has not; remove both from "
                f"{str(folder)!r} and fetch them again."
            ) from error
        tables[subset] = clips
    return tables


def _read_segments(path):
    """Clips of one table, with identifiers for labels as the file has them: text with commas."""
    import pandas as pd

    with path.open(encoding="utf-8", errors="replace") as file:
        header = "".join(line for line, _ in zip(file, range(_N_HEADER_LINES), strict=False))
    stated = re.search(r"num_segs=(\d+).*num_positive_labels=(\d+)", header)
    if stated is None:
        raise ValueError(f"{path.name} does not begin as AudioSet's tables of clips do, but with {header[:60]!r}.")
    clips = pd.read_csv(
        path,
        skiprows=_N_HEADER_LINES,
        names=["id", "start", "end", "labels"],
        dtype={"id": str, "start": float, "end": float, "labels": str},
        skipinitialspace=True,
    )
    found = len(clips), int(clips["labels"].str.count(",").sum()) + len(clips)
    if found != (int(stated[1]), int(stated[2])):
        raise ValueError(
            f"{path.name} has {found[0]} clips with {found[1]} labels, but states {stated[1]} and {stated[2]}."
        )
    return clips
