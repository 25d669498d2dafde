"""Trainings that phases ask for: side by side, gone on with where they were begun, taken where they are."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from nas.jobs import Waiting
from nas.pipeline.context import PhaseContext
from nas.pipeline.damage import damage_of, tell_damage
from nas.pipeline.options import options_of, recipe_of
from nas.pipeline.trained import Trained, as_trained, training_key
from nas.results import Document
from nas.side_by_side import run_all
from nas.store.supernet_store import StoredCheckpoint, StoredSupernet
from nas.task_events import (
    CheckpointDamaged,
    CheckpointKept,
    EpochDone,
    Event,
    NetworkTrained,
    Resumed,
    StepsDone,
    TensorFiles,
)
from nas.task_events import StoredCheckpoint as CheckpointFiles
from nas.tasks import Network, TrainNetwork
from search_spaces.errors import TrainingError


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


@dataclass(frozen=True)
class Asked:
    """A training that a phase asks for.

    Attributes:
        network: To be trained.
        epochs: To train it for.
        place: In the phase; of several the places follow each other.
        enough: Epochs with which what others have trained, or train now, will do; None for `epochs` alone.
    """

    network: Network
    epochs: int
    place: Place
    enough: int | None = None


def train_to_end(
    ctx: PhaseContext, network: Network, epochs: int, place: Place, *, enough: int | None = None
) -> Trained | Waiting:
    """Train a network; see `train_all`.

    Args:
        ctx: The search.
        network: To be trained.
        epochs: To train it for.
        place: In the phase.
        enough: Epochs with which what others have trained, or train now, will do; None for `epochs` alone.
    """
    found = train_all(ctx, [Asked(network, epochs, place, enough)])
    return found if isinstance(found, Waiting) else found[0]


def train_all(ctx: PhaseContext, asked: Sequence[Asked]) -> list[Trained] | Waiting:
    """Train networks side by side, or go on with their training, or take them where they are trained.

    Waits where another job trains one just now, once its own are trained: for the weights, or for the
    training where that job ends without them. Weights that are damaged are trained again. What is asked for
    twice is trained once.
    """
    trained, mine, others = dict[int, Trained](), dict[int, StoredSupernet](), list[StoredSupernet]()
    for number, one in enumerate(asked):
        found = _begin(ctx, one)
        if isinstance(found, Trained):
            trained[number] = found
        elif found.trainer != ctx.run.lease.job_id:
            others.append(found)
        elif found not in mine.values():
            mine[number] = found
    trained |= _train(ctx, asked, mine, done=frozenset(trained))
    if len(trained) == len(asked):
        return [trained[number] for number in range(len(asked))]
    if mine:
        return train_all(ctx, asked)  # the others may be trained by now
    ctx.progress.say(f"job {others[0].trainer} trains the same network: waiting for it")
    return Waiting(others[0].id)


class _LeftOut(Document):
    """Trainings of a phase that cannot go on: the attempts that follow do not try them again.

    Attributes:
        numbers: Among those that the phase asks for.
    """

    numbers: tuple[int, ...] = ()


def train_possible(ctx: PhaseContext, asked: Sequence[Asked]) -> list[Trained | None] | Waiting:
    """Train all that a phase asks for likewise; what cannot be trained is said, None stands in its place."""
    if not asked:
        return []
    name = f"{asked[0].place.phase}.left_out"
    left_out = ctx.run.load(name, _LeftOut).numbers if ctx.run.has(name) else ()
    going = [number for number in range(len(asked)) if number not in left_out]
    try:
        found = train_all(ctx, [asked[number] for number in going])
    except TrainingError:
        # It does not tell whose it is: each goes on by itself from its last checkpoint.
        failed = [number for number in going if not _can_be_trained(ctx, asked[number])]
        ctx.run.save(name, _LeftOut(numbers=(*left_out, *failed)))
        return train_possible(ctx, asked)
    if isinstance(found, Waiting):
        return found
    trained = dict(zip(going, found, strict=True))
    return [trained.get(number) for number in range(len(asked))]


def _can_be_trained(ctx: PhaseContext, one: Asked) -> bool:
    """Return whether a network is trained now, or by another job; say why not."""
    try:
        train_all(ctx, [one])
    except TrainingError as error:
        ctx.progress.say(f"left out: {one.place.note} cannot go on ({error.message})")
        return False
    return True


def _begin(ctx: PhaseContext, one: Asked) -> Trained | StoredSupernet:
    """Return what is trained, or is to be trained by whom it names."""
    store, lease = ctx.stores.supernets, ctx.run.lease
    key = training_key(ctx, one.network)
    while (stored := store.begin(lease, key, one.epochs, enough=one.enough)).weights:
        damage = damage_of(ctx, stored)
        if damage is None:
            return as_trained(stored)
        tell_damage(ctx, f"weights of supernet {stored.id}", damage)
        store.discard(lease, stored.id, stored.weights)
    return stored


def _train(
    ctx: PhaseContext, asked: Sequence[Asked], mine: Mapping[int, StoredSupernet], done: Collection[int]
) -> dict[int, Trained]:
    """Train what is to be trained here; return it by its number among what was asked for."""
    numbers, trained = list(mine), dict[int, Trained]()
    tasks, shares = list[TrainNetwork](), dict.fromkeys(done, 1.0)
    for number, stored in mine.items():
        checkpoints = ctx.stores.supernets.checkpoints(ctx.tenant, stored.id)
        tasks.append(_task(ctx, asked[number].network, stored.epochs, checkpoints))
        shares[number] = max((one.epoch for one in checkpoints), default=0) / stored.epochs
    going = _Trainings(ctx, [one.place for one in asked], mine, shares)
    room = ctx.compute.at_once // ctx.settings.training_workers
    with closing(run_all(ctx.compute, tasks, room)) as events:
        for index, event in events:
            number = numbers[index]
            going.take(number, event)
            if isinstance(event, NetworkTrained):
                trained[number] = _finish(ctx, mine[number], event)
    return trained


def _task(
    ctx: PhaseContext, network: Network, epochs: int, checkpoints: Sequence[StoredCheckpoint]
) -> TrainNetwork:
    return TrainNetwork(
        ctx.inputs,
        network,
        recipe_of(ctx.spec).name,
        options_of(ctx.spec, epochs),
        ctx.spec.seed,
        tuple(_files_of(one) for one in checkpoints),
        ctx.settings.training_workers,
    )


class _Trainings:
    """Trainings that go on side by side: their checkpoints are kept, and how far they are is told.

    Args:
        ctx: The search.
        places: Of all that were asked for.
        mine: Those that go on, by their number among all.
        shares: Of each that was done before, by its number among all.
    """

    def __init__(
        self,
        ctx: PhaseContext,
        places: Sequence[Place],
        mine: Mapping[int, StoredSupernet],
        shares: dict[int, float],
    ) -> None:
        self._ctx = ctx
        self._places = places
        self._mine = mine
        self._shares = shares
        self._notes: dict[int, str] = {}
        self._unresumed: set[int] = set()
        self._files: dict[int, dict[str, str]] = {}

    def take(self, number: int, event: Event) -> None:
        """Take in what one of them says."""
        place = self._places[number]
        match event:
            case Resumed(epoch):
                self._unresumed.discard(number)
                which = f"{place.note}: goes on" if place.note else "training goes on"
                self._ctx.progress.say(f"{which} after epoch {epoch} of {self._mine[number].epochs}")
            case CheckpointDamaged(path, code, reason):
                self._unresumed.add(number)
                self._ctx.progress.say(f"checkpoint {path.name} is damaged: {code}, {reason}")
            case CheckpointKept(checkpoint):
                files = {"tensors": checkpoint.files.tensors, "manifest": checkpoint.files.manifest}
                self._files[number] = files
            case EpochDone():
                self._tell_anew(number)
                self._keep(number, event)
                drawn = {"epoch": event.epoch, "epochs": event.epochs, "loss": event.loss}
                self._ctx.progress.figures("epoch", phase=place.phase, network=place.number + 1, **drawn)
                self._notes[number] = place.note or f"loss {event.loss:.3f}"
                self._tell(number, event.epoch / event.epochs)
            case StepsDone(step, steps):
                self._tell_anew(number)
                self._notes.setdefault(number, place.note)
                self._tell(number, step / steps)
            case NetworkTrained():
                self._notes.pop(number, None)

    def _tell_anew(self, number: int) -> None:
        """Say that a training starts again, once it does though it had checkpoints."""
        if number in self._unresumed:
            self._unresumed.discard(number)
            which = f"{note}: starts" if (note := self._places[number].note) else "training starts"
            self._ctx.progress.say(f"{which} again: none of its checkpoints is sound")

    def _keep(self, number: int, event: EpochDone) -> None:
        kept = StoredCheckpoint(event.epoch, self._files[number], event.seconds)
        store, lease = self._ctx.stores.supernets, self._ctx.run.lease
        _remove(self._ctx, store.save_checkpoint(lease, self._mine[number].id, kept))

    def _tell(self, number: int, share: float) -> None:
        self._shares[number] = share
        first = self._places[0]
        so_far = first.number + sum(self._shares.values())
        self._ctx.progress.step(first.phase, so_far, first.count, ", ".join(self._notes.values()))


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
