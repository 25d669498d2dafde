"""What a round of verification looks at next: a search with each fold's predictors, and what they agree on.

Each fold of the validation images is searched on its own, with a predictor that sees its `select` images
only. What its candidates would add is judged against what was verified, as it is on these same images. With
two swapped folds (few images) a network is proposed only where both folds, neither with the other's images,
hold it for a candidate.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.accuracy_predictor import AccuracyPredictor
from nas.candidates import Candidates, Predictor, Predictors, front_of
from nas.pipeline.context import PhaseContext
from nas.pipeline.costs import cost_predictors, limits_of
from nas.pipeline.energy_model import ENERGY
from nas.pipeline.predict import fit_fold
from nas.pipeline.verification import Verification
from nas.precision_shift import ShiftedPredictor
from nas.results import CloudPoint, Document, Figure, Kind
from nas.search import Front, search
from nas.shortlist import first_shortlist, may_belong, next_shortlist
from search_spaces.base import Architecture, IntArray
from search_spaces.sampling import as_architecture

_CLOUD: Final = 1_500


class ProposedNetwork(Document):
    """A network that is to be verified, and what the search believes of it."""

    architecture: tuple[int, ...]
    accuracy: Figure
    latency: Figure
    energy: Figure | None = None


class Proposal(Document):
    """What one round proposes.

    Attributes:
        networks: To be verified.
        reaching: Unverified candidates whose intervals reach the front.
        num_evaluated: Architectures that were looked at.
        cloud: A sample of them, as predicted.
    """

    networks: tuple[ProposedNetwork, ...]
    reaching: int
    num_evaluated: int
    cloud: tuple[CloudPoint, ...]


@dataclass(frozen=True)
class _Searched:
    """What a fold's search found, and its predictions of anything else."""

    front: Front
    predict: Predictors
    accuracy: AccuracyPredictor | ShiftedPredictor


def propose(ctx: PhaseContext, state: Verification, round_: int) -> Proposal:
    """Search with each fold's predictor, refitted with what was verified; return what to verify next."""
    left = ctx.spec.verify.candidates - state.num_new
    quota = -(-left // ((ctx.spec.verify.rounds - round_ + 1) * len(state.folds)))
    searched = [_search(ctx, state, fold) for fold in range(len(state.folds))]
    chosen: dict[Architecture, None] = {}
    reaching = 0
    for fold in range(len(searched)):
        rows, reach = _shortlist(state, _agreed(searched, fold), fold, quota)
        reaching += reach
        chosen.update(dict.fromkeys(as_architecture(row) for row in rows))
    return Proposal(
        networks=tuple(_proposed(state, searched, architecture) for architecture in list(chosen)[:left]),
        reaching=reaching,
        num_evaluated=sum(len(one.front.candidates) for one in searched),
        cloud=_cloud(searched[0].front.candidates, ctx.spec.seed),
    )


def _agreed(searched: list[_Searched], fold: int) -> Candidates:
    """Return what one fold's search looked at and every other fold too holds for a candidate of its front."""
    candidates = searched[fold].front.candidates
    agreed = np.ones(len(candidates), dtype=bool)
    for number, other in enumerate(searched):
        if number != fold:
            agreed &= may_belong(other.front.points, other.predict(candidates.archs))
    return candidates.take(agreed)


def _shortlist(state: Verification, candidates: Candidates, fold: int, quota: int) -> tuple[IntArray, int]:
    if state.unsupported:
        runs = [as_architecture(row) not in state.unsupported for row in candidates.archs]
        candidates = candidates.take(np.array(runs, dtype=bool))
    if not state.found:
        points = front_of(candidates)
        return points.archs[first_shortlist(points, quota)], len(points)
    seen = {np.array(architecture, dtype=np.int64).tobytes() for architecture in state.found}
    positions, reaching = next_shortlist(candidates, state.objectives_on_select(fold), seen, quota)
    return candidates.archs[positions], reaching


def _search(ctx: PhaseContext, state: Verification, fold: int) -> _Searched:
    accuracy = accuracy_predictor(ctx, state, fold)
    predictors: dict[str, Predictor] = {
        "accuracy": accuracy.predict,
        **cost_predictors(ctx.space, state.table, state.metric),
    }
    if state.energy is not None:
        predictors[ENERGY] = state.energy.predictor(ctx.space, state.table)
    objectives = {name: predictors[name] for name in state.objectives}
    limits = limits_of(ctx.space, state.table, state.target.limits)
    limited = {name: predictors[name] for name in (*limits, "latency_ms")}
    front = search(
        ctx.space,
        objectives,
        ctx.spec.search.strategy,
        ctx.spec.search.evaluations,
        ctx.spec.seed,
        limits=limits,
        limited=limited,
    )
    return _Searched(front, Predictors(objectives, limits, limited), accuracy)


def accuracy_predictor(
    ctx: PhaseContext, state: Verification, fold: int
) -> AccuracyPredictor | ShiftedPredictor:
    """Return what predicts accuracy in the precision of a target from a fold's `select` images alone."""
    fp32 = fit_fold(ctx, state.folds[fold], state.archs, state.correct)
    if state.paired is None:
        return fp32
    return ShiftedPredictor(fp32, state.paired.fit(state.folds[fold].select))


def _proposed(state: Verification, searched: list[_Searched], architecture: Architecture) -> ProposedNetwork:
    """Return a network with what the first fold that looked at it believes.

    Accuracy as it would be on the images that the network shows, which with swapped halves the fold has
    seen a part of.
    """
    row, confirm = np.array([architecture]), state.confirm
    for one, fold in zip(searched, state.folds, strict=True):
        rows = np.flatnonzero((one.front.candidates.archs == row).all(axis=1))
        if len(rows):
            found = one.front.candidates.take(rows[:1])
            num_shared = len(np.intersect1d(fold.select, confirm))
            believed = one.accuracy.predict_elsewhere(row, len(confirm), num_shared)
            return ProposedNetwork(
                architecture=architecture,
                accuracy=_figure("fitted", *(float(end[0]) for end in believed)),
                latency=_figure("table", *_ends(found, "latency_ms")),
                energy=None if state.energy is None else _figure("fitted", *_ends(found, ENERGY)),
            )
    raise AssertionError("what is proposed was looked at")


def _ends(found: Candidates, name: str) -> tuple[float, float, float]:
    """Return the value that is predicted of the first architecture, and the ends of its interval."""
    column = found.names.index(name)
    return float(found.point[0, column]), float(found.lower[0, column]), float(found.upper[0, column])


def _figure(kind: Kind, value: float, lower: float, upper: float) -> Figure:
    return Figure(value=value, lower=lower, upper=upper, kind=kind)


def _cloud(seen: Candidates, seed: int) -> tuple[CloudPoint, ...]:
    rows = np.random.default_rng(seed).permutation(len(seen))[:_CLOUD]
    pairs = zip(seen.column("accuracy")[rows], seen.column("latency_ms")[rows], strict=True)
    return tuple(
        CloudPoint(accuracy=float(accuracy), latency_ms=float(latency)) for accuracy, latency in pairs
    )
