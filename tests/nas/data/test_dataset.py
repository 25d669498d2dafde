from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data.array_source import dataset_from_arrays
from nas.data.contents import UNASSIGNED
from nas.data.dataset import Dataset
from nas.data.decode import resize
from nas.data.splits import Shares
from search_spaces.base import IntArray
from search_spaces.errors import DataError, UsageError


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


def test_images_that_are_in_memory_leave_nothing_to_prepare(tmp_path: Path) -> None:
    dataset = make(cache_dir=tmp_path)
    assert (dataset.left((4, 8)), dataset.kept_bytes((4, 8))) == (0, 0)
    assert list(dataset.prepare((4, 8))) == []
    assert [images.shape for images in dataset.sample((4, 8), 3).values()] == [(3, 3, 4, 4), (3, 3, 8, 8)]
    assert list(tmp_path.iterdir()) == []
