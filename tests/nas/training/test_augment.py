import numpy as np
import pytest
import torch

from nas.training.augment import augment
from nas.training.images import as_floats, channels_last
from nas.training.options import NO_AUGMENTATION, Augmentation

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 10, 10)).astype(np.uint8)


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """An independent shift: pad with the edge, then cut out."""
    padded = np.pad(image, ((0, 0), (3, 3), (3, 3)), mode="edge")
    return padded[:, 3 + down : 13 + down, 3 + right : 13 + right]


def test_without_augmentation_images_are_only_converted() -> None:
    images = augment(IMAGES, NO_AUGMENTATION, np.random.default_rng(1))
    assert torch.equal(images, as_floats(channels_last(IMAGES)))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_every_image_is_shifted_by_its_own_draw() -> None:
    only_shift = Augmentation(shift_share=0.3, brightness=0.0, contrast=0.0)
    images = augment(IMAGES, only_shift, np.random.default_rng(1))
    pixels = (images * 255).round().to(torch.uint8).numpy()
    steps = range(-3, 4)
    found = {
        next((y, x) for y in steps for x in steps if np.array_equal(result, moved(image, y, x)))
        for image, result in zip(IMAGES, pixels, strict=True)
    }
    assert len(found) > 20


def test_about_half_of_the_images_are_mirrored() -> None:
    flip = Augmentation(shift_share=0.0, flip=True, brightness=0.0, contrast=0.0)
    images = augment(IMAGES, flip, np.random.default_rng(1))
    plain = as_floats(channels_last(IMAGES))
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(images, plain, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(images, plain, strict=True)]
    assert sum(mirrored) + sum(kept) == len(IMAGES)
    assert 10 <= sum(mirrored) <= 30


def test_digits_are_not_mirrored_by_default() -> None:
    assert not Augmentation().flip


def test_brightness_and_contrast_stay_within_their_limits() -> None:
    grey = np.full((200, 1, 2, 2), 128, dtype=np.uint8)
    only_tone = Augmentation(shift_share=0.0, brightness=0.1, contrast=0.0)
    values = augment(grey, only_tone, np.random.default_rng(1))[:, 0, 0, 0]
    assert values.min() == pytest.approx(128 / 255 - 0.1, abs=0.01)
    assert values.max() == pytest.approx(128 / 255 + 0.1, abs=0.01)
    images = augment(IMAGES, Augmentation(contrast=0.9), np.random.default_rng(1))
    assert images.min() >= 0.0
    assert images.max() <= 1.0


def test_the_same_seed_gives_the_same_images() -> None:
    first, second = (augment(IMAGES, Augmentation(), np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(first, second)


def test_what_is_drawn_afterwards_does_not_depend_on_the_augmentation() -> None:
    after = []
    for augmentation in (NO_AUGMENTATION, Augmentation(flip=True)):
        rng = np.random.default_rng(4)
        augment(IMAGES, augmentation, rng)
        after.append(rng.random())
    assert after[0] == after[1]
