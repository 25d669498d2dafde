"""What tasks say while they run, as frozen values."""

import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TensorFiles:
    """Stored tensors: weights, or a checkpoint.

    Attributes:
        tensors: Digest of the safetensors file.
        manifest: Digest of the JSON document that seals it.
    """

    tensors: str
    manifest: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What saying something took.

    Attributes:
        cpu_s: Processor time since the event before, in the process that said it.
    """

    cpu_s: float = field(default=0.0, compare=False, kw_only=True)


Said = TypeVar("Said", bound=Spent)


def metered(events: Iterable[Said], num_processes: int = 1) -> Generator[Said, None, None]:
    """Yield events with the processor time that each took.

    Args:
        events: Of a task, in the process that runs it.
        num_processes: That share the work in equal parts; only one of them says anything.
    """
    started = time.process_time()
    for event in events:
        yield replace(event, cpu_s=(time.process_time() - started) * num_processes)
        # What was done with the event meanwhile is not the task's.
        started = time.process_time()


@dataclass(frozen=True, slots=True)
class Resumed(Spent):
    """A checkpoint of the same run was found and is continued.

    Attributes:
        epoch: Epochs that are done already.
    """

    epoch: int


@dataclass(frozen=True, slots=True)
class CheckpointDamaged(Spent):
    """A checkpoint is not what was written; the one before it is used, or training starts again.

    Attributes:
        path: Of the checkpoint.
        code: Of the error that reading it gave, and
        reason: what is wrong with it, one line.
    """

    path: Path
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class StepsDone(Spent):
    """Training is in the middle of an epoch that takes long.

    Attributes:
        step: Optimiser steps done.
        steps: Of the whole run.
    """

    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class EpochDone(Spent):
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
class StoredCheckpoint:
    """A checkpoint in the artifact store.

    Attributes:
        epoch: Epochs done.
    """

    epoch: int
    files: TensorFiles


@dataclass(frozen=True, slots=True)
class CheckpointKept(Spent):
    """A checkpoint is in the artifact store; those older than the one before it are not needed any more.

    Attributes:
        checkpoint: To be given to the task that goes on.
    """

    checkpoint: StoredCheckpoint


@dataclass(frozen=True, slots=True)
class NetworkTrained(Spent):
    """Training is complete.

    Attributes:
        weights: The finished weights.
        weight_hash: Of their values, see `nas.training.weights.weight_hash`.
        num_params: Parameters that were trained.
        seconds: Spent on training, earlier processes included.
        cpu_seconds: Processor time of all workers; the share of earlier processes is estimated by `seconds`.
    """

    weights: TensorFiles
    weight_hash: str
    num_params: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class SubnetScored(Spent):
    """A subnet is scored.

    Attributes:
        index: Of its architecture in the task. Where several processes score, the order is free.
        correct: For each image of the part whether the subnet gets it right, (n,).
    """

    index: int
    correct: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkExported(Spent):
    """A network is exported and checked.

    Attributes:
        index: Of its architecture in the task.
        architecture_digest: SHA-256 of the architecture, in the space it belongs to.
        file: Digest of the file in the artifact store.
        file_bytes: Its size.
        max_difference: Largest difference of a logit between torch and the file before quantisation.
        predicted: The class that the file gives each validation image, (n,).
        correct: Whether that is the image's own, (n,).
        unquantised: The same before quantisation; None where the file is fp32.
    """

    index: int
    architecture_digest: str
    file: str
    file_bytes: int
    max_difference: float
    predicted: NDArray[np.uint16]
    correct: NDArray[np.bool_]
    unquantised: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FileScored(Spent):
    """A file is scored.

    Attributes:
        correct: For each image of the part whether the file gets it right, (n,).
    """

    correct: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RuntimesCompared(Spent):
    """A file was run by two runtimes.

    Attributes:
        version: Of the runtime that was asked for; empty where it is not installed there.
        num_images: That both ran.
        num_same: Of these, for how many both name the same class.
    """

    version: str
    num_images: int
    num_same: int


@dataclass(frozen=True, slots=True)
class ArenaRead(Spent):
    """The arena of ONNX Runtime was asked for.

    Attributes:
        held_bytes: Of activations, in every inference but the first; None where that cannot be read.
    """

    held_bytes: int | None


@dataclass(frozen=True, slots=True)
class ImagesDecoded(Spent):
    """Images are decoded and resized.

    Attributes:
        done: So many,
        total: of those that were not when it began.
    """

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SupernetTimed(Spent):
    """What training and scoring a supernet take on the machine that ran the task.

    Attributes:
        step_s: Mean training step of the recipe.
        image_s: Mean inference of one image in torch, over subnets from small to large.
        decoding_s: Decoding one image of those that are not decoded yet, for all resolutions of the space; 0
            where all are.
    """

    step_s: float
    image_s: float
    decoding_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NetworkTimed(Spent):
    """What training a network takes on the machine that ran the task.

    Attributes:
        step_cpu_s: Processor time of a training step.
    """

    step_cpu_s: float


Event = (
    Resumed
    | CheckpointDamaged
    | CheckpointKept
    | StepsDone
    | EpochDone
    | NetworkTrained
    | SubnetScored
    | NetworkExported
    | FileScored
    | RuntimesCompared
    | ArenaRead
    | ImagesDecoded
    | SupernetTimed
    | NetworkTimed
)
