import itertools

import numpy as np
import pytest

from nas.pareto import hypervolume, non_dominated
from nas.strategies.nsga2 import Nsga2
from nas.strategies.random_search import RandomSearch
from nas.strategies.strategy import Strategy
from search_spaces.base import FloatArray, IntArray, Space
from search_spaces.sampling import largest, smallest
from tests.contracts.strategy_contract import StrategyContract, distance_to_two_corners, grid_space


def knapsack(archs: IntArray) -> FloatArray:
    """Return cost and negative worth, shape (n, 2): additive, with diminishing returns."""
    place = np.arange(archs.shape[1])
    cost = archs @ (1.0 + 37 * place % 11)
    worth = (np.sqrt(archs) * (1.0 + 53 * place % 7)).sum(axis=1)
    return np.stack([cost, -worth], axis=1)


def run(strategy: Strategy, budget: int) -> FloatArray:
    """Return the values of everything evaluated, shape (at most budget, 2)."""
    seen = []
    for _ in range(budget // 100):
        archs = strategy.ask(100)
        values = knapsack(archs)
        strategy.tell(archs, values, np.zeros(len(archs)))
        seen.append(values)
    return np.concatenate(seen)


class TestNsga2(StrategyContract):
    factory = Nsga2

    def test_the_first_proposals_include_the_smallest_and_the_largest(self, space: Space) -> None:
        first = Nsga2(space, np.random.default_rng(0)).ask(10).tolist()
        assert first[:2] == [smallest(space)[0].tolist(), largest(space)[0].tolist()]

    def test_children_resemble_the_best_of_what_was_told(self) -> None:
        space = grid_space(10, 4)
        strategy = Nsga2(space, np.random.default_rng(1), population=10)
        for _ in range(12):
            archs = strategy.ask(20)
            strategy.tell(archs, archs.sum(axis=1, keepdims=True) * 1.0, np.zeros(len(archs)))
        # The best network has the sum 0; random ones have 15 on average.
        assert strategy.ask(100).sum(axis=1).mean() < 6

    def test_infeasible_architectures_are_left_behind(self) -> None:
        space = grid_space(10, 4)
        strategy = Nsga2(space, np.random.default_rng(2), population=20)
        for _ in range(15):
            archs = strategy.ask(40)
            violations = np.maximum(archs[:, :5].sum(axis=1) - 2.0, 0.0)
            strategy.tell(archs, distance_to_two_corners(archs), violations)
        # Feasible: the first five options sum to 2 at most; one in 49 random networks does.
        assert np.mean(strategy.ask(200)[:, :5].sum(axis=1) <= 2) > 0.2


def test_the_exact_front_of_an_enumerable_space_is_found_with_half_of_its_networks() -> None:
    space = grid_space(7, 4)
    everything = np.array(list(itertools.product(range(4), repeat=7)), dtype=np.int64)
    values = knapsack(everything)
    expected = np.unique(values[non_dominated(values)], axis=0)
    found = run(Nsga2(space, np.random.default_rng(0)), budget=8192)
    assert len(expected) > 40
    assert np.array_equal(np.unique(found[non_dominated(found)], axis=0), expected)


@pytest.mark.parametrize("seed", range(5))
def test_a_larger_front_is_found_than_at_random(seed: int) -> None:
    space = grid_space(20, 4)
    corner = knapsack(np.full((1, 20), 3)).max(axis=1)[0] + 1.0
    volumes = {
        factory: hypervolume(run(factory(space, np.random.default_rng(seed)), 3000), [corner, 1.0])
        for factory in (Nsga2, RandomSearch)
    }
    assert volumes[Nsga2] > 1.1 * volumes[RandomSearch]
