"""Interrupts from the keyboard at chosen lines of the package."""

import signal
import sys
from pathlib import Path

import skzsl

PACKAGE = str(Path(skzsl.__file__).parent)


def moments(call):
    """When a call runs each line of the package for the first time and for the last, counted in lines."""
    first, last, count = {}, {}, 0

    def note(line):
        nonlocal count
        count += 1
        first.setdefault(line, count)
        last[line] = count

    _trace(call, note)
    return sorted({*first.values(), *last.values()})


def interrupt(call, moment):
    """Send SIGINT at that moment of a call, unless it is over before; it must come out as KeyboardInterrupt."""
    count, sent = 0, None

    def strike(line):
        nonlocal count, sent
        count += 1
        if count == moment:
            sent = line
            signal.raise_signal(signal.SIGINT)

    try:
        _trace(call, strike)
    except KeyboardInterrupt:
        return
    assert sent is None, f"an interrupt at {sent} was swallowed"


def _trace(call, at_line):
    def local(frame, event, _):
        if event == "line":
            at_line((frame.f_code.co_filename, frame.f_lineno))
        return local

    before = sys.gettrace()
    sys.settrace(lambda frame, *_: local if frame.f_code.co_filename.startswith(PACKAGE) else None)
    try:
        call()
    finally:
        sys.settrace(before)
