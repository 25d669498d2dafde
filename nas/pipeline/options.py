"""What a specification means for training."""

from nas.data.dataset import Dataset
from nas.specs import SearchSpec
from nas.training.options import Augmentation, TrainingOptions
from nas.training.recipes import Recipe, get_recipe
from nas.training.throughput import Trial, step_cpu_seconds
from nas.training.trainer import steps_per_epoch
from search_spaces.base import SearchSpace


def recipe_of(spec: SearchSpec) -> Recipe:
    """Return the recipe that a specification names."""
    return get_recipe(spec.supernet.recipe)


def augmentation_of(spec: SearchSpec) -> Augmentation:
    """Return how training images are varied."""
    return Augmentation(flip=spec.supernet.flip)


def options_of(spec: SearchSpec, epochs: int) -> TrainingOptions:
    """Return the options of the supernet's training, and of stand-alone training beside it."""
    return TrainingOptions(epochs=epochs, augmentation=augmentation_of(spec))


def trial_of(spec: SearchSpec, dataset: Dataset, space: SearchSpace) -> Trial:
    """Return what is timed to tell how long training takes."""
    return Trial(space, dataset, recipe_of(spec), options_of(spec, epochs=1), spec.seed)


def epochs_within(spec: SearchSpec, dataset: Dataset, space: SearchSpace, cpu_seconds: float) -> int:
    """Return how many epochs of one network fit into a number of CPU-seconds; one at least."""
    trial = trial_of(spec, dataset, space)
    steps = steps_per_epoch(len(dataset.labels("train")), trial.options.batch_size)
    return max(int(cpu_seconds / (step_cpu_seconds(trial) * steps)), 1)
