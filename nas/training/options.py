"""What a training run is asked to do, as frozen values."""

from dataclasses import dataclass
from pathlib import Path

from nas.training.recipes import Recipe
from nas.training_options import NO_AUGMENTATION, Augmentation, TrainingOptions

__all__ = ["NO_AUGMENTATION", "Augmentation", "TrainTask", "TrainingOptions"]


@dataclass(frozen=True, slots=True)
class TrainTask:
    """One training run.

    Attributes:
        folder: Of checkpoints and of the finished weights; a run that finds its own there goes on from them.
        recipe: Which subnets a step trains. A space without choices has one network, trained by any recipe.
        options: How long and how fast.
        seed: Of initial weights, order of images, augmentation and subnets.
    """

    folder: Path
    recipe: Recipe
    options: TrainingOptions
    seed: int = 0
