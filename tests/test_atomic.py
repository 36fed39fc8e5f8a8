"""Files that are written all or nothing."""

import errno
import os

import pytest

from skzsl._atomic import replacing


def write_half(path, error):
    with replacing(path) as part:
        part.write_text("half")
        raise error


def test_a_file_is_replaced_once_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_stops_the_writing_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_is_an_error_that_names_the_file_and_the_next_step(tmp_path, there):
    path = tmp_path / "a.txt"
    if there:
        path.write_text("old")
    kept = "the file that is there is whole" if there else "nothing is left of it"
    with pytest.raises(OSError, match=rf"No space left.*{kept}; make room or choose another disk.*a\.txt") as raised:
        write_half(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "part"))
    assert raised.value.errno == errno.ENOSPC
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"] * there


def test_a_link_stays_a_link(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("old")
    link.symlink_to(path)
    with replacing(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_a_missing_folder_is_named(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"'.*nowhere' is missing; make it first"),
        replacing(tmp_path / "nowhere" / "a"),
    ):
        pytest.fail("there is no folder to write to")


def test_folders_and_devices_are_never_replaced(tmp_path):
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in tmp_path.iterdir():
        with pytest.raises(OSError, match=r"is no file; pass the path of one"), replacing(path) as part:
            part.write_text("new")
        assert not path.is_file()
    assert {path.name for path in tmp_path.iterdir()} <= {"pipe", "folder"}


def test_a_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as part:
        part.write_text("new")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == "new"
