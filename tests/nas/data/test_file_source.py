import hashlib
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from nas.data import file_source
from nas.data.decode import ImageError, decode, resize
from nas.data.file_source import FileSource, Folder, Scan, scan
from search_spaces.errors import DataError


def fill(root: Path, count: int) -> list[PurePosixPath]:
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (5 + number, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{number:02}.png")
    return [PurePosixPath(f"{number:02}.png") for number in range(count)]


def source_of(root: Path, paths: list[PurePosixPath], num_channels: int = 3) -> FileSource:
    files = [(path, hashlib.sha256((root / path).read_bytes()).digest()) for path in paths]
    return FileSource(Folder(root), {"train": files, "validation": [], "test": []}, num_channels)


def test_files_are_scanned_in_order_and_errors_stand_in_their_place(tmp_path: Path) -> None:
    paths = fill(tmp_path, 40)
    (tmp_path / "17.png").write_bytes(b"broken")
    Image.new("L", (4, 4), 7).save(tmp_path / "20.png")
    seen = list(scan(Folder(tmp_path), paths))
    assert [number for number, found in enumerate(seen) if isinstance(found, ImageError)] == [17]
    assert all(
        found.digest == hashlib.sha256((tmp_path / path).read_bytes()).digest()
        for path, found in zip(paths, seen, strict=True)
        if isinstance(found, Scan)
    )
    grey = seen[20]
    assert isinstance(grey, Scan)
    assert (grey.num_channels, grey.brightest, set(grey.thumbnail.tolist())) == (1, 7, {7})


def test_images_come_in_order_however_many_threads_decode(tmp_path: Path) -> None:
    paths = fill(tmp_path, 40)
    images = list(source_of(tmp_path, paths).resized("train", (4, 6)))
    for path, (small, large) in zip(paths, images, strict=True):
        original = decode((tmp_path / path).read_bytes(), 3)
        assert small.tolist() == resize(original, 4).tolist()
        assert large.tolist() == resize(original, 6).tolist()


def test_the_fingerprint_follows_files_and_channels(tmp_path: Path) -> None:
    paths = fill(tmp_path, 3)
    prints = {
        source_of(tmp_path, paths).fingerprint(),
        source_of(tmp_path, paths[::-1]).fingerprint(),
        source_of(tmp_path, paths[:2]).fingerprint(),
        source_of(tmp_path, paths, 1).fingerprint(),
    }
    assert len(prints) == 4


@pytest.mark.parametrize("change", ["content", "removal"])
def test_a_file_that_is_not_what_it_was_stops_the_pass(tmp_path: Path, change: str) -> None:
    paths = fill(tmp_path, 3)
    source = source_of(tmp_path, paths)
    if change == "content":
        (tmp_path / "01.png").write_bytes((tmp_path / "02.png").read_bytes())
    else:
        (tmp_path / "01.png").unlink()
    with pytest.raises(DataError, match=r"01\.png") as caught:
        list(source.resized("train", (4,)))
    assert caught.value.code == "data_changed"


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = fill(tmp_path, 1)
    monkeypatch.setattr(file_source, "MAX_FILE_BYTES", 50)
    (found,) = scan(Folder(tmp_path), paths)
    assert isinstance(found, ImageError)
    assert "larger than" in str(found)


def test_damaged_metadata_warns_nobody(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    image.save(tmp_path / "a.jpg", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    (found,) = scan(Folder(tmp_path), [PurePosixPath("a.jpg")])  # warnings are errors in this suite
    assert isinstance(found, Scan)
