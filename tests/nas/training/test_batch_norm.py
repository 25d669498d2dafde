import numpy as np
import torch

from nas.data.dataset import Dataset
from nas.training.augment import augment
from nas.training.batch_norm import calibration_images, recalibrate
from nas.training.events import Trained
from nas.training.options import NO_AUGMENTATION, Augmentation
from nas.training.weights import load_supernet
from search_spaces.base import Space
from search_spaces.modules.supernet import Supernet
from tests.search_spaces.modules.moment_recorder import MomentRecorder

ARCHITECTURE = (1, 1, 0)


def test_moments_are_those_of_all_images(space: Space) -> None:
    images = np.random.default_rng(0).integers(0, 256, (600, 1, 16, 16)).astype(np.uint8)
    supernet = Supernet(space, seed=2)
    statistics = recalibrate(supernet, ARCHITECTURE, images, NO_AUGMENTATION, seed=0)
    stem = supernet.block("stem", "conv_norm_act").conv("conv")
    with torch.no_grad():
        pixels = torch.from_numpy(images.astype(np.float64) / 255)
        features = torch.nn.functional.conv2d(pixels, stem.weight.double(), None, 2, 1)
    mean, variance = statistics.of("stem.conv", 8)
    torch.testing.assert_close(mean.double(), features.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(variance.double(), features.var((0, 2, 3), correction=0), rtol=1e-4, atol=1e-6)


def test_moments_agree_with_a_reduction_of_their_own(space: Space) -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 1, 16, 16)).astype(np.uint8)
    supernet = Supernet(space, seed=2)
    recorder = MomentRecorder()
    with torch.inference_mode():
        supernet(augment(images, Augmentation(), np.random.default_rng(7)), ARCHITECTURE, recorder)
    expected = recorder.statistics().moments
    found = recalibrate(supernet, ARCHITECTURE, images, Augmentation(), seed=7).moments
    assert set(found) == set(expected)
    for name, moments in expected.items():
        torch.testing.assert_close(found[name], moments, rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_statistics(space: Space, dataset: Dataset) -> None:
    supernet = Supernet(space)
    images = calibration_images(dataset, 16, 100, seed=1)
    first, again, other = (
        recalibrate(supernet, ARCHITECTURE, images, Augmentation(), seed).moments["stem.conv"][0]
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_calibration_images_are_distinct_training_images(dataset: Dataset) -> None:
    train = {image.tobytes() for image in dataset.images("train", 16)}
    images = calibration_images(dataset, 16, 50, seed=1)
    chosen = {image.tobytes() for image in images}
    assert len(chosen) == 50
    assert chosen <= train
    assert len(calibration_images(dataset, 16, 10_000, seed=1)) == len(train)
    assert np.array_equal(images, calibration_images(dataset, 16, 90, seed=1)[:50])


def test_disjoint_images_give_nearly_the_same_outputs(
    space: Space, dataset: Dataset, trained: Trained
) -> None:
    supernet = load_supernet(trained.path, space)
    images = calibration_images(dataset, 16, 144, seed=1)
    halves = [
        recalibrate(supernet, ARCHITECTURE, part, NO_AUGMENTATION, 0) for part in (images[::2], images[1::2])
    ]
    test = torch.from_numpy(dataset.images("test", 16) / np.float32(255))
    with torch.inference_mode():
        first, second = (supernet(test, ARCHITECTURE, half).argmax(1) for half in halves)
    assert (first == second).float().mean() > 0.9
