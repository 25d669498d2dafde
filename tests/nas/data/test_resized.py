import errno
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from nas.data import pieces, resized
from nas.data.contents import Part
from nas.data.decode import resize
from nas.data.pieces import Pieces
from nas.data.resized import ResizedImages
from nas.data.source import EVERY, Resized
from search_spaces.errors import DataError, ResourceError


class Counting:
    """A source that counts its passes."""

    def __init__(self, num_images: int, *, costly: bool = False) -> None:
        self.costly = costly
        self.images = np.random.default_rng(2).integers(0, 256, (num_images, 9, 9, 1), dtype=np.uint8)
        self.passes = 0

    def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
        self.passes += 1
        for image in self.images[rows]:
            yield tuple(resize(image, resolution) for resolution in resolutions)

    def fingerprint(self) -> str:
        return hashlib.sha256(self.images.tobytes()).hexdigest()


def resized_of(source: Counting, cache_dir: Path | None = None) -> ResizedImages:
    counts: dict[Part, int] = {"train": len(source.images), "validation": 0, "test": 0}
    return ResizedImages(source, counts, 1, "d" * 64, cache_dir)


def test_several_resolutions_take_one_pass() -> None:
    source = Counting(5)
    images = resized_of(source)
    list(images.making("train", (4, 6, 9)))
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
        def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
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


def test_what_takes_long_to_make_is_kept_however_little_it_is(tmp_path: Path) -> None:
    expected = resized_of(Counting(5)).get("train", 6).tolist()
    first, second = Counting(5, costly=True), Counting(5, costly=True)
    assert resized_of(first, tmp_path).get("train", 6).tolist() == expected
    assert resized_of(second, tmp_path).get("train", 6).tolist() == expected
    assert (first.passes, second.passes) == (1, 0)
    assert resized_of(Counting(5, costly=True)).get("train", 6).tolist() == expected


def test_a_second_resolution_decodes_for_itself_alone(tmp_path: Path) -> None:
    resized_of(Counting(5, costly=True), tmp_path).get("train", 6)
    images = resized_of(Counting(5, costly=True), tmp_path)
    assert images.left("train", (4, 6)) == (4,)
    assert list(images.making("train", (4, 6))) == [5, 5]
    assert images.left("train", (4, 6)) == ()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".lock", ".u8", ".u8"]


def test_whoever_goes_on_when_some_are_complete_finds_the_pieces_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At 4 and 6 pixels an image of one channel takes 52 bytes, at 6 alone 36: twice and three times that fit.
    monkeypatch.setattr(pieces, "PIECE_BYTES", 2 * 52 + 4)
    put_together = Pieces._put_together

    def ends_after_the_first(self: Pieces, resolution: int, resolutions: Sequence[int]) -> None:
        if resolution == 6:
            raise KeyboardInterrupt
        put_together(self, resolution, resolutions)

    monkeypatch.setattr(Pieces, "_put_together", ends_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        list(resized_of(Counting(12, costly=True), tmp_path).making("train", (4, 6)))
    monkeypatch.setattr(Pieces, "_put_together", put_together)
    source = Counting(12, costly=True)
    images = resized_of(source, tmp_path)
    assert images.left("train", (4, 6)) == (6,)
    list(images.making("train", (4, 6)))
    assert source.passes == 0
    assert images.get("train", 6).shape == (12, 1, 6, 6)
    assert list(tmp_path.glob("*.piece")) == []


def test_nothing_is_left_of_what_takes_no_time(tmp_path: Path) -> None:
    images = resized_of(Counting(5), tmp_path)
    assert images.left("train", (4, 6)) == ()
    assert images.kept_bytes("train", (4, 6)) == 0
    assert resized_of(Counting(5, costly=True), tmp_path).kept_bytes("train", (4, 6)) == 5 * (16 + 36)


@pytest.mark.parametrize("costly", [True, False])
def test_a_sample_makes_few_images_and_keeps_none(tmp_path: Path, costly: bool) -> None:
    source = Counting(10, costly=costly)
    images = resized_of(source, tmp_path)
    found = images.sample("train", (4, 9), 3)
    assert source.passes == 1
    assert found[9].tolist() == source.images[[0, 3, 6]].transpose(0, 3, 1, 2).tolist()
    assert found[4].shape == (3, 1, 4, 4)
    assert list(tmp_path.iterdir()) == []
    assert (images._made, len(images.sample("train", (4,), 99)[4])) == ({}, 10)


def test_a_sample_of_what_is_made_makes_nothing(tmp_path: Path) -> None:
    list(resized_of(Counting(10, costly=True), tmp_path).making("train", (4, 9)))
    source = Counting(10, costly=True)
    found = resized_of(source, tmp_path).sample("train", (4, 9), 3)
    assert source.passes == 0
    assert (found[4].shape, found[9].shape) == ((10, 1, 4, 4), (10, 1, 9, 9))


def test_two_processes_make_what_is_missing_once(tmp_path: Path) -> None:
    sources = [Counting(200, costly=True) for _ in range(2)]
    images = [resized_of(source, tmp_path) for source in sources]
    threads = [threading.Thread(target=one.get, args=("train", 9)) for one in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert images[0].get("train", 9).tolist() == images[1].get("train", 9).tolist()
    # 200 images are four pieces.
    assert sum(source.passes for source in sources) == 4
