"""NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002) with constrained dominance, on arrays."""

from typing import Final

import numpy as np

from nas.pareto import crowding_distance, ranks
from nas.strategies.unseen import Unseen
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.sampling import crossover, largest, mutate, random_architectures, smallest

POPULATION: Final = 100
"""Parents kept, as in the paper's experiments."""

CROSSOVER_PROBABILITY: Final = 0.9
"""Share of the children with two parents, as in the paper; the others are mutated copies of one."""

MUTATION_PROBABILITY: Final = 0.5
"""Share of the children of two parents that are mutated besides. `mutate` changes about two choices of a row,
so that a child has about one change, as with the paper's rate of one in the number of variables."""

ATTEMPTS: Final = 3
"""Rounds of breeding after which what is still missing is drawn at random."""

DRAWS: Final = 20
"""Rounds of random draws after which a space counts as exhausted."""


class Nsga2:
    """Keeps the best of parents and children by front, then by crowding distance; breeds them by tournament.

    The first population holds the space's smallest and largest architectures, the rest is random. An
    architecture is proposed once: children that were seen before are bred again, so that the budget buys new
    architectures only.
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator, population: int = POPULATION) -> None:
        """Start a search.

        Args:
            space: What is searched.
            rng: The only source of randomness.
            population: Parents kept.
        """
        self._space = space
        self._rng = rng
        self._size = population
        self._unseen = Unseen()
        self._archs = np.empty((0, len(space.choices)), dtype=np.int64)
        self._values: FloatArray | None = None
        self._violations: FloatArray = np.empty(0)
        self._rank: IntArray = np.empty(0, dtype=np.int64)
        self._crowding: FloatArray = np.empty(0)

    def ask(self, n: int) -> IntArray:
        """Return up to n new children of the population; before the first `tell`, its founders."""
        found = np.empty((0, len(self._space.choices)), dtype=np.int64)
        for attempt in range(ATTEMPTS + DRAWS):
            missing = n - len(found)
            if not missing:
                break
            breed = len(self._archs) > 0 and attempt < ATTEMPTS
            # A converged population breeds few new ones, and a hundred children cost little more than ten.
            num = max(2 * missing, self._size)
            proposed = self._children(num) if breed else self._founders(num)
            found = np.concatenate([found, self._unseen.take(proposed, missing)])
        return found

    def tell(self, archs: IntArray, values: FloatArray, violations: FloatArray) -> None:
        """Let the evaluated children compete with their parents for a place in the population."""
        known = np.empty((0, values.shape[1])) if self._values is None else self._values
        everyone = np.concatenate([self._archs, archs])
        all_values = np.concatenate([known, values])
        all_violations = np.concatenate([self._violations, violations])
        rank = ranks(all_values, all_violations)
        crowding = crowding_distance(all_values, rank)
        kept = np.lexsort((-crowding, rank))[: self._size]
        self._archs, self._values, self._violations = everyone[kept], all_values[kept], all_violations[kept]
        self._rank, self._crowding = rank[kept], crowding[kept]

    def _founders(self, n: int) -> IntArray:
        random = random_architectures(self._space, n, self._rng)
        return np.concatenate([smallest(self._space), largest(self._space), random])

    def _children(self, n: int) -> IntArray:
        first, second = self._archs[self._tournament(n)], self._archs[self._tournament(n)]
        crossed = crossover(self._space, first, second, self._rng)
        single = self._rng.random((n, 1)) >= CROSSOVER_PROBABILITY
        children = np.where(single, first, crossed)
        mutated = (single | (self._rng.random((n, 1)) < MUTATION_PROBABILITY))[:, 0]
        children[mutated] = mutate(self._space, children[mutated], self._rng)
        return children

    def _tournament(self, n: int) -> IntArray:
        """Return the better of two random parents, n times: lower front first, then more room around it."""
        pairs = self._rng.integers(0, len(self._archs), size=(2, n))
        rank, crowding = self._rank[pairs], self._crowding[pairs]
        first_wins = (rank[0] < rank[1]) | ((rank[0] == rank[1]) & (crowding[0] >= crowding[1]))
        winners: IntArray = np.where(first_wins, pairs[0], pairs[1])
        return winners
