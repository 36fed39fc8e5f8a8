"""AudioSet's VGGish features: fetched as one archive, unpacked whole or not at all."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import tarfile
import zlib
from functools import partial

from sklearn.utils import Bunch

from ..exceptions import DataIntegrityError
from ._data_home import get_data_home
from ._remote import RemoteFile, discard, explained_disk_errors, fetch_file, locked

ARCHIVE = RemoteFile("https://storage.googleapis.com/us_audioset/youtube_corpus/v1/features/features.tar.gz")
_FOLDER = "audioset_v1_embeddings"
_SUBSETS = {"balanced_train": "bal_train", "unbalanced_train": "unbal_train", "eval": "eval"}


def fetch_audioset_features(*, data_home=None, download_if_missing=True) -> Bunch:
    """Fetch the VGGish features that AudioSet was released with, and unpack them.

    The archive has about 2.4 GB, and the features take as much again while it is unpacked; then it is removed. A
    download that was interrupted goes on where it stopped.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        Folder to keep them in; see `get_data_home`.
    download_if_missing : bool, default=True
        False is an error where neither the features nor the archive are there yet.

    Returns
    -------
    folders : Bunch
        balanced_train, unbalanced_train, eval : Path
            Folder of the shards of each subset, as `load_audioset_vggish` takes it.

    Raises
    ------
    DataNotFoundError
        If the archive is missing and may not or cannot be downloaded.
    DataIntegrityError
        If what was downloaded is not that archive, or if it has a file that would be put outside of its folder. It is
        removed.
    OSError
        If the disk is full or the folder cannot be written to.

    Notes
    -----
    The SHA-256 of the archive is not known beforehand. These things are checked: the length and the MD5 that the server
    states; when it is unpacked, the checksum of gzip over all bytes; and when they are read, the two checksums that
    each record has (`load_audioset_vggish`). The SHA-256 of the first download is written beside the features, and a
    later download is held to it.

    Where the network is slow, download the archive by any means and put it at ``audioset/features.tar.gz`` in
    `get_data_home`. Its publisher has it under ``us_audioset``, ``eu_audioset`` and ``asia_audioset``.

    References
    ----------
    Gemmeke et al. (2017). Audio Set: an ontology and human-labeled dataset for audio events. ICASSP. CC BY 4.0.
    Hershey et al. (2017). CNN architectures for large-scale audio classification. ICASSP.

    Examples
    --------
    >>> from skzsl.datasets import fetch_audioset_features, fetch_audioset_tables, load_audioset_vggish
    >>> folders, tables = fetch_audioset_features(), fetch_audioset_tables([])  # doctest: +SKIP
    >>> load_audioset_vggish(folders.eval, labels=tables.labels_path).X.shape  # doctest: +SKIP
    (20371, 10, 128)
    """
    folder = get_data_home(data_home) / "audioset"
    features = folder / _FOLDER
    fetch = partial(fetch_file, ARCHIVE, folder, download_if_missing=download_if_missing)
    if not features.is_dir():
        if not download_if_missing:
            fetch()
        with locked(features):
            # Another process may have unpacked it while this one waited.
            if not features.is_dir():
                archive = fetch()
                with explained_disk_errors(features):
                    _unpack(archive, features)
    return Bunch(**{subset: features / name for subset, name in _SUBSETS.items()})


def _unpack(archive, features):
    """Unpack the archive in a folder of its own, move the features to their place and remove the rest."""
    work = features.with_name(f"{features.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    try:
        n_files = _extract(archive, work)
        missing = [name for name in _SUBSETS.values() if not (work / _FOLDER / name).is_dir()]
        if missing:
            raise ValueError(f"it has no folder {_FOLDER}/{missing[0]}")
        if sum(path.is_file() for path in work.rglob("*")) < n_files:
            raise OSError(errno.EEXIST, "This disk takes files whose names differ only in case for the same")
        os.replace(work / _FOLDER, features)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        done = discard(archive)
        raise DataIntegrityError(
            f"{str(archive)!r} is damaged or is not AudioSet's archive of features ({error}). {done}"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    archive.unlink()


def _extract(archive, folder):
    """Extract an archive to its last byte, where gzip has its checksum, and count its files."""
    with gzip.open(archive) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            tar.extractall(folder, filter="data")
            n_files = sum(member.isfile() for member in tar.getmembers())
        while stream.read(1 << 20):
            pass
    return n_files
