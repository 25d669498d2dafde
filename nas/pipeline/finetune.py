"""Phase `finetune`: train networks of the verified fronts on, each on its own, and verify them again.

Weights that millions of networks share fit none of them perfectly, small ones least: they are where a few
CPU-seconds of training of their own add most. A network that is trained on is exported, scored and measured
anew, and takes the place of its inherited form where it is not less accurate and keeps the limits that form
kept. Does nothing unless asked for.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.pipeline.context import PhaseContext
from nas.pipeline.networks import Exported, export_static, latency_of, measure_files, score_file
from nas.pipeline.options import epochs_within
from nas.pipeline.profile import context_of, load_table
from nas.pipeline.single import Place, single_task, trained_network
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument, load_trained
from nas.pipeline.verification import confirm_of, part_of
from nas.pipeline.verify import NAME as VERIFY
from nas.pipeline.verify import VerifyDocument
from nas.publication import accuracy_of, front_first, keeps_limits, published
from nas.results import Accuracy, Document, Latency, TargetResult, VerifiedNetwork
from nas.training.finetune import finetune
from search_spaces.base import Architecture, architecture_from_values
from search_spaces.network import fixed_space

NAME: Final = "finetune"
_PLAN: Final = f"{NAME}.plan"


class FinetuneDocument(Document):
    """The fronts after it.

    Attributes:
        cpu_seconds: Processor time of the training.
    """

    targets: tuple[TargetResult, ...]
    cpu_seconds: float


class FinetunePlan(Document):
    """What was decided when the phase began: a killed one goes on with the same.

    Attributes:
        epochs: Of each network, by the digest of its architecture.
    """

    epochs: dict[str, int]


@dataclass(frozen=True)
class _Tuned:
    """A network that was trained on."""

    exported: Exported
    epochs: int


def run(ctx: PhaseContext) -> None:
    """Train on what the specification asks for, and leave the fronts with it."""
    targets = ctx.run.load(VERIFY, VerifyDocument).targets
    seconds = ctx.spec.finetune.share * ctx.run.load(TRAIN, TrainDocument).cpu_seconds
    if seconds:
        started = time.process_time()
        tuned = _tune(ctx, targets, seconds)
        # Where a killed phase goes on, this process did only a part of it.
        seconds = max(seconds, time.process_time() - started)
        targets = tuple(_with_tuned(ctx, target, tuned) for target in targets)
    ctx.run.save(NAME, FinetuneDocument(targets=targets, cpu_seconds=seconds))


def chosen_networks(target: TargetResult, points: int) -> list[VerifiedNetwork]:
    """Return networks of a front: all, or some spread evenly from the fastest to the slowest."""
    rows = np.linspace(0, len(target.front) - 1, min(points, len(target.front))).round().astype(int)
    return [target.front[row] for row in rows]


def _tune(ctx: PhaseContext, targets: Sequence[TargetResult], cpu_seconds: float) -> dict[str, _Tuned]:
    """Train each chosen architecture once, however many fronts it stands on; by its digest."""
    chosen = {
        network.architecture_digest: architecture_from_values(ctx.space, network.architecture)
        for target in targets
        for network in chosen_networks(target, ctx.spec.finetune.points)
    }
    if not chosen:
        return {}
    epochs = _planned_epochs(ctx, chosen, cpu_seconds / len(chosen))
    supernet = load_trained(ctx)
    tuned = {}
    for number, (digest, architecture) in enumerate(chosen.items()):
        task = single_task(ctx, ctx.run.path / NAME / digest[:12], epochs[digest])
        events = finetune(task, ctx.dataset, supernet, architecture)
        place = Place(NAME, number, len(chosen), f"training net-{digest[:6]} on")
        static = trained_network(ctx, events, fixed_space(ctx.space, architecture), place)
        tuned[digest] = _Tuned(export_static(ctx, static, ctx.space, architecture), epochs[digest])
    return tuned


def _planned_epochs(
    ctx: PhaseContext, chosen: Mapping[str, Architecture], cpu_seconds: float
) -> Mapping[str, int]:
    """Return how many epochs of each network fit into the CPU-seconds of one; decided once for a search."""
    if not ctx.run.has(_PLAN):
        epochs = {
            digest: epochs_within(ctx.spec, ctx.dataset, fixed_space(ctx.space, architecture), cpu_seconds)
            for digest, architecture in chosen.items()
        }
        ctx.run.save(_PLAN, FinetunePlan(epochs=epochs))
    return ctx.run.load(_PLAN, FinetunePlan).epochs


def _with_tuned(ctx: PhaseContext, target: TargetResult, tuned: Mapping[str, _Tuned]) -> TargetResult:
    """Return a target with trained networks in the place of their inherited forms; front and ties anew."""
    files = [
        tuned[network.architecture_digest].exported.file_sha256
        for network in target.networks
        if network.architecture_digest in tuned
    ]
    table = load_table(ctx.settings, context_of(target.target.context))
    measured = measure_files(ctx, table, files, NAME)
    confirm = confirm_of(ctx.dataset.folds)
    limits = {str(name): limit for name, limit in target.target.limits.items()}
    networks = []
    for network in target.networks:
        found = tuned.get(network.architecture_digest)
        if found is not None:
            accuracy = accuracy_of(found.exported.correct[confirm], part_of(ctx.dataset.folds))
            latency = latency_of(measured[found.exported.file_sha256])
            network = better_of(network, _tuned_form(network, found, accuracy, latency), limits)
        networks.append(network)
    placed = published(
        networks,
        lambda network: score_file(ctx, network.file_sha256, "validation")[confirm],
        ctx.spec.search.objectives,
        limits,
    )
    return target.model_copy(update={"networks": front_first(placed)})


def better_of(
    inherited: VerifiedNetwork, tuned: VerifiedNetwork, limits: Mapping[str, float]
) -> VerifiedNetwork:
    """Return the trained form, unless it is less accurate or breaks a limit that the inherited one keeps."""
    if tuned.accuracy.value < inherited.accuracy.value:
        return inherited
    return tuned if keeps_limits(tuned, limits) or not keeps_limits(inherited, limits) else inherited


def _tuned_form(
    network: VerifiedNetwork, tuned: _Tuned, accuracy: Accuracy, latency: Latency
) -> VerifiedNetwork:
    return network.model_copy(
        update={
            "file_sha256": tuned.exported.file_sha256,
            "file_bytes": tuned.exported.file_bytes,
            "max_difference": tuned.exported.max_difference,
            "accuracy": accuracy,
            "latency": latency,
            "inherited_accuracy": network.accuracy,
            "finetune_epochs": tuned.epochs,
        }
    )
