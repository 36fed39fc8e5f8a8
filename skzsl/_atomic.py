"""Writing files all or nothing."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # what the system says of a full disk


@contextmanager
def replacing(path):
    """Give a path to write to; what was written there replaces ``path`` at the end, once it is on the disk.

    If what runs inside raises, ``path`` is as it was and what was written is removed. The file to write to is in the
    same folder, so that there is no moment without a whole file.

    Raises
    ------
    FileNotFoundError
        If the folder is missing.
    OSError
        If the disk is full, or ``path`` is a folder or a device.
    """
    path = Path(path).resolve()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {str(path.parent)!r} is missing; make it first.")
    if path.exists() and not path.is_file():  # a folder cannot be replaced, and a device must not be
        raise OSError(f"{str(path)!r} is no file; pass the path of one.")
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        if path.exists():
            shutil.copymode(path, part)
        _flush(part, os.O_RDWR)
        os.replace(part, path)
    except OSError as error:
        if error.errno not in FULL:
            raise
        kept = "the file that is there is whole" if path.exists() else "nothing is left of it"
        raise OSError(
            error.errno,
            f"{error.strerror}, so it was not written and {kept}; make room or choose another disk",
            str(path),
        ) from error
    finally:
        part.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _flush(path.parent, os.O_RDONLY)


def _flush(path, flags):
    """Have the system write what it holds of a file, or of the names in a folder, to the disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
