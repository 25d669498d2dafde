import itertools

import numpy as np
import pytest

from nas.candidates import Predictor
from nas.pareto import non_dominated
from nas.search import search
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError
from tests.contracts.strategy_contract import grid_space

SPACE = grid_space(5, 4)
EVERYTHING = np.array(list(itertools.product(range(4), repeat=5)), dtype=np.int64)


def accuracy(archs: IntArray) -> FloatArray:
    """Return an additive accuracy with diminishing returns, 0.5 to 0.96, shape (n,)."""
    total: FloatArray = 0.5 + (np.sqrt(archs) * (0.02 + 0.03 * np.arange(5) % 0.07)).sum(axis=1)
    return total


def latency(archs: IntArray) -> FloatArray:
    """Return an additive latency of 1 to 52 ms, shape (n,)."""
    total: FloatArray = 1.0 + archs @ np.array([1.0, 5.0, 2.0, 7.0, 2.0])
    return total


def num_params(archs: IntArray) -> FloatArray:
    """Return parameters that rise where the latency falls, shape (n,)."""
    total: FloatArray = 100.0 + (3 - archs) @ np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    return total


OBJECTIVES: dict[str, Predictor] = {"accuracy": accuracy, "latency_ms": latency}


def expected_front(latency_limit: float = np.inf) -> set[tuple[int, ...]]:
    """Compare all 1024 networks."""
    kept = EVERYTHING[latency(EVERYTHING) <= latency_limit]
    front = kept[non_dominated(np.stack([-accuracy(kept), latency(kept)], axis=1))]
    return {tuple(row) for row in front.tolist()}


@pytest.mark.parametrize("strategy", ["nsga2", "random"])
def test_a_budget_as_large_as_the_space_gives_the_exact_front(strategy: str) -> None:
    front = search(SPACE, OBJECTIVES, strategy, budget=5000, seed=0)
    assert len(front.candidates) == 1024
    assert {tuple(row) for row in front.points.archs.tolist()} == expected_front()


def test_limits_are_kept_and_the_front_inside_them_is_exact() -> None:
    front = search(SPACE, OBJECTIVES, "nsga2", budget=700, seed=1, limits={"latency_ms": 20.0})
    assert front.points.column("latency_ms").max() <= 20.0
    assert {tuple(row) for row in front.points.archs.tolist()} == expected_front(20.0)


def test_what_is_limited_need_not_be_an_objective() -> None:
    front = search(
        SPACE, OBJECTIVES, "nsga2", 400, 2, limits={"num_params": 120.0}, limited={"num_params": num_params}
    )
    assert front.points.names == ("accuracy", "latency_ms", "num_params")
    assert front.points.minimised().shape[1] == 2
    assert len(front.points) > 0
    assert num_params(front.points.archs).max() <= 120.0


def test_the_budget_counts_distinct_architectures() -> None:
    candidates = search(SPACE, OBJECTIVES, "nsga2", budget=250, seed=3).candidates
    assert len(candidates) == len(np.unique(candidates.archs, axis=0)) == 250


def test_the_same_seed_gives_the_same_front() -> None:
    first, again, other = (search(SPACE, OBJECTIVES, "nsga2", 300, seed) for seed in (4, 4, 5))
    assert np.array_equal(first.candidates.archs, again.candidates.archs)
    assert np.array_equal(first.points.point, again.points.point)
    assert first.history == again.history
    assert not np.array_equal(first.candidates.archs, other.candidates.archs)


def test_points_are_ordered_by_latency_and_hold_their_own_values() -> None:
    points = search(SPACE, OBJECTIVES, "nsga2", 500, 6).points
    assert np.all(np.diff(points.column("latency_ms")) >= 0)
    assert points.column("accuracy").tolist() == accuracy(points.archs).tolist()


def test_the_hypervolume_never_falls_and_ends_with_the_whole_budget() -> None:
    history = search(SPACE, OBJECTIVES, "nsga2", 1000, 7).history
    assert [evaluations for evaluations, _ in history] == list(range(50, 1001, 50))
    volumes = [volume for _, volume in history]
    assert volumes == sorted(volumes)
    assert 0.0 < volumes[0] < volumes[-1] < 1.0


def test_limits_that_nothing_keeps_give_no_points_but_the_closest_candidates() -> None:
    front = search(SPACE, OBJECTIVES, "nsga2", 1024, 8, limits={"latency_ms": 0.5})
    assert len(front.points) == 0
    assert front.history == ()
    closest = int(np.argmin(front.candidates.violations))
    assert front.candidates.archs[closest].tolist() == [0, 0, 0, 0, 0]


def test_three_objectives_have_a_history_and_four_have_none() -> None:
    three: dict[str, Predictor] = {**OBJECTIVES, "num_params": num_params}
    four: dict[str, Predictor] = {**three, "num_macs": lambda archs: archs[:, 0].astype(np.float64)}
    assert len(search(SPACE, three, "random", 200, 9).history) == 20
    assert search(SPACE, four, "random", 200, 9).history == ()


@pytest.mark.parametrize(
    ("objectives", "strategy", "budget", "limits", "code"),
    [
        ({}, "nsga2", 10, {}, "no_objectives"),
        (OBJECTIVES, "nsga2", 0, {}, "invalid_budget"),
        (OBJECTIVES, "magic", 10, {}, "unknown_strategy"),
        ({"speed": latency}, "nsga2", 10, {}, "unknown_objective"),
        (OBJECTIVES, "nsga2", 10, {"speed": 1.0}, "unknown_objective"),
        (OBJECTIVES, "nsga2", 10, {"num_params": 1.0}, "missing_predictor"),
        (OBJECTIVES, "nsga2", 10, {"latency_ms": float("nan")}, "invalid_limit"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(
    objectives: dict[str, Predictor], strategy: str, budget: int, limits: dict[str, float], code: str
) -> None:
    with pytest.raises(UsageError) as refused:
        search(SPACE, objectives, strategy, budget, 0, limits=limits)
    assert refused.value.code == code
