"""Phase `references`: stock networks on the user's data and device, to compare the front with.

Together they get as many CPU-seconds of training as supernet and front had. They are exported, scored and
measured like every network of the search.
"""

from typing import Final

from nas import workplace
from nas.pipeline.context import PhaseContext
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.networks import Exported, export_static, latency_of, measure_files, score_file, shape_costs
from nas.pipeline.options import epochs_within
from nas.pipeline.profile import context_of, load_table
from nas.pipeline.single import Place, single_task, trained_network
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.publication import accuracy_of
from nas.results import Document, VerifiedNetwork
from nas.training.trainer import train
from search_spaces.base import Space

NAME: Final = "references"


class ReferencesDocument(Document):
    """The stock networks of a search."""

    networks: tuple[VerifiedNetwork, ...]


def run(ctx: PhaseContext) -> None:
    """Train, export, score and measure the stock networks that the specification names."""
    names = ctx.spec.references
    exported = {name: _train_and_export(ctx, name, number) for number, name in enumerate(names)}
    table = load_table(ctx.settings, context_of(ctx.spec.targets[0].context))
    measured = measure_files(ctx, table, [one.file_sha256 for one in exported.values()], NAME)
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


def stock_space(ctx: PhaseContext, name: str) -> Space:
    """Return a stock network for the largest images that the search looks at."""
    return workplace.stock_space(name, ctx.space, ctx.dataset)


def _train_and_export(ctx: PhaseContext, name: str, number: int) -> Exported:
    space = stock_space(ctx, name)
    given = ctx.run.load(TRAIN, TrainDocument).cpu_seconds
    given += ctx.run.load(FINETUNE, FinetuneDocument).cpu_seconds
    epochs = epochs_within(ctx.spec, ctx.dataset, space, given / len(ctx.spec.references))
    task = single_task(ctx, ctx.run.path / "references" / name, epochs)
    place = Place(NAME, number, len(ctx.spec.references), f"training {name}")
    static = trained_network(ctx, train(task, ctx.dataset, space), space, place)
    return export_static(ctx, static, space, ())
