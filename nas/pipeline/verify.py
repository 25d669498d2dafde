"""Phase `verify`: search, verify what the search proposes, refit with what was learnt, search again.

Each fold of the validation images is searched on its own, with a predictor that sees its `select` images
only. With two swapped folds (few images) a network is verified only where both folds, neither with the
other's images, hold it for a candidate: its accuracy then comes from both `confirm` halves, and all networks
are compared on the same images. They are called `validation` then, since each half has steered a search.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from latency_predictors.calibration import calibration_point
from nas.accuracy_predictor import AccuracyPredictor
from nas.candidates import Candidates, Predictor, Predictors, front_of
from nas.evaluation import SubnetEvaluator
from nas.pipeline.context import PhaseContext
from nas.pipeline.costs import cost_predictors
from nas.pipeline.networks import export_subnet, measure_files
from nas.pipeline.predict import NAME as PREDICT
from nas.pipeline.predict import fit_fold, make_evaluator
from nas.pipeline.profile import NAME as PROFILE
from nas.pipeline.profile import (
    ProfileDocument,
    add_points,
    context_of,
    load_table,
    table_path,
)
from nas.pipeline.train import load_trained
from nas.pipeline.verification import Verification
from nas.results import Document, TargetResult
from nas.search import Front, search
from nas.shortlist import first_shortlist, may_belong, next_shortlist
from search_spaces.base import Architecture, IntArray
from search_spaces.modules.supernet import Supernet
from search_spaces.network import layers
from search_spaces.sampling import as_architecture

NAME: Final = "verify"


class VerifyDocument(Document):
    """What was verified for each target."""

    targets: tuple[TargetResult, ...]


def run(ctx: PhaseContext) -> None:
    """Verify the front of every target and leave the results."""
    supernet = load_trained(ctx)
    evaluator = make_evaluator(ctx, supernet)
    results = [_verify_target(ctx, number, supernet, evaluator) for number in range(len(ctx.spec.targets))]
    ctx.run.save(NAME, VerifyDocument(targets=tuple(results)))


def _verify_target(
    ctx: PhaseContext, number: int, supernet: Supernet, evaluator: SubnetEvaluator
) -> TargetResult:
    target = ctx.spec.targets[number]
    scored = ctx.run.load_arrays(PREDICT)
    state = Verification(
        target,
        ctx.spec.search.objectives,
        ctx.dataset.folds,
        load_table(ctx.settings, context_of(target.context)),
        scored["archs"],
        scored["correct"],
    )
    stopped, rounds = "", 0
    while not stopped:
        rounds += 1
        chosen, reaching = _propose(ctx, state, rounds)
        if chosen:
            _verify_round(ctx, state, supernet, evaluator, chosen, rounds)
        stopped = _why_stop(ctx, state, rounds, len(chosen), reaching)
    table = ctx.run.load(PROFILE, ProfileDocument).tables[number]
    return state.result(table, rounds, stopped, ctx.spec.seed)


def _why_stop(ctx: PhaseContext, state: Verification, rounds: int, num_chosen: int, reaching: int) -> str:
    """Return why verification ends after a round, empty where it goes on."""
    if not num_chosen and not reaching:
        return "no unverified candidate's interval reaches the front"
    if not num_chosen:
        return (
            f"no unverified candidate is predicted to add to the front; {reaching} intervals still reach it"
        )
    if len(state.found) >= ctx.spec.verify.candidates:
        return f"the budget of {ctx.spec.verify.candidates} verified networks is used up"
    if rounds >= ctx.spec.verify.rounds:
        return f"all {rounds} rounds are done"
    return ""


@dataclass(frozen=True)
class _Searched:
    """What a fold's search found, and its predictions of anything else."""

    front: Front
    predict: Predictors
    accuracy: AccuracyPredictor


def _propose(ctx: PhaseContext, state: Verification, round_: int) -> tuple[list[Architecture], int]:
    """Search with each fold's predictor.

    Returns:
        What to verify next, and how many unverified candidates' intervals reach the front.
    """
    left = ctx.spec.verify.candidates - len(state.found)
    quota = -(-left // ((ctx.spec.verify.rounds - round_ + 1) * len(state.folds)))
    ctx.progress.step(NAME, len(state.found), ctx.spec.verify.candidates, f"round {round_}: searching")
    searched = [_search(ctx, state, fold) for fold in range(len(state.folds))]
    state.fronts, state.accuracy = [one.front for one in searched], [one.accuracy for one in searched]
    state.num_evaluated += sum(len(front.candidates) for front in state.fronts)
    chosen: dict[Architecture, None] = {}
    reaching = 0
    for fold in range(len(searched)):
        rows, reach = _shortlist(state, _agreed(searched, fold), quota)
        reaching += reach
        chosen.update(dict.fromkeys(as_architecture(row) for row in rows))
    return list(chosen)[:left], reaching


def _agreed(searched: list[_Searched], fold: int) -> Candidates:
    """Return what one fold's search looked at and every other fold too holds for a candidate of its front."""
    candidates = searched[fold].front.candidates
    agreed = np.ones(len(candidates), dtype=bool)
    for number, other in enumerate(searched):
        if number != fold:
            agreed &= may_belong(other.front.points, other.predict(candidates.archs))
    return candidates.take(agreed)


def _shortlist(state: Verification, candidates: Candidates, quota: int) -> tuple[IntArray, int]:
    if not state.found:
        points = front_of(candidates)
        return points.archs[first_shortlist(points, quota)], len(points)
    seen = {np.array(architecture, dtype=np.int64).tobytes() for architecture in state.found}
    positions, reaching = next_shortlist(candidates, state.measured_objectives(), seen, quota)
    return candidates.archs[positions], reaching


def _search(ctx: PhaseContext, state: Verification, fold: int) -> _Searched:
    accuracy = fit_fold(ctx, state.folds[fold], state.archs, state.correct)
    predictors: dict[str, Predictor] = {
        "accuracy": accuracy.predict,
        **cost_predictors(ctx.space, state.table),
    }
    objectives = {name: predictors[name] for name in state.objectives}
    limited = {name: predictors[name] for name in (*state.limits, "latency_ms")}
    front = search(
        ctx.space,
        objectives,
        ctx.spec.search.strategy,
        ctx.spec.search.evaluations,
        ctx.spec.seed,
        limits=state.limits,
        limited=limited,
    )
    return _Searched(front, Predictors(objectives, state.limits, limited), accuracy)


def _verify_round(
    ctx: PhaseContext,
    state: Verification,
    supernet: Supernet,
    evaluator: SubnetEvaluator,
    chosen: list[Architecture],
    round_: int,
) -> None:
    exported = []
    for done, architecture in enumerate(chosen):
        exported.append(export_subnet(ctx, supernet, evaluator, architecture))
        ctx.progress.step(NAME, done + 1, len(chosen), f"round {round_}: exporting and scoring")
    measured = measure_files(ctx, state.table, [one.file_sha256 for one in exported], NAME)
    points = []
    for one in exported:
        latency = measured[one.file_sha256]
        state.add(one, latency, round_)
        points.append(
            calibration_point(
                state.table,
                layers(ctx.space, one.architecture),
                digest=one.digest,
                measured_ms=latency.median_ms,
                rel_sd=latency.rel_sd,
            )
        )
    state.table = add_points(ctx.space, state.table, points)
    state.table.save(table_path(ctx.settings, state.table.context))
    state.publish()
