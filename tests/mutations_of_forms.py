"""Damaged and malicious forms of JSON files, zip archives and arrays of numpy, as in `mutations`.

They take a whole file and give it another content. Where a mutation before them left no whole one, they leave it.
"""

import io
import json
import pickle
import re
import struct
import warnings
import zipfile

import numpy as np
from mutations import BYTES, TEXT, Payload, altered, cut


def other_type(content, rng):
    """A value is of another type."""
    values = [None, True, -1, 10**30, 1.5, "", "text", [], [[]], [None], {}, {"id": []}, "\ud800"]
    return _json(content, rng, lambda node, key: node.__setitem__(key, values[rng.integers(len(values))]))


def no_entry(content, rng):
    """An entry is missing."""
    return _json(content, rng, lambda node, key: node.__delitem__(key))


def swapped_entries(content, rng):
    """Two values of one object or list have changed places."""

    def swap_values(node, key):
        keys = list(node) if isinstance(node, dict) else range(len(node))
        other = keys[rng.integers(len(keys))]
        node[key], node[other] = node[other], node[key]

    return _json(content, rng, swap_values)


def key_twice(content, rng):
    """An object names a key twice."""
    keys = list(re.finditer(rb'"[^"]*": ', content))
    if not keys:
        return content
    start = rng.choice(len(keys))
    return content[: keys[start].start()] + keys[start].group() + b'"another", ' + content[keys[start].start() :]


def deep(content, rng):
    """A value is nested a hundred thousand times."""
    return altered(content, 0, 0 if rng.random() < 0.5 else len(content), lambda _: b"[" * 100_000 + b"]" * 100_000)


# Zip archives.


def entries_swapped(content, rng):
    """Two entries have each other's content."""
    entries = _entries(content)
    if len(entries) < 2:
        return content
    one, other = rng.choice(sorted(entries), 2, replace=False)
    entries[one], entries[other] = entries[other], entries[one]
    return _zip(entries.items())


def entry_missing(content, rng):
    """An entry is missing."""
    return _change_entry(content, rng, lambda name, data: [])


def entry_twice(content, rng):
    """Two entries have one name."""
    return _change_entry(content, rng, lambda name, data: [(name, data), (name, rng.bytes(40))])


def entry_outside(content, rng):
    """The name of an entry leads out of the folder."""
    name = ["../escaped", "/tmp/escaped", "..\\escaped", "a/../../escaped", "\x00", "C:\\escaped"][rng.integers(6)]
    return _change_entry(content, rng, lambda old, data: [(name, data)] + [(old, data)] * bool(rng.integers(2)))


def entry_cut(content, rng):
    """The content of an entry ends early, its checksum agreeing."""
    return _change_entry(content, rng, lambda name, data: [(name, cut(data, rng))])


def entry_changed(content, rng):
    """The content of an entry is damaged, its checksum agreeing."""
    return _change_entry(content, rng, lambda name, data: [(name, BYTES[rng.integers(len(BYTES))](data, rng))])


def foreign_zip(content, rng):
    """An archive of something else."""
    others = [
        [],
        [("readme.txt", b"hello")],
        [("word/document.xml", b"<w:document/>"), ("[Content_Types].xml", b"")],
        [("data.pkl", pickle.dumps(Payload("executed"))), ("version", b"3\n")],
    ]
    return _zip(others[rng.integers(len(others))])


def bomb(content, rng):
    """An entry is three megabytes of zeros in three kilobytes, or declares four gigabytes."""
    packed = _change_entry(content, rng, lambda name, data: [(name, bytes(3_000_000))])
    if rng.random() < 0.5 or not _entries(content):
        return packed
    start = content.find(b"PK\x01\x02")
    return content[: start + 24] + struct.pack("<I", 2**32 - 2) + content[start + 28 :]


def other_method(content, rng):
    """An entry says that it is encrypted, or packed in another way."""
    start = content.find(b"PK\x01\x02")
    if start < 0:
        return content
    flags, method = [(1, 0), (0, 99), (0, 12), (0, 14), (0, 9), (8, 0), (32, 8)][rng.integers(7)]
    return content[: start + 8] + struct.pack("<HH", flags, method) + content[start + 12 :]


# Arrays of numpy.


def npy_header(content, rng):
    """The header of an array says another shape, order or type."""
    return _change_entry(content, rng, lambda name, data: [(name, other_npy_header(data, rng))])


def other_npy_header(content, rng):
    """The same of one array in a file of its own."""
    match = re.search(rb"\{'descr'.*?\}", content)
    if match is None:
        return content
    header = match.group()
    shapes = [
        b"(1000000000000,)",
        b"(-1,)",
        b"(-1, -1)",
        b"(0,)",
        b"()",
        b"(2147483647, 2147483647)",
        b"(" * 80,
        b"None",
    ]
    kinds = [b"'|O'", b"'<f8'", b"'|V0'", b"'<U0'", b"'<U1000000'", b"[('a', '|O')]", b"'|S1'", b"'<M8[s]'", b"'>i4'"]
    how = rng.integers(4)
    if how == 0:
        header = re.sub(rb"\([^)]*\)", shapes[rng.integers(len(shapes))], header)
    elif how == 1:
        header = re.sub(rb"'descr': '[^']*'", b"'descr': " + kinds[rng.integers(len(kinds))], header)
    elif how == 2:
        header = header.replace(b"False", b"True")
    else:
        header = header.replace(b"'shape'", b"'shapes'")
    size = struct.unpack("<H", content[8:10])[0] if rng.random() < 0.9 else 2**16 - 1
    padded = header.ljust(size - 1) + b"\n"
    return content[:8] + struct.pack("<H", len(padded) % 2**16) + padded + content[match.start() + size :]


def newer_npy(content, rng):
    """An array is of a format that is not known yet."""
    return _change_entry(
        content, rng, lambda name, data: [(name, data[:6] + bytes([rng.integers(2, 256), 0]) + data[8:])]
    )


def pickled_array(content, rng):
    """An array holds Python objects that would run something."""

    def pickled(name, _):
        file = io.BytesIO()
        np.save(file, np.array([Payload("executed")], dtype=object), allow_pickle=True)
        return [(name, file.getvalue())]

    return _change_entry(content, rng, pickled)


def other_array(content, rng):
    """An array of another shape, type or value, sound in itself."""
    arrays = [
        np.zeros(0),
        np.float32(np.nan),
        np.array(["text"] * 3),
        np.full((2, 3, 4), 7, dtype=np.uint8),
        np.full(5, -1),
        np.array([1e30, np.nan]),
        np.array([2**63 - 1, -(2**63)]),
        np.zeros(3, dtype=[("a", "i4")]),
        np.zeros((4, 0, 128), dtype=np.uint8),
        np.array([True]),
    ]

    def other(name, _):
        file = io.BytesIO()
        np.save(file, arrays[rng.integers(len(arrays))])
        return [(name, file.getvalue())]

    return _change_entry(content, rng, other)


JSON = [*TEXT, other_type, no_entry, swapped_entries, key_twice, deep]
ZIP = [
    *BYTES,
    entries_swapped,
    entry_missing,
    entry_twice,
    entry_outside,
    entry_cut,
    entry_changed,
    foreign_zip,
    bomb,
    other_method,
]
NPZ = [*ZIP, npy_header, newer_npy, pickled_array, other_array]


def _json(content, rng, change):
    """Content in which one object or list has one entry changed."""
    try:
        root = json.loads(content)
    except (ValueError, RecursionError):
        return content
    places = list(_places(root))
    if not places:
        return content
    change(*places[rng.integers(len(places))])
    return json.dumps(root).encode()


def _places(node):
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _entries(content):
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # of any kind, for an archive that is damaged already
        return {}


def _change_entry(content, rng, change):
    entries = _entries(content)
    if not entries:
        return content
    chosen = sorted(entries)[rng.integers(len(entries))]
    return _zip(
        pair for name, data in entries.items() for pair in (change(name, data) if name == chosen else [(name, data)])
    )


def _zip(entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that comes twice
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()
