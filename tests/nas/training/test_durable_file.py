import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.training.durable_file import write_durably
from search_spaces.errors import ResourceError


@pytest.fixture
def full_disk() -> Iterator[None]:
    """The kernel refuses to let a file of this process grow beyond 4 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "run" / "weights.bin"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    write_durably(path, b"old")
    with pytest.raises(ResourceError, match="free some space") as caught:
        write_durably(path, b"x" * 100_000)
    assert caught.value.code == "disk_full"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_failures_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        write_durably(tmp_path / "file" / "weights.bin", b"x")
