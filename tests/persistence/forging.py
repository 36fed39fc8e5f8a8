"""Model files changed so that every hash fits: what a stranger could send, who knows the format."""

import hashlib
import io
import json
import zipfile

JUNK = [
    None,
    -1,
    0,
    1e308,
    10**30,
    "",
    "x" * 1000,
    "../../x",
    [],
    {},
    True,
    [[]],
    {"a": 1},
    "numpy.ndarray",
    "builtins",
]


def entries_of(content):
    """Header and entries of a model file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(entries.pop("skzsl.json")), entries


def packed(header, entries, compress=("schema.json",), comment=None):
    """Write a model file with right hashes, unless the header lists others."""
    sizes = {name: {"size": len(content), "sha256": _sha256(content)} for name, content in entries.items()}
    text = header if isinstance(header, bytes) else json.dumps({"entries": sizes, **header}).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = b"skzsl sha256 " + _sha256(text).encode() if comment is None else comment
        for name, content in {"skzsl.json": text, **entries}.items():
            kind = zipfile.ZIP_DEFLATED if name in compress else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return file.getvalue()


def forged(content, change, **options):
    """Content after ``change`` of its header and entries, which sees the header without the list of entries."""
    header, entries = entries_of(content)
    del header["entries"]
    header, entries = change(header, entries) or (header, entries)
    return packed(header, entries, **options)


def with_schema(content, change):
    """Content after ``change`` of the parsed schema."""

    def changed(header, entries):
        schema = json.loads(entries["schema.json"])
        return header, {**entries, "schema.json": json.dumps(change(schema) or schema).encode()}

    return forged(content, changed)


def nodes(value):
    """Every dict and list in a schema that holds something."""
    if isinstance(value, dict | list):
        if value:
            yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from nodes(item)


def junk_in(schema, rng):
    """Junk in one to three places of a schema; or something is missing there, or two parts have changed places."""
    for _ in range(rng.integers(1, 4)):
        places = list(nodes(schema))
        holder = places[rng.integers(len(places))]
        key = list(holder)[rng.integers(len(holder))] if isinstance(holder, dict) else int(rng.integers(len(holder)))
        how = rng.integers(4)
        if how == 0:
            del holder[key]
        elif how == 1:
            other = places[rng.integers(len(places))]
            holder[key] = json.loads(json.dumps(other))
        else:
            holder[key] = JUNK[rng.integers(len(JUNK))]


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
