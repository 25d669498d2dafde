import numpy as np

from nas.strategies.random_search import RandomSearch
from search_spaces.sampling import random_architectures
from tests.contracts.strategy_contract import StrategyContract, grid_space


class TestRandomSearch(StrategyContract):
    factory = RandomSearch

    def test_proposals_are_the_random_architectures_of_the_space(self) -> None:
        space = grid_space(12, 4)
        proposed = RandomSearch(space, np.random.default_rng(0)).ask(50)
        # The first half of a draw of twice as many: in a space of 16 million none comes twice.
        assert np.array_equal(proposed, random_architectures(space, 100, np.random.default_rng(0))[:50])

    def test_what_it_is_told_changes_nothing(self) -> None:
        space = grid_space(12, 4)
        told, silent = (RandomSearch(space, np.random.default_rng(1)) for _ in range(2))
        archs = told.ask(10)
        told.tell(archs, np.zeros((10, 2)), np.zeros(10))
        silent.ask(10)
        assert np.array_equal(told.ask(10), silent.ask(10))
