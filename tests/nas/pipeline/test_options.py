"""What a specification means for training."""

from dataclasses import replace

import pytest

from nas.pipeline.options import augmentation_of, epochs_within, options_of, recipe_of
from nas.ports import Run
from nas.task_events import NetworkTimed
from nas.tasks import StockNetwork, Task, TimeNetwork
from nas.training.recipes import get_recipe
from nas.training_options import TrainingOptions
from search_spaces.sampling import as_architecture, largest
from tests.nas.pipeline.small_search import Home, small_spec


@pytest.mark.parametrize("name", ["default", "sandwich", "uniform"])
def test_the_recipe_is_the_one_named(name: str) -> None:
    assert recipe_of(small_spec(supernet={"recipe": name})) == get_recipe(name)


@pytest.mark.parametrize("flip", [True, False])
def test_images_are_mirrored_only_where_that_was_asked_for(flip: bool) -> None:
    spec = small_spec(supernet={"flip": flip})
    assert augmentation_of(spec).flip is flip
    assert options_of(spec, 7).augmentation.flip is flip
    assert options_of(spec, 7).epochs == 7


def test_the_learning_rate_is_the_one_that_is_named_or_the_usual_one() -> None:
    assert options_of(small_spec(supernet={"learning_rate": 0.03}), 7).learning_rate == 0.03
    assert options_of(small_spec(supernet={}), 7) == TrainingOptions(epochs=7)


class Timed:
    """Says that a step of anything takes so long, and remembers what it was asked."""

    at_once = 1

    def __init__(self, step_cpu_s: float) -> None:
        self.asked: list[Task] = []
        self._step_cpu_s = step_cpu_s

    def run(self, task: Task) -> Run:
        self.asked.append(task)
        return (event for event in (NetworkTimed(self._step_cpu_s),))


@pytest.mark.parametrize(
    ("cpu_seconds", "epochs"),
    [(0.0, 1), (0.5, 1), (3.9, 3), (4.0, 4)],
)
def test_epochs_fill_the_time_that_is_given(cpu_seconds: float, epochs: int, home: Home) -> None:
    """120 images in two batches of 60: at half a second a step, an epoch takes one second."""
    ctx = replace(home.unsubmitted(), compute=Timed(0.5))
    assert epochs_within(ctx, StockNetwork("resnet"), cpu_seconds) == epochs


def test_what_is_timed_is_what_will_be_trained(home: Home) -> None:
    timed = Timed(0.5)
    ctx = replace(home.unsubmitted(seed=5, supernet={"recipe": "sandwich", "flip": True}), compute=timed)
    architecture = as_architecture(largest(ctx.space)[0])
    epochs_within(ctx, architecture, 1.0)
    options = options_of(ctx.spec, epochs=1)
    assert timed.asked == [TimeNetwork(ctx.inputs, architecture, "sandwich", options, 5)]
