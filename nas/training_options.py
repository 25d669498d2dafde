"""How long, how fast and on which variations of images a network is trained: plain values, without torch."""

from dataclasses import dataclass, field
from typing import Final

from search_spaces.errors import UsageError

NUM_CALIBRATION_IMAGES: Final = 8_000
"""Of the batch-norm statistics of a network that is exported. Accuracies from two sets of so many differ by
0.06 points in the middle."""

NUM_TRIAL_IMAGES: Final = 2_000
"""Likewise of one of the many subnets that are only scored, where 0.1 points do not matter and time does."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far images are varied.

    Attributes:
        shift_share: Largest shift in each direction as a share of the side; edge pixels are repeated.
        flip: Whether half of the images are mirrored; off by default: mirrored digits mean something else.
        brightness: Largest amount added to values in 0..1.
        contrast: Largest relative change of the distance from mid-grey.
    """

    shift_share: float = 0.1
    flip: bool = False
    brightness: float = 0.1
    contrast: float = 0.2


LEARNING_RATE: Final = 0.1
"""The highest of a training where nothing else is asked for."""

NO_AUGMENTATION = Augmentation(shift_share=0.0, flip=False, brightness=0.0, contrast=0.0)


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How long and how fast to train.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images a step, nearly: an epoch is cut into equal batches.
        learning_rate: The highest, after warm-up.
        momentum: Of stochastic gradient descent with Nesterov's momentum.
        weight_decay: Of convolution and linear weights; scales, shifts and biases have none.
        label_smoothing: Share of the label that is spread over all classes.
        warmup_share: Share of all steps in which the learning rate rises; along a cosine it falls to 0 then.
        clip_norm: Largest norm of a step's gradient.
        augmentation: Of training images.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = LEARNING_RATE
    momentum: float = 0.9
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    warmup_share: float = 0.05
    clip_norm: float = 5.0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            UsageError: `invalid_training_option`.
        """
        for name in ("epochs", "batch_size", "learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise UsageError(
                    "invalid_training_option", f"{name} has to be above 0, got {getattr(self, name)}"
                )
        for name in ("momentum", "label_smoothing", "warmup_share"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(
                    "invalid_training_option", f"{name} has to be in 0..1, got {getattr(self, name)}"
                )


def steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Return how many nearly equal batches an epoch is cut into."""
    return max(round(num_images / batch_size), 1)
