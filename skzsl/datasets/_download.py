"""An address into a file: tried again and resumed where it was cut, and handed over only when it is whole."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from typing import NamedTuple

import pooch
import requests
from tqdm.auto import tqdm

from ..exceptions import DataIntegrityError, DataNotFoundError

_ATTEMPTS = 4  # in a row that bring nothing new
_PAUSE = 1.0  # seconds before the second of them; doubles each time
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 16
_WORTH_ANOTHER_TRY = {408, 429, 500, 502, 503, 504}


class _Interrupted(Exception):
    """The transfer has ended too early, or the server says that it might go better later."""


class _Promise(NamedTuple):
    """What the server said of the file whose beginning is in the part; kept beside it, for a process to come."""

    validator: str | None = None
    size: int | None = None
    md5: str | None = None


class ResumingDownloader:
    """A downloader for pooch that keeps what has come in a part, and goes on from there when it is called again.

    Only one process at a time may use a part. A part is continued only if the server confirms that its file is still
    the same one.

    Parameters
    ----------
    part : Path
        File to collect the bytes in. It is on the disk of the output file, and outlives a call that fails.
    destination : Path
        Where the file will be in the end. Only messages need it.
    """

    def __init__(self, part, destination):
        self.part = part
        self.destination = destination

    def __call__(self, url, output_file, _pooch):
        """Download ``url`` and move it to ``output_file``.

        Raises
        ------
        DataNotFoundError
            If the server cannot be reached, has no such file, or keeps breaking off.
        DataIntegrityError
            If the bytes do not have the MD5 that the server states.
        """
        failures = furthest = 0
        while not self._is_complete():
            try:
                self._transfer(url)
            except (requests.RequestException, _Interrupted) as error:
                failures = 1 if self._size() > furthest else failures + 1
                furthest = max(furthest, self._size())
                if failures == _ATTEMPTS:
                    raise self._not_found(url, error) from error
                time.sleep(_PAUSE * 2 ** (failures - 1))
            else:
                break
        promised = self._promise().md5
        if promised is not None and pooch.file_hash(str(self.part), alg="md5") != promised:
            self._forget()
            raise DataIntegrityError(
                f"{url} came with other bytes than its server states (md5 {promised}); fetch it again."
            )
        os.replace(self.part, output_file)
        self._forget()

    def _transfer(self, url):
        """Ask for what is missing and append it, or for all of it if what is there cannot be continued."""
        start, promise = self._size(), self._promise()
        headers = {"Accept-Encoding": "identity"}  # lengths and ranges count the bytes of the file itself
        if start and promise.validator and promise.size:
            headers |= {"Range": f"bytes={start}-", "If-Range": promise.validator}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            self._refuse_failures(url, response)
            if response.status_code == 206 and not _continues(response, start, promise):
                self._forget()
                raise _Interrupted("the file has changed since its download began")
            if response.status_code != 206:
                start, promise = 0, self._begin(response)
            bar = tqdm(
                total=promise.size,
                initial=start,
                desc=self.destination.name,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                disable=None,
            )
            with open(self.part, "ab") as file, bar:
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
        if promise.size not in (None, self._size()):
            raise _Interrupted(f"it ended at byte {self._size()} of {promise.size}")

    def _refuse_failures(self, url, response):
        reason = f"the server answers {response.status_code} {response.reason}"
        if response.status_code == 416:
            self._forget()
            raise _Interrupted(reason)
        if response.status_code in _WORTH_ANOTHER_TRY:
            raise _Interrupted(reason)
        if response.status_code not in (200, 206):
            raise self._not_found(url, reason)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise self._not_found(url, f"the server packs it as {response.headers['Content-Encoding']}, unasked")

    def _begin(self, response):
        """Empty the part, then note what the server says: never a new promise on old bytes."""
        self.part.write_bytes(b"")
        length = response.headers.get("Content-Length", "")
        promise = _Promise(_validator(response), int(length) if length.isdigit() else None, _stated_md5(response))
        self._note.write_text(json.dumps(promise))
        return promise

    @property
    def _note(self):
        return self.part.with_name(f"{self.part.name}.json")

    def _promise(self):
        try:
            return _Promise(*json.loads(self._note.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return _Promise()

    def _size(self):
        return self.part.stat().st_size if self.part.exists() else 0

    def _is_complete(self):
        return self.part.exists() and self._promise().size == self._size()

    def _forget(self):
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _not_found(self, url, reason):
        kept = f" The {self._size()} bytes that have come are kept, and the next call goes on from there." * (
            self._size() > 0
        )
        other = f" {str(self.destination)!r} is there, but not that file." * self.destination.exists()
        return DataNotFoundError(
            f"{url} cannot be fetched: {reason}.{other} Try again later, or download it by hand and put it at "
            f"{str(self.destination)!r}.{kept}"
        )


def _continues(response, start, promise):
    """Whether a partial answer is the rest of what we have."""
    begins_there = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
    return begins_there and _validator(response) in (None, promise.validator)


def _validator(response):
    """What tells this version of the file from others, None if nothing does."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _stated_md5(response):
    """MD5 that Google's storage states, in hexadecimal digits, None elsewhere and where it is of a packed form."""
    found = re.search(r"md5=([\w+/]+=*)", response.headers.get("x-goog-hash", ""))
    packed = response.headers.get("x-goog-stored-content-encoding", "identity") != "identity"
    return base64.b64decode(found[1]).hex() if found and not packed else None
