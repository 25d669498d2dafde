"""Phase `train`: train the supernet, or take one that is there.

Supernets are kept by space, data, recipe, augmentation and seed, so that a search for another limit or device
trains nothing.
"""

from collections.abc import Callable
from typing import Final

from nas.jobs import Waiting
from nas.pipeline.context import Done, PhaseContext, PhaseEnd, SearchContext
from nas.pipeline.options import recipe_of
from nas.pipeline.training import Place, Trained, find_trained, train_to_end, training_key
from nas.results import Document, SupernetSummary
from nas.task_events import TensorFiles
from nas.tasks import WholeSpace

NAME: Final = "train"


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
    """Return the finished supernet that a search would take: of the epochs asked for, else of the most."""
    return find_trained(ctx, training_key(ctx, WholeSpace()), ctx.spec.supernet.epochs)


def run(ctx: PhaseContext, choose_epochs: Callable[[PhaseContext], int]) -> PhaseEnd:
    """Train unless a supernet is there or another job trains it, and leave the document.

    Args:
        ctx: The search.
        choose_epochs: Called only where there is something to train.
    """
    found = trained_supernet(ctx)
    any_epochs = ctx.spec.supernet.epochs is None
    trained = found or train_to_end(ctx, WholeSpace(), choose_epochs(ctx), Place(NAME), any_epochs=any_epochs)
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
