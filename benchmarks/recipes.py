"""`python -m benchmarks.recipes`: which recipe trains the better supernet in the same time.

    python -m benchmarks.recipes            all recipes, digits and shapes, 5 seeds (about an hour and a half)
    python -m benchmarks.recipes --quick    short trainings, 2 seeds (about 12 minutes)
    python -m benchmarks.recipes --json     one JSON document
    python -m benchmarks.recipes --check    exit status 1 where the default is worse than another recipe

Every recipe gets the same processor time and its own number of epochs. Compared is the test accuracy of
subnets with inherited weights after recalibration: the same random subnets for all, and both ends of the
space.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

from benchmarks.figures import Figure, show
from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.data.spec import DigitsSpec, ShapesSpec
from nas.evaluation import SubnetEvaluator
from nas.training.events import Trained
from nas.training.options import TrainingOptions, TrainTask
from nas.training.recipes import RECIPES, Recipe, get_recipe, spread_architectures
from nas.training.trainer import train
from nas.training.weights import load_supernet
from nas.training_options import steps_per_epoch
from search_spaces.base import FloatArray, IntArray, Space
from search_spaces.catalogue import get_space
from search_spaces.sampling import as_architecture, largest, random_architectures, smallest

TOLERANCE: Final = 0.5
"""Points by which the default may be behind the best recipe before `--check` fails."""

SHAPES_DIFFICULTY: Final = 0.2
"""So that trainings of minutes tell recipes apart: harder images need hours to rise above chance."""


@dataclass(frozen=True)
class Extent:
    """How much is trained and scored.

    Attributes:
        cpu_seconds: Of each training, by data set.
        seeds: Trainings of each recipe on each data set.
        probe_steps: Steps timed to choose the number of epochs.
        num_subnets: Random subnets scored, half spread by size, half uniform over options.
    """

    cpu_seconds: Mapping[str, float]
    seeds: int
    probe_steps: int
    num_subnets: int


FULL: Final = Extent({"digits": 75.0, "shapes": 240.0}, seeds=5, probe_steps=300, num_subnets=40)
QUICK: Final = Extent({"digits": 25.0, "shapes": 60.0}, seeds=2, probe_steps=90, num_subnets=12)


@dataclass(frozen=True)
class Outcome:
    """One training, in per cent of test images.

    Attributes:
        random: Mean over the random subnets.
        largest: Of the largest subnet.
        smallest: Of the smallest subnet.
        cpu_seconds: Of the training.
    """

    random: float
    largest: float
    smallest: float
    cpu_seconds: float


def open_datasets(*, quick: bool) -> dict[str, Dataset]:
    """Return what is trained on."""
    num_train, num_test = (4_000, 2_000) if quick else (10_000, 4_000)
    shapes = ShapesSpec(
        num_train=num_train, num_validation=1_000, num_test=num_test, difficulty=SHAPES_DIFFICULTY
    )
    return {"digits": open_dataset(DigitsSpec()), "shapes": open_dataset(shapes)}


def compare(name: str, dataset: Dataset, extent: Extent) -> dict[str, list[Outcome]]:
    """Train every recipe for every seed, recipes in turn so that the machine's moods meet all alike."""
    space = get_space(
        "mobilenet_v3",
        preset="tiny",
        num_classes=len(dataset.class_names),
        in_channels=dataset.num_channels,
    )
    # The default is one of the others under another name.
    recipes = {recipe.name: recipe for recipe in RECIPES.values()}
    epochs = {
        recipe.name: _epochs_within(recipe, dataset, space, extent.cpu_seconds[name], extent.probe_steps)
        for recipe in recipes.values()
    }
    subnets = _subnets(space, extent.num_subnets)
    outcomes: dict[str, list[Outcome]] = {recipe: [] for recipe in recipes}
    for seed in range(extent.seeds):
        for recipe in recipes.values():
            outcome = run(recipe, epochs[recipe.name], seed, dataset, space, subnets)
            print(
                f"{name} seed {seed} {recipe.name}: {epochs[recipe.name]} epochs, {outcome}", file=sys.stderr
            )
            outcomes[recipe.name].append(outcome)
    return outcomes


def run(recipe: Recipe, epochs: int, seed: int, dataset: Dataset, space: Space, subnets: IntArray) -> Outcome:
    """Train one supernet and score its subnets."""
    options = TrainingOptions(epochs=epochs)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        *_, last = train(TrainTask(Path(folder), recipe, options, seed), dataset, space)
        cpu_seconds = time.process_time() - started
        assert isinstance(last, Trained)
        supernet = load_supernet(last.path, space)
    evaluator = SubnetEvaluator(supernet, dataset, 0, options.augmentation)

    def accuracy(archs: IntArray) -> float:
        return 100 * float(np.mean([evaluator.correct(as_architecture(row), "test") for row in archs]))

    return Outcome(accuracy(subnets), accuracy(largest(space)), accuracy(smallest(space)), cpu_seconds)


def figures(name: str, outcomes: Mapping[str, list[Outcome]]) -> Iterator[Figure]:
    """Yield each recipe's accuracies, then the default's lead over each other recipe."""
    for recipe, found in outcomes.items():
        seconds = np.mean([outcome.cpu_seconds for outcome in found])
        for what in ("random", "largest", "smallest"):
            values = np.array([getattr(outcome, what) for outcome in found])
            detail = f"{len(found)} seeds, s = {_deviation(values):.2f}; {seconds:.0f} CPU-seconds"
            yield Figure(f"{name}: {recipe}, {what} subnets", float(values.mean()), "%", detail=detail)
    chosen = get_recipe("default").name
    default = np.array([outcome.random for outcome in outcomes[chosen]])
    for recipe in sorted(outcomes.keys() - {chosen}):
        lead = default - np.array([outcome.random for outcome in outcomes[recipe]])
        half = _half_interval(lead)
        detail = f"random subnets, paired by seed, 95 % interval ± {half:.2f}"
        yield Figure(
            f"{name}: {chosen} (default) - {recipe}", float(lead.mean()), "points", ">=", -TOLERANCE, detail
        )


def _epochs_within(recipe: Recipe, dataset: Dataset, space: Space, cpu_seconds: float, steps: int) -> int:
    options = TrainingOptions(epochs=1)
    each = steps_per_epoch(len(dataset.labels("train")), options.batch_size)
    probe = max(-(-steps // each), 1)
    seconds = []
    # The first training makes the resized images and warms torch up: it does not count.
    for epochs in (1, probe):
        with tempfile.TemporaryDirectory() as folder:
            task = TrainTask(Path(folder), recipe, TrainingOptions(epochs=epochs), seed=0)
            started = time.process_time()
            for _ in train(task, dataset, space):
                pass
            seconds.append(time.process_time() - started)
    return max(round(cpu_seconds * probe / seconds[-1]), 1)


def _subnets(space: Space, n: int) -> IntArray:
    rng = np.random.default_rng(0)
    return np.concatenate([draw(space, n // 2, rng) for draw in (spread_architectures, random_architectures)])


def _deviation(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _half_interval(values: FloatArray) -> float:
    quantile = stats.t.ppf(0.975, len(values) - 1) if len(values) > 1 else float("nan")
    return float(quantile) * _deviation(values) / float(np.sqrt(len(values)))


def main() -> int:
    """Run and print; return the exit status."""
    parser = argparse.ArgumentParser(description="Compare recipes at equal processor time.")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--check", action="store_true", help="exit status 1 where the default is worse")
    arguments = parser.parse_args()
    extent = QUICK if arguments.quick else FULL
    found = [
        figure
        for name, dataset in open_datasets(quick=arguments.quick).items()
        for figure in figures(name, compare(name, dataset, extent))
    ]
    show(found, as_json=arguments.json)
    return int(arguments.check and not all(figure.reached for figure in found))


if __name__ == "__main__":
    sys.exit(main())
