"""Phase `verify`: search, verify what the search proposes, refit with what was learnt, search again.

Accuracies come from the `confirm` images. With two swapped folds (few images) both `confirm` halves count, so
that all networks are compared on the same images; they are called `validation` then, since each half has
steered a search.

What a round proposes and exports is kept: a phase that waited or was killed goes on in the same round.
"""

from typing import Final

from latency_predictors.calibration import calibration_point
from latency_predictors.correction import CalibrationPoint
from latency_predictors.spread import Measured
from nas.jobs import Waiting
from nas.pipeline.context import Done, PhaseContext, PhaseEnd
from nas.pipeline.networks import Exported, Named, export_subnets, exported_once, measure_files
from nas.pipeline.predict import NAME as PREDICT
from nas.pipeline.profile import NAME as PROFILE
from nas.pipeline.profile import ProfileDocument, add_points
from nas.pipeline.proposals import Proposal, propose
from nas.pipeline.shift import paired_answers
from nas.pipeline.sites import Site
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.verification import Believed, Verification
from nas.results import Document, TargetResult
from search_spaces.network import layers

NAME: Final = "verify"


class VerifyDocument(Document):
    """What was verified for each target."""

    targets: tuple[TargetResult, ...]


def run(ctx: PhaseContext) -> PhaseEnd:
    """Verify the front of every target and leave the results."""
    results = []
    for number in range(len(ctx.spec.targets)):
        result = _verify_target(ctx, number)
        if result is None:
            return Waiting()
        results.append(result)
    ctx.run.save(NAME, VerifyDocument(targets=tuple(results)))
    return Done()


def _verify_target(ctx: PhaseContext, number: int) -> TargetResult | None:
    """Return what was verified for a target; None while something of it is measured."""
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
    )
    stopped, rounds = "", 0
    while True:
        rounds += 1
        proposal = _proposal(ctx, state, number, rounds)
        if proposal.networks and not _verify_round(ctx, state, number, rounds, proposal):
            return None
        state.num_evaluated += proposal.num_evaluated
        stopped = _why_stop(ctx, state, rounds, proposal)
        if stopped:
            break
    ctx.stores.tables.publish(ctx.run.lease, state.table)
    return state.result(profiled.tables[number], proposal.cloud, rounds, stopped)


def _why_stop(ctx: PhaseContext, state: Verification, rounds: int, proposal: Proposal) -> str:
    """Return why verification ends after a round, empty where it goes on."""
    if not proposal.networks and not proposal.reaching:
        return "no unverified candidate's interval reaches the front"
    if not proposal.networks:
        return (
            "no unverified candidate is predicted to add to the front; "
            f"{proposal.reaching} intervals still reach it"
        )
    if len(state.found) >= ctx.spec.verify.candidates:
        return f"the budget of {ctx.spec.verify.candidates} verified networks is used up"
    if rounds >= ctx.spec.verify.rounds:
        return f"all {rounds} rounds are done"
    return ""


def _proposal(ctx: PhaseContext, state: Verification, number: int, round_: int) -> Proposal:
    """Return what a round proposes: once decided, it stays."""
    name = f"{NAME}.{number}.{round_}"
    if not ctx.run.has(name):
        done = len(state.found)
        ctx.progress.step(NAME, done, ctx.spec.verify.candidates, f"round {round_}: searching")
        ctx.run.save(name, propose(ctx, state, round_))
    return ctx.run.load(name, Proposal)


def _verify_round(
    ctx: PhaseContext, state: Verification, number: int, round_: int, proposal: Proposal
) -> bool:
    """Take in what a round proposed; return whether all of it is measured."""
    architectures = [one.architecture for one in proposal.networks]
    weights = ctx.run.load(TRAIN, TrainDocument).weights
    exported = exported_once(
        ctx,
        f"{NAME}.{number}.{round_}.exported",
        [Named(ctx.space, architecture) for architecture in architectures],
        lambda: export_subnets(ctx, weights, architectures, len(state.found), state.target.context.precision),
    )
    files = [one.file_sha256 for one in exported]
    measured = measure_files(ctx, Site.of(state.table), state.metric, files)
    if measured is None:
        return False
    for one, believed in zip(exported, proposal.networks, strict=True):
        state.add(one, measured[one.file_sha256], believed, round_)
    points = [
        _point(ctx, state, one, measured[one.file_sha256], believed)
        for one, believed in zip(exported, proposal.networks, strict=True)
    ]
    state.table = add_points(ctx.space, state.table, points, state.metric)
    state.publish()
    ctx.progress.figures("verified", target=number + 1, round=round_, networks=state.measured_in(round_))
    return True


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
    )
