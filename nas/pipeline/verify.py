"""Phase `verify`: search, verify what the search proposes, refit with what was learnt, search again.

Accuracies come from the `confirm` images. With two swapped folds (few images) both `confirm` halves count, so
that all networks are compared on the same images; they are called `validation` then, since each half has
steered a search.

What a round proposes and exports is kept: a phase that waited or was killed goes on in the same round. It
begins with what other searches on the supernet have verified.
"""

import math
from collections.abc import Sequence
from typing import Final

from latency_predictors.calibration import calibration_point
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.energy_sessions import SessionsEnergy
from latency_predictors.latency_metric import PLAIN
from latency_predictors.spread import Measured
from nas.jobs import Waiting
from nas.pipeline.answers import round_name
from nas.pipeline.calibrating import add_points, fitted_to_entries
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.earlier import take_in_earlier
from nas.pipeline.energies import energy_point
from nas.pipeline.few_shot import VerifiedThere, refit_few_shots
from nas.pipeline.known import exported_or_known, list_exported
from nas.pipeline.measured_files import MeasuredFiles, measure_files
from nas.pipeline.networks import Exported, Named, export_subnets, exported_once
from nas.pipeline.predict import NAME as PREDICT
from nas.pipeline.profile import NAME as PROFILE
from nas.pipeline.profile import ProfileDocument
from nas.pipeline.proposals import Proposal, propose
from nas.pipeline.shift import paired_answers
from nas.pipeline.sites import Site
from nas.pipeline.tables import latest_table
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.verification import Believed, Verification
from nas.results import Document, TargetResult
from nas.shortlist import added_share
from search_spaces.base import Architecture, FloatArray
from search_spaces.errors import MeasurementError
from search_spaces.network import layers

NAME: Final = "verify"

WORTH_A_ROUND: Final = 0.02
"""Of the hypervolume that the verified networks dominate: after a round that added less there is no other."""


class VerifyDocument(Document):
    """What was verified for each target."""

    targets: tuple[TargetResult, ...]


def run(ctx: PhaseContext) -> PhaseEnd:
    """Verify the front of every target and leave the results."""
    results, verified = [], []
    for number in range(len(ctx.spec.targets)):
        found = _verify_target(ctx, number)
        if found is None:
            return Waiting()
        state, result = found
        results.append(result)
        verified += [_verified_there(state)] if state.metric == PLAIN else []
    refit_few_shots(ctx, verified)
    ctx.run.save(NAME, VerifyDocument(targets=tuple(results)))
    return Done()


def _verified_there(state: Verification) -> VerifiedThere:
    """Return what a model of few networks learns from a target."""
    measured = tuple((architecture, one.measured) for architecture, one in state.found.items())
    return VerifiedThere(Site.of(state.table), measured)


def _verify_target(ctx: PhaseContext, number: int) -> tuple[Verification, TargetResult] | None:
    """Return what was verified for a target; None while something of it is measured.

    Raises:
        MeasurementError: `too_few_run` where the runtime can run nothing of what was proposed.
    """
    target, profiled = ctx.spec.targets[number], ctx.run.load(PROFILE, ProfileDocument)
    scored = ctx.run.load_arrays(PREDICT)
    state = Verification(
        target,
        ctx.spec.search.objectives,
        ctx.dataset.folds,
        profiled.table(ctx, number),
        scored["archs"],
        scored["correct"],
        paired_answers(ctx, PREDICT, target.context.precision),
        energy=profiled.energy(number),
    )
    if not take_in_earlier(ctx, state, number):
        return None
    stopped, rounds = "", 0
    while True:
        rounds += 1
        before = state.measured_objectives()
        proposal = _proposal(ctx, state, number, rounds)
        if proposal.networks and not _verify_round(ctx, state, number, rounds, proposal):
            return None
        state.num_evaluated += proposal.num_evaluated
        stopped = _why_stop(ctx, state, rounds, proposal, before)
        if stopped:
            break
    _check_any(state)
    _publish(ctx, state)
    return state, state.result(profiled.tables[number], proposal.cloud, rounds, stopped)


def _publish(ctx: PhaseContext, state: Verification) -> None:
    """Publish what was learnt, with the sums of layers that somebody has measured again meanwhile."""
    ctx.stores.tables.publish(ctx.run.lease, state.table)
    latest = latest_table(ctx.stores, Site.of(state.table))
    fitted = fitted_to_entries(ctx.space, latest)
    if fitted is not latest:
        ctx.stores.tables.publish(ctx.run.lease, fitted)


def _check_any(state: Verification) -> None:
    if state.found or not state.unsupported:
        return
    first = next(iter(state.unsupported.values()))
    raise MeasurementError(
        "too_few_run",
        f"the runtime cannot run any of the {len(state.unsupported)} networks that were proposed (the first: "
        f"{first.code}, {first.message}): take another runtime, precision or space",
    )


def _why_stop(
    ctx: PhaseContext, state: Verification, rounds: int, proposal: Proposal, before: FloatArray
) -> str:
    """Return why verification ends after a round, empty where it goes on.

    A round that has found nothing within the limits has taught the predictors something: it is no reason.

    Args:
        before: Measured objectives of what kept the limits when the round began.
    """
    if not proposal.networks and not proposal.reaching:
        return "no unverified candidate's interval reaches the front"
    if not proposal.networks:
        return "no unverified candidate would add to the front, even at the best ends of its intervals"
    if state.num_new >= ctx.spec.verify.candidates:
        return f"the budget of {ctx.spec.verify.candidates} verified networks is used up"
    if rounds >= ctx.spec.verify.rounds:
        return f"all {rounds} rounds are done"
    after = state.measured_objectives()
    if len(after) > len(before) and (added := added_share(before, after)) < WORTH_A_ROUND:
        # Rounded down: what is less than the least is never told as much as that.
        told, least = math.floor(max(added, 0.0) * 1000) / 10, f"{WORTH_A_ROUND * 100:.0f} %"
        return f"the last round added {told:.1f} % to what the front dominates, less than {least}"
    return ""


def _proposal(ctx: PhaseContext, state: Verification, number: int, round_: int) -> Proposal:
    """Return what a round proposes: once decided, it stays."""
    name = f"{NAME}.{number}.{round_}"
    if not ctx.run.has(name):
        done = state.num_new
        ctx.progress.step(NAME, done, ctx.spec.verify.candidates, f"round {round_}: searching")
        ctx.run.save(name, propose(ctx, state, round_))
    return ctx.run.load(name, Proposal)


def _verify_round(
    ctx: PhaseContext, state: Verification, number: int, round_: int, proposal: Proposal
) -> bool:
    """Take in what a round proposed; return whether all of it is measured."""
    architectures = [one.architecture for one in proposal.networks]
    supernet, precision = ctx.run.load(TRAIN, TrainDocument), state.target.context.precision
    name = round_name(number, round_)

    def export(missing: Sequence[Architecture]) -> list[Exported]:
        return export_subnets(ctx, supernet.weights, missing, state.num_new, precision)

    exported = exported_once(
        ctx,
        name,
        [Named(ctx.space, architecture) for architecture in architectures],
        lambda: exported_or_known(ctx, supernet.id, precision, architectures, export),
    )
    list_exported(ctx, supernet.id, precision, name, exported)
    files = [one.file_sha256 for one in exported]
    scope = None if state.energy is None else state.energy.scope
    site, energy = Site.of(state.table), state.energy is not None
    measured = measure_files(ctx, site, state.metric, files, energy=energy, scope=scope)
    if measured is None:
        return False
    _take_in(ctx, state, list(zip(exported, proposal.networks, strict=True)), measured, round_)
    state.publish()
    ctx.progress.figures("verified", target=number + 1, round=round_, networks=state.measured_in(round_))
    return True


def _take_in(
    ctx: PhaseContext,
    state: Verification,
    proposed: Sequence[tuple[Exported, Believed]],
    measured: MeasuredFiles,
    round_: int,
) -> None:
    """Add what was measured, leave out what does not run, and refit what predicts with it."""
    runs = []
    for one, believed in proposed:
        if failed := measured.unsupported.get(one.file_sha256):
            noted = state.leave_out(one, failed)
            ctx.progress.say(f"{noted.name} is left out, the runtime cannot run it: {noted.message}")
        else:
            runs.append((one, believed))
    latencies, energies = measured.values, measured.energies
    points = [_point(ctx, state, one, latencies[one.file_sha256], believed) for one, believed in runs]
    if state.energy is not None:
        state.energy = state.energy.refitted(
            [_energy_point(ctx, state, one, energies[one.file_sha256], believed) for one, believed in runs]
        )
    for one, believed in runs:
        latency, energy = latencies[one.file_sha256], energies.get(one.file_sha256)
        state.add(one, state.described(one, latency, believed, round_, energy), latency)
    if points:
        state.table = add_points(ctx.space, state.table, points, state.metric)


def _energy_point(
    ctx: PhaseContext, state: Verification, one: Exported, energy: SessionsEnergy, believed: Believed
) -> CalibrationPoint:
    figure = believed.energy
    ends = None if figure is None else (figure.lower, figure.upper)
    return energy_point(ctx.space, state.table, one.architecture, energy, ends)


def _point(
    ctx: PhaseContext, state: Verification, one: Exported, latency: Measured, believed: Believed
) -> CalibrationPoint:
    return calibration_point(
        state.table,
        layers(ctx.space, one.architecture),
        digest=one.digest,
        measured_ms=latency.value_ms,
        rel_sd=latency.rel_sd,
        predicted_ms=(believed.latency.lower, believed.latency.upper),
        suspect=latency.suspect,
        architecture=one.architecture,
    ).found_in(latency.session_ids, latency.measured_at)
