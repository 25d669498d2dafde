"""What is painted, seen through `shapes`: the painter has no other user."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nas.data.catalogue import open_dataset
from nas.data.shape_templates import class_names
from nas.data.shapes import ShapesSource, labels_of
from nas.data.spec import ShapesSpec


def small(**changes: object) -> ShapesSpec:
    return ShapesSpec.model_validate({"num_train": 60, "num_validation": 40, "num_test": 30} | changes)


def drawn(spec: ShapesSpec, *indices: int) -> NDArray[np.uint8]:
    return ShapesSource(spec).draw("train", np.array(indices))


@pytest.mark.parametrize("size", [8, 17, 32, 96])
def test_any_size_is_drawn_in_the_same_way(size: int) -> None:
    image = drawn(small(size=size, difficulty=0.0), 4)[0]
    assert image.shape == (size, size, 3)
    # Image 4 shows a square in the middle: the centre has its colour, the corners the ground's.
    centre, corner = image[size // 2, size // 2].astype(int), image[0, 0].astype(int)
    assert class_names(10)[labels_of(small(), np.array([4]))[0]] == "square"
    assert np.abs(centre - corner).max() > 40
    assert np.abs(image[0, -1].astype(int) - corner).max() < 25


def test_easy_shapes_have_the_area_of_their_outline() -> None:
    """At difficulty 0 a disc of radius 0.78 covers pi 0.78^2 s^2 / 4 of the image, with s in 0.80..0.90."""
    disc = class_names(10).index("disc")
    for image in drawn(small(difficulty=0.0), disc, disc + 10, disc + 20).astype(int):
        ground, shape = image[0, 0], image[16, 16]
        colour = np.abs(shape - ground).argmax()
        covered = np.abs(image[:, :, colour] - shape[colour]) < np.abs(image[:, :, colour] - ground[colour])
        assert np.pi * 0.78**2 / 4 * 0.80**2 - 0.02 < covered.mean() < np.pi * 0.78**2 / 4 * 0.90**2 + 0.02


def test_difficulty_lowers_what_a_simple_rule_can_tell() -> None:
    """Nearest class mean of pixels: good where shapes are aligned, lost where they are not."""
    accuracies = []
    for difficulty in (0.0, 0.15, 0.5):
        spec = small(num_train=600, num_validation=20, num_test=300, difficulty=difficulty)
        dataset = open_dataset(spec)
        features = [_against_ground(dataset.images(part, 16)) for part in ("train", "test")]
        train, test = dataset.labels("train"), dataset.labels("test")
        means = np.stack([features[0][train == label].mean(axis=0) for label in range(10)])
        distances = ((features[1][:, None] - means[None]) ** 2).sum(axis=(2, 3))
        accuracies.append(float((distances.argmin(axis=1) == test).mean()))
    assert accuracies[0] > 0.9
    assert accuracies[0] > accuracies[1] + 0.1 > accuracies[2] + 0.2


def _against_ground(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How far each pixel is from the corner's colour, between 0 and 1; (n, 3, h, w) to (n, h, w)."""
    values = images.astype(np.float64)
    distance = np.abs(values - values[:, :, :1, :1]).sum(axis=1)
    return np.asarray(distance / distance.max(axis=(1, 2), keepdims=True))
