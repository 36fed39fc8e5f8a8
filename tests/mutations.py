"""Damaged and malicious forms of a file: functions of its bytes and a numpy Generator.

Each returns bytes, perhaps the same ones. `BYTES` are for any file, `TEXT` for lines and tables; those that know more
of a form are in `mutations_of_forms`. `mutated` deals them out in turn.
"""

import gzip
import pickle
import re
import struct

import numpy as np

HUGE = (2**31 - 1, 2**32 - 1, 2**63 - 1, 10**9, 10**12, -1, 0)
FOREIGN = {
    "empty": b"",
    "html page": b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n",
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x06\x00\x00\x00\\r\xa8f",
    "gzip": gzip.compress(b"label,onset,offset\n" * 50, mtime=0),
    "program": b"\x7fELF\x02\x01\x01" + bytes(57),
    "pointer of git": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n",
    "zeros": bytes(4096),
    "blanks": b" \n" * 500,
}


class Payload:
    """What a pickle runs when it is loaded: it makes a file."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


# Any file.


def flip_bit(content, rng):
    """One bit is another."""
    return altered(content, place(content, rng), 1, lambda old: bytes([old[0] ^ 1 << int(rng.integers(8))]))


def flip_bits(content, rng):
    """Two to twenty bits are others."""
    for _ in range(rng.integers(2, 21)):
        content = flip_bit(content, rng)
    return content


def cut(content, rng):
    """The end is missing."""
    return content[: place(content, rng)]


def behead(content, rng):
    """The start is missing."""
    return content[place(content, rng) :]


def drop(content, rng):
    """A part in the middle is missing."""
    return altered(content, place(content, rng), rng.integers(1, 65), lambda _: b"")


def insert(content, rng):
    """Bytes by chance in the middle."""
    return altered(content, place(content, rng), 0, lambda _: rng.bytes(int(rng.integers(1, 65))))


def append(content, rng):
    """Bytes by chance after the end."""
    return content + rng.bytes(int(rng.integers(1, 65)))


def double(content, rng):
    """A part comes twice."""
    return altered(content, place(content, rng), rng.integers(1, 257), lambda old: old * 2)


def swap(content, rng):
    """Two parts of one size have changed places."""
    size = int(rng.integers(1, 1 + max(1, len(content) // 4)))
    first, second = sorted(place(content, rng) for _ in range(2))
    if first + size > second:
        return content
    one, other = content[first : first + size], content[second : second + size]
    return content[:first] + other + content[first + size : second] + one + content[second + size :]


def zero(content, rng):
    """A run of zeros, as a disk leaves."""
    return altered(content, place(content, rng), rng.integers(1, 513), lambda old: bytes(len(old)))


def huge_number(content, rng):
    """Four or eight bytes that may be a length say that there is far more."""
    number, layout = int(rng.choice(HUGE[:3])), str(rng.choice(["<I", "<Q", ">I", ">Q"]))
    packed = struct.pack(layout, number & (2 ** (8 * struct.calcsize(layout)) - 1))
    return altered(content, place(content, rng), len(packed), lambda _: packed)


def foreign(content, rng):
    """Another file altogether."""
    return list(FOREIGN.values())[rng.integers(len(FOREIGN))]


def foreign_pickle(content, rng):
    """A pickle that would make a file named in `Payload`."""
    return pickle.dumps(Payload("executed"), protocol=int(rng.integers(6)))


# Text.


def huge_count(content, rng):
    """A number in digits says that there is far more, or less than nothing."""
    numbers = list(re.finditer(rb"-?\d+", content))
    if not numbers:
        return content
    # The first are more likely to count something.
    chosen = numbers[min(int(rng.geometric(0.3)) - 1, len(numbers) - 1)] if rng.random() < 0.5 else rng.choice(numbers)
    digits = str(rng.choice([*map(str, HUGE), "9" * 5000, "1e999", "nan", "0x10"])).encode()
    return content[: chosen.start()] + digits + content[chosen.end() :]


def other_encoding(content, rng):
    """The text in another encoding, or with bytes of one."""
    text = content.decode("utf-8", errors="replace")
    how = rng.integers(4)
    if how == 0:
        return text.encode("utf-16")
    if how == 1:
        return text.encode("utf-16-le")
    if how == 2:
        return b"\xef\xbb\xbf" + content
    return altered(content, place(content, rng), 0, lambda _: "\xe9\xff".encode("latin-1"))


def other_line(content, rng):
    """A line is missing, comes twice, or has lost or doubled its separators or quotes."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    row, how = int(rng.integers(len(lines))), rng.integers(5)
    mark = bytes([b',\t "'[rng.integers(4)]])
    others = [b"", lines[row] * 2, lines[row].replace(mark, b""), lines[row].replace(mark, mark * 2), lines[row] + mark]
    return b"".join([*lines[:row], others[how], *lines[row + 1 :]])


def long_line(content, rng):
    """A field of a million characters in the middle of a line."""
    return altered(content, place(content, rng), 0, lambda _: b"a" * 1_000_000)


BYTES = [
    flip_bit,
    flip_bits,
    cut,
    behead,
    drop,
    insert,
    append,
    double,
    swap,
    zero,
    huge_number,
    foreign,
    foreign_pickle,
]
TEXT = [*BYTES, huge_count, other_encoding, other_line, long_line]


def mutated(content, mutations, n, seed):
    """Names and result of ``n`` mutations, each kind in turn; every fifth has another one on top."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(mutations))
    for number in range(n):
        chosen = [mutations[order[number % len(order)]]]
        if number % 5 == 4:
            chosen.append(mutations[rng.integers(len(mutations))])
        damaged = content
        for mutation in chosen:
            damaged = mutation(damaged, rng)
        yield [mutation.__name__ for mutation in chosen], damaged


def place(content, rng):
    """Somewhere in the content."""
    return int(rng.integers(len(content) + 1))


def altered(content, start, size, change):
    """Content with the part at ``start`` changed, where there is one."""
    old = content[start : start + size]
    return content[:start] + change(old) + content[start + len(old) :] if old or not size else content
