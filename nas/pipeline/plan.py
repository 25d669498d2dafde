"""What a search would cost, worked out from what is known before it starts.

Measuring lasts as long as its protocol says; training and scoring as long as whoever asks has timed or
expects; the rest are seconds counted on a small machine. `nas.pipeline.planning` asks on a worker's machine,
`nas.pipeline.preview` without it.
"""

import math
from dataclasses import dataclass
from typing import Final

from latency_predictors.correction import ErrorReport
from latency_predictors.lookup_table import LookupTable
from nas.data.facts import ImageFacts
from nas.pipeline.amounts import NUM_CALIBRATION, NUM_PAIRED, NUM_SESSIONS, NUM_SUBNETS
from nas.pipeline.durations import (
    CHECKPOINT_S,
    DELIVERED_S,
    ENERGY_S,
    EXPORT_S,
    QUANTISE_S,
    RAY_S,
    ROUNDS_SHARE,
    SCORING_SHARE,
    SEARCH_S_PER_EVALUATION,
    SESSION_S,
    TRAINING_S,
    num_verified,
    seconds_of,
    session_s,
    share_of_time,
)
from nas.pipeline.options import options_of, quantised_precisions
from nas.pipeline.plan_notes import budget_notes
from nas.pipeline.planned_data import PlannedData
from nas.pipeline.train import ENOUGH, MAX_EPOCHS, budget_s, num_tuned
from nas.report.trust import table_doubts
from nas.results import Document
from nas.specs import Precision, SearchSpec
from nas.task_events import SupernetTimed
from nas.training_options import NUM_CALIBRATION_IMAGES, NUM_TRIAL_IMAGES, steps_per_epoch
from search_spaces.base import SearchSpace, space_digest
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
        data: Classes and images that it is worked out for.
        share_within_limits: Of random architectures, for each target; None where one of its limits cannot
            be judged before something is measured.
        reports: How good predictions of latency are, for each target; None before its device is profiled.
        epochs: Of the supernet's training.
        disk_bytes: Supernet, checkpoints, exported files, and images at the resolutions of the space.
        notes: What the user should know of data, budget and tables.
    """

    phases: tuple[PlannedPhase, ...]
    data: PlannedData
    total_seconds: float
    disk_bytes: int
    num_layers: int
    num_layers_missing: int
    num_architectures: str
    epochs: int
    share_within_limits: tuple[float | None, ...]
    reports: tuple[ErrorReport | None, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Basis:
    """What a plan is worked out from.

    Attributes:
        tables: Of the targets, in their order; empty ones where nothing has been measured.
        trained_epochs: Of the finished supernet that the search would take; None where it trains one.
        begun_epochs: Of trainings of the same supernet that were begun and not finished.
        scored: Precisions in which subnets of the finished supernet are scored already.
        throughput: Seconds of a training step, of an inference, and of decoding an image.
        room: Trainings at a time.
        images_left: To be decoded for the resolutions of the space.
        image_bytes: Of the images at these resolutions, where they are kept.
    """

    spec: SearchSpec
    space: SearchSpace
    images: ImageFacts
    tables: tuple[LookupTable, ...]
    trained_epochs: int | None
    begun_epochs: tuple[int, ...]
    scored: frozenset[Precision]
    throughput: SupernetTimed
    room: int
    images_left: int = 0
    image_bytes: int = 0


def plan_of(basis: Basis, share_within_limits: tuple[float | None, ...]) -> Plan:
    """Return the plan.

    Args:
        basis: What is known.
        share_within_limits: Of random architectures, for each target; None where that is not known.
    """
    others = other_phases(basis)
    epochs, epoch_s = epochs_for(basis, sum(phase.seconds for phase in others))
    ready = basis.trained_epochs is not None
    training = PlannedPhase(
        name="train",
        seconds=_decoding_s(basis) + (0.0 if ready else RAY_S + TRAINING_S + epochs * epoch_s),
        note=_training_note(basis, epochs),
    )
    phases = (others[0], training, *others[1:3], *_further_training(basis, epochs * epoch_s), others[3])
    total_s = sum(phase.seconds for phase in phases)
    warnings = [notice.message for notice in basis.images.warnings]
    warnings += table_doubts(basis.tables, distinct_layers(basis.space))
    return Plan(
        phases=phases,
        data=PlannedData.of(basis.images),
        total_seconds=total_s,
        disk_bytes=_disk_bytes(basis),
        num_layers=len(distinct_layers(basis.space)),
        num_layers_missing=_num_missing(basis),
        num_architectures=f"10^{sum(math.log10(n) for n in option_counts(basis.space)):.1f}",
        epochs=epochs,
        share_within_limits=share_within_limits,
        reports=_reports(basis),
        notes=(*warnings, *budget_notes(basis.spec, basis.images, total_s, epochs)),
    )


def epochs_for(basis: Basis, others_s: float) -> tuple[int, float]:
    """Return the epochs of a search's training and the seconds of one.

    Args:
        basis: What is known.
        others_s: Seconds that the phases take which do not train.
    """
    batch = options_of(basis.spec, epochs=1).batch_size
    epoch_s = CHECKPOINT_S + basis.throughput.step_s * steps_per_epoch(basis.images.num_train, batch)
    known = basis.spec.supernet.epochs or basis.trained_epochs
    if known is not None:
        return known, epoch_s
    others_s += _decoding_s(basis) + sum(phase.seconds for phase in _further_training(basis, 0.0))
    fit = budget_s(basis.spec, others_s + RAY_S + TRAINING_S, basis.room) / epoch_s
    epochs = min(max(int(fit), 1), MAX_EPOCHS)
    fitting = (one for one in basis.begun_epochs if ENOUGH * epochs <= one <= LONGER * epochs)
    return next(fitting, epochs), epoch_s


def other_phases(basis: Basis) -> list[PlannedPhase]:
    """Return all phases but those that train, in order."""
    spec, images = basis.spec, basis.images
    scored_images, exported_images = (
        min(count, images.num_train) + images.num_validation
        for count in (NUM_TRIAL_IMAGES, NUM_CALIBRATION_IMAGES)
    )
    score_s, export_s = (num * basis.throughput.image_s for num in (scored_images, exported_images))
    network_s = [_verified_s(spec) + SCORING_SHARE * export_s for _ in spec.targets]
    network_s += [QUANTISE_S for one in spec.targets if one.context.precision != "fp32"]
    search_s = images.num_folds * spec.search.evaluations * SEARCH_S_PER_EVALUATION
    rounds = len(spec.targets) * ROUNDS_SHARE * spec.verify.rounds
    return [
        _profiling(basis),
        _scoring(basis, score_s, EXPORT_S + export_s),
        PlannedPhase(
            name="verify",
            seconds=num_verified(spec.verify.candidates) * sum(network_s)
            + rounds * (search_s + NUM_SESSIONS * SESSION_S),
            note=f"up to {spec.verify.candidates * len(spec.targets)} networks exported, scored and measured",
        ),
        PlannedPhase(
            name="export",
            seconds=(DELIVERED_S + NUM_SESSIONS * spec.export.sustained_s) * spec.export.points,
            note=f"{spec.export.points} networks delivered",
        ),
    ]


def _decoding_s(basis: Basis) -> float:
    return basis.images_left * basis.throughput.decoding_s


def _training_note(basis: Basis, epochs: int) -> str:
    note = f"{epochs} epochs" if basis.trained_epochs is None else "a supernet is there"
    return f"{note}, {basis.images_left:,} images to decode before" if basis.images_left else note


def _profiling(basis: Basis) -> PlannedPhase:
    missing = _num_missing(basis)
    open_ = {
        (table.context, target.latency.metric)
        for target, table in zip(basis.spec.targets, basis.tables, strict=True)
        if target.latency.metric.correction_key(space_digest(basis.space)) not in table.corrections
    }
    calibrated = NUM_CALIBRATION * len(open_)
    watched = NUM_CALIBRATION * _num_watched(basis.spec)
    measuring_s = session_s(missing, calibrated, _latency_s(basis.spec)) + watched * ENERGY_S
    return PlannedPhase(
        name="profile",
        seconds=NUM_SESSIONS * measuring_s + 1.0,
        note=f"{missing} layers to measure, {calibrated} networks to calibrate on",
    )


def _scoring(basis: Basis, score_s: float, export_s: float) -> PlannedPhase:
    """Return the phase in which predictors of accuracy get what they learn from.

    Args:
        basis: What is known.
        score_s: One subnet.
        export_s: One network that is exported.
    """
    num_scored = 0 if "fp32" in basis.scored else NUM_SUBNETS
    new = [one for one in quantised_precisions(basis.spec) if one not in basis.scored]
    images = basis.images.num_validation
    note = f"{num_scored} subnets scored on {images} images" if num_scored else "subnets are scored already"
    return PlannedPhase(
        name="predict",
        seconds=SCORING_SHARE * num_scored * score_s + len(new) * NUM_PAIRED * (export_s + QUANTISE_S),
        note="".join([note, *(f", {NUM_PAIRED} networks exported in {one} too" for one in new)]),
    )


def _further_training(basis: Basis, supernet_s: float) -> list[PlannedPhase]:
    """Return the phases that train after the supernet, whose training takes `supernet_s` seconds."""
    spec = basis.spec
    share, num_references, tuned = spec.finetune.share, len(spec.references), num_tuned(spec)
    training_s = share_of_time(tuned, basis.room) * (share * supernet_s + tuned * TRAINING_S)
    stock_s = (1 + share) * supernet_s + num_references * TRAINING_S
    stock_s *= share_of_time(num_references, basis.room)
    return [
        PlannedPhase(
            name="finetune",
            seconds=training_s + tuned * _verified_s(spec),
            note=f"up to {tuned} networks trained on" if tuned else "not asked for",
        ),
        PlannedPhase(
            name="references",
            seconds=stock_s + num_references * len(spec.targets) * _verified_s(spec)
            if num_references
            else 0.0,
            note=f"{num_references} stock networks" if num_references else "none asked for",
        ),
    ]


def _network_s(spec: SearchSpec) -> float:
    """Return the seconds that a network takes in one session, a meter's included, the mean over targets."""
    return _latency_s(spec) + ENERGY_S * _num_watched(spec) / len(spec.targets)


def _latency_s(spec: SearchSpec) -> float:
    return sum(seconds_of(target.latency.metric) for target in spec.targets) / len(spec.targets)


def _num_watched(spec: SearchSpec) -> int:
    """Return the number of targets at which a meter watches."""
    return sum("energy_mj" in spec.wanted(target) for target in spec.targets)


def _verified_s(spec: SearchSpec) -> float:
    return NUM_SESSIONS * _network_s(spec) + EXPORT_S


def _num_missing(basis: Basis) -> int:
    tables = {(table.device, table.context): table for table in basis.tables}
    return sum(len(table.missing(distinct_layers(basis.space))) for table in tables.values())


def _reports(basis: Basis) -> tuple[ErrorReport | None, ...]:
    space = space_digest(basis.space)
    keys = [target.latency.metric.correction_key(space) for target in basis.spec.targets]
    corrections = [table.corrections.get(key) for table, key in zip(basis.tables, keys, strict=True)]
    return tuple(None if correction is None else correction.report for correction in corrections)


def _disk_bytes(basis: Basis) -> int:
    # A value takes four bytes, and no file holds more than a quarter of the values of all distinct layers.
    file_bytes = sum(spec.num_params for spec in distinct_layers(basis.space))
    # Weights, two checkpoints with an optimiser's state each; of a network that is trained on, a file more.
    num_files = 5 + basis.spec.verify.candidates + 6 * num_tuned(basis.spec)
    return file_bytes * num_files + basis.image_bytes
