"""Checkpoints of a training run: one an epoch, the last two kept.

Names end in the generation, which is the number of finished epochs. A file without a manifest was never
finished and counts as absent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from torch import Tensor, nn

from nas.training.events import CheckpointDamaged
from nas.training.optimizer import Sgd
from nas.training.weights import manifest_path, read_tensors, write_tensors
from search_spaces.errors import ArtifactError

KEPT: Final = 2
_PREFIX: Final = "checkpoint-"
_MODEL: Final = "model."
_VELOCITY: Final = "optimizer.momentum_buffer."


@dataclass(frozen=True)
class Checkpoint:
    """A verified state of a run.

    Attributes:
        epoch: Epochs done.
        seconds: Spent on training so far.
        tensors: Weights and optimiser state, see `state_of`.
    """

    epoch: int
    seconds: float
    tensors: Mapping[str, Tensor]


@final
class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        folder: Where they are.
        identity: What the run is: the digest of everything that decides its result, by name.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str]) -> None:
        self._folder = folder
        self._identity = dict(identity)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, then remove those older than the one before it.

        Raises:
            ResourceError: `disk_full`; all earlier checkpoints are untouched.
        """
        facts = {"epoch": checkpoint.epoch, "seconds": checkpoint.seconds, "identity": self._identity}
        write_tensors(self._path(checkpoint.epoch), checkpoint.tensors, facts)
        for path in self._folder.glob(f"{_PREFIX}*.safetensors"):
            if path < self._path(checkpoint.epoch - KEPT + 1):
                manifest_path(path).unlink(missing_ok=True)
                path.unlink()

    def latest(
        self, newest_epoch: int | None = None
    ) -> tuple[Checkpoint | None, tuple[CheckpointDamaged, ...]]:
        """Return the newest checkpoint that verifies, and the damaged ones that are newer.

        Args:
            newest_epoch: Later ones are left out.

        Raises:
            ArtifactError: `checkpoint_mismatch` where it belongs to another run.
        """
        damaged = []
        for path in self._finished():
            if newest_epoch is not None and path > self._path(newest_epoch):
                continue
            try:
                tensors, manifest = read_tensors(path)
            except ArtifactError as error:
                damaged.append(CheckpointDamaged(path, error.code, error.message))
                continue
            self._check_identity(path, manifest["identity"])
            checkpoint = Checkpoint(manifest["epoch"], manifest["seconds"], tensors)
            return checkpoint, tuple(damaged)
        return None, tuple(damaged)

    def _path(self, epoch: int) -> Path:
        return checkpoint_path(self._folder, epoch)

    def _finished(self) -> Iterator[Path]:
        manifests = sorted(self._folder.glob(f"{_PREFIX}*.json"), reverse=True)
        return (manifest.with_suffix(".safetensors") for manifest in manifests)

    def _check_identity(self, path: Path, found: Mapping[str, Any]) -> None:
        names = sorted({*found, *self._identity})
        other = [name for name in names if found.get(name) != self._identity.get(name)]
        if other:
            raise ArtifactError(
                "checkpoint_mismatch",
                f"{path} belongs to a run with another {', '.join(other)}: use another folder or remove it",
            )


def checkpoint_path(folder: Path, epoch: int) -> Path:
    """Return where the tensors of an epoch's checkpoint stand."""
    return folder / f"{_PREFIX}{epoch:08d}.safetensors"


def state_of(model: nn.Module, optimizer: Sgd) -> dict[str, Tensor]:
    """Return weights (`model.NAME`) and the optimiser's velocities (`optimizer.momentum_buffer.NAME`)."""
    tensors = {f"{_MODEL}{name}": value for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        if parameter in optimizer.velocities:
            tensors[f"{_VELOCITY}{name}"] = optimizer.velocities[parameter]
    return tensors


def restore(tensors: Mapping[str, Tensor], model: nn.Module, optimizer: Sgd) -> None:
    """Put back what `state_of` returned, in the memory layout of the model's parameters."""
    weights = {name.removeprefix(_MODEL): value for name, value in tensors.items() if name.startswith(_MODEL)}
    model.load_state_dict(weights)
    parameters = dict(model.named_parameters())
    for name, value in tensors.items():
        if name.startswith(_VELOCITY):
            parameter = parameters[name.removeprefix(_VELOCITY)]
            # The same layout as without the interruption: sums over tensors then add in the same order.
            optimizer.velocities[parameter] = parameter.detach().clone().copy_(value)
