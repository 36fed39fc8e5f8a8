"""Lists of records in JSON files from anywhere."""

from __future__ import annotations

import json


def read_records(path, fields, *, file):
    """Records of a JSON file, each a dict with the given fields.

    Parameters
    ----------
    path : Path
        A file that is there.
    fields : dict
        Type of each field that a record must have; ``list`` is a list of strings.
    file : str
        What to pass instead, for the message of an error.

    Raises
    ------
    ValueError
        If the file is no JSON in UTF-8, names a field twice, is no list of records, or a record lacks a field or has
        one of another type.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_named_once)
        json.dumps(records, ensure_ascii=False).encode()  # fails for half a character
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is damaged or is no JSON ({error}); get {file} again.") from error
    if not isinstance(records, list) or not records:
        raise ValueError(f"{str(path)!r} is no list of nodes; pass {file}.")
    for record in records:
        missing = [key for key in fields if not isinstance(record, dict) or key not in record]
        if missing:
            raise ValueError(f"{str(path)!r} has a node without {missing}: {_short(record)}; pass {file}.")
        wrong = next((key for key, kind in fields.items() if not _is(record[key], kind)), None)
        if wrong is not None:
            kind = "list of strings" if fields[wrong] is list else fields[wrong].__name__
            raise ValueError(
                f"{str(path)!r} has a node whose {wrong} is {_short(record[wrong])}, not of type {kind}; pass {file}."
            )
    return records


def _named_once(pairs):
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError(f"one object names a key twice: {[key for key, _ in pairs]!r:.80}")
    return record


def _is(value, kind):
    if kind is list:
        return isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return type(value) is kind


def _short(value):
    return f"{json.dumps(value):.80}"
