"""Phase `train`: train the supernet, or take one that is there.

Supernets are kept by space, data, recipe, augmentation and seed, so that a search for another limit or device
trains nothing.
"""

import math
from collections.abc import Callable
from typing import Final

from nas.jobs import Waiting
from nas.pipeline.context import Done, PhaseContext, PhaseEnd, Reads, SearchContext
from nas.pipeline.durations import share_of_time
from nas.pipeline.images import prepare_images
from nas.pipeline.options import recipe_of
from nas.pipeline.trained import Trained, find_trained, training_key
from nas.pipeline.training import Place, train_to_end
from nas.results import Document, SupernetSummary
from nas.specs import SearchSpec
from nas.store.supernet_store import SupernetKey
from nas.task_events import TensorFiles
from nas.tasks import WholeSpace

NAME: Final = "train"

MAX_EPOCHS: Final = 600
TRAINING_SHARE: Final = 0.7
"""Of what the other phases leave of the budget: a reserve for what was estimated too low."""

TRIAL: Final = 0.25
"""Share of the budget's training below which a finished supernet counts as a trial."""

SMALL_ROOM: Final = 2
"""Trainings at a time on the smallest of machines, where it is not known on which."""

ENOUGH: Final = 0.5
"""Share of the epochs with which another's supernet will do, since no two stopwatches agree."""


class TrainDocument(Document):
    """The supernet of a search.

    Attributes:
        summary: For the result.
        id: In the store.
        tensors: Digest of the weights.
        manifest: Digest of the document that seals them.
        weight_hash: Of their values.
        cpu_seconds: Processor time of the training.
    """

    summary: SupernetSummary
    id: str
    tensors: str
    manifest: str
    weight_hash: str
    cpu_seconds: float

    @property
    def weights(self) -> TensorFiles:
        """The weights as tasks take them."""
        return TensorFiles(self.tensors, self.manifest)


def trained_supernet(ctx: SearchContext) -> Trained | None:
    """Return the finished supernet that a search would take; see `will_do`."""
    return will_do(ctx, ctx.spec, training_key(ctx, WholeSpace()))


def will_do(ctx: Reads, spec: SearchSpec, key: SupernetKey) -> Trained | None:
    """Return the finished supernet of a key that a specification would take.

    That of the epochs asked for; where none are, that of the most, unless it is a trial beside what the
    budget would give: one that was trained for minutes is no answer to who asks for hours.
    """
    epochs = spec.supernet.epochs
    found = find_trained(ctx, key, epochs)
    if found is None or epochs is not None or found.epochs >= MAX_EPOCHS:
        return found
    return found if found.seconds >= TRIAL * budget_s(spec, 0.0, SMALL_ROOM) else None


def budget_s(spec: SearchSpec, others_s: float, room: int) -> float:
    """Return the seconds of a budget for the supernet.

    Args:
        spec: With the budget.
        others_s: Of it, gone on phases that do not train.
        room: Trainings at a time.
    """
    left_s = max(60.0 * spec.budget.wall_minutes - others_s, 0.0) * TRAINING_SHARE
    own = 1 + spec.finetune.share * share_of_time(num_tuned(spec), room)
    # Stock networks get what supernet and front get together.
    stock = (1 + spec.finetune.share) * share_of_time(len(spec.references), room)
    return left_s / (own + (stock if spec.references else 0.0))


def num_tuned(spec: SearchSpec) -> int:
    """Return how many networks of the fronts are trained on, at most."""
    return spec.finetune.points * len(spec.targets) if spec.finetune.share else 0


def run(ctx: PhaseContext, choose_epochs: Callable[[PhaseContext], int]) -> PhaseEnd:
    """Train unless a supernet is there or another job trains it, and leave the document.

    Args:
        ctx: The search.
        choose_epochs: Called only where there is something to train.
    """
    found = trained_supernet(ctx)
    # Chosen first: what decoding takes is then counted in the budget.
    epochs = 0 if found else choose_epochs(ctx)
    prepare_images(ctx, ctx.space)
    trained = found or _train(ctx, epochs)
    if isinstance(trained, Waiting):
        return trained
    summary = SupernetSummary(
        key=trained.id,
        recipe=recipe_of(ctx.spec).name,
        epochs=trained.epochs,
        num_params=trained.num_params,
        train_seconds=trained.seconds,
        reused=found is not None,
    )
    document = TrainDocument(
        summary=summary,
        id=trained.id,
        tensors=trained.weights.tensors,
        manifest=trained.weights.manifest,
        weight_hash=trained.weight_hash,
        cpu_seconds=trained.cpu_seconds,
    )
    ctx.run.save(NAME, document)
    return Done()


def _train(ctx: PhaseContext, epochs: int) -> Trained | Waiting:
    enough = None if ctx.spec.supernet.epochs else math.ceil(ENOUGH * epochs)
    return train_to_end(ctx, WholeSpace(), epochs, Place(NAME), enough=enough)
