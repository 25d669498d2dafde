import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from nas.data import file_source
from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.data.decode import decode
from nas.data.spec import ImageFolderSpec
from nas.training import throughput
from nas.training.recipes import Recipe, Sandwich, Step, Uniform
from nas.training.throughput import Throughput, Trial, measure_throughput, step_cpu_seconds
from nas.training.trainer import train
from search_spaces.base import Architecture, SearchSpace, Space
from search_spaces.catalogue import get_space
from search_spaces.network import fixed_space, layers
from search_spaces.sampling import as_architecture, largest, smallest
from search_spaces.slot_tables import resolutions
from tests.nas.training.small_run import EPOCHS, small_task

OPTIONS = small_task(Path()).options
SANDWICH = Sandwich()
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


def test_a_network_with_thirty_times_the_work_takes_longer(dataset: Dataset) -> None:
    tiny = get_space("mobilenet_v3", preset="tiny", num_classes=3, in_channels=1)
    small, large = (
        step_cpu_seconds(trial(fixed_space(tiny, as_architecture(end(tiny)[0])), dataset))
        for end in (smallest, largest)
    )
    assert large > 3 * small


class Simulated:
    """A machine that needs 20 ms for a subnet, and for 10^9 MACs 300 ms in training and 90 ms in scoring.

    Attributes:
        now: Seconds since it was made.
        batches: Images of each step and each inference.
        space: Of the networks it runs.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.now = 0.0
        self.batches: list[int] = []
        self.space = space

    def perf_counter(self) -> float:
        return self.now

    process_time = perf_counter

    def work(self, subnets: tuple[Architecture, ...], images: int, gmac_s: float) -> None:
        self.batches.append(images)
        macs = sum(spec.macs for one in subnets for spec in layers(self.space, one))
        self.now += 0.02 * len(subnets) + gmac_s * macs * images / 1e9

    def train(
        self, supernet: object, images: torch.Tensor, labels: object, step: Step, smoothing: float
    ) -> list[Any]:
        self.work(step.subnets, len(images), 0.3)
        return []

    def score(self, supernet: object, one: Architecture, images: torch.Tensor, *rest: object) -> None:
        self.work((one,), len(images), 0.09)


def simulated(
    preset: str, dataset: Dataset, ceiling_s: float | None = None, recipe: Recipe = SANDWICH
) -> tuple[Simulated, Throughput]:
    """What is found on that machine, within other seconds than usual if they are given."""
    space = get_space("mobilenet_v3", preset=preset, num_classes=3, in_channels=1)
    machine = Simulated(space)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throughput, "time", machine)
        patch.setattr(throughput, "step_losses", machine.train)
        patch.setattr(throughput, "recalibrate", machine.score)
        patch.setattr(throughput, "_DRAWN", 100)  # enough where nothing is noisy
        for name in ("_STEPS_S", "_INFERENCES_S", "_LONGEST_S") if ceiling_s else ():
            patch.setattr(throughput, name, ceiling_s)
        return machine, measure_throughput(Trial(space, dataset, recipe, OPTIONS, seed=0))


def test_where_steps_are_long_timing_ends_in_time_and_finds_nearly_the_same(dataset: Dataset) -> None:
    patient, whole = simulated("imagenet", dataset, ceiling_s=1e9)
    machine, estimate = simulated("imagenet", dataset)
    assert patient.now > 200
    assert machine.now < 20
    assert estimate.step_s == pytest.approx(whole.step_s, rel=0.25)
    assert estimate.image_s == pytest.approx(whole.image_s, rel=0.25)


def test_where_steps_are_short_whole_batches_are_timed_thrice(dataset: Dataset) -> None:
    machine, _ = simulated("tiny", dataset)
    # Twelve steps and two before them; eight subnets.
    assert machine.batches.count(OPTIONS.batch_size) >= 3 * 12 + 2
    assert machine.batches.count(256) == 3 * 8


@pytest.mark.parametrize("recipe", [Uniform(), Sandwich()], ids=lambda recipe: recipe.name)
def test_a_step_takes_what_the_subnets_of_its_recipe_take(recipe: Recipe, dataset: Dataset) -> None:
    machine, estimate = simulated("tiny", dataset, recipe=recipe)
    started, steps = machine.now, 300
    for number in range(steps):
        step = recipe.step(machine.space, number, steps, np.random.default_rng([7, number]))
        machine.train(None, torch.empty(OPTIONS.batch_size), None, step, 0.0)
    assert estimate.step_s == pytest.approx((machine.now - started) / steps, rel=0.03)


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
