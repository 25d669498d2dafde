"""Trainings that phases ask for: found in the store where they are done, gone on with where they were begun.

A supernet, a stock network and a subnet that is trained on are kept alike: by what they were trained from.
"""

from contextlib import closing
from dataclasses import dataclass
from typing import Final

from nas.jobs import Waiting
from nas.pipeline.context import PhaseContext, Reads, SearchContext
from nas.pipeline.damage import damage_of, tell_damage
from nas.pipeline.options import options_of, recipe_of
from nas.specs import SearchSpec
from nas.store.supernet_store import StoredCheckpoint, StoredSupernet, SupernetKey
from nas.task_events import (
    CheckpointDamaged,
    CheckpointKept,
    EpochDone,
    NetworkTrained,
    Resumed,
    StepsDone,
    TensorFiles,
)
from nas.task_events import StoredCheckpoint as CheckpointFiles
from nas.tasks import Network, StockNetwork, TrainNetwork, TunedSubnet
from nas.workplace import network_space
from search_spaces.base import Space, space_digest

ALIKE: Final = 2.0
"""Factor between the CPU-seconds of trainings that stand for each other."""


@dataclass(frozen=True)
class Place:
    """Where a training stands among those of its phase.

    Attributes:
        number: From 0.
        count: Of all.
        note: Shown beside the progress; the loss of the last epoch where there is none.
    """

    phase: str
    number: int = 0
    count: int = 1
    note: str = ""


def training_key(ctx: SearchContext, network: Network) -> SupernetKey:
    """Return what tells the trainings of a search apart, whatever the number of their epochs."""
    space = network_space(network, ctx.space, ctx.dataset)
    match network:
        case TunedSubnet():
            return _key(ctx.spec, space, ctx.dataset.digest, f"from {network.supernet.tensors[:12]}")
        case StockNetwork():
            return _key(ctx.spec, space, ctx.dataset.digest, "alone")
    return supernet_key(ctx.spec, space, ctx.dataset.digest)


def supernet_key(spec: SearchSpec, space: Space, dataset_digest: str) -> SupernetKey:
    """Return what tells the supernets of a search apart likewise."""
    return _key(spec, space, dataset_digest)


def _key(spec: SearchSpec, space: Space, dataset_digest: str, *more: str) -> SupernetKey:
    words = [recipe_of(spec).name, *(["flip"] if spec.supernet.flip else []), *more]
    return SupernetKey(space_digest(space), dataset_digest, ", ".join(words), spec.seed)


@dataclass(frozen=True)
class Trained:
    """A network whose training is done.

    Attributes:
        id: In the store.
        seconds: Of all processes that trained it.
        cpu_seconds: Likewise.
    """

    id: str
    epochs: int
    weights: TensorFiles
    weight_hash: str
    num_params: int
    seconds: float
    cpu_seconds: float


def find_trained(ctx: Reads, key: SupernetKey, epochs: int | None) -> Trained | None:
    """Return the finished training of a key: of so many epochs, or of the most where no number is given.

    One whose weights are damaged does not count.
    """
    for stored in ctx.stores.supernets.find(ctx.tenant, key):
        if stored.weights and epochs in (None, stored.epochs) and damage_of(ctx, stored) is None:
            return as_trained(stored)
    return None


def find_alike(ctx: SearchContext, key: SupernetKey, cpu_seconds: float) -> Trained | None:
    """Return the finished training of a key that took about so many CPU-seconds, the nearest of several.

    How many epochs fit into CPU-seconds is found out with a stopwatch, never the same twice: what took half
    of them to double is as good as what would be trained now.
    """
    finished = [stored for stored in ctx.stores.supernets.find(ctx.tenant, key) if stored.weights]
    sound = [as_trained(stored) for stored in finished if damage_of(ctx, stored) is None]
    alike = [one for one in sound if cpu_seconds / ALIKE <= one.cpu_seconds <= cpu_seconds * ALIKE]
    return min(alike, key=lambda one: abs(one.cpu_seconds - cpu_seconds), default=None)


def started(ctx: Reads, key: SupernetKey) -> tuple[StoredSupernet, ...]:
    """Return the trainings of a key that were begun and not finished, the most epochs first."""
    return tuple(stored for stored in ctx.stores.supernets.find(ctx.tenant, key) if not stored.weights)


def train_to_end(
    ctx: PhaseContext, network: Network, epochs: int, place: Place, *, enough: int | None = None
) -> Trained | Waiting:
    """Train a network, or go on with its training, or take it where it is trained.

    Waits where another job trains it just now: for the weights, or for the training where that job ends
    without them. Weights that are damaged are trained again.

    Args:
        ctx: The search.
        network: To be trained.
        epochs: To train it for.
        place: In the phase.
        enough: Epochs with which what others have trained, or train now, will do; None for `epochs` alone.
    """
    store, lease = ctx.stores.supernets, ctx.run.lease
    key = training_key(ctx, network)
    while (stored := store.begin(lease, key, epochs, enough=enough)).weights:
        damage = damage_of(ctx, stored)
        if damage is None:
            return as_trained(stored)
        tell_damage(ctx, f"weights of supernet {stored.id}", damage)
        store.discard(lease, stored.id, stored.weights)
    if stored.trainer != lease.job_id:
        ctx.progress.say(f"job {stored.trainer} trains the same network: waiting for it")
        return Waiting(stored.id)
    return _train(ctx, network, stored, place)


def _train(ctx: PhaseContext, network: Network, stored: StoredSupernet, place: Place) -> Trained:
    store, lease, files, shown = ctx.stores.supernets, ctx.run.lease, dict[str, str](), place.note
    epochs, trained = stored.epochs, None
    task = TrainNetwork(
        ctx.inputs,
        network,
        recipe_of(ctx.spec).name,
        options_of(ctx.spec, epochs),
        ctx.spec.seed,
        tuple(_files_of(one) for one in store.checkpoints(ctx.tenant, stored.id)),
        ctx.settings.training_workers,
    )
    with closing(ctx.compute.run(task)) as events:
        for event in events:
            match event:
                case Resumed(epoch):
                    ctx.progress.say(f"training goes on after epoch {epoch} of {epochs}")
                case CheckpointDamaged(path, reason):
                    ctx.progress.say(
                        f"checkpoint {path.name} is damaged ({reason}): the one before it is used"
                    )
                case CheckpointKept(checkpoint):
                    files = {"tensors": checkpoint.files.tensors, "manifest": checkpoint.files.manifest}
                case EpochDone():
                    kept = StoredCheckpoint(event.epoch, files, event.seconds)
                    _remove(ctx, store.save_checkpoint(lease, stored.id, kept))
                    shown = place.note or f"loss {event.loss:.3f}"
                    _tell_epoch(ctx, place, event)
                    _tell(ctx, place, event.epoch / event.epochs, shown)
                case StepsDone(step, steps):
                    _tell(ctx, place, step / steps, shown)
                case NetworkTrained():
                    trained = event  # and on to the end: a run that is closed before it is cancelled
    if trained is None:
        raise AssertionError("training ends with its last event or an error")
    return _finish(ctx, stored, trained)


def _tell_epoch(ctx: PhaseContext, place: Place, event: EpochDone) -> None:
    drawn = {"epoch": event.epoch, "epochs": event.epochs, "loss": event.loss}
    ctx.progress.figures("epoch", phase=place.phase, network=place.number + 1, **drawn)


def _tell(ctx: PhaseContext, place: Place, share: float, note: str) -> None:
    ctx.progress.step(place.phase, place.number + share, place.count, note)


def as_trained(stored: StoredSupernet) -> Trained:
    """Return what the store has of a finished training."""
    summary = stored.summary
    return Trained(
        id=stored.id,
        epochs=stored.epochs,
        weights=TensorFiles(stored.weights, summary["manifest"]),
        weight_hash=summary["weight_hash"],
        num_params=summary["num_params"],
        seconds=summary["seconds"],
        cpu_seconds=summary["cpu_seconds"],
    )


def _finish(ctx: PhaseContext, stored: StoredSupernet, event: NetworkTrained) -> Trained:
    summary = {
        "manifest": event.weights.manifest,
        "weight_hash": event.weight_hash,
        "num_params": event.num_params,
        "seconds": event.seconds,
        "cpu_seconds": event.cpu_seconds,
    }
    _remove(ctx, ctx.stores.supernets.finish(ctx.run.lease, stored.id, event.weights.tensors, summary))
    return as_trained(ctx.stores.supernets.get(ctx.tenant, stored.id))


def _remove(ctx: PhaseContext, digests: set[str]) -> None:
    for digest in digests:
        ctx.stores.artifacts.remove(digest)


def _files_of(checkpoint: StoredCheckpoint) -> CheckpointFiles:
    files = checkpoint.artifacts
    return CheckpointFiles(checkpoint.epoch, TensorFiles(files["tensors"], files["manifest"]))
