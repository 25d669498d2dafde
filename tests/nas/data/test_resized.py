import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nas.data import resized
from nas.data.contents import Part
from nas.data.decode import resize
from nas.data.resized import Resized, ResizedImages
from search_spaces.errors import DataError, ResourceError


class Counting:
    """A source that counts its passes."""

    def __init__(self, num_images: int) -> None:
        self.images = np.random.default_rng(2).integers(0, 256, (num_images, 9, 9, 1), dtype=np.uint8)
        self.passes = 0

    def resized(self, part: Part, resolutions: tuple[int, ...]) -> Iterator[Resized]:
        self.passes += 1
        for image in self.images:
            yield tuple(resize(image, resolution) for resolution in resolutions)

    def fingerprint(self) -> str:
        return hashlib.sha256(self.images.tobytes()).hexdigest()


def resized_of(source: Counting, cache_dir: Path | None = None) -> ResizedImages:
    counts: dict[Part, int] = {"train": len(source.images), "validation": 0, "test": 0}
    return ResizedImages(source, counts, 1, "d" * 64, cache_dir)


def test_several_resolutions_take_one_pass() -> None:
    source = Counting(5)
    images = resized_of(source)
    images.prepare("train", (4, 6, 9))
    assert [images.get("train", side).shape for side in (4, 6, 9)] == [(5, 1, s, s) for s in (4, 6, 9)]
    assert source.passes == 1


def test_large_parts_go_to_files_and_hold_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = resized_of(Counting(5)).get("train", 6).tolist()
    monkeypatch.setattr(resized, "IN_MEMORY_BYTES", 100)
    unnamed = resized_of(Counting(5)).get("train", 6)
    assert isinstance(unnamed, np.memmap)
    assert unnamed.tolist() == expected
    assert resized_of(Counting(5), tmp_path).get("train", 6).tolist() == expected
    again = Counting(5)
    assert resized_of(again, tmp_path).get("train", 6).tolist() == expected
    assert again.passes == 0


def test_a_damaged_cache_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resized, "IN_MEMORY_BYTES", 100)
    expected = resized_of(Counting(5), tmp_path).get("train", 6).tolist()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert resized_of(Counting(5), tmp_path).get("train", 6).tolist() == expected


def test_a_source_that_fails_half_way_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Counting):
        def resized(self, part: Part, resolutions: tuple[int, ...]) -> Iterator[Resized]:
            yield next(super().resized(part, resolutions))
            raise DataError("data_changed", "the file is another one now")

    monkeypatch.setattr(resized, "IN_MEMORY_BYTES", 100)
    with pytest.raises(DataError):
        resized_of(Failing(5), tmp_path).get("train", 6)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_in_one_line_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(resized, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="MiB on disk") as caught:
        resized_of(Counting(5), tmp_path).get("train", 6)
    assert caught.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []
