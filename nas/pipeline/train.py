"""Phase `train`: train the supernet, or take one that is there.

Supernets are kept by space, data, recipe, augmentation and seed, so that a search for another limit or device
trains nothing.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from nas.pipeline.context import PhaseContext
from nas.pipeline.options import options_of, recipe_of
from nas.results import Document, SupernetSummary
from nas.specs import SearchSpec
from nas.training.events import CheckpointDamaged, EpochDone, Resumed, Trained
from nas.training.options import TrainTask
from nas.training.trainer import train
from nas.training.weights import load_supernet
from search_spaces.atomic import write_atomically
from search_spaces.base import SearchSpace, space_digest
from search_spaces.digests import sha256_json
from search_spaces.errors import ArtifactError
from search_spaces.modules.supernet import Supernet

NAME: Final = "train"
_SUMMARY: Final = "training.json"


class TrainDocument(Document):
    """The supernet of a search.

    Attributes:
        summary: For the result.
        weights: Path of the weights.
        cpu_seconds: Processor time of the training.
    """

    summary: SupernetSummary
    weights: Path
    cpu_seconds: float


class FinishedTraining(Document):
    """What stands beside finished weights."""

    epochs: int
    seconds: float
    cpu_seconds: float
    weights: str
    weight_hash: str


def supernet_key(spec: SearchSpec, space: SearchSpace, dataset_digest: str) -> str:
    """Return what tells supernets apart, whatever the number of their epochs."""
    return sha256_json(
        {
            "space": space_digest(space),
            "dataset": dataset_digest,
            "recipe": recipe_of(spec).name,
            "flip": spec.supernet.flip,
            "seed": spec.seed,
        }
    )[:16]


def find_trained(ctx: PhaseContext) -> tuple[Path, FinishedTraining] | None:
    """Return the finished supernet that a search would take: of the epochs asked for, else of the most.

    Raises:
        ArtifactError: `damaged_file`.
    """
    found = []
    for path in sorted(family_of(ctx).glob(f"epochs-*/{_SUMMARY}")):
        finished = _read_summary(path)
        if ctx.spec.supernet.epochs in (None, finished.epochs):
            found.append((path.parent, finished))
    return max(found, key=lambda entry: entry[1].epochs, default=None)


def _read_summary(path: Path) -> FinishedTraining:
    try:
        return FinishedTraining.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ArtifactError(
            "damaged_file", f"{path} cannot be read: remove it and start the search again"
        ) from error


def find_started(ctx: PhaseContext) -> int | None:
    """Return the epochs of a training that was begun and not finished, if there is one to go on with."""
    begun = [
        int(folder.name.removeprefix("epochs-"))
        for folder in family_of(ctx).glob("epochs-*")
        if not (folder / _SUMMARY).exists() and any(folder.iterdir())
    ]
    wanted = ctx.spec.supernet.epochs
    return max((epochs for epochs in begun if wanted in (None, epochs)), default=None)


def run(ctx: PhaseContext, choose_epochs: Callable[[PhaseContext], int]) -> None:
    """Train unless a supernet is there, and leave the document.

    Args:
        ctx: The search.
        choose_epochs: Called only where there is something to train.
    """
    found = find_trained(ctx)
    if found is None:
        epochs = choose_epochs(ctx)
        folder = family_of(ctx) / f"epochs-{epochs}"
        finished = _train(ctx, folder, epochs)
    else:
        folder, finished = found
    supernet = load_supernet(folder / finished.weights, ctx.space)
    summary = SupernetSummary(
        key=family_of(ctx).name,
        recipe=recipe_of(ctx.spec).name,
        epochs=finished.epochs,
        num_params=sum(parameter.numel() for parameter in supernet.parameters()),
        train_seconds=finished.seconds,
        reused=found is not None,
    )
    document = TrainDocument(
        summary=summary, weights=folder / finished.weights, cpu_seconds=finished.cpu_seconds
    )
    ctx.run.save(NAME, document)


def load_trained(ctx: PhaseContext) -> Supernet:
    """Return the supernet of a search whose training is done."""
    return load_supernet(ctx.run.load(NAME, TrainDocument).weights, ctx.space)


def family_of(ctx: PhaseContext) -> Path:
    """Return the folder of all supernets that differ in their epochs only."""
    return ctx.settings.supernets / supernet_key(ctx.spec, ctx.space, ctx.dataset.digest)


def _whole(cpu_seconds: float, seconds: float, trained_seconds: float) -> float:
    """Return the processor time of a training, part of which may have been done by an earlier process.

    Args:
        cpu_seconds: Of this process.
        seconds: That it took for them.
        trained_seconds: Of the whole training.
    """
    return cpu_seconds * max(trained_seconds / seconds, 1.0)


def _train(ctx: PhaseContext, folder: Path, epochs: int) -> FinishedTraining:
    folder.mkdir(parents=True, exist_ok=True)
    task = TrainTask(folder, recipe_of(ctx.spec), options_of(ctx.spec, epochs), ctx.spec.seed)
    started, started_cpu = time.perf_counter(), time.process_time()
    trained: Trained | None = None
    for event in train(task, ctx.dataset, ctx.space):
        match event:
            case Resumed(epoch):
                ctx.progress.say(f"training goes on after epoch {epoch} of {epochs}")
            case CheckpointDamaged(path, reason):
                ctx.progress.say(f"checkpoint {path.name} is damaged ({reason}): the one before it is used")
            case EpochDone():
                ctx.progress.step(NAME, event.epoch, event.epochs, f"loss {event.loss:.3f}")
            case Trained():
                trained = event
    assert trained is not None, "training ends with its last event or an error"
    finished = FinishedTraining(
        epochs=epochs,
        seconds=trained.seconds,
        cpu_seconds=_whole(time.process_time() - started_cpu, time.perf_counter() - started, trained.seconds),
        weights=trained.path.name,
        weight_hash=trained.weight_hash,
    )
    text = json.dumps(finished.model_dump(mode="json"), indent=1, sort_keys=True)
    write_atomically(folder / _SUMMARY, text.encode())
    return finished
