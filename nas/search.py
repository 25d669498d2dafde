"""Search a space for its front: the whole loop, without database, devices or training.

front = search(space, {"accuracy": accuracy.predict, "latency_ms": latency.predict}, "nsga2",
               budget=20_000, seed=0, limits={"latency_ms": 2.0})
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.candidates import Candidates, Predictor, Predictors, front_of, joined
from nas.pareto import hypervolume, non_dominated
from nas.strategies.catalogue import get_strategy
from nas.strategies.strategy import StrategyFactory
from search_spaces.base import SearchSpace
from search_spaces.errors import UsageError

BATCH: Final = 100
"""Architectures proposed and evaluated at a time."""

HISTORY_POINTS: Final = 20
MAX_HISTORY_OBJECTIVES: Final = 3
"""With more objectives a front is large, and its exact hypervolume takes longer than the search."""

REFERENCE: Final = 1.1
"""Reference point of the history, scaled: beyond the worst of the front, so that its ends count."""


@dataclass(frozen=True)
class Front:
    """What a search found.

    Attributes:
        points: The non-dominated architectures that keep the limits, ordered as `candidates.front_of` does;
            empty where none keeps them (`candidates` then has the one of least violation).
        candidates: Everything that was evaluated, distinct, in the order of evaluation.
        history: (number of evaluations, hypervolume so far as a share of the reference box); empty where
            nothing is feasible and for more than three objectives.
    """

    points: Candidates
    candidates: Candidates
    history: tuple[tuple[int, float], ...]


def search(
    space: SearchSpace,
    objectives: Mapping[str, Predictor],
    strategy: str | StrategyFactory,
    budget: int,
    seed: int,
    *,
    limits: Mapping[str, float] | None = None,
    limited: Mapping[str, Predictor] | None = None,
) -> Front:
    """Return the front of what a strategy proposes within a budget. The same arguments give the same front.

    Args:
        space: What is searched.
        objectives: What is optimised: a predictor for each name of `objectives.OBJECTIVES`.
        strategy: A name of `strategies.catalogue.STRATEGIES`, or a factory.
        budget: Number of distinct architectures to evaluate; fewer where the space has fewer.
        seed: Of the only random generator.
        limits: By name: at most this, at least this for accuracy; held against the worst case of the
            interval.
        limited: Predictors of what is limited without being an objective.

    Raises:
        UsageError: `no_objectives`, `invalid_budget`, `unknown_objective`, `unknown_strategy`,
            `missing_predictor` or `invalid_limit`.
    """
    if not objectives:
        raise UsageError("no_objectives", "a search needs an objective, for example accuracy")
    if budget < 1:
        raise UsageError("invalid_budget", f"a search needs at least 1 evaluation, got {budget}")
    predict = Predictors(objectives, limits, limited)
    factory = get_strategy(strategy) if isinstance(strategy, str) else strategy
    proposer = factory(space, np.random.default_rng(seed))
    batches: list[Candidates] = []
    left = budget
    while left and len(archs := proposer.ask(min(BATCH, left))):
        batch = predict(archs)
        proposer.tell(archs, batch.minimised(), batch.violations)
        batches.append(batch)
        left -= len(archs)
    candidates = joined(batches)
    points = front_of(candidates)
    return Front(points, candidates, _history(points, candidates))


def _history(points: Candidates, candidates: Candidates) -> tuple[tuple[int, float], ...]:
    if not len(points) or candidates.num_objectives > MAX_HISTORY_OBJECTIVES:
        return ()
    found = points.minimised()
    best, spread = found.min(axis=0), np.ptp(found, axis=0)
    scaled = (candidates.minimised() - best) / np.where(spread > 0.0, spread, 1.0)
    feasible = candidates.violations <= 0.0
    reference = np.full(candidates.num_objectives, REFERENCE)
    front = np.empty((0, candidates.num_objectives))
    history = []
    start = 0
    for end in np.unique(np.linspace(0, len(candidates), HISTORY_POINTS + 1).round().astype(int))[1:]:
        front = np.concatenate([front, scaled[start:end][feasible[start:end]]])
        front = front[non_dominated(front)]
        history.append((int(end), hypervolume(front, reference) / float(np.prod(reference))))
        start = end
    return tuple(history)
