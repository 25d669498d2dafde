"""Phase `references`: stock networks on the user's data and device, to compare the front with.

Together they get as many CPU-seconds of training as supernet and front had. They are exported, scored and
measured like every network of the search.
"""

from typing import Final

from nas.jobs import Waiting
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.networks import (
    Exported,
    Named,
    export_single,
    exported_once,
    latency_of,
    measure_files,
    score_file,
    shape_costs,
)
from nas.pipeline.options import epochs_within
from nas.pipeline.profile import context_of
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.training import Place, train_to_end
from nas.publication import accuracy_of
from nas.results import Document, VerifiedNetwork
from nas.specs import StockName
from nas.tasks import StockNetwork
from nas.workplace import network_space

NAME: Final = "references"


class ReferencesDocument(Document):
    """The stock networks of a search."""

    networks: tuple[VerifiedNetwork, ...]


class _Epochs(Document):
    """How long each stock network is trained: decided once, from a stopwatch."""

    epochs: dict[str, int]


def run(ctx: PhaseContext) -> PhaseEnd:
    """Train, export, score and measure the stock networks that the specification names."""
    names = ctx.spec.references
    epochs = _planned_epochs(ctx)
    exported: dict[StockName, Exported] = {}
    for number, name in enumerate(names):
        made = _train_and_export(ctx, name, epochs[name], number)
        if isinstance(made, Waiting):
            return made
        exported[name] = made
    files = [one.file_sha256 for one in exported.values()]
    measured = measure_files(ctx, context_of(ctx.spec.targets[0].context), files)
    if measured is None:
        return Waiting()
    networks = [
        VerifiedNetwork.model_validate(
            {
                "name": name,
                "origin": "reference",
                "architecture": {},
                "architecture_digest": one.digest,
                "file_sha256": one.file_sha256,
                "file_bytes": one.file_bytes,
                "max_difference": one.max_difference,
                "accuracy": accuracy_of(one.correct, "validation"),
                "latency": latency_of(measured[one.file_sha256]),
                "test_accuracy": accuracy_of(score_file(ctx, one.file_sha256, "test"), "test"),
                **shape_costs(one),
            }
        )
        for name, one in exported.items()
    ]
    ctx.run.save(NAME, ReferencesDocument(networks=tuple(networks)))
    return Done()


def _planned_epochs(ctx: PhaseContext) -> dict[str, int]:
    """Return how many epochs of each network fit into its share of what supernet and front were given."""
    name = f"{NAME}.plan"
    if not ctx.run.has(name):
        given = ctx.run.load(TRAIN, TrainDocument).cpu_seconds
        given += ctx.run.load(FINETUNE, FinetuneDocument).cpu_seconds
        epochs = {
            one: epochs_within(ctx, StockNetwork(one), given / len(ctx.spec.references))
            for one in ctx.spec.references
        }
        ctx.run.save(name, _Epochs(epochs={str(one): count for one, count in epochs.items()}))
    return ctx.run.load(name, _Epochs).epochs


def _train_and_export(ctx: PhaseContext, name: StockName, epochs: int, number: int) -> Exported | Waiting:
    network = StockNetwork(name)
    place = Place(NAME, number, len(ctx.spec.references), f"training {name}")
    trained = train_to_end(ctx, network, epochs, place)
    if isinstance(trained, Waiting):
        return trained
    (exported,) = exported_once(
        ctx,
        f"{NAME}.{name}.exported",
        [Named(network_space(network, ctx.space, ctx.dataset), ())],
        lambda: [export_single(ctx, network, trained.weights)],
    )
    return exported
