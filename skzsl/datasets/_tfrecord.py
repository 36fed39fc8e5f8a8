"""TFRecord files of `tf.train.SequenceExample`, read without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

_CASTAGNOLI = 0x82F63B78  # polynomial, bits reversed
_ALL_ONES = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8
_CHUNK = 2048
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
N_BEFORE, N_AFTER = _HEADER.size, _CHECKSUM.size  # bytes around a record


class SequenceExample(NamedTuple):
    """One record: ``context`` has a list or array of values a key, ``sequences`` a list of them, one a step."""

    context: dict
    sequences: dict


def read_records(path) -> Iterator[bytes]:
    """Records of a TFRecord file, with both checksums of each compared.

    Raises
    ------
    ValueError
        If a record is cut short or a checksum does not agree; the message names the file and the byte.
    """
    with open(path, "rb") as file:
        content = file.read()
    position = 0
    while position < len(content):
        record = _record_at(content, position)
        if record is None:
            raise ValueError(
                f"{str(path)!r} is damaged or is no TFRecord file, at byte {position}; get it again, uncompressed."
            )
        yield record
        position += _HEADER.size + len(record) + _CHECKSUM.size


def _record_at(content, position):
    """The record that starts at ``position``, None if it is damaged."""
    start = position + _HEADER.size
    if start > len(content):
        return None
    length, checksum = _HEADER.unpack_from(content, position)
    stop = start + length
    if checksum != masked_crc(content[position : position + 8]) or stop + _CHECKSUM.size > len(content):
        return None
    record = content[start:stop]
    return record if _CHECKSUM.unpack_from(content, stop)[0] == masked_crc(record) else None


def masked_crc(data: bytes) -> int:
    """The checksum that TFRecord stores: CRC-32C, rotated and shifted, so that a checksum may itself be checked."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _ALL_ONES


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of some bytes.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    # The checksum is linear: each byte adds (xor) its own term, which depends on how many bytes follow it.
    table, crc = _crc_table(), _ALL_ONES
    for start in range(0, len(data), _CHUNK):
        chunk = np.frombuffer(data[start : start + _CHUNK], dtype=np.uint8).copy()
        carried = np.frombuffer(_CHECKSUM.pack(crc), dtype=np.uint8)[: len(chunk)]
        chunk[: len(carried)] ^= carried
        terms = table[np.arange(_CHUNK - len(chunk), _CHUNK), chunk]
        crc = int(np.bitwise_xor.reduce(terms)) ^ crc >> 8 * len(chunk)
    return crc ^ _ALL_ONES


@lru_cache(maxsize=1)
def _crc_table():
    """Term of each byte, (_CHUNK, 256), at each place of a chunk; the last row is the table of the byte-wise form."""
    bytewise = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        bytewise = np.where(bytewise & 1, bytewise >> 1 ^ np.uint32(_CASTAGNOLI), bytewise >> 1)
    table = np.empty((_CHUNK, 256), dtype=np.uint32)
    table[-1] = bytewise
    for place in range(_CHUNK - 2, -1, -1):
        table[place] = table[place + 1] >> 8 ^ bytewise[table[place + 1] & 0xFF]
    return table


def parse_sequence_example(record: bytes) -> SequenceExample:
    """Decode one record.

    Features of bytes become lists of bytes, features of numbers arrays of float32 or int64.

    Raises
    ------
    ValueError
        If the record is not a message of the protobuf wire format with this layout.
    """
    message = _messages(record)
    features = _map(message.get(1, []))
    lists = _map(message.get(2, []))
    context = {key: _feature(value) for key, value in features.items()}
    sequences = {key: [_feature(step) for step in _messages(value).get(1, [])] for key, value in lists.items()}
    return SequenceExample(context, sequences)


def _map(messages):
    """A protobuf map: key and value of each entry; a message given in several parts is their concatenation."""
    entries = [_messages(entry) for entry in _messages(b"".join(messages)).get(1, [])]
    return {b"".join(entry.get(1, [])[-1:]).decode(): b"".join(entry.get(2, [])) for entry in entries}


def _feature(message):
    fields = _messages(message)
    if 1 in fields:
        return _messages(b"".join(fields[1])).get(1, [])
    if 2 in fields:
        return _floats(b"".join(fields[2]))
    return _integers(b"".join(fields.get(3, [])))


def _floats(message):
    # One by one or packed, the values are four bytes each.
    parts = [value for _, wire, value in _fields(message) if wire in (_FIXED32, _BYTES)]
    return np.frombuffer(b"".join(parts), dtype="<f4")


def _integers(message):
    values = []
    for _, wire, value in _fields(message):
        if wire == _VARINT:
            values.append(value)
        elif wire == _BYTES:
            values.extend(_packed_varints(value))
    return np.array(values, dtype=np.uint64).astype(np.int64)


def _packed_varints(packed):
    position = 0
    while position < len(packed):
        value, position = _varint(packed, position)
        yield value


def _messages(message):
    """Length-delimited values of a message, listed by field number."""
    found: dict[int, list[bytes]] = {}
    for number, wire, value in _fields(message):
        if wire == _BYTES:
            found.setdefault(number, []).append(value)
    return found


def _fields(message):
    """Number, wire type and value of each field: an integer for varints, else bytes."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
        else:
            if wire == _BYTES:
                size, position = _varint(message, position)
            elif wire in _FIXED_SIZES:
                size = _FIXED_SIZES[wire]
            else:
                raise ValueError(f"A protobuf field has wire type {wire}; pass records of tf.train.SequenceExample.")
            value, position = message[position : position + size], position + size
            if position > len(message):
                raise ValueError("A protobuf field is cut short; pass records of tf.train.SequenceExample.")
        yield tag >> 3, wire, value


def _varint(message, position):
    """An integer of seven bits a byte, lowest first, and the position after it."""
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ValueError("A protobuf integer does not end; pass records of tf.train.SequenceExample.")
