from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nas.data.dataset import Dataset
from nas.evaluation import SubnetEvaluator, classify, score_network
from nas.training.options import Augmentation
from search_spaces.modules.supernet import Supernet
from tests.nas.training.small_run import patterns, small_space


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return patterns()


@pytest.fixture
def evaluator(dataset: Dataset) -> SubnetEvaluator:
    return SubnetEvaluator(Supernet(small_space(), seed=1), dataset, 0, Augmentation(), 60)


def first_pixel(images: NDArray[np.uint8]) -> NDArray[Any]:
    """A network that says class 1 where the first pixel is bright."""
    bright = images[:, 0, 0, 0] > 127
    return np.stack([~bright, bright], axis=1).astype(np.float32)


def test_a_network_is_scored_image_by_image_whatever_the_batch() -> None:
    images = np.zeros((5, 1, 2, 2), dtype=np.uint8)
    images[[1, 3], 0, 0, 0] = 200
    labels = np.array([0, 1, 1, 0, 0])
    for batch in (1, 2, 5, 100):
        found = score_network(first_pixel, images, labels, batch)
        assert found.tolist() == [True, True, False, False, True]


def test_a_network_says_the_class_of_its_highest_logit() -> None:
    images = np.zeros((3, 1, 2, 2), dtype=np.uint8)
    images[1, 0, 0, 0] = 200
    assert classify(first_pixel, images, batch=2).tolist() == [0, 1, 0]


def test_no_images_give_no_answers() -> None:
    assert score_network(first_pixel, np.zeros((0, 1, 2, 2), np.uint8), np.zeros(0, np.int64)).shape == (0,)


@pytest.mark.parametrize("architecture", [(0, 0, 0), (1, 1, 1)])
def test_a_subnet_is_scored_as_its_extracted_network(
    architecture: tuple[int, ...], evaluator: SubnetEvaluator, dataset: Dataset
) -> None:
    statistics = evaluator.statistics(architecture)
    network = evaluator.supernet.extract(architecture, statistics)

    def run(images: NDArray[np.uint8]) -> NDArray[Any]:
        with torch.inference_mode():
            return network(torch.from_numpy(images / np.float32(255))).numpy()  # type: ignore[no-any-return]

    side = 8 * (1 + architecture[0])
    expected = score_network(run, dataset.images("test", side), dataset.labels("test"))
    found = evaluator.correct(architecture, "test")
    assert found.shape == dataset.labels("test").shape
    assert np.array_equal(found, expected)


def test_scores_do_not_depend_on_what_was_scored_before(evaluator: SubnetEvaluator) -> None:
    first = evaluator.correct((1, 0, 1), "validation")
    evaluator.correct((1, 1, 1), "test")
    assert np.array_equal(first, evaluator.correct((1, 0, 1), "validation"))


def test_statistics_at_hand_are_used(evaluator: SubnetEvaluator) -> None:
    statistics = evaluator.statistics((1, 0, 1))
    assert np.array_equal(
        evaluator.correct((1, 0, 1), "test", statistics), evaluator.correct((1, 0, 1), "test")
    )
