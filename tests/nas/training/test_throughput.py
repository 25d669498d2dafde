import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nas.data import file_source
from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.data.decode import decode
from nas.data.spec import ImageFolderSpec
from nas.training.recipes import Sandwich, Uniform
from nas.training.throughput import Trial, measure_throughput, step_cpu_seconds
from nas.training.trainer import train
from search_spaces.base import SearchSpace, Space
from search_spaces.catalogue import get_space
from search_spaces.network import fixed_space
from search_spaces.sampling import as_architecture, largest, smallest
from search_spaces.slot_tables import resolutions
from tests.nas.training.small_run import EPOCHS, small_task

OPTIONS = small_task(Path()).options
STEPS = 9 * EPOCHS

# Machines that run tests are busy: what is asserted holds by a wide margin.


def trial(space: SearchSpace, dataset: Dataset) -> Trial:
    return Trial(space, dataset, Uniform(), OPTIONS, seed=0)


def test_an_estimate_is_of_the_order_of_the_training_itself(
    dataset: Dataset, space: Space, tmp_path: Path
) -> None:
    task = small_task(tmp_path)
    estimate = measure_throughput(Trial(space, dataset, task.recipe, task.options, task.seed))
    started = time.perf_counter()
    list(train(task, dataset, space))
    per_step = (time.perf_counter() - started) / STEPS
    assert per_step / 5 < estimate.step_s < per_step * 5


def test_inference_of_an_image_takes_less_than_a_training_step(dataset: Dataset, space: Space) -> None:
    estimate = measure_throughput(trial(space, dataset))
    assert 0 < estimate.image_s < estimate.step_s


@pytest.mark.alone
def test_a_recipe_with_more_subnets_a_step_takes_longer(dataset: Dataset, space: Space) -> None:
    one = measure_throughput(trial(space, dataset))
    four = measure_throughput(Trial(space, dataset, Sandwich(), OPTIONS, seed=0))
    assert four.step_s > 1.5 * one.step_s


def test_a_network_with_thirty_times_the_work_takes_longer(dataset: Dataset) -> None:
    tiny = get_space("mobilenet_v3", preset="tiny", num_classes=3, in_channels=1)
    small, large = (
        step_cpu_seconds(trial(fixed_space(tiny, as_architecture(end(tiny)[0])), dataset))
        for end in (smallest, largest)
    )
    assert large > 3 * small


def test_images_that_are_not_decoded_are_timed_on_a_few(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []

    def counted(file: bytes, num_channels: int | None = None) -> NDArray[np.uint8]:
        decoded.append(file)
        return decode(file, num_channels)

    for number in range(150):
        path = tmp_path / "photos" / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    photos = open_dataset(ImageFolderSpec(path=tmp_path / "photos"), tmp_path / "kept")
    monkeypatch.setattr(file_source, "decode", counted)
    estimate = measure_throughput(trial(space, photos))
    assert estimate.decoding_s > 0
    assert len(decoded) == 32
    assert photos.left(resolutions(space)) == 150
    list(photos.prepare(resolutions(space)))
    decoded.clear()
    assert measure_throughput(trial(space, photos)).decoding_s == 0
    assert decoded == []


def test_images_in_memory_are_decoded_already(dataset: Dataset, space: Space) -> None:
    assert measure_throughput(trial(space, dataset)).decoding_s == 0
