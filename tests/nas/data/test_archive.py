"""Archives of strangers are looked through before anything of them is read."""

import contextlib
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from nas.data import archive
from nas.data.archive import Archive
from search_spaces.errors import DataError
from tests.nas.data.zips import (
    encrypted_zip,
    folder_zip,
    image,
    link_zip,
    lying_zip,
    overlapping_zip,
    renamed_zip,
    twice_zip,
    zipped,
)

LIMIT = 2**20


def opened(folder: Path, content: bytes) -> Archive:
    path = folder / "upload"
    path.write_bytes(content)
    return Archive(path)


def refused(folder: Path, content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        opened(folder, content)
    return caught.value.code


def test_an_honest_archive_is_read(tmp_path: Path) -> None:
    found = opened(tmp_path, folder_zip(2))
    assert [str(name) for name in found.files] == [
        "pets/cat/0.png",
        "pets/cat/1.png",
        "pets/dog/0.png",
        "pets/dog/1.png",
    ]
    assert found.read(PurePosixPath("pets/dog/1.png"), LIMIT) == image(3)
    assert found.folders == ()
    found.close()


def test_folders_that_are_listed_are_known(tmp_path: Path) -> None:
    found = opened(tmp_path, zipped({"cat/": b"", "dog/": b"", "cat/a.png": image(0)}))
    assert found.folders == (PurePosixPath("cat"), PurePosixPath("dog"))
    assert found.files == (PurePosixPath("cat/a.png"),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"no zip at all" * 100,
        folder_zip(1)[:-30],
        folder_zip(1)[:200],
        b"\x89PNG" + bytes(100),
        b"PK\x05\x06" + bytes(3),
    ],
    ids=range(7),
)
def test_what_is_no_archive_is_broken(content: bytes, tmp_path: Path) -> None:
    assert refused(tmp_path, content) == "broken_archive"


@pytest.mark.parametrize(
    "name",
    [
        b"../out.png",
        b"cat/../../out.png",
        b"/etc/passwd",
        b"//host/share.png",
        b"cat//a.png",
        b"cat/./a.png",
        b"..",
        b"/",
        b"../",
        b"a/../",
        b"C:/out.png",
        b"C:out.png",
        b"cat\\..\\out.png",
        b"\\\\host\\share",
        b"cat/a\x00.png",
        b"cat/a\n.png",
        b"cat/\x1b[31m.png",
        b"a" * 1_100,
        b"/".join([b"d"] * 30) + b"/a.png",
    ],
    ids=lambda name: repr(name[:12]),
)
def test_names_that_lead_elsewhere_are_refused(name: bytes, tmp_path: Path) -> None:
    assert refused(tmp_path, renamed_zip(name)) == "unsafe_archive"


@pytest.mark.parametrize(
    "content",
    [
        link_zip("/etc/passwd"),
        link_zip("a.png"),
        encrypted_zip(),
        overlapping_zip(),
        twice_zip(),
        zipped({"cat/a.png": image(0)}, zipfile.ZIP_LZMA),
        zipped({"cat/a.png": image(0)}, zipfile.ZIP_BZIP2),
    ],
    ids=["link", "link inside", "encrypted", "overlapping", "twice", "lzma", "bzip2"],
)
def test_archives_that_no_packer_of_folders_writes_are_refused(content: bytes, tmp_path: Path) -> None:
    assert refused(tmp_path, content) == "unsafe_archive"


@pytest.mark.parametrize(
    "members", [{"cat/a.png": bytes(2**24)}, {f"{n}.png": bytes(2**20) for n in range(9)}]
)
def test_bombs_are_refused(members: dict[str, bytes], tmp_path: Path) -> None:
    assert refused(tmp_path, zipped(members)) == "oversized_archive"


def test_limits_are_those_that_are_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = folder_zip(3)
    assert len(opened(tmp_path, content).files) == 6
    for name, limit in (("MAX_MEMBERS", 5), ("MAX_DIRECTORY_BYTES", 100), ("MAX_UNPACKED_BYTES", 500)):
        with monkeypatch.context() as patched:
            patched.setattr(archive, name, limit)
            assert refused(tmp_path, content) == "oversized_archive"


def test_a_directory_that_counts_wrong_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`zipfile` reads as many members as the directory has bytes for, whatever number it states."""
    content = bytearray(folder_zip(3))
    end = content.rfind(b"PK\x05\x06")
    content[end + 8 : end + 12] = bytes(4)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 5)
    assert refused(tmp_path, bytes(content)) == "oversized_archive"


def test_a_member_that_is_not_what_it_says_is_an_error(tmp_path: Path) -> None:
    found = opened(tmp_path, lying_zip())
    with pytest.raises(OSError, match="CRC"):
        found.read(found.files[0], LIMIT)


def test_more_than_was_asked_for_is_not_read(tmp_path: Path) -> None:
    found = opened(tmp_path, folder_zip(1))
    with pytest.raises(OSError, match="larger"):
        found.read(found.files[0], 10)


def test_an_archive_with_long_records_is_read(tmp_path: Path) -> None:
    """As archives of more than 4 GiB, or 65,535 members, have them."""
    many = zipped({f"{n}.txt": b"" for n in range(65_600)}, zipfile.ZIP_STORED)
    assert b"PK\x06\x06" in many
    assert len(opened(tmp_path, many).files) == 65_600


def test_whatever_is_changed_in_an_archive_is_an_error_of_ours(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    honest = [folder_zip(2), zipped({"a.txt": b"", "b/": b""}), zipped({"a/x": image(0)}, zipfile.ZIP_STORED)]
    outcomes = Counter[str]()
    for number in range(900):
        content = bytearray(honest[number % len(honest)])
        for _ in range(int(rng.integers(1, 6))):
            # Most of them in the directory, which is at the end.
            last = min(len(content), 400) if rng.random() < 0.6 else len(content)
            place = len(content) - 1 - int(rng.integers(0, last))
            content[place] = int(rng.choice(np.array([0, 255, rng.integers(256)])))
        try:
            found = opened(tmp_path, bytes(content))
        except DataError as error:
            outcomes[error.code] += 1
            continue
        for name in found.files:
            with contextlib.suppress(OSError):
                found.read(name, LIMIT)
        found.close()
        outcomes["opened"] += 1
    assert set(outcomes) == {"opened", "broken_archive", "unsafe_archive", "oversized_archive"}
