import hashlib
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.data.catalogue import open_dataset
from nas.data.shape_templates import MAX_CLASSES, class_names
from nas.data.shapes import ShapesSource, counts
from nas.data.spec import ShapesSpec


def small(**changes: object) -> ShapesSpec:
    return ShapesSpec.model_validate({"num_train": 60, "num_validation": 40, "num_test": 30} | changes)


def drawn(spec: ShapesSpec, *indices: int) -> NDArray[np.uint8]:
    return ShapesSource(spec).draw("train", np.array(indices))


@pytest.mark.parametrize(
    ("spec", "sha256"),
    [
        (ShapesSpec(), "6553b3b1f4745d3cb2d954b631f0924b198c30c79d4d43d26f08e9533d015417"),
        (
            ShapesSpec(size=45, difficulty=1.0, num_classes=40, seed=7),
            "f012eecc9d1d6451d2fd2bca905153704fc5a908aa0ae5c70cd8b56ae0cb5128",
        ),
    ],
)
def test_a_specification_gives_the_same_bytes_everywhere(spec: ShapesSpec, sha256: str) -> None:
    """Pinned: where these change, published benchmarks no longer compare; raise DRAWING_VERSION."""
    assert hashlib.sha256(drawn(spec, *range(40)).tobytes()).hexdigest() == sha256


def test_an_image_does_not_depend_on_what_else_is_drawn() -> None:
    spec = small()
    together = [image for (image,) in ShapesSource(spec).resized("train", (32,))]
    alone = drawn(spec, 59, 3)
    assert (together[59] == alone[0]).all()
    assert (together[3] == alone[1]).all()
    more = drawn(small(num_train=1_000, num_test=5), 3)
    assert (more[0] == alone[1]).all()


def test_parts_seeds_and_images_differ() -> None:
    source = ShapesSource(small())
    index = np.array([4])
    images = [
        source.draw("train", index),
        source.draw("validation", index),
        source.draw("test", index),
        source.draw("train", index + 10),
        ShapesSource(small(seed=1)).draw("train", index),
    ]
    assert len({image.tobytes() for image in images}) == 5


def test_classes_are_balanced_and_named() -> None:
    dataset = open_dataset(ShapesSpec(num_train=200, num_validation=1_000, num_test=100, num_classes=20))
    assert np.bincount(dataset.labels("train")).tolist() == [10] * 20
    assert len(dataset.folds) == 1
    assert len(set(dataset.class_names)) == 20
    assert dataset.class_names[:3] == ("disc", "disc with a hole", "triangle")
    assert len(set(class_names(MAX_CLASSES))) == MAX_CLASSES == 40


def test_the_digest_follows_the_specification() -> None:
    specs = [
        small(),
        small(seed=1),
        small(difficulty=0.2),
        small(size=24),
        small(num_test=31),
        small(num_classes=9),
    ]
    assert len({open_dataset(spec).digest for spec in specs}) == len(specs)
    assert open_dataset(small()).digest == open_dataset(small()).digest


@pytest.mark.alone
def test_large_sets_open_at_once_and_draw_fast() -> None:
    spec = ShapesSpec(num_train=500_000)
    started = time.perf_counter()
    dataset = open_dataset(spec)
    assert len(dataset.labels("train")) == counts(spec)["train"] == 500_000
    assert time.perf_counter() - started < 2.0
    source = ShapesSource(ShapesSpec(num_train=1_000))
    started = time.process_time()
    assert sum(1 for _ in source.resized("train", (32,))) == 1_000
    # 3,000 a second on a free core; a third of that on a busy one still is not a loop over pixels.
    assert time.process_time() - started < 1.0
