"""What a search would cost, told without a worker and without its images: nothing is trained or measured.

`nas.pipeline.training_speed` tells what training takes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from latency_predictors.lookup_table import LookupTable
from nas.data.facts import ImageFacts
from nas.feasibility import infeasible_message
from nas.pipeline.costs import is_profiled, num_uncalibrated
from nas.pipeline.durations import measuring_s
from nas.pipeline.plan import Basis, Plan, plan_of
from nas.pipeline.plan_notes import resolved_points
from nas.pipeline.tables import known_feasibility
from nas.pipeline.train import SMALL_ROOM, will_do
from nas.pipeline.trained import started, supernet_key
from nas.pipeline.training_speed import WITHIN, How, training_speed
from nas.results import Document
from nas.specs import Precision, SearchSpec, TargetSpec
from nas.store.stores import Stores
from search_spaces.base import SearchSpace, Space
from search_spaces.catalogue import get_space
from search_spaces.slot_tables import distinct_layers


class DataWarning(Document):
    """Something that is wrong with the images: a stable code, and what to do."""

    code: str
    message: str


class Outlook(Document):
    """Whether the limits of a target can be met.

    Attributes:
        state: `unknown` where a limit of latency cannot be judged before the device is profiled, or one of
            energy before a meter has seen networks of the search; that of the arena is judged by the search.
        share: Of random architectures that keep all limits; None where that is not known.
        binding: The limits that nobody can keep.
        reachable: The best value that was found for each limit that can be judged, on its own.
        message: What to change; empty where limits can be met.
    """

    state: Literal["feasible", "infeasible", "unknown"]
    share: float | None
    binding: tuple[str, ...]
    reachable: dict[str, float]
    message: str


class PreviewedTarget(Document):
    """What is known of a target.

    Attributes:
        device: Label of the device; empty where nothing has been measured yet.
        context: Likewise.
        num_layers: Distinct layers of the space.
        num_layers_missing: Still to be measured, and
        num_networks_missing: whole networks to correct the sums with.
        measuring_s: For both.
        outlook: Whether its limits can be met.
    """

    device: str
    context: str
    num_layers: int
    num_layers_missing: int
    num_networks_missing: int
    measuring_s: float
    outlook: Outlook


class Preview(Plan):
    """A plan, with what it leaves open.

    Attributes:
        training: How the time of training is known: `measured` by an earlier training of this supernet,
            `fitted` to trainings of others here, or `modelled`: seconds counted on a small machine.
        training_seconds_low: It lies above that, and
        training_seconds_high: below that.
        num_confirm_images: That confirm each accuracy, and
        resolved_points: the percentage points above which they tell accuracies of 95 % apart; smaller
            differences where networks fail on the same images.
        warnings: What is wrong with the images.
        targets: In their order.
    """

    training: How
    training_seconds_low: float
    training_seconds_high: float
    num_confirm_images: int
    resolved_points: float
    warnings: tuple[DataWarning, ...]
    targets: tuple[PreviewedTarget, ...]


@dataclass(frozen=True)
class Asker:
    """Whose stores are looked at; a `Reads`."""

    tenant: str
    stores: Stores


def preview(
    asker: Asker, spec: SearchSpec, images: ImageFacts, table_of: Callable[[TargetSpec], LookupTable]
) -> Preview:
    """Tell what a search would cost, as far as that is known.

    Args:
        asker: Whose supernets count.
        spec: What would be submitted.
        images: Of its data set.
        table_of: Gives the lookup table of a target, an empty one where nothing has been measured.

    Raises:
        UsageError: `unknown_space` or `unknown_preset`.
    """
    space = get_space(
        spec.space.name,
        preset=spec.space.preset,
        num_classes=images.num_classes,
        in_channels=images.num_channels,
    )
    basis, training = _basis(asker, spec, space, images, tuple(table_of(one) for one in spec.targets))
    asked = list(zip(spec.targets, basis.tables, strict=True))
    targets = tuple(_target(space, target, table, spec.seed) for target, table in asked)
    plan = plan_of(basis, tuple(one.outlook.share for one in targets))
    seconds = next(phase.seconds for phase in plan.phases if phase.name == "train")
    return Preview(
        **dict(plan),
        training=training,
        training_seconds_low=seconds / WITHIN[training],
        training_seconds_high=seconds * WITHIN[training],
        num_confirm_images=images.num_confirm,
        resolved_points=resolved_points(images),
        warnings=tuple(DataWarning(code=one.code, message=one.message) for one in images.warnings),
        targets=targets,
    )


def _basis(
    asker: Asker,
    spec: SearchSpec,
    space: Space,
    images: ImageFacts,
    tables: tuple[LookupTable, ...],
) -> tuple[Basis, How]:
    key = supernet_key(spec, space, images.digest)
    found, stored = will_do(asker, spec, key), asker.stores.supernets.find(asker.tenant, key)
    same = next((one for one in stored if one.weights), None)
    speed = training_speed(asker.stores, asker.tenant, spec, space, images.num_train, same)
    summary = next((one.summary for one in stored if found and one.id == found.id), {})
    return Basis(
        spec=spec,
        space=space,
        images=images,
        tables=tables,
        trained_epochs=None if found is None else found.epochs,
        begun_epochs=tuple(one.epochs for one in started(asker, key)),
        scored=_scored(tuple(summary)),
        throughput=speed.timed,
        room=SMALL_ROOM,
    ), speed.how


def _scored(kept: Sequence[str]) -> frozenset[Precision]:
    """Return the precisions in which subnets are scored, by what is kept with a supernet."""
    found: set[Precision] = {"fp32"} if "answers" in kept else set()
    if any(name.startswith("answers.int8.") for name in kept):
        found.add("int8")
    return frozenset(found)


def _target(space: SearchSpace, target: TargetSpec, table: LookupTable, seed: int) -> PreviewedTarget:
    layers, metric = distinct_layers(space), target.latency.metric
    missing, networks = len(table.missing(layers)), num_uncalibrated(space, table, metric)
    return PreviewedTarget(
        device=table.device.label if table.entries else "",
        context=table.context.label if table.entries else "",
        num_layers=len(layers),
        num_layers_missing=missing,
        num_networks_missing=networks,
        measuring_s=measuring_s(missing, networks, metric),
        outlook=_outlook(space, target, table, seed),
    )


def _outlook(space: SearchSpace, target: TargetSpec, table: LookupTable, seed: int) -> Outlook:
    if not target.limits:
        return Outlook(state="feasible", share=1.0, binding=(), reachable={}, message="")
    found = known_feasibility(space, target, table, seed)
    profiled = "latency_ms" not in target.limits or is_profiled(space, table, target.latency.metric)
    judged = profiled and not {"energy_mj", "arena_bytes"}.intersection(target.limits)
    state: Literal["feasible", "infeasible", "unknown"] = "feasible" if judged else "unknown"
    if not found.feasible:
        state = "infeasible"
    return Outlook(
        state=state,
        share=found.share if judged else None,
        binding=() if found.feasible else found.binding,
        reachable=dict(found.reachable),
        message="" if found.feasible else infeasible_message(found),
    )
