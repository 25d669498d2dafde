"""Files are whole or not there, whatever goes wrong while they are written."""

import errno
import os
import stat
from pathlib import Path

import pytest

from search_spaces.atomic import write_atomically
from search_spaces.errors import ResourceError


def failing(error: BaseException) -> object:
    """Return a stand-in for `os.fsync` on a disk that fails."""

    def fsync(descriptor: int) -> None:
        raise error

    return fsync


def test_content_is_written_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "one" / "result.json"
    write_atomically(path, b"\x00new")
    assert path.read_bytes() == b"\x00new"
    assert list(path.parent.iterdir()) == [path]


def test_old_content_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(b"a much longer old content")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_others_may_read_what_they_may_read_of_any_new_file(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain", tmp_path / "report.html"
    plain.write_bytes(b"")
    write_atomically(path, b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", failing(OSError(number, os.strerror(number))))
    with pytest.raises(ResourceError, match="free some space") as caught:
        write_atomically(path, b"new")
    assert caught.value.code == "disk_full"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_may_show_when_the_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mkdir(self: Path, *, parents: bool, exist_ok: bool) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(ResourceError):
        write_atomically(tmp_path / "runs" / "result.json", b"new")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_other_interruptions_pass_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(os, "fsync", failing(error))
    with pytest.raises(type(error)):
        write_atomically(tmp_path / "result.json", b"new")
    assert list(tmp_path.iterdir()) == []
