"""Phase `references`: stock networks on the user's data and device, to compare the front with.

Together they get as many CPU-seconds of training as supernet and front had. One that an earlier search has
trained for about as long is taken as it is. They are exported, scored and measured like every network of the
search.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from latency_predictors.spread import Measured
from nas.jobs import Waiting
from nas.pipeline.answers import stock_name
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.measured_files import latency_of, measure_files
from nas.pipeline.networks import (
    Exported,
    Named,
    accuracies,
    export_single,
    exported_once,
    score_file,
    shape_costs,
)
from nas.pipeline.options import epochs_within
from nas.pipeline.sites import target_site
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.training import Place, Trained, find_alike, find_trained, train_to_end, training_key
from nas.publication import accuracy_of
from nas.results import Document, Latency, StockTraining, VerifiedNetwork
from nas.specs import StockName
from nas.tasks import StockNetwork
from nas.workplace import network_space

NAME: Final = "references"


class ReferencesDocument(Document):
    """The stock networks of a search.

    Attributes:
        networks: With their latencies at the first target.
        latencies: At each target, in the order of the networks.
    """

    networks: tuple[VerifiedNetwork, ...]
    latencies: tuple[tuple[Latency, ...], ...] = ()


class _Epochs(Document):
    """How long each stock network is trained: decided once, from a stopwatch or from what is trained.

    Attributes:
        epochs: By name.
        reused: Names of those that were trained before.
    """

    epochs: dict[str, int]
    reused: tuple[str, ...] = ()


def run(ctx: PhaseContext) -> PhaseEnd:
    """Train, export, score and measure the stock networks that the specification names."""
    names = ctx.spec.references
    plan = _planned_epochs(ctx)
    trainings: dict[StockName, StockTraining] = {}
    exported: dict[StockName, Exported] = {}
    for number, name in enumerate(names):
        trained = _train(ctx, name, plan.epochs[name], number)
        if isinstance(trained, Waiting):
            return trained
        trainings[name] = _told(ctx, trained, reused=name in plan.reused)
        exported[name] = _export(ctx, name, trained)
    measured = _measured(ctx, exported)
    if measured is None:
        return Waiting()
    runs = {
        name: one for name, one in exported.items() if all(one.file_sha256 in there for there in measured)
    }
    latencies = tuple(
        tuple(latency_of(there[one.file_sha256]) for one in runs.values()) for there in measured
    )
    networks = tuple(
        _network(ctx, str(name), one, trainings[name], latency)
        for (name, one), latency in zip(runs.items(), latencies[0], strict=True)
    )
    ctx.run.save(NAME, ReferencesDocument(networks=networks, latencies=latencies))
    return Done()


def _measured(
    ctx: PhaseContext, exported: Mapping[StockName, Exported]
) -> list[Mapping[str, Measured]] | None:
    """Return what was measured at each target, by file, and say what does not run there; None while it is."""
    files = {one.file_sha256: name for name, one in exported.items()}
    found = [
        measure_files(ctx, target_site(ctx, target), target.latency.metric, files)
        for target in ctx.spec.targets
    ]
    there = [one for one in found if one is not None]
    if len(there) < len(found):
        return None
    for number, one in enumerate(there):
        for file, failed in one.unsupported.items():
            where = f"target {number + 1} cannot run it"
            ctx.progress.say(f"{files[file]} is left out: {where} ({failed.message})")
    return [one.values for one in there]


def _network(
    ctx: PhaseContext, name: str, one: Exported, training: StockTraining, latency: Latency
) -> VerifiedNetwork:
    return VerifiedNetwork.model_validate(
        {
            "name": name,
            "origin": "reference",
            "architecture": {},
            "architecture_digest": one.digest,
            "file_sha256": one.file_sha256,
            "file_bytes": one.file_bytes,
            "max_difference": one.max_difference,
            **accuracies(one, np.arange(len(one.correct)), "validation"),
            "latency": latency,
            "training": training,
            "test_accuracy": accuracy_of(score_file(ctx, one.file_sha256, "test"), "test"),
            **shape_costs(one),
        }
    )


def _share(ctx: PhaseContext) -> float:
    """Return the CPU-seconds of one network: its share of what supernet and front were given."""
    given = ctx.run.load(TRAIN, TrainDocument).cpu_seconds
    given += ctx.run.load(FINETUNE, FinetuneDocument).cpu_seconds
    return given / len(ctx.spec.references)


def _planned_epochs(ctx: PhaseContext) -> _Epochs:
    """Return how many epochs of each network fit into its share, or were trained in about as long."""
    name = f"{NAME}.plan"
    if not ctx.run.has(name):
        epochs, reused = dict[str, int](), []
        for one in ctx.spec.references:
            key = training_key(ctx, StockNetwork(one))
            alike = find_alike(ctx, key, _share(ctx))
            epochs[one] = alike.epochs if alike else epochs_within(ctx, StockNetwork(one), _share(ctx))
            if find_trained(ctx, key, epochs[one]) is not None:
                reused.append(str(one))
        ctx.run.save(name, _Epochs(epochs=epochs, reused=tuple(reused)))
    return ctx.run.load(name, _Epochs)


def _train(ctx: PhaseContext, name: StockName, epochs: int, number: int) -> Trained | Waiting:
    place = Place(NAME, number, len(ctx.spec.references), f"training {name}")
    return train_to_end(ctx, StockNetwork(name), epochs, place)


def _told(ctx: PhaseContext, trained: Trained, *, reused: bool) -> StockTraining:
    return StockTraining(
        epochs=trained.epochs,
        cpu_seconds=trained.cpu_seconds,
        given_cpu_seconds=_share(ctx),
        reused=reused,
    )


def _export(ctx: PhaseContext, name: StockName, trained: Trained) -> Exported:
    network = StockNetwork(name)
    precision = ctx.spec.targets[0].context.precision
    (exported,) = exported_once(
        ctx,
        stock_name(name),
        [Named(network_space(network, ctx.space, ctx.dataset), ())],
        lambda: [export_single(ctx, network, trained.weights, precision)],
    )
    return exported
