"""What a search would cost, worked out before it starts: `hwnas plan`.

Training and scoring are timed on the real images; measuring lasts as long as its protocol says; the rest are
seconds counted on a small machine.
"""

import math
from typing import Final

from latency_predictors.correction import ErrorReport
from nas.pipeline import export, finetune, predict, profile, references, train, verify
from nas.pipeline.context import PhaseContext, SearchContext
from nas.pipeline.durations import (
    CHECKPOINT_S,
    DELIVERED_S,
    EXPORT_S,
    LAYER_S,
    QUANTISE_S,
    RAY_S,
    SEARCH_S_PER_EVALUATION,
    TRAINING_S,
    seconds_of,
)
from nas.pipeline.measuring import NUM_SESSIONS
from nas.pipeline.options import options_of, recipe_of
from nas.pipeline.profile import NUM_CALIBRATION, check_limits, context_of, latest_table
from nas.pipeline.shift import NUM_NETWORKS, answers_name, quantised_precisions
from nas.pipeline.training import started, training_key
from nas.results import Document
from nas.specs import TargetSpec
from nas.task_events import SupernetTimed
from nas.tasks import TimeSupernet, WholeSpace
from nas.training_options import NUM_CALIBRATION_IMAGES, NUM_TRIAL_IMAGES, steps_per_epoch
from search_spaces.base import space_digest
from search_spaces.sampling import option_counts
from search_spaces.slot_tables import distinct_layers

LONGER: Final = 1.25
"""Share of the budget's epochs up to which a training that another search has begun is gone on with."""


class PlannedPhase(Document):
    """One phase of a plan."""

    name: str
    seconds: float
    note: str


class Plan(Document):
    """What a search would cost here.

    Attributes:
        num_architectures: Size of the space as text, option combinations.
        share_within_limits: Of random architectures, for each target; None before its device is profiled.
        reports: How good predictions of latency are, for each target; None before its device is profiled.
        epochs: Of the supernet's training.
        disk_bytes: Supernet, checkpoints and exported files.
        notes: What the user should know of data and budget.
    """

    phases: tuple[PlannedPhase, ...]
    total_seconds: float
    disk_bytes: int
    num_layers: int
    num_layers_missing: int
    num_architectures: str
    epochs: int
    share_within_limits: tuple[float | None, ...]
    reports: tuple[ErrorReport | None, ...]
    notes: tuple[str, ...]


def make_plan(ctx: SearchContext) -> Plan:
    """Work out what a search would cost on this machine, with what is there already taken into account.

    Raises:
        InfeasibleError: `infeasible_limits`, where the device is profiled and no architecture keeps them.
    """
    throughput = _throughput(ctx)
    missing = _missing(ctx)
    others = _other_phases(ctx, throughput, missing)
    epochs, epoch_s = epochs_for(ctx, throughput, sum(phase.seconds for phase in others))
    ready = train.trained_supernet(ctx) is not None
    training = PlannedPhase(
        name=train.NAME,
        seconds=0.0 if ready else RAY_S + TRAINING_S + epochs * epoch_s,
        note="a supernet is there" if ready else f"{epochs} epochs",
    )
    phases = (others[0], training, *others[1:3], *_further_training(ctx, epochs * epoch_s), others[3])
    return Plan(
        phases=phases,
        total_seconds=sum(phase.seconds for phase in phases),
        disk_bytes=_disk_bytes(ctx),
        num_layers=len(distinct_layers(ctx.space)),
        num_layers_missing=missing,
        num_architectures=f"10^{sum(math.log10(n) for n in option_counts(ctx.space)):.1f}",
        epochs=epochs,
        share_within_limits=_shares(ctx),
        reports=_reports(ctx),
        notes=(
            *(notice.message for notice in ctx.dataset.report.warnings),
            *_budget_notes(ctx, phases, epochs),
        ),
    )


def epochs_for(ctx: SearchContext, throughput: SupernetTimed, others_s: float) -> tuple[int, float]:
    """Return the epochs of a search's training and the seconds of one.

    Args:
        ctx: The search.
        throughput: Of this machine.
        others_s: Seconds that the phases take which do not train.
    """
    batch = options_of(ctx.spec, epochs=1).batch_size
    epoch_s = CHECKPOINT_S + throughput.step_s * steps_per_epoch(len(ctx.dataset.labels("train")), batch)
    found = train.trained_supernet(ctx)
    if ctx.spec.supernet.epochs is not None:
        return ctx.spec.supernet.epochs, epoch_s
    if found is not None:
        return found.epochs, epoch_s
    others_s += sum(phase.seconds for phase in _further_training(ctx, 0.0))
    fit = train.budget_s(ctx, others_s + RAY_S + TRAINING_S) / epoch_s
    epochs = min(max(int(fit), 1), train.MAX_EPOCHS)
    begun = (one.epochs for one in started(ctx, training_key(ctx, WholeSpace())))
    return next((one for one in begun if train.ENOUGH * epochs <= one <= LONGER * epochs), epochs), epoch_s


def _throughput(ctx: SearchContext) -> SupernetTimed:
    task = TimeSupernet(ctx.inputs, recipe_of(ctx.spec).name, options_of(ctx.spec, epochs=1), ctx.spec.seed)
    (timed,) = ctx.compute.run(task)
    assert isinstance(timed, SupernetTimed)
    return timed


def planned_epochs(ctx: PhaseContext) -> int:
    """Return the epochs that a search will train: those that it has begun with, else as its plan says."""
    if ctx.spec.supernet.epochs is not None:
        return ctx.spec.supernet.epochs
    for one in started(ctx, training_key(ctx, WholeSpace())):
        if one.trainer == ctx.run.id:
            return one.epochs
    throughput = _throughput(ctx)
    others = _other_phases(ctx, throughput, _missing(ctx))
    return epochs_for(ctx, throughput, sum(phase.seconds for phase in others))[0]


def _further_training(ctx: SearchContext, supernet_s: float) -> list[PlannedPhase]:
    """Return the phases that train after the supernet, whose training takes `supernet_s` seconds."""
    share, num_references = ctx.spec.finetune.share, len(ctx.spec.references)
    num_tuned = _num_tuned(ctx)
    return [
        PlannedPhase(
            name=finetune.NAME,
            seconds=share * supernet_s + num_tuned * (TRAINING_S + _verified_s(ctx)),
            note=f"up to {num_tuned} networks trained on" if num_tuned else "not asked for",
        ),
        PlannedPhase(
            name=references.NAME,
            seconds=(1 + share) * supernet_s
            + num_references * (TRAINING_S + len(ctx.spec.targets) * _verified_s(ctx))
            if num_references
            else 0.0,
            note=f"{num_references} stock networks" if num_references else "none asked for",
        ),
    ]


def _num_tuned(ctx: SearchContext) -> int:
    return ctx.spec.finetune.points * len(ctx.spec.targets) if ctx.spec.finetune.share else 0


def _other_phases(ctx: SearchContext, throughput: SupernetTimed, missing: int) -> list[PlannedPhase]:
    """Return all phases but those that train, in order."""
    num_networks = ctx.spec.verify.candidates * len(ctx.spec.targets)
    validation, train_images = (len(ctx.dataset.labels(part)) for part in ("validation", "train"))
    scored_images, exported_images = (
        min(count, train_images) + validation for count in (NUM_TRIAL_IMAGES, NUM_CALIBRATION_IMAGES)
    )
    targets = [target for target in ctx.spec.targets if _needs_calibration(ctx, target)]
    calibrated = NUM_CALIBRATION * len({(context_of(one.context), one.latency.metric) for one in targets})
    searches = ctx.spec.verify.rounds * len(ctx.dataset.folds) * len(ctx.spec.targets)
    quantised = ctx.spec.verify.candidates * sum(
        target.context.precision != "fp32" for target in ctx.spec.targets
    )
    export_s = EXPORT_S + exported_images * throughput.image_s
    return [
        PlannedPhase(
            name=profile.NAME,
            seconds=NUM_SESSIONS * (missing * LAYER_S + calibrated * _network_s(ctx)) + 1.0,
            note=f"{missing} layers to measure, {calibrated} networks to calibrate on",
        ),
        _scoring(ctx, scored_images * throughput.image_s, export_s),
        PlannedPhase(
            name=verify.NAME,
            seconds=num_networks * (_verified_s(ctx) + exported_images * throughput.image_s)
            + quantised * QUANTISE_S
            + searches * ctx.spec.search.evaluations * SEARCH_S_PER_EVALUATION,
            note=f"up to {num_networks} networks exported, scored and measured",
        ),
        PlannedPhase(
            name=export.NAME,
            seconds=(DELIVERED_S + NUM_SESSIONS * ctx.spec.export.sustained_s) * ctx.spec.export.points,
            note=f"{ctx.spec.export.points} networks delivered",
        ),
    ]


def _scoring(ctx: SearchContext, score_s: float, export_s: float) -> PlannedPhase:
    """Return the phase in which predictors of accuracy get what they learn from.

    Args:
        ctx: The search.
        score_s: One subnet.
        export_s: One network that is exported.
    """
    trained, supernets = train.trained_supernet(ctx), ctx.stores.supernets

    def kept(name: str) -> bool:
        return trained is not None and bool(supernets.answers(ctx.tenant, trained.id, name))

    num_scored = 0 if kept("answers") else predict.NUM_SUBNETS
    new = [one for one in quantised_precisions(ctx.spec) if not kept(answers_name(one))]
    images = len(ctx.dataset.labels("validation"))
    note = f"{num_scored} subnets scored on {images} images" if num_scored else "subnets are scored already"
    return PlannedPhase(
        name=predict.NAME,
        seconds=num_scored * score_s + len(new) * NUM_NETWORKS * (export_s + QUANTISE_S),
        note="".join([note, *(f", {NUM_NETWORKS} networks exported in {one} too" for one in new)]),
    )


def _network_s(ctx: SearchContext) -> float:
    """Return the seconds that a network takes in one session, the mean over the targets."""
    return sum(seconds_of(target.latency.metric) for target in ctx.spec.targets) / len(ctx.spec.targets)


def _verified_s(ctx: SearchContext) -> float:
    return NUM_SESSIONS * _network_s(ctx) + EXPORT_S


def _missing(ctx: SearchContext) -> int:
    contexts = dict.fromkeys(context_of(target.context) for target in ctx.spec.targets)
    tables = [latest_table(ctx.stores, context) for context in contexts]
    return sum(len(table.missing(distinct_layers(ctx.space))) for table in tables)


def _needs_calibration(ctx: SearchContext, target: TargetSpec) -> bool:
    key = target.latency.metric.correction_key(space_digest(ctx.space))
    return key not in latest_table(ctx.stores, context_of(target.context)).corrections


def _shares(ctx: SearchContext) -> tuple[float | None, ...]:
    if _missing(ctx) or any(_needs_calibration(ctx, target) for target in ctx.spec.targets):
        return tuple(None for _ in ctx.spec.targets)
    return tuple(check_limits(ctx, target) for target in ctx.spec.targets)


def _reports(ctx: SearchContext) -> tuple[ErrorReport | None, ...]:
    tables = [latest_table(ctx.stores, context_of(target.context)) for target in ctx.spec.targets]
    space, metrics = space_digest(ctx.space), [target.latency.metric for target in ctx.spec.targets]
    keys = [metric.correction_key(space) for metric in metrics]
    corrections = [table.corrections.get(key) for table, key in zip(tables, keys, strict=True)]
    return tuple(None if correction is None else correction.report for correction in corrections)


def _disk_bytes(ctx: SearchContext) -> int:
    # A value takes four bytes, and no file holds more than a quarter of the values of all distinct layers.
    file_bytes = sum(spec.num_params for spec in distinct_layers(ctx.space))
    # Weights, two checkpoints with an optimiser's state each; of a network that is trained on, a file more.
    return file_bytes * (5 + ctx.spec.verify.candidates + 6 * _num_tuned(ctx))


def _budget_notes(ctx: SearchContext, phases: tuple[PlannedPhase, ...], epochs: int) -> list[str]:
    notes = []
    total = sum(phase.seconds for phase in phases)
    if total > 60 * ctx.spec.budget.wall_minutes:
        notes.append(
            f"about {total / 60:.1f} minutes, more than the budget of {ctx.spec.budget.wall_minutes:g}: "
            "raise it, or verify fewer networks"
        )
    if epochs < 10:
        notes.append(f"only {epochs} epochs fit into the budget: accuracies will be low")
    confirm = min(len(fold.confirm) for fold in ctx.dataset.folds)
    resolves = 1.96 * math.sqrt(2 * 0.95 * 0.05 / confirm)
    notes.append(
        f"{confirm} images confirm each accuracy: differences below about {100 * resolves:.1f} points "
        "are ties (at 95 % accuracy)"
    )
    return notes
