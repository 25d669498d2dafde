import numpy as np

from nas.search import search
from search_spaces.base import FloatArray, IntArray, SearchSpace
from tests.contracts.strategy_contract import grid_space


class InOrder:
    """Proposes the options of a single choice one after the other, and writes down what it is told."""

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        self.next = 0
        self.num_options = len(space.choices[0].options)
        self.told: list[tuple[IntArray, FloatArray, FloatArray]] = []

    def ask(self, n: int) -> IntArray:
        first, self.next = self.next, min(self.next + min(n, 2), self.num_options)
        return np.arange(first, self.next)[:, None]

    def tell(self, archs: IntArray, values: FloatArray, violations: FloatArray) -> None:
        self.told.append((archs, values, violations))


def test_a_strategy_is_told_what_it_asked_with_minimised_values_and_violations() -> None:
    strategies: list[InOrder] = []

    def factory(space: SearchSpace, rng: np.random.Generator) -> InOrder:
        strategies.append(InOrder(space, rng))
        return strategies[0]

    objectives = {"accuracy": lambda archs: archs[:, 0] / 10, "latency_ms": lambda archs: archs[:, 0] + 1.0}
    search(grid_space(1, 3), objectives, factory, budget=10, seed=0, limits={"latency_ms": 2.0})
    (first, first_values, _), (second, second_values, second_violations) = strategies[0].told
    assert first.tolist() == [[0], [1]]
    assert first_values.tolist() == [[0.0, 1.0], [-0.1, 2.0]]
    assert second.tolist() == [[2]]
    assert second_values.tolist() == [[-0.2, 3.0]]
    assert second_violations.tolist() == [0.5]
