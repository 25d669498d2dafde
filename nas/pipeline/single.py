"""One network that is trained on its own within a phase: followed to its end, then made static."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nas.evaluation import SubnetEvaluator
from nas.pipeline.context import PhaseContext
from nas.pipeline.options import augmentation_of, options_of, recipe_of
from nas.training.events import EpochDone, Trained, TrainEvent
from nas.training.options import TrainTask
from nas.training.weights import load_supernet
from search_spaces.base import SearchSpace
from search_spaces.modules.static import StaticNetwork


@dataclass(frozen=True)
class Place:
    """Where a training stands among those of its phase.

    Attributes:
        number: From 0.
        count: Of all.
        note: Shown beside the progress.
    """

    phase: str
    number: int
    count: int
    note: str


def single_task(ctx: PhaseContext, folder: Path, epochs: int) -> TrainTask:
    """Return the training of one network with the options of the search."""
    return TrainTask(folder, recipe_of(ctx.spec), options_of(ctx.spec, epochs), ctx.spec.seed)


def trained_network(
    ctx: PhaseContext, events: Iterator[TrainEvent], space: SearchSpace, place: Place
) -> StaticNetwork:
    """Follow a training of one network to its end; return the network with settled statistics."""
    weights: Path | None = None
    for event in events:
        match event:
            case EpochDone():
                done = place.number + event.epoch / event.epochs
                ctx.progress.step(place.phase, done, place.count, place.note)
            case Trained():
                weights = event.path
    assert weights is not None, "training ends with its last event or an error"
    own = load_supernet(weights, space)
    return SubnetEvaluator(own, ctx.dataset, ctx.spec.seed, augmentation_of(ctx.spec)).extract(())
