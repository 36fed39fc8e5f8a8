"""Arrays of npz files from anywhere: nothing is unpickled, and no more is allocated than a file holds."""

from __future__ import annotations

import math
import sys
import zipfile

import numpy as np

_DEFLATE = 1032  # what one compressed byte can stand for at most
_KINDS = {"i": "integers", "u": "integers from 0 up", "f": "real numbers", "U": "text"}


def read_npz(path, forms):
    """Arrays of an npz file by name, each compared with its checksum.

    Parameters
    ----------
    path : path-like
        A file that is there.
    forms : dict
        Kinds of numpy types, such as "iu", and number of axes of each array that is read; others are not.

    Raises
    ------
    ValueError
        If the file is damaged or no npz file, or lacks an array or has one of another form.
    """
    stored = read_arrays(path, forms)
    missing = [name for name in forms if name not in stored]
    if missing:
        raise ValueError(f"{str(path)!r} has no {missing}; pass an npz file with the arrays {list(forms)}.")
    for name, (kinds, n_axes) in forms.items():
        array = stored[name]
        if array.dtype.kind not in kinds or array.ndim != n_axes:
            raise ValueError(
                f"{str(path)!r} is damaged: {name} of shape {array.shape} and type {array.dtype} is no array of "
                f"{_KINDS[kinds[0]]} with {n_axes} axes; get it again."
            )
    return stored


def read_arrays(path, wanted=None):
    """Arrays of an npz file by name, each compared with its checksum: those that are wanted and there, None for all.

    Raises
    ------
    ValueError
        If the file is damaged or no npz file.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.namelist()
                names = [entry.removesuffix(".npy") for entry in entries] if wanted is None else wanted
                stored = {name: _read_array(archive, f"{name}.npy") for name in names if f"{name}.npy" in entries}
            if len(set(entries)) < len(entries):
                raise ValueError("two entries have one name")
        # What numpy and zipfile raise depends on where the damage is.
        except Exception as error:
            raise ValueError(f"{str(path)!r} is damaged or is no npz file ({error}); get it again.") from error
    return stored


def _read_array(archive, name):
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in way {info.compress_type}, which numpy does not write")
    if info.file_size > _DEFLATE * info.compress_size:
        raise ValueError(f"{name} declares {info.file_size} bytes in {info.compress_size}")
    with archive.open(info) as entry:
        shape, dtype = _read_header(entry)
        left = info.file_size - entry.tell()
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not loaded: save texts with .astype(str)")
    if min(shape, default=0) < 0 or not dtype.itemsize or math.prod(shape) * dtype.itemsize != left:
        raise ValueError(f"{name} declares the shape {shape} of {dtype}, but holds {left} bytes")
    with archive.open(info) as entry:
        array = np.lib.format.read_array(entry, allow_pickle=False)
    if array.dtype.kind == "U" and not _is_text(array):
        raise ValueError(f"{name} holds numbers that are no characters")
    return array


def _is_text(array):
    codes = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    return codes.max(initial=0) <= sys.maxunicode and not ((codes >= 0xD800) & (codes <= 0xDFFF)).any()


def _read_header(entry):
    major, _ = np.lib.format.read_magic(entry)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(entry)
    return shape, dtype


def check_lengths(path, stored, names):
    """Check that arrays have an entry for each of the same things.

    Raises
    ------
    ValueError
        If their lengths differ.
    """
    lengths = {name: len(stored[name]) for name in names}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{str(path)!r} is damaged: its arrays have different lengths, {lengths}; get it again.")
