"""What every search strategy does: propose architectures, then learn what they are worth."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from search_spaces.base import FloatArray, IntArray, SearchSpace


class Strategy(Protocol):
    """Ask and tell. A strategy holds its own state and one random generator; it never evaluates anything."""

    def ask(self, n: int) -> IntArray:
        """Propose architectures. Called before each evaluation, as often as the budget allows.

        Args:
            n: How many are wanted, at least 1.

        Returns:
            Canonical architectures, shape (at most n, num_choices), none of which this strategy proposed
            before. Fewer than n where no more can be found; none where the space is exhausted.
        """

    def tell(self, archs: IntArray, values: FloatArray, violations: FloatArray) -> None:
        """Learn the values of architectures. Called once after each `ask`, with what it returned.

        The violations stand apart from the values because constrained dominance needs both (`pareto.ranks`).

        Args:
            archs: What was asked, shape (n, num_choices).
            values: Shape (n, num_objectives), all minimised and finite.
            violations: Shape (n,), the total normalised violation of the limits, 0 where all hold.
        """


StrategyFactory = Callable[[SearchSpace, np.random.Generator], Strategy]
"""Makes a strategy for one search. The generator is the strategy's only source of randomness."""
