import base64
import errno
import hashlib
import io
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pooch
import pytest
from file_server import Answer, serving

from skzsl.datasets import _download, get_data_home
from skzsl.datasets._remote import RemoteFile, fetch_file
from skzsl.exceptions import DataIntegrityError, DataNotFoundError

BODY = np.random.default_rng(0).bytes(500_000)
OTHER = np.random.default_rng(1).bytes(500_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
PAGE = b"<html><body>Please log in to this network.</body></html>"
HALF = 250_000
GOOGLE = {"x-goog-hash": f"crc32c=AAAAAA==, md5={base64.b64encode(hashlib.md5(BODY).digest()).decode()}"}


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(_download, "_PAUSE", 0.01)


@pytest.fixture
def server():
    with serving(**{"data.bin": BODY}) as server:
        yield server


@pytest.fixture
def fetch(server, tmp_path):
    def fetch(sha256=SHA256, download_if_missing=True, **check):
        remote = RemoteFile(server.address("data.bin"), sha256)
        return fetch_file(remote, tmp_path / "home", download_if_missing=download_if_missing, **check)

    return fetch


def kept(path):
    """Names in the folder of a file, without locks."""
    return sorted(found.name for found in path.parent.glob("*") if found.suffix != ".lock")


@pytest.mark.parametrize("sha256", [SHA256, None], ids=["known hash", "unknown hash"])
def test_a_file_is_downloaded_once_and_nothing_else_is_left(server, fetch, sha256):
    path = fetch(sha256)
    assert path.read_bytes() == BODY
    assert fetch(sha256, download_if_missing=False) == path
    assert len(server.asked) == 1
    assert kept(path) == ["data.bin"] if sha256 else ["data.bin", "data.bin.sha256"]


@pytest.mark.parametrize(
    "script",
    [
        [Answer(stop_after=HALF)],
        [Answer(stop_after=HALF)] * 3,
        [Answer(stop_after=65_536)] * 7,
        [Answer(stop_after=HALF), Answer(ranges=False)],
        [Answer(stop_after=HALF, ranges=False)] * 3,
        [Answer(stop_after=HALF, tag=False)],
        [Answer(status=503)],
        [Answer(status=500), Answer(status=429), Answer(status=502)],
        [Answer(stop_after=HALF), Answer(status=503), Answer(stop_after=HALF // 2), Answer(status=503)],
        [Answer(stop_after=HALF), Answer(status=416)],
        [Answer(stop_after=HALF), Answer(length=100_000)],
        [Answer(length=len(BODY) + 1)],
        [Answer(length=len(BODY) + 100_000), Answer(status=503)],
    ],
    ids=[
        "cut",
        "cut three times",
        "cut more often than failures are allowed",
        "cut, then no ranges",
        "cut three times, no ranges",
        "cut, version unknown",
        "busy",
        "busy three times",
        "cut and busy",
        "cut, then ranges refused",
        "cut, then less than the rest",
        "length too long",
        "length too long, then busy",
    ],
)
def test_a_file_arrives_whole_over_a_bad_line(server, fetch, script):
    server.script = list(script)
    assert fetch().read_bytes() == BODY
    assert not server.script


def test_what_has_come_is_not_asked_for_again(server, fetch):
    server.script = [Answer(stop_after=HALF)]
    fetch()
    start = int(server.asked[1]["Range"].removeprefix("bytes=").rstrip("-"))
    assert HALF - 65_536 < start <= HALF
    assert server.asked[1]["If-Range"] == f'"{hashlib.md5(BODY).hexdigest()}"'


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, fetch, tmp_path):
    server.script = [Answer(stop_after=HALF), *[Answer(status=503)] * 4]
    with pytest.raises(DataNotFoundError, match=r"503 Service Unavailable.*196608 bytes that have come are kept"):
        fetch()
    assert kept(tmp_path / "home" / "data.bin") == ["data.bin.part"]
    assert fetch().read_bytes() == BODY
    assert server.asked[-1]["Range"] == "bytes=196608-"


@pytest.mark.parametrize("blind", [False, True], ids=["server looks", "server does not look"])
@pytest.mark.parametrize("sha256", [SHA256, None], ids=["known hash", "unknown hash"])
def test_a_file_that_changed_between_two_parts_starts_anew(server, fetch, sha256, blind):
    server.script = [Answer(body=OTHER, stop_after=HALF), Answer(blind=blind)]
    assert fetch(sha256).read_bytes() == BODY


def test_a_file_of_another_length_starts_anew(server, fetch):
    server.script = [Answer(body=OTHER + b"more", stop_after=HALF), Answer(blind=True, tag=False)]
    assert fetch(sha256=None).read_bytes() == BODY


def test_a_mixture_of_two_versions_is_not_kept(server, fetch, tmp_path):
    server.script = [Answer(body=OTHER, stop_after=HALF), Answer(blind=True, tag=False)]
    with pytest.raises(DataIntegrityError, match=f"expected {SHA256}"):
        fetch()
    assert not (tmp_path / "home" / "data.bin").exists()
    assert fetch().read_bytes() == BODY


def test_a_download_that_was_complete_is_not_asked_for_again(server, fetch, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_download.os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        fetch()
    monkeypatch.undo()
    assert fetch().read_bytes() == BODY
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(status=404), "404 Not Found"),
        (Answer(status=403), "403 Forbidden"),
        (Answer(headers={"Content-Encoding": "gzip"}), "packs it as gzip"),
    ],
    ids=["not found", "forbidden", "packed"],
)
def test_what_will_not_get_better_is_not_tried_again(server, fetch, answer, message):
    server.script = [answer]
    with pytest.raises(DataNotFoundError, match=message):
        fetch()
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(status=500), "500 Internal Server Error"),
        (Answer(stop_after=HALF, ranges=False), r"IncompleteRead|ended at byte"),
        (Answer(length=len(BODY) + 1), "IncompleteRead|has changed since"),
        (Answer(stop_after=0), "IncompleteRead|ended at byte 0 of 500000"),
    ],
    ids=["broken", "cut each time", "length too long", "nothing comes"],
)
def test_a_server_that_stays_bad_is_given_up(server, fetch, tmp_path, answer, message):
    server.script = [answer] * 20
    with pytest.raises(DataNotFoundError, match=message) as failure:
        fetch()
    assert server.address("data.bin") in str(failure.value)
    assert f"by hand and put it at {str(tmp_path / 'home' / 'data.bin')!r}" in str(failure.value)
    assert 4 <= len(server.asked) <= 9
    assert not (tmp_path / "home" / "data.bin").exists()


def test_a_server_that_hangs_is_given_up(server, fetch, monkeypatch):
    monkeypatch.setattr(_download, "_TIMEOUT", 0.1)
    over = threading.Event()
    server.script = [Answer(stop_after=HALF, wait=over), *[Answer(stop_after=0, wait=over)] * 4]
    with pytest.raises(DataNotFoundError, match="timed out"):
        fetch()
    over.set()
    monkeypatch.undo()
    assert fetch().read_bytes() == BODY


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=OTHER),
        Answer(body=PAGE),
        Answer(body=b""),
        Answer(length=HALF),
        Answer(stop_after=HALF, sized=False),
    ],
    ids=["other bytes", "page", "empty", "length too short", "cut, length unknown"],
)
def test_other_bytes_than_those_of_the_known_hash_are_not_kept(server, fetch, tmp_path, answer):
    server.script = [answer]
    with pytest.raises(DataIntegrityError, match=f"expected {SHA256}.*Fetch it again") as failure:
        fetch()
    assert server.address("data.bin") in str(failure.value)
    assert [file for file in (tmp_path / "home").rglob("*") if file.is_file() and file.suffix != ".lock"] == []
    assert fetch().read_bytes() == BODY


@pytest.mark.parametrize(
    "answer", [Answer(body=OTHER, headers=GOOGLE), Answer(length=HALF, headers=GOOGLE)], ids=["other", "short"]
)
def test_other_bytes_than_the_server_states_are_not_kept(server, fetch, tmp_path, answer):
    server.script = [answer]
    with pytest.raises(DataIntegrityError, match=f"md5 {hashlib.md5(BODY).hexdigest()}"):
        fetch(sha256=None)
    assert not (tmp_path / "home" / "data.bin").exists()
    server.script = [Answer(headers=GOOGLE, stop_after=HALF)]
    assert fetch(sha256=None).read_bytes() == BODY


def test_the_md5_of_a_packed_form_is_not_that_of_the_file(server, fetch):
    server.script = [Answer(body=OTHER, headers=GOOGLE | {"x-goog-stored-content-encoding": "gzip"})]
    assert fetch(sha256=None).read_bytes() == OTHER


def test_a_page_in_place_of_a_file_of_unknown_hash_is_not_kept(server, fetch, tmp_path):
    def check(path):
        if path.read_bytes().startswith(b"<html>"):
            raise ValueError("it is a page.")

    server.script = [Answer(body=PAGE)]
    with pytest.raises(DataIntegrityError, match=r"it is a page\. Fetch it again"):
        fetch(sha256=None, check=check)
    assert not (tmp_path / "home" / "data.bin").exists()
    assert fetch(sha256=None, check=check).read_bytes() == BODY


def test_a_file_of_unknown_hash_is_held_to_its_first_download(server, fetch):
    path = fetch(sha256=None)
    path.write_bytes(OTHER)
    with pytest.raises(DataNotFoundError, match="not what it was; pass download_if_missing=True"):
        fetch(sha256=None, download_if_missing=False)
    assert fetch(sha256=None).read_bytes() == BODY
    path.unlink()
    server.files["data.bin"] = OTHER
    with pytest.raises(DataIntegrityError, match=r"If its publisher has changed it .* remove '.*data.bin.sha256'"):
        fetch(sha256=None)
    (path.parent / "data.bin.sha256").unlink()
    assert fetch(sha256=None).read_bytes() == OTHER


def test_a_damaged_file_is_replaced_only_by_a_whole_one(server, fetch):
    path = fetch()
    path.write_bytes(BODY[:-1])
    server.script = [Answer(status=404)]
    with pytest.raises(DataNotFoundError):
        fetch()
    assert path.read_bytes() == BODY[:-1]
    assert fetch().read_bytes() == BODY


@pytest.mark.parametrize("sha256", [SHA256, None], ids=["known hash", "unknown hash"])
def test_a_file_put_there_by_hand_is_taken(server, fetch, tmp_path, sha256):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "data.bin").write_bytes(BODY)
    assert fetch(sha256).read_bytes() == BODY
    assert not server.asked


def test_a_missing_file_is_an_error_where_nothing_may_be_downloaded(server, fetch, tmp_path):
    with pytest.raises(DataNotFoundError, match=f"'.*data.bin' is missing; .* fetch {server.address('data.bin')}"):
        fetch(download_if_missing=False)
    assert not server.asked
    assert not (tmp_path / "home").exists()


def test_redirects_are_followed(server, fetch):
    server.files["elsewhere"] = BODY
    server.script = [Answer(status=302, headers={"Location": server.address("elsewhere")}), Answer(stop_after=HALF)]
    assert fetch().read_bytes() == BODY


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}/data.bin", "http://nowhere.invalid/data.bin"], ids=["refused", "unknown name"]
)
def test_without_a_network_the_next_step_is_named(tmp_path, address):
    url = address.format(port=free_port())
    with pytest.raises(DataNotFoundError) as failure:
        fetch_file(RemoteFile(url, SHA256), tmp_path, download_if_missing=True)
    assert str(failure.value).startswith(f"{url} cannot be fetched: ")
    assert f"download it by hand and put it at {str(tmp_path / 'data.bin')!r}" in str(failure.value)


def test_a_disk_that_is_full_leaves_the_old_file_as_it_was(server, fetch):
    path = fetch()
    path.write_bytes(OTHER)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
        with pytest.raises(OSError, match=r"File too large: cannot write '.*data.bin'.*make room") as failure:
            fetch()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failure.value.errno == errno.EFBIG
    assert path.read_bytes() == OTHER
    assert fetch().read_bytes() == BODY
    assert server.asked[-1]["Range"] == f"bytes={HALF}-"


def test_no_space_left_is_said_as_it_is(server, fetch, monkeypatch):
    class FullDisk(io.FileIO):
        def write(self, data):
            if self.tell() + len(data) > HALF:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    monkeypatch.setattr(_download, "open", FullDisk, raising=False)
    with pytest.raises(OSError, match=r"No space left on device: .* set SKZSL_DATA_HOME") as failure:
        fetch()
    assert failure.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert fetch().read_bytes() == BODY
    assert server.asked[-1]["Range"] == "bytes=196608-"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "home").write_text("a file is in the way")
    with pytest.raises(OSError, match=r"cannot write '.*home/esc50/data.bin'.* pass another data_home"):
        fetch_file(RemoteFile("http://127.0.0.1:9/data.bin"), tmp_path / "home" / "esc50", download_if_missing=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_is_named_and_read_all_the_same(server, fetch, tmp_path):
    path = fetch()
    path.parent.chmod(0o500)
    try:
        assert fetch() == path
        with pytest.raises(PermissionError, match=r"cannot write '.*another.bin'"):
            fetch_file(RemoteFile(server.address("another.bin")), path.parent, download_if_missing=True)
    finally:
        path.parent.chmod(0o700)


CHILD = """
import sys
from pathlib import Path
from skzsl.datasets._remote import RemoteFile, fetch_file
fetch_file(RemoteFile(sys.argv[1]), Path(sys.argv[2]), download_if_missing=True)
"""


@pytest.fixture
def child(server, tmp_path):
    """Another process, which fetches the same file of unknown hash."""
    command = [sys.executable, "-c", CHILD, server.address("data.bin"), str(tmp_path / "home")]
    path = os.pathsep.join([str(Path(_download.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}) as process:
        yield process
        process.kill()


@pytest.fixture
def fetch_meanwhile(fetch):
    """Start a fetch in a thread; what it returns is waited for by calling the result."""

    def start(**options):
        found = []
        thread = threading.Thread(target=lambda: found.append(fetch(**options)))
        thread.start()

        def finish(seconds):
            thread.join(seconds)
            return found[0] if found else None

        return finish

    return start


def test_who_waits_for_a_process_goes_on_where_it_was_killed(server, fetch_meanwhile, tmp_path, request):
    server.script = [Answer(stop_after=HALF, wait=threading.Event())]
    child = request.getfixturevalue("child")
    assert server.sent.wait(120)
    part = tmp_path / "home" / "data.bin.part" / "bytes"
    while not part.exists() or part.stat().st_size < 196_608:
        assert child.poll() is None
    finish = fetch_meanwhile(sha256=None)
    assert finish(0.3) is None
    assert len(server.asked) == 1
    assert not (tmp_path / "home" / "data.bin").exists()
    child.send_signal(signal.SIGKILL)
    path = finish(30)
    assert path.read_bytes() == BODY
    assert [headers.get("Range") for headers in server.asked] == [None, "bytes=196608-"]
    assert kept(path) == ["data.bin", "data.bin.sha256"]


def test_two_at_once_download_once(server, fetch_meanwhile):
    go_on = threading.Event()
    server.script = [Answer(stop_after=HALF, wait=go_on)]
    both = [fetch_meanwhile(), fetch_meanwhile()]
    assert server.sent.wait(30)
    assert [finish(0.1) for finish in both] == [None, None]
    go_on.set()
    assert [finish(30).read_bytes() for finish in both] == [BODY, BODY]
    assert len(server.asked) == 2  # the half, and the rest


def test_progress_is_shown_on_a_terminal_only(server, fetch, capsys, monkeypatch):
    fetch().unlink()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fetch()
    assert "data.bin: 100%" in capsys.readouterr().err


def test_pooch_is_silent_for_as_long_as_it_serves_us(fetch, caplog):
    logger = pooch.get_logger()
    level = logger.level
    logger.addHandler(caplog.handler)
    try:
        fetch(sha256=None)
        assert not caplog.records
        assert logger.level == level
    finally:
        logger.removeHandler(caplog.handler)


def test_the_folder_is_that_given_then_that_of_the_variable_then_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SKZSL_DATA_HOME", str(tmp_path / "shared"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert get_data_home("~/sounds") == Path.home() / "sounds"
    assert get_data_home() == tmp_path / "shared"
    monkeypatch.delenv("SKZSL_DATA_HOME")
    assert get_data_home() == pooch.os_cache("skzsl")
    assert not any(tmp_path.iterdir())
