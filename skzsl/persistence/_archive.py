"""The zip archive that holds a model: a header, and entries whose names, sizes and hashes the header lists."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import zlib
from contextlib import contextmanager
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from ..exceptions import ModelIntegrityError

FORMAT = 1
SCHEMA = "schema.json"
_HEADER = "skzsl.json"
_MARK = b"skzsl sha256 "  # what the comment of the archive begins with, before the hash of the header
_ENTRY = re.compile(r"[\w-]+\.(npy|bin)")
_MOST = {_HEADER: 64 << 20, SCHEMA: 64 << 20}  # bytes that an entry of JSON may take
_SMALL, _TIMES = 1 << 20, 32  # bytes that any schema may unpack to, and how many times its own size a larger one


def write_archive(path, header: dict, entries: dict[str, bytes]) -> None:
    """Write a header and entries to a file.

    Raises
    ------
    ValueError
        For an entry that could not be read again.
    """
    listed = {name: {"size": len(content), "sha256": _sha256(content)} for name, content in entries.items()}
    text = json.dumps({"format": FORMAT, **header, "entries": listed}, indent=1).encode()
    with ZipFile(path, "w") as archive:
        archive.comment = _MARK + _sha256(text).encode()
        for name, content in {_HEADER: text, **entries}.items():
            if len(content) > _MOST.get(name, math.inf):
                raise ValueError(f"{name} of the model would take {len(content)} bytes; {_MOST[name]} is the most.")
            # All entries but the schema are as they are, so that no file unpacks to much more than its own size.
            packs = name == SCHEMA and len(content) <= _most(name, len(zlib.compress(content)))
            kind = ZIP_DEFLATED if packs else ZIP_STORED
            archive.writestr(ZipInfo(name), content, kind)  # without a date: a model is the same file every time


@contextmanager
def open_archive(path):
    """Give the header of a file and the file itself, open, once every part of it is verified.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    OSError
        If it is a folder or a device.
    ModelIntegrityError
        If it is not a model file, is damaged, or is of a newer format.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a device may have no end
        raise OSError(f"{str(path)!r} is no file; pass the path of one.")
    with open(path, "rb") as file:
        try:
            with ZipFile(file) as archive:
                header = _read_header(path, archive, os.fstat(file.fileno()).st_size)
                _verify(path, archive, header["entries"])
        except ModelIntegrityError:
            raise
        except Exception as error:  # zipfile raises whatever its parsing comes upon
            file.seek(0)
            if file.read(1) == b"\x80":
                raise damaged(path, "it is a pickle, which can run any code, and nothing of it was read") from error
            raise damaged(path, f"it is no zip archive that can be read ({type(error).__name__}: {error})") from error
        yield header, file


def damaged(path, what) -> ModelIntegrityError:
    """Build the error for a file that cannot be taken for a model."""
    return ModelIntegrityError(
        f"{str(path)!r} is damaged, or no model that skzsl.save wrote: {what}. Copy or download it anew, or save the "
        "model again."
    )


def _read_header(path, archive, size):
    if not archive.comment.startswith(_MARK):
        raise damaged(path, "it has not the mark of one")
    names = archive.namelist()
    if len(set(names)) < len(names) or _HEADER not in names:
        raise damaged(path, "its entries have no list, or two have one name")
    if sum(info.file_size for info in archive.infolist() if info.compress_type == ZIP_STORED) > size:
        raise damaged(path, "its entries overlap")
    text = _read(path, archive, _HEADER)
    if archive.comment != _MARK + _sha256(text).encode():
        raise damaged(path, "its header has another hash than it should")
    try:
        header = json.loads(text)
        form, listed = header["format"], header["entries"]
        if form > FORMAT:
            raise ModelIntegrityError(
                f"{str(path)!r} has format {form}, of skzsl {header['versions']['skzsl']}; this skzsl reads formats up "
                f"to {FORMAT}: pip install --upgrade skzsl"
            )
        unlisted = set(names) ^ {_HEADER, *listed}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(path, f"its header cannot be read ({type(error).__name__}: {error})") from error
    if unlisted:
        raise damaged(path, f"entries {sorted(unlisted)[:3]} are missing, or not in its list")
    return header


def _verify(path, archive, listed):
    for name, given in listed.items():
        content = _read(path, archive, name)
        if not isinstance(given, dict) or given.get("size") != len(content) or given.get("sha256") != _sha256(content):
            raise damaged(path, f"entry {name!r} has another hash or size than it should")
        if name != SCHEMA and not _ENTRY.fullmatch(name):
            raise damaged(path, f"entry {name!r} is of a kind that no model has")
        if name.endswith(".npy"):
            _check_array(path, name, content)


def _read(path, archive, name):
    info = archive.getinfo(name)
    stored = info.compress_type == ZIP_STORED and info.compress_size == info.file_size
    if not stored and not (name == SCHEMA and info.compress_type == ZIP_DEFLATED):
        raise damaged(path, f"entry {name!r} is packed as no model is")
    if info.file_size > _most(name, info.compress_size):
        raise damaged(path, f"entry {name!r} claims {info.file_size} bytes")
    return archive.read(name)


def _most(name, packed):
    most = _MOST.get(name, math.inf)
    return min(most, max(_SMALL, _TIMES * packed)) if name == SCHEMA else most


def _check_array(path, name, content):
    """Refuse an array that claims another size than it has, before anything is allocated for it."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = readers[version](file)
        size = math.prod(shape) * dtype.itemsize
    except Exception as error:  # numpy parses the header, and what it raises depends on what is wrong
        raise damaged(path, f"array {name!r} has no header that can be read ({type(error).__name__})") from error
    if dtype.hasobject or any(length < 0 for length in shape) or size != len(content) - file.tell():
        raise damaged(path, f"array {name!r} claims a shape or a type that its bytes have not")


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
