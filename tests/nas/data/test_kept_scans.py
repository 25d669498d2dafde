import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from nas.data import file_source, kept_scans
from nas.data.archive import Archive
from nas.data.decode import ImageError, decode
from nas.data.file_source import Files, Folder, Scan
from nas.data.kept_scans import look_at
from tests.nas.data.zips import folder_zip


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """How often each content was decoded."""
    counts: Counter[bytes] = Counter()

    def counted(file: bytes, num_channels: int | None = None) -> np.ndarray:
        counts[file] += 1
        return decode(file, num_channels)

    monkeypatch.setattr(file_source, "decode", counted)
    return counts


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(5):
        draw(root / f"{number}.png", number)
    return Folder(root)


def draw(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def paths(*numbers: int) -> list[PurePosixPath]:
    return [PurePosixPath(f"{number}.png") for number in numbers or range(5)]


def looked(files: Files, kept: Path | None, some: list[PurePosixPath] | None = None) -> list[object]:
    return [told(one) for one in look_at(files, some or paths(), kept)]


def told(one: Scan | ImageError) -> object:
    """A scan as values that can be compared."""
    if isinstance(one, ImageError):
        return str(one)
    return one.digest, one.num_channels, one.thumbnail.tolist(), one.brightest


def test_what_was_seen_is_the_same_the_next_time_and_decodes_nothing(
    folder: Folder, kept: Path, decoded: Counter[bytes]
) -> None:
    (folder.root / "2.png").write_bytes(b"broken")
    first = looked(folder, kept)
    assert looked(folder, kept) == first == looked(folder, None)
    assert first[2] == "not a readable JPEG, PNG, BMP, GIF, TIFF, WebP or PPM image"
    # With the folder once, without it once.
    assert set(decoded.values()) == {2}


@pytest.mark.parametrize("change", ["time", "size", "content", "content of one size and time"])
def test_a_file_that_has_changed_is_looked_at_anew_and_no_other(
    folder: Folder, kept: Path, decoded: Counter[bytes], change: str
) -> None:
    path = folder.root / "3.png"
    before, stamp = looked(folder, kept), path.stat().st_mtime_ns
    decoded.clear()
    if change == "content":
        draw(path, 77)
    elif change == "content of one size and time":
        size = path.stat().st_size
        draw(path, 77)
        path.write_bytes(path.read_bytes()[:size].ljust(size))
        os.utime(path, ns=(stamp, stamp))
    elif change == "size":
        path.write_bytes(path.read_bytes() + b" ")
        os.utime(path, ns=(stamp, stamp))
    else:
        os.utime(path, ns=(stamp + 1, stamp + 1))
    after = looked(folder, kept)
    assert decoded == {path.read_bytes(): 1}
    assert (after[3] == before[3]) == (change == "time")
    assert after[:3] + after[4:] == before[:3] + before[4:]


def test_two_files_of_one_size_and_time_that_change_names_are_looked_at_anew(
    folder: Folder, kept: Path
) -> None:
    first, second, aside = (folder.root / name for name in ("0.png", "1.png", "aside"))
    size = max(first.stat().st_size, second.stat().st_size)
    for path in (first, second):
        path.write_bytes(path.read_bytes().ljust(size))
        os.utime(path, ns=(1, 1))
    before = looked(folder, kept, paths(0, 1))
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    assert looked(folder, kept, paths(0, 1)) == before[::-1]


def test_new_files_are_looked_at_and_those_that_are_gone_are_forgotten(
    folder: Folder, kept: Path, decoded: Counter[bytes]
) -> None:
    looked(folder, kept, paths(0, 1, 2))
    decoded.clear()
    looked(folder, kept, paths(1, 2, 3))
    assert decoded == {(folder.root / "3.png").read_bytes(): 1}
    looked(folder, kept, paths(0))
    assert decoded[(folder.root / "0.png").read_bytes()] == 1


def test_files_of_another_place_are_others(folder: Folder, kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "others"
    other.mkdir()
    (other / "0.png").write_bytes((folder.root / "1.png").read_bytes())
    stamp = (folder.root / "0.png").stat().st_mtime_ns
    os.utime(other / "0.png", ns=(stamp, stamp))
    assert looked(folder, kept, paths(0)) != looked(Folder(other), kept, paths(0))


def test_one_place_is_known_by_every_name(
    folder: Folder, kept: Path, tmp_path: Path, decoded: Counter[bytes]
) -> None:
    (tmp_path / "link").symlink_to(folder.root)
    assert looked(folder, kept) == looked(Folder(tmp_path / "link"), kept)
    assert set(decoded.values()) == {1}


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "no document"])
def test_a_damaged_document_is_as_good_as_none(
    folder: Folder, kept: Path, decoded: Counter[bytes], damage: str
) -> None:
    before = looked(folder, kept)
    (document,) = kept.iterdir()
    content = document.read_bytes()
    document.write_bytes(
        {
            "cut": content[:-1],
            "changed": content.replace(b'"0.png":[', b'"9.png":['),
            "empty": b"",
            "no document": b"whatever\n",
        }[damage]
    )
    assert looked(folder, kept) == before
    assert set(decoded.values()) == {2}


def test_another_rule_looks_anew(
    folder: Folder, kept: Path, decoded: Counter[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked(folder, kept)
    monkeypatch.setattr(kept_scans, "RULE", "another")
    looked(folder, kept)
    assert set(decoded.values()) == {2}


def test_a_file_that_could_not_be_read_is_tried_again(
    folder: Folder, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that was away, or a permission: the file is as it was."""

    class Away:
        identity = folder.identity
        stamp = folder.stamp

        def read(self, path: PurePosixPath, limit: int) -> bytes:
            raise OSError("the disk is away")

    assert looked(Away(), kept) == ["the disk is away"] * 5
    assert not any(isinstance(one, str) for one in looked(folder, kept))


def test_what_was_seen_until_the_end_is_kept(
    folder: Folder, kept: Path, decoded: Counter[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_scans, "AT_ONCE", 2)
    look = look_at(folder, paths(), kept)
    next(look)
    look.close()
    assert len(decoded) == 2
    looked(folder, kept)
    assert set(decoded.values()) == {1}


def test_it_is_kept_on_the_way(folder: Folder, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever goes on after a process that was killed."""
    monkeypatch.setattr(kept_scans, "AT_ONCE", 2)
    monkeypatch.setattr(kept_scans, "SAVE_EVERY_S", 0.0)
    look = look_at(folder, paths(), kept)
    next(look)
    assert len(list(kept.iterdir())) == 1
    look.close()


def test_two_that_look_at_once_keep_what_both_have_seen(
    folder: Folder, kept: Path, decoded: Counter[bytes]
) -> None:
    first, second = look_at(folder, paths(), kept), look_at(folder, paths(), kept)
    next(first), next(second)
    second.close()
    first.close()
    decoded.clear()
    looked(folder, kept)
    assert decoded == {}


def test_how_far_it_is_is_told_where_there_is_something_to_do(
    folder: Folder, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_scans, "AT_ONCE", 2)
    monkeypatch.setattr(kept_scans, "SAVE_EVERY_S", 0.0)
    told: list[tuple[int, int]] = []

    def look(*numbers: int) -> Iterator[object]:
        return look_at(folder, paths(*numbers), kept, lambda done, total: told.append((done, total)))

    list(look(0, 1))
    assert told == [(0, 2), (2, 2)]
    told.clear()
    list(look())
    assert told == [(0, 3), (2, 3), (3, 3)]
    told.clear()
    list(look())
    assert told == []


def test_only_what_is_kept_is_told(folder: Folder, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is killed at the same file again and again gets no further."""
    monkeypatch.setattr(kept_scans, "AT_ONCE", 2)
    told: list[tuple[int, int, bool]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total, any(kept.glob("*.scans"))))

    look = look_at(folder, paths(), kept, tell)
    for _ in range(3):
        next(look)  # of the second two
    assert told == [(0, 5, False)]
    list(look)
    assert told == [(0, 5, False), (5, 5, True)]


def test_members_of_an_archive_are_known_too(kept: Path, tmp_path: Path, decoded: Counter[bytes]) -> None:
    path = tmp_path / "pets.zip"
    path.write_bytes(folder_zip(per_class=3))
    archives = [Archive(path) for _ in range(2)]
    first, second = (looked(archive, kept, list(archive.files)) for archive in archives)
    assert first == second
    assert set(decoded.values()) == {1}
