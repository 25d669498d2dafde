"""What a training run says while it runs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Resumed:
    """A checkpoint of the same run was found and is continued.

    Attributes:
        epoch: Epochs that are done already.
    """

    epoch: int


@dataclass(frozen=True, slots=True)
class CheckpointDamaged:
    """A checkpoint is not what was written; the one before it is used, or training starts again.

    Attributes:
        path: Of the checkpoint.
        reason: What is wrong with it, one line.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch is trained and its checkpoint written.

    Attributes:
        epoch: Epochs done.
        epochs: Of the whole run.
        step: Optimiser steps done.
        loss: Mean over the epoch's steps of the mean over the step's subnets.
        images_per_second: Images of the epoch's batches per second, each counted once.
        seconds: Spent on training so far, earlier processes included.
    """

    epoch: int
    epochs: int
    step: int
    loss: float
    images_per_second: float
    seconds: float

    @property
    def seconds_left(self) -> float:
        """Estimate from the mean epoch so far."""
        return self.seconds / self.epoch * (self.epochs - self.epoch)


@dataclass(frozen=True, slots=True)
class Trained:
    """The run is complete.

    Attributes:
        path: Of the finished weights: `checkpoint.load_supernet` reads them.
        weight_hash: Of the finished weights.
        seconds: Spent on training, earlier processes included.
    """

    path: Path
    weight_hash: str
    seconds: float


TrainEvent = Resumed | CheckpointDamaged | EpochDone | Trained
