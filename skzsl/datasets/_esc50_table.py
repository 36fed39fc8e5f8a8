"""ESC-50's table of clips, from its repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._data_home import get_data_home
from ._remote import RemoteFile, fetch_file

if TYPE_CHECKING:
    import pandas as pd

TABLE = RemoteFile(
    "https://raw.githubusercontent.com/karolpiczak/ESC-50/33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6/meta/esc50.csv",
    "ca660da60191a97de289983a05821c9382d852a38a2ba8428980816b68cf6246",
)


def fetch_esc50_table(*, data_home=None, download_if_missing=True) -> pd.DataFrame:
    """Fetch the table of ESC-50: file, fold and label of its 2000 clips.

    It is downloaded once, 92 KiB, from a fixed commit of ESC-50's repository. It has the names of the sound files, not
    the sounds.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Folder to keep it in; see `get_data_home`.
    download_if_missing : bool, default=True
        False is an error where the file is not there yet.

    Returns
    -------
    table : DataFrame of shape (2000, 7)
        ``filename``; ``fold``, 1 to 5; ``target``, 0 to 49; ``category``, the label with underscores for blanks;
        ``esc10``, whether the clip is in ESC-10 too; ``src_file``, Freesound's number of the recording; ``take``, a
        letter for each clip of one recording.

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
    Piczak (2015). ESC: dataset for environmental sound classification. ACM Multimedia. CC BY-NC.

    Examples
    --------
    >>> from skzsl.datasets import fetch_esc50_table
    >>> table = fetch_esc50_table()  # doctest: +SKIP
    >>> table["category"].str.replace("_", " ").unique()[:2]  # doctest: +SKIP
    array(['dog', 'chirping birds'], dtype=object)
    """
    import pandas as pd

    folder = get_data_home(data_home) / "esc50"
    return pd.read_csv(fetch_file(TABLE, folder, download_if_missing=download_if_missing))
