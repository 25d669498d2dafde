"""Phase `references`: stock networks on the user's data and device, to compare the front with.

Together they get as many CPU-seconds of training as supernet and front had. One that an earlier search has
trained for about as long is taken as it is. They are exported, scored and measured like every network of the
search: at each target in its precision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from latency_predictors.spread import Measured
from nas.jobs import Waiting
from nas.pipeline.answers import stock_name
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.measured_files import MeasuredFiles, latency_of, measure_files
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
from nas.pipeline.same_site import result_site
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.trained import Trained, find_alike, find_trained, training_key
from nas.pipeline.training import Asked, Place, train_possible
from nas.publication import accuracy_of, beside_front
from nas.results import Accuracy, Document, Latency, StockTraining, TargetResult, VerifiedNetwork
from nas.specs import ContextSpec, Precision, StockName
from nas.tasks import StockNetwork
from nas.workplace import network_space

NAME: Final = "references"


class ReferencesDocument(Document):
    """The stock networks of a search.

    Attributes:
        networks: As they are at the first target, without those that cannot be trained.
        targets: As they are at each target, without those that do not run there; empty in documents of an
            earlier version, which have
        latencies: at each target, in the order of the networks, of the files of the first one.
    """

    networks: tuple[VerifiedNetwork, ...]
    targets: tuple[tuple[VerifiedNetwork, ...], ...] = ()
    latencies: tuple[tuple[Latency, ...], ...] = ()


@dataclass(frozen=True)
class _Stock:
    """A stock network in one precision.

    Attributes:
        name: What results call it.
        exported: Its file.
        training: Of the network.
    """

    name: str
    exported: Exported
    training: StockTraining


class _Epochs(Document):
    """How long each stock network is trained: decided once, from a stopwatch or from what is trained.

    Attributes:
        epochs: By name.
        reused: Names of those that were trained before.
    """

    epochs: dict[str, int]
    reused: tuple[str, ...] = ()


def run(ctx: PhaseContext) -> PhaseEnd:
    """Train, export, score and measure the stock networks that the specification names.

    One whose training cannot go on is left out: the front is there without it.

    Raises:
        MeasurementError: `context_mismatch` where a device is not what the front was measured on.
    """
    names = ctx.spec.references
    plan = _planned_epochs(ctx)
    stock: dict[Precision, list[_Stock]] = {target.context.precision: [] for target in ctx.spec.targets}
    first = ctx.spec.targets[0].context.precision
    networks = _trained(ctx, plan.epochs)
    if isinstance(networks, Waiting):
        return networks
    for name, trained in zip(names, networks, strict=True):
        if trained is None:
            continue
        told = _told(ctx, trained, reused=name in plan.reused)
        for precision, found in stock.items():
            called = str(name) if precision == first else f"{name}-{precision}"
            found.append(_Stock(called, _export(ctx, name, called, trained, precision), told))
    measured = _measured(ctx, stock)
    if measured is None:
        return Waiting()
    files = {one.exported.file_sha256 for found, _ in measured for one in found}
    tests = {file: accuracy_of(score_file(ctx, file, "test"), "test") for file in sorted(files)}
    fronts = ctx.run.load(FINETUNE, FinetuneDocument).targets
    targets = tuple(
        beside_front(
            front,
            [_network(one, there, tests, front.target.context) for one in found],
            ctx.spec.search.objectives,
        )
        for front, (found, there) in zip(fronts, measured, strict=True)
    )
    ctx.run.save(NAME, ReferencesDocument(networks=targets[0], targets=targets))
    return Done()


def _measured(
    ctx: PhaseContext, stock: Mapping[Precision, Sequence[_Stock]]
) -> list[tuple[list[_Stock], Mapping[str, Measured]]] | None:
    """Return what runs at each target, with what was measured there, by file; None while it is.

    What does not run is said.
    """
    fronts = ctx.run.load(FINETUNE, FinetuneDocument).targets
    asked = [stock[front.target.context.precision] for front in fronts]
    found = []
    for front, networks in zip(fronts, asked, strict=True):
        files = [one.exported.file_sha256 for one in networks]
        found.append(_measured_at(ctx, front, files) if files else MeasuredFiles({}, {}, {}))
    there = [one for one in found if one is not None]
    if len(there) < len(found):
        return None
    for number, (networks, measured) in enumerate(zip(asked, there, strict=True), 1):
        for one in networks:
            if failed := measured.unsupported.get(one.exported.file_sha256):
                where = f"target {number} cannot run it"
                ctx.progress.say(f"{one.name} is left out: {where} ({failed.message})")
    return [
        ([one for one in networks if one.exported.file_sha256 in measured.values], measured.values)
        for networks, measured in zip(asked, there, strict=True)
    ]


def _measured_at(ctx: PhaseContext, front: TargetResult, files: Sequence[str]) -> MeasuredFiles | None:
    return measure_files(ctx, result_site(ctx, front), front.target.latency.metric, files)


def _network(
    stock: _Stock, measured: Mapping[str, Measured], tests: Mapping[str, Accuracy], context: ContextSpec
) -> VerifiedNetwork:
    """Return a stock network as results show it at a target, with what was measured and scored by file."""
    one = stock.exported
    return VerifiedNetwork.model_validate(
        {
            "name": stock.name,
            "origin": "reference",
            "architecture": {},
            "architecture_digest": one.digest,
            "file_sha256": one.file_sha256,
            "file_bytes": one.file_bytes,
            "max_difference": one.max_difference,
            **accuracies(one, np.arange(len(one.correct)), "validation"),
            "latency": latency_of(measured[one.file_sha256]),
            "training": stock.training,
            "test_accuracy": tests[one.file_sha256],
            **shape_costs(one, context.batch, context.precision),
        }
    )


def _share(ctx: PhaseContext) -> float:
    """Return the CPU-seconds of one network: its share of what supernet and front were given."""
    supernet_s = ctx.run.load(TRAIN, TrainDocument).cpu_seconds
    # Side by side, networks take more for the same epochs than they were given.
    front_s = min(ctx.run.load(FINETUNE, FinetuneDocument).cpu_seconds, ctx.spec.finetune.share * supernet_s)
    return (supernet_s + front_s) / len(ctx.spec.references)


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


def _trained(ctx: PhaseContext, epochs: Mapping[str, int]) -> list[Trained | None] | Waiting:
    names = ctx.spec.references
    asked = [
        Asked(StockNetwork(name), epochs[name], Place(NAME, number, len(names), f"training {name}"))
        for number, name in enumerate(names)
    ]
    return train_possible(ctx, asked)


def _told(ctx: PhaseContext, trained: Trained, *, reused: bool) -> StockTraining:
    return StockTraining(
        epochs=trained.epochs,
        cpu_seconds=trained.cpu_seconds,
        given_cpu_seconds=_share(ctx),
        reused=reused,
    )


def _export(
    ctx: PhaseContext, name: StockName, called: str, trained: Trained, precision: Precision
) -> Exported:
    network = StockNetwork(name)
    (exported,) = exported_once(
        ctx,
        stock_name(called),
        [Named(network_space(network, ctx.space, ctx.dataset), ())],
        lambda: [export_single(ctx, network, trained.weights, precision)],
    )
    return exported
