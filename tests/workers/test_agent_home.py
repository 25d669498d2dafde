import errno
import hashlib
import os
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest

from search_spaces.errors import ArtifactError, ResourceError, UsageError
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.latency_predictors.timed_sessions import timed_session
from workers.agent_home import MOST_BEFORE, AgentHome, Entry, KnownServer

ENTRY = Entry(lease="0" * 32, attempt=3, session=timed_session(["a" * 64], DEVICE, CONTEXT))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Source:
    """Gives a file's content, and counts how often."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, 0

    def __call__(self, into: BinaryIO) -> str:
        self.asked += 1
        into.write(self.content)
        return sha256(self.content)


def test_who_it_is_stays_the_same(tmp_path: Path) -> None:
    first = AgentHome(tmp_path)
    first.close()
    second = AgentHome(tmp_path)
    assert second.instance == first.instance
    second.close()
    (tmp_path / "instance").write_text("damaged")
    third = AgentHome(tmp_path)
    assert third.instance != first.instance
    third.close()


def test_each_start_has_another_identifier_and_tells_those_before(tmp_path: Path) -> None:
    home = AgentHome(tmp_path)
    known, tried = home.instance, list[str]()
    for _ in range(2 * MOST_BEFORE):
        home.close()
        home = AgentHome(tmp_path)
        assert home.instance == known, "the one that the service surely knows"
        home.begin()
        assert home.before == (known, *tried[2 - MOST_BEFORE :])
        tried.append(home.instance)
    home.begun()
    home.close()
    home = AgentHome(tmp_path)
    assert (home.instance, home.before) == (tried[-1], (tried[-1],))
    home.close()


def test_one_agent_works_in_a_folder(tmp_path: Path) -> None:
    home = AgentHome(tmp_path)
    with pytest.raises(UsageError) as caught:
        AgentHome(tmp_path)
    assert caught.value.code == "agent_running"
    home.close()
    AgentHome(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (Path("/proc/hwnas"), tmp_path / "file", tmp_path / "file" / "agent"):
        with pytest.raises(ResourceError, match=r"--home$") as caught:
            AgentHome(folder)
        assert caught.value.code == "not_writable"


def test_a_service_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    with closing(AgentHome(tmp_path)) as home:
        (tmp_path / "server.json").mkdir()
        with pytest.raises(ResourceError) as caught:
            home.pair(KnownServer(url="https://nas", key="hwnas_x", fingerprint=""))
    assert caught.value.code == "not_writable"


def test_what_is_remembered_is_there_after_a_start_in_order(tmp_path: Path) -> None:
    home = AgentHome(tmp_path)
    for attempt in range(12):
        home.remember(ENTRY.model_copy(update={"attempt": attempt}))
    home.close()
    again = AgentHome(tmp_path)
    found = list(again.remembered(print))
    assert [entry.attempt for _, entry in found] == list(range(12))
    assert found[0][1].session == ENTRY.session
    for path, _ in found[:11]:
        path.unlink()
    assert again.num_remembered == 1
    assert again.remember(ENTRY).name > found[11][0].name
    again.close()


def test_what_cannot_be_read_is_put_aside_and_said_and_stays_there(tmp_path: Path) -> None:
    home, lines = AgentHome(tmp_path), list[str]()
    for content in (b"{", b"["):
        path = home.remember(ENTRY)
        path.write_bytes(content)
        assert list(home.remembered(lines.append)) == []
    home.remember(ENTRY)
    assert len(list(home.remembered(lines.append))) == home.num_remembered == 1
    assert {one.read_bytes() for one in (tmp_path / "journal").glob("*.damaged")} == {b"{", b"["}
    assert len(lines) == 2
    assert all(line.startswith("error[damaged_file]: ") and "00000001" in line for line in lines)
    home.close()


def refused(*what: object, **more: object) -> None:
    """Refuse what is asked of the disk."""
    raise OSError(errno.EROFS, "Read-only file system")


def test_what_was_delivered_and_cannot_be_removed_is_passed_over_until_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = AgentHome(tmp_path)
    stays, goes = home.remember(ENTRY), home.remember(ENTRY)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        with pytest.raises(ResourceError) as caught:
            home.forget(stays)
    assert caught.value.code == "not_writable"
    home.forget(goes)
    assert (stays.exists(), goes.exists()) == (True, False)
    later = home.remember(ENTRY)
    assert later == goes, "a number that is free again"
    assert [path for path, _ in home.remembered(print)] == [later]
    assert home.num_remembered == 1
    home.close()
    with closing(AgentHome(tmp_path)) as again:
        assert [path for path, _ in again.remembered(print)] == [stays, later]


def test_a_name_that_is_free_again_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(AgentHome(tmp_path)) as home:
        gone = home.remember(ENTRY)
        gone.unlink()
        home.forget(gone)
        stays = home.remember(ENTRY)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refused)
            with pytest.raises(ResourceError):
                home.forget(stays)
        stays.unlink()
        assert home.remember(ENTRY) == gone == stays
        assert [path for path, _ in home.remembered(print)] == [stays]


def test_what_cannot_be_read_nor_put_aside_is_said_once_and_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, read = list[str](), Path.read_bytes
    with closing(AgentHome(tmp_path)) as home:
        bad, good = home.remember(ENTRY), home.remember(ENTRY)
        monkeypatch.setattr(Path, "read_bytes", lambda path: refused() if path == bad else read(path))
        monkeypatch.setattr(Path, "rename", refused)
        for _ in range(2):
            assert [path for path, _ in home.remembered(lines.append)] == [good]
    assert lines == [f"error[damaged_file]: {bad} cannot be read: passed over (not_writable), measured again"]


@pytest.mark.parametrize("what", ["os.utime", "_digest_of"])
def test_a_file_that_the_disk_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with closing(AgentHome(tmp_path)) as home:
        source = Source(b"a network")
        home.file(sha256(b"a network"), ".onnx", source)
        monkeypatch.setattr(f"workers.agent_home.{what}", refused)
        with pytest.raises(ResourceError) as caught:
            home.file(sha256(b"a network"), ".onnx", source)
    assert caught.value.code == "not_writable"


def test_files_are_fetched_once_and_checked_each_time(tmp_path: Path) -> None:
    home, source = AgentHome(tmp_path), Source(b"a network")
    path = home.file(sha256(b"a network"), ".onnx", source)
    assert (path.suffix, path.read_bytes()) == (".onnx", b"a network")
    home.file(sha256(b"a network"), ".onnx", source)
    assert source.asked == 1
    path.write_bytes(b"damaged")
    assert home.file(sha256(b"a network"), ".onnx", source).read_bytes() == b"a network"
    assert source.asked == 2
    home.close()


def test_a_file_with_another_digest_is_not_kept(tmp_path: Path) -> None:
    home = AgentHome(tmp_path)
    with pytest.raises(ArtifactError) as caught:
        home.file(sha256(b"a network"), ".onnx", Source(b"something else"))
    assert caught.value.code == "download_damaged"
    assert list((tmp_path / "files").iterdir()) == []
    home.close()


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    def full(into: BinaryIO) -> str:
        raise OSError(28, "No space left on device")

    home = AgentHome(tmp_path)
    with pytest.raises(ResourceError, match="No space left"):
        home.file("0" * 64, ".onnx", full)
    assert list((tmp_path / "files").iterdir()) == []
    home.close()


def test_files_that_were_needed_longest_ago_make_room(tmp_path: Path) -> None:
    home = AgentHome(tmp_path, cache_bytes=140)
    paths = []
    for number in range(3):
        content = bytes([number]) * 30
        paths.append(home.file(sha256(content), ".onnx", Source(content)))
        os.utime(paths[-1], (number, number))
    content = b"x" * 30
    home.file(sha256(content), ".onnx", Source(content), [paths[0].stem])
    assert [path.exists() for path in paths] == [True, False, True]
    home.close()


def test_what_a_killed_agent_left_of_a_download_is_removed(tmp_path: Path) -> None:
    AgentHome(tmp_path).close()
    (tmp_path / "files" / "0.part").write_bytes(b"half")
    AgentHome(tmp_path).close()
    assert list((tmp_path / "files").iterdir()) == []
