"""Phase `finetune`: train networks of the verified fronts on, each on its own, and verify them again.

Weights that millions of networks share fit none of them perfectly, small ones least: they are where a few
CPU-seconds of training of their own add most. A network that is trained on is exported, scored and measured
anew, and takes the place of its inherited form where it is not less accurate and keeps the limits that form
kept. Does nothing unless asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.jobs import Waiting
from nas.pipeline.answers import confirm_of, part_of, tuned_name
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.energy_model import ENERGY, energy_of
from nas.pipeline.measured_files import MeasuredFiles, latency_of, measure_files
from nas.pipeline.networks import (
    Exported,
    Named,
    accuracies,
    export_single,
    exported_once,
    score_file,
)
from nas.pipeline.options import epoch_cpu_seconds
from nas.pipeline.same_site import result_site
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.trained import Trained
from nas.pipeline.training import Asked, Place, train_possible
from nas.pipeline.verify import NAME as VERIFY
from nas.pipeline.verify import VerifyDocument
from nas.publication import front_first, keeps_limits, published
from nas.results import Document, TargetResult, VerifiedNetwork
from nas.specs import Precision
from nas.task_events import TensorFiles
from nas.tasks import TunedSubnet
from search_spaces.base import Architecture, architecture_from_values

NAME: Final = "finetune"
_PLAN: Final = f"{NAME}.plan"


class FinetuneDocument(Document):
    """The fronts after it.

    Attributes:
        cpu_seconds: Processor time of the training.
        weights: Digests of the weights that were trained, by the digest of the architecture.
    """

    targets: tuple[TargetResult, ...]
    cpu_seconds: float
    weights: dict[str, str]


class FinetunePlan(Document):
    """What was decided when the phase began: a killed one goes on with the same.

    Attributes:
        epochs: Of each network, by the digest of its architecture; in earlier versions not the same of all.
    """

    epochs: dict[str, int]


@dataclass(frozen=True)
class _Tuned:
    """A network that was trained on.

    Attributes:
        exported: In each precision of the search's targets.
    """

    exported: Mapping[Precision, Exported]
    epochs: int
    cpu_seconds: float
    weights: str


def run(ctx: PhaseContext) -> PhaseEnd:
    """Train on what the specification asks for, and leave the fronts with it."""
    targets = ctx.run.load(VERIFY, VerifyDocument).targets
    given = ctx.spec.finetune.share * ctx.run.load(TRAIN, TrainDocument).cpu_seconds
    spent, weights = 0.0, dict[str, str]()
    if given:
        tuned = _tune(ctx, targets, given)
        if isinstance(tuned, Waiting):
            return tuned
        spent = sum(one.cpu_seconds for one in tuned.values())
        weights = {digest: one.weights for digest, one in tuned.items()}
        found = [_with_tuned(ctx, target, tuned) for target in targets]
        if any(target is None for target in found):
            return Waiting()
        targets = tuple(target for target in found if target is not None)
    ctx.run.save(NAME, FinetuneDocument(targets=targets, cpu_seconds=spent, weights=weights))
    return Done()


def chosen_networks(target: TargetResult, points: int) -> list[VerifiedNetwork]:
    """Return networks of a front: all, or some spread evenly from the slowest, which is taken first."""
    rows = np.linspace(len(target.front) - 1, 0, min(points, len(target.front))).round().astype(int)
    return [target.front[row] for row in sorted(rows)]


def _tune(
    ctx: PhaseContext, targets: Sequence[TargetResult], cpu_seconds: float
) -> dict[str, _Tuned] | Waiting:
    """Train each chosen architecture once, however many fronts it stands on; by its digest.

    One whose training cannot go on keeps its inherited form.
    """
    chosen = {
        network.architecture_digest: architecture_from_values(ctx.space, network.architecture)
        for target in targets
        for network in chosen_networks(target, ctx.spec.finetune.points)
    }
    if not chosen:
        return {}
    epochs = _planned_epochs(ctx, chosen, cpu_seconds)
    weights = ctx.run.load(TRAIN, TrainDocument).weights
    subnets = {digest: TunedSubnet(architecture, weights) for digest, architecture in chosen.items()}
    asked = [
        Asked(subnet, epochs[digest], Place(NAME, number, len(subnets), f"training net-{digest[:6]} on"))
        for number, (digest, subnet) in enumerate(subnets.items())
    ]
    networks = train_possible(ctx, asked)
    if isinstance(networks, Waiting):
        return networks
    return {
        digest: _tuned(ctx, subnet, trained, number)
        for number, ((digest, subnet), trained) in enumerate(zip(subnets.items(), networks, strict=True))
        if trained is not None
    }


def _tuned(ctx: PhaseContext, network: TunedSubnet, trained: Trained, number: int) -> _Tuned:
    exported = {
        precision: _exported(ctx, network, trained.weights, number, precision)
        for precision in sorted({target.context.precision for target in ctx.spec.targets})
    }
    return _Tuned(exported, trained.epochs, trained.cpu_seconds, trained.weights.tensors)


def _exported(
    ctx: PhaseContext, network: TunedSubnet, weights: TensorFiles, number: int, precision: Precision
) -> Exported:
    (exported,) = exported_once(
        ctx,
        tuned_name(number, precision),
        [Named(ctx.space, network.architecture)],
        lambda: [export_single(ctx, network, weights, precision)],
    )
    return exported


def _planned_epochs(
    ctx: PhaseContext, chosen: Mapping[str, Architecture], cpu_seconds: float
) -> Mapping[str, int]:
    """Return the epochs of each network, decided once for a search."""
    if not ctx.run.has(_PLAN):
        epochs = fitting_epochs(ctx, list(chosen.values()), cpu_seconds)
        ctx.run.save(_PLAN, FinetunePlan(epochs=dict.fromkeys(chosen, epochs)))
    return ctx.run.load(_PLAN, FinetunePlan).epochs


def fitting_epochs(ctx: PhaseContext, architectures: Sequence[Architecture], cpu_seconds: float) -> int:
    """Return how many epochs of each of several networks fit into a time; one at least.

    Equal times would give the slowest network, which is mostly the best of a front, the fewest epochs.
    """
    of_all = sum(epoch_cpu_seconds(ctx, architecture) for architecture in architectures)
    return max(int(cpu_seconds / of_all), 1)


def _with_tuned(ctx: PhaseContext, target: TargetResult, tuned: Mapping[str, _Tuned]) -> TargetResult | None:
    """Return a target with trained networks in the place of their inherited forms; front and ties anew.

    None while they are measured.
    """
    precision = target.target.context.precision
    own = {digest: (one, one.exported[precision]) for digest, one in tuned.items()}
    files = {
        network.name: own[network.architecture_digest][1].file_sha256
        for network in target.networks
        if network.architecture_digest in own
    }
    site, metric = result_site(ctx, target), target.target.latency.metric
    energy = ENERGY in ctx.spec.wanted(target.target)
    measured = measure_files(ctx, site, metric, files.values(), energy=energy)
    if measured is None:
        return None
    # What the runtime cannot run keeps its inherited form.
    runs = {name for name, file in files.items() if file not in measured.unsupported}
    here = [one for one in target.networks if one.name in runs]
    confirm = confirm_of(ctx.dataset.folds)
    limits = {str(name): limit for name, limit in target.target.limits.items()}
    better = {
        network.name: better_of(
            network, _tuned_form(ctx, network, *own[network.architecture_digest], measured), limits
        )
        for network in here
    }
    placed = published(
        [better.get(network.name, network) for network in target.networks],
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
    ctx: PhaseContext,
    network: VerifiedNetwork,
    tuned: _Tuned,
    exported: Exported,
    measured: MeasuredFiles,
) -> VerifiedNetwork:
    file = exported.file_sha256
    return network.model_copy(
        update={
            "file_sha256": file,
            "file_bytes": exported.file_bytes,
            "max_difference": exported.max_difference,
            **accuracies(exported, confirm_of(ctx.dataset.folds), part_of(ctx.dataset.folds)),
            "latency": latency_of(measured.values[file]),
            "energy": energy_of(measured.energies[file]) if file in measured.energies else None,
            "inherited_accuracy": network.accuracy,
            "finetune_epochs": tuned.epochs,
        }
    )
