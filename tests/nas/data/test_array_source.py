import numpy as np

from nas.data.array_source import ArraySource, dataset_from_arrays
from nas.data.contents import PARTS, UNASSIGNED, Part
from nas.data.report import Notice
from nas.data.splits import Shares
from search_spaces.base import IntArray

IMAGES = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3, 1)


def indices(*parts: list[int]) -> dict[Part, IntArray]:
    return {part: np.array(found, dtype=np.int64) for part, found in zip(PARTS, parts, strict=True)}


def test_images_come_in_the_order_of_the_indices() -> None:
    source = ArraySource(IMAGES, indices([4, 0], [1], [2, 3, 5]))
    assert [image[0, 0, 0] for image, _ in source.resized("train", (2, 4))] == [24, 0]
    assert [[i.shape for i in images] for images in source.resized("validation", (2, 4))] == [
        [(2, 2, 1), (4, 4, 1)]
    ]


def test_the_fingerprint_follows_pixels_shape_and_parts() -> None:
    parts = indices([0, 1], [2, 3], [4, 5])
    changed = IMAGES.copy()
    changed[5, 1, 2, 0] += 1
    prints = [
        ArraySource(IMAGES, parts).fingerprint(),
        ArraySource(changed, parts).fingerprint(),
        ArraySource(IMAGES.reshape(6, 3, 2, 1), parts).fingerprint(),
        ArraySource(IMAGES, indices([1, 0], [2, 3], [4, 5])).fingerprint(),
    ]
    assert len(set(prints)) == 4
    assert ArraySource(IMAGES.copy(), parts).fingerprint() == prints[0]


def test_a_loaders_notices_stand_in_the_report() -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4, 1), dtype=np.uint8)
    dataset = dataset_from_arrays(
        name="cifar10",
        class_names=("a", "b"),
        images=images,
        labels=np.arange(60, dtype=np.int64) % 2,
        given=np.full(60, UNASSIGNED, dtype=np.int64),
        shares=Shares(0.2, 0.2),
        seed=0,
        notices=(Notice("unexpected_count", "fewer than published"),),
    )
    assert [notice.code for notice in dataset.report.warnings] == ["unexpected_count"]
