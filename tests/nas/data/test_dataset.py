import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.data import resized
from nas.data.array_source import dataset_from_arrays
from nas.data.contents import UNASSIGNED, Part
from nas.data.dataset import Dataset
from nas.data.decode import resize
from nas.data.resized import ResizedImages
from nas.data.splits import Shares
from search_spaces.base import IntArray
from search_spaces.errors import DataError, ResourceError, UsageError


def make(
    num_images: int = 200, num_classes: int = 4, cache_dir: Path | None = None, **changes: Any
) -> Dataset:
    images = np.random.default_rng(1).integers(0, 256, (num_images, 12, 9, 3), dtype=np.uint8)
    labels = np.arange(num_images, dtype=np.int64) % num_classes
    arguments: dict[str, Any] = {
        "name": "arrays",
        "class_names": tuple(f"class{i}" for i in range(num_classes)),
        "images": images,
        "labels": labels,
        "given": np.full(num_images, UNASSIGNED, dtype=np.int64),
        "shares": Shares(0.25, 0.25),
        "seed": 0,
        "cache_dir": cache_dir,
    }
    return dataset_from_arrays(**(arguments | changes))


class Counting:
    """A source that counts its passes."""

    def __init__(self, num_images: int) -> None:
        self.images = np.random.default_rng(2).integers(0, 256, (num_images, 9, 9, 1), dtype=np.uint8)
        self.passes = 0

    def originals(self, part: Part) -> Iterator[NDArray[np.uint8]]:
        self.passes += 1
        yield from self.images

    def fingerprint(self) -> str:
        return hashlib.sha256(self.images.tobytes()).hexdigest()


def resized_of(source: Counting, cache_dir: Path | None = None) -> ResizedImages:
    counts: dict[Part, int] = {"train": len(source.images), "validation": 0, "test": 0}
    return ResizedImages(source, counts, 1, "d" * 64, cache_dir)


def test_images_are_the_originals_under_the_resize_rule_in_the_order_of_the_labels() -> None:
    images = np.random.default_rng(1).integers(0, 256, (200, 12, 9, 3), dtype=np.uint8)
    images[:, :, :, 0] = np.arange(200)[:, None, None]
    labels = np.arange(200, dtype=np.int64) % 4
    dataset = make(images=images)
    for part in ("train", "validation", "test"):
        batch = dataset.images(part, 6)
        original = batch[:, 0, 0, 0].astype(int)  # constant over the image, so resizing keeps it
        assert dataset.labels(part).tolist() == labels[original].tolist()
        assert batch[3].tolist() == resize(images[original[3]], 6).transpose(2, 0, 1).tolist()


def test_parts_are_disjoint_and_complete() -> None:
    dataset = make()
    assert [len(dataset.labels(part)) for part in ("train", "validation", "test")] == [100, 50, 50]
    assert dataset.images("train", 8).shape == (100, 3, 8, 8)
    assert dataset.images("train", 8).dtype == np.uint8


def test_what_is_handed_out_cannot_be_changed() -> None:
    dataset = make()
    with pytest.raises(ValueError, match="read-only"):
        dataset.images("train", 8)[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        dataset.labels("train")[0] = 0


def test_splits_say_where_their_images_are() -> None:
    dataset = make()
    assert dataset.split("train")[0] == "train"
    assert dataset.split("test")[1].tolist() == list(range(50))
    assert dataset.split("confirm", fold=1)[1].tolist() == dataset.folds[0].select.tolist()
    assert dataset.split("select")[0] == "validation"
    with pytest.raises(UsageError) as caught:
        dataset.split("select", fold=2)
    assert caught.value.code == "unknown_fold"


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
        def originals(self, part: Part) -> Iterator[NDArray[np.uint8]]:
            yield self.images[0]
            raise DataError("data_changed", "the file is another one now")

    monkeypatch.setattr(resized, "IN_MEMORY_BYTES", 100)
    with pytest.raises(DataError):
        resized_of(Failing(5), tmp_path).get("train", 6)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_in_one_line_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(resized, "IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="MiB on disk") as caught:
        resized_of(Counting(5), tmp_path).get("train", 6)
    assert caught.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_resolution_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 pixel"):
        make().images("train", 0)


def test_the_digest_follows_pixels_labels_names_and_splits() -> None:
    base = make().digest
    assert base == make().digest
    assert len(base) == 64
    changed = np.random.default_rng(1).integers(0, 256, (200, 12, 9, 3), dtype=np.uint8)
    changed[0, 0, 0, 0] ^= 1
    labels = np.arange(200, dtype=np.int64) % 4
    labels[:2] = labels[1::-1]
    others = [
        make(images=changed).digest,
        make(labels=labels).digest,
        make(seed=1).digest,
        make(class_names=("a", "b", "c", "d")).digest,
    ]
    assert len({base, *others}) == 5


def labelled(given: list[int], labels: list[int]) -> dict[str, IntArray]:
    return {"given": np.array(given, dtype=np.int64), "labels": np.array(labels, dtype=np.int64)}


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("too_few_images", labelled([0, 1, 1, 2], [0, 0, 0, 0])),
        ("empty_class", labelled([0, 0, 1, 1, 2], [0, 0, 0, 0, 0])),
        ("class_not_in_train", labelled([0, 0, 1, 1, 2], [0, 0, 1, 0, 0])),
        ("too_few_classes", {"class_names": ("only",), **labelled([0, 0, 1, 1, 2], [0, 0, 0, 0, 0])}),
    ],
)
def test_inconsistent_classes_are_refused(code: str, changes: dict[str, Any]) -> None:
    images = np.zeros((len(changes["labels"]), 4, 4, 3), dtype=np.uint8)
    with pytest.raises(DataError) as caught:
        make(images=images, **({"class_names": ("a", "b")} | changes))
    assert caught.value.code == code
