"""Public files, kept in a folder: there only when whole, and checked each time."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pooch
from filelock import FileLock

from ..exceptions import DataIntegrityError, DataNotFoundError
from ._data_home import VARIABLE
from ._download import ResumingDownloader


class RemoteFile(NamedTuple):
    """A file at an address, with the SHA-256 of its bytes where it is known beforehand."""

    url: str
    sha256: str | None = None

    @property
    def name(self):
        """Name of the file, in the address and on disk."""
        return self.url.rsplit("/", 1)[-1]


def fetch_file(remote, folder, *, download_if_missing, check=None) -> Path:
    """Path of a public file in a folder, downloaded there unless it is there already.

    All that is unfinished is in a folder of its own beside the file, ``NAME.part``. A file without a known hash gets a
    record of it when it is first downloaded, ``NAME.sha256``, which it is held to later on.

    Parameters
    ----------
    remote : RemoteFile
    folder : Path
    download_if_missing : bool
    check : callable or None, default=None
        Called with the path of what was downloaded, it raises a ValueError unless that is what it should be.

    Raises
    ------
    DataNotFoundError
        If the file is missing and may not or cannot be downloaded.
    DataIntegrityError
        If what was downloaded does not have the hash, or the check fails. Nothing of it is kept.
    OSError
        If the disk is full or the folder cannot be written to.
    """
    path = folder / remote.name
    if _is_whole(path, remote):
        return path
    if not download_if_missing:
        raise DataNotFoundError(
            f"{str(path)!r} is {'not what it was' if path.exists() else 'missing'}; pass download_if_missing=True to "
            f"fetch {remote.url}, or put it there by hand."
        )
    with locked(path), explained_disk_errors(path):
        # Another process may have brought it while this one waited.
        if not _is_whole(path, remote):
            _fetch(remote, path, check)
    return path


@contextmanager
def locked(path):
    """Keep other processes from a path, whose folder is made, until this one is done."""
    with explained_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def explained_disk_errors(path):
    """Where the disk fails, say what could not be written and what to do."""
    try:
        yield
    except (DataNotFoundError, DataIntegrityError):
        raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror or error}: cannot write {str(path)!r}. What has come is kept for the next call; make "
            f"room, pass another data_home, or set {VARIABLE}",
        ) from error


def discard(path) -> str:
    """Remove a file that was downloaded, or rename one that was put there by hand; say what was done."""
    if not _record(path).is_file():
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        return f"It is {str(aside)!r} now; put another there, or let it be fetched."
    forget(path)
    return "It was removed; fetch it again."


def forget(path):
    """Remove a file and the record of its hash."""
    path.unlink(missing_ok=True)
    _record(path).unlink(missing_ok=True)


def _fetch(remote, path, check):
    work = path.with_name(f"{path.name}.part")
    work.mkdir(exist_ok=True)
    arrived = work / path.name
    downloader = ResumingDownloader(work / "bytes", path)
    known = _known_hash(path, remote)
    try:
        with _quiet_pooch():
            pooch.retrieve(remote.url, known, fname=path.name, path=work, downloader=downloader)
        if check is not None:
            check(arrived)
    except ValueError as error:
        arrived.unlink(missing_ok=True)
        raise DataIntegrityError(
            f"{remote.url} sent what is not that file, and nothing of it is kept: {error} Fetch it again, or see what "
            f"the address shows in a browser.{_how_to_accept(path, remote)}"
        ) from error
    if remote.sha256 is None:
        (work / "sha256").write_text(pooch.file_hash(str(arrived)))
        os.replace(work / "sha256", _record(path))
    os.replace(arrived, path)
    shutil.rmtree(work)


def _is_whole(path, remote):
    known = _known_hash(path, remote)
    return path.is_file() and known in (None, pooch.file_hash(str(path)))


def _known_hash(path, remote):
    if remote.sha256 is None and _record(path).is_file():
        return _record(path).read_text()
    return remote.sha256


def _record(path):
    return path.with_name(f"{path.name}.sha256")


def _how_to_accept(path, remote):
    if remote.sha256 is None and _record(path).is_file():
        return f" If its publisher has changed it since it was first fetched, remove {str(_record(path))!r}."
    return ""


@contextmanager
def _quiet_pooch():
    """Keep pooch from telling users to write down a hash."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
