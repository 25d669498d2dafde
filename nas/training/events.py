"""What a training run says while it runs."""

from dataclasses import dataclass
from pathlib import Path

from nas.task_events import CheckpointDamaged, EpochDone, Resumed, StepsDone

__all__ = ["CheckpointDamaged", "EpochDone", "Resumed", "StepsDone", "TrainEvent", "Trained"]


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


TrainEvent = Resumed | CheckpointDamaged | StepsDone | EpochDone | Trained
