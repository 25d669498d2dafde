"""What a second scorer costs: processor time of scoring 200 subnets on Ray, by two scorers and by one."""

import statistics
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from benchmarks.sections.ray_measured import LEAST, MeasuredRay, in_words, inputs_of, measured_ray
from nas.data.catalogue import open_dataset
from nas.data.spec import ShapesSpec
from nas.task_events import NetworkTrained, TensorFiles
from nas.tasks import Inputs, ScoreSubnets, TrainNetwork, WholeSpace
from nas.training_options import Augmentation, TrainingOptions
from nas.workplace import space_for
from search_spaces.base import Architecture
from search_spaces.sampling import as_architecture, random_architectures

NUM_SUBNETS: Final = 200
_ROUNDS: Final = 4


def run(home: Path, quick: bool) -> list[Figure]:
    """Score the same subnets with one scorer and with two, in turn, a part at a time."""
    images = ShapesSpec(num_train=1_000, num_validation=200 if quick else 1_000, num_test=40)
    inputs = inputs_of(images, "tiny", home)
    rng = np.random.default_rng(0)
    archs = random_architectures(
        space_for(inputs.space, open_dataset(images)), 24 if quick else NUM_SUBNETS, rng
    )
    parts = [tuple(as_architecture(row) for row in part) for part in np.array_split(archs, _ROUNDS)]
    with measured_ray(home, 1) as one, measured_ray(home, 2) as two:
        weights = _weights(one, inputs)
        for ray in (one, two):
            # Scorers start, load the supernet and resize the images once: they stay.
            ray.run(_task(inputs, weights, parts[0]))
        ratios = [
            one.cpu_seconds(_task(inputs, weights, part)) / two.cpu_seconds(_task(inputs, weights, part))
            for part in parts
        ]
    name = f"images per CPU-second, {len(archs)} subnets on 2 scorers against 1"
    return [Figure(name, statistics.median(ratios), "x", ">=", LEAST, in_words(ratios))]


def _weights(ray: MeasuredRay, inputs: Inputs) -> TensorFiles:
    *_, end = ray.run(TrainNetwork(inputs, WholeSpace(), "uniform", TrainingOptions(epochs=1), 0))
    assert isinstance(end, NetworkTrained)
    return end.weights


def _task(inputs: Inputs, weights: TensorFiles, architectures: tuple[Architecture, ...]) -> ScoreSubnets:
    return ScoreSubnets(inputs, weights, architectures, "validation", 0, Augmentation())
