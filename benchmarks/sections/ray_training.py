"""What a second training worker costs: processor time of a training on Ray, by two workers and by one.

Several workers are for networks that take long. With the smallest ones a step of a shared batch is mostly
what every worker has to do however small its share is; that is shown without a target.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.sections.ray_measured import LEAST, MeasuredRay, in_words, inputs_of, measured_ray
from nas.data.spec import ShapesSpec
from nas.task_events import EpochDone, NetworkTrained
from nas.tasks import TrainNetwork, WholeSpace
from nas.training_options import TrainingOptions

ROUNDING: Final = 1e-4
"""Largest relative difference of the first epoch's loss: single precision through sixty layers."""

_ROUNDS: Final = 3


@dataclass(frozen=True)
class _Trained:
    cpu_seconds: float
    losses: tuple[float, ...]


def run(home: Path, quick: bool) -> list[Figure]:
    """Train the same by one worker and by two, in turn."""
    large = _training(home, "imagenet", num_train=128, epochs=1 if quick else 5)
    small = _training(home, "tiny", num_train=1_024, epochs=2 if quick else 6)
    with measured_ray(home, 2) as ray:
        # Resized images are kept for all that follow.
        ray.run(replace(small, options=replace(small.options, epochs=1)))
        of_large = _compared(ray, large, 1 if quick else _ROUNDS)
        of_small = _compared(ray, small, 1)
    ratios = [one.cpu_seconds / two.cpu_seconds for one, two in of_large]
    batch = large.options.batch_size
    name = f"images per CPU-second, 2 training workers against 1, {batch} images a batch"
    return [
        Figure(f"{name}, imagenet preset", statistics.median(ratios), "x", ">=", LEAST, in_words(ratios)),
        Figure(
            f"{name}, tiny preset",
            of_small[0][0].cpu_seconds / of_small[0][1].cpu_seconds,
            "x",
            detail="networks for which one worker is meant",
        ),
        _difference("imagenet preset", of_large),
        _difference("tiny preset", of_small),
    ]


def _difference(preset: str, pairs: Sequence[tuple[_Trained, _Trained]]) -> Figure:
    def relative(epoch: int) -> float:
        return max(abs(two.losses[epoch] / one.losses[epoch] - 1) for one, two in pairs)

    name = f"relative difference of the loss, 2 workers against 1, {preset}"
    return Figure(name, relative(0), "", "<=", ROUNDING, f"first epoch; last epoch {relative(-1):.1g}")


def _training(home: Path, preset: str, num_train: int, epochs: int) -> TrainNetwork:
    images = ShapesSpec(num_train=num_train, num_validation=40, num_test=40)
    options = TrainingOptions(epochs=epochs)
    return TrainNetwork(inputs_of(images, preset, home), WholeSpace(), "uniform", options, 0)


def _compared(ray: MeasuredRay, task: TrainNetwork, rounds: int) -> list[tuple[_Trained, _Trained]]:
    return [(_train(ray, task, 1), _train(ray, task, 2)) for _ in range(rounds)]


def _train(ray: MeasuredRay, task: TrainNetwork, num_workers: int) -> _Trained:
    events = ray.run(replace(task, num_workers=num_workers))
    end = events[-1]
    assert isinstance(end, NetworkTrained)
    return _Trained(end.cpu_seconds, tuple(event.loss for event in events if isinstance(event, EpochDone)))
