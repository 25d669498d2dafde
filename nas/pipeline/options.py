"""What a specification means for training and scoring."""

from nas.pipeline.context import SearchContext
from nas.specs import Precision, SearchSpec
from nas.task_events import NetworkTimed
from nas.tasks import StockNetwork, TimeNetwork
from nas.training.recipes import Recipe, get_recipe
from nas.training_options import Augmentation, TrainingOptions, steps_per_epoch
from search_spaces.base import Architecture


def quantised_precisions(spec: SearchSpec) -> list[Precision]:
    """Return the precisions of a search's targets beside fp32, each once."""
    wanted = {target.context.precision for target in spec.targets}
    return [precision for precision in sorted(wanted) if precision != "fp32"]


def recipe_of(spec: SearchSpec) -> Recipe:
    """Return the recipe that a specification names."""
    return get_recipe(spec.supernet.recipe)


def augmentation_of(spec: SearchSpec) -> Augmentation:
    """Return how training images are varied."""
    return Augmentation(flip=spec.supernet.flip)


def options_of(spec: SearchSpec, epochs: int) -> TrainingOptions:
    """Return the options of the supernet's training, and of stand-alone training beside it."""
    return TrainingOptions(
        epochs=epochs, learning_rate=spec.supernet.learning_rate, augmentation=augmentation_of(spec)
    )


def epochs_within(ctx: SearchContext, network: StockNetwork | Architecture, cpu_seconds: float) -> int:
    """Return how many epochs of one network fit into a number of CPU-seconds; one at least."""
    return max(int(cpu_seconds / epoch_cpu_seconds(ctx, network)), 1)


def epoch_cpu_seconds(ctx: SearchContext, network: StockNetwork | Architecture) -> float:
    """Return the CPU-seconds of one epoch of one network, as timed where it would be trained."""
    options = options_of(ctx.spec, epochs=1)
    task = TimeNetwork(ctx.inputs, network, recipe_of(ctx.spec).name, options, ctx.spec.seed)
    (timed,) = ctx.compute.run(task)
    assert isinstance(timed, NetworkTimed)
    steps = steps_per_epoch(len(ctx.dataset.labels("train")), options.batch_size)
    return timed.step_cpu_s * steps
