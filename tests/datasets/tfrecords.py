"""A writer of TFRecords and of AudioSet's clips in them, as slow and plain as can be."""

import struct
from types import SimpleNamespace

import numpy as np


def slow_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = slow_crc(data)
    return struct.pack("<I", ((crc >> 15) + ((crc << 17) & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)


def framed(record):
    length = struct.pack("<Q", len(record))
    return length + masked(length) + record + masked(record)


def varint(value):
    value %= 2**64
    digits = []
    while value > 127:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])


def field(number, value):
    return varint(8 * number + 2) + varint(len(value)) + value


def bytes_feature(*values):
    return field(1, b"".join(field(1, value) for value in values))


def float_feature(value, packed=True):
    raw = struct.pack("<f", value)
    return field(2, field(1, raw) if packed else varint(8 + 5) + raw)


def int_feature(values, packed=True):
    if packed:
        return field(3, field(1, b"".join(map(varint, values))))
    return field(3, b"".join(varint(8) + varint(value) for value in values))


def entry(key, value):
    return field(1, field(1, key.encode()) + field(2, value))


def clip_record(number=0, labels=(0,), n_frames=10, packed=True, width=128, drop=None):
    frames = np.random.default_rng(number).integers(1, 256, (n_frames, width), dtype=np.uint8)
    context = {
        "video_id": bytes_feature(f"video{number:06d}".encode()),
        "start_time_seconds": float_feature(30.0 + number, packed),
        "end_time_seconds": float_feature(40.0 + number, packed),
        "labels": int_feature(labels, packed),
    }
    features = b"".join(entry(key, value) for key, value in context.items() if key != drop)
    steps = b"".join(field(1, bytes_feature(frame.tobytes())) for frame in frames)
    lists = b"" if drop == "audio_embedding" else entry("audio_embedding", steps)
    return SimpleNamespace(record=field(1, features) + field(2, lists), frames=frames)
