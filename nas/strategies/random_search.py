"""Random search: the reference that every other strategy has to beat."""

from typing import Final

import numpy as np

from nas.strategies.unseen import Unseen
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.sampling import random_architectures

ATTEMPTS: Final = 20
"""Draws after which a space counts as exhausted: each one asks for twice what is missing."""


class RandomSearch:
    """Proposes architectures drawn at random, each once."""

    def __init__(self, space: SearchSpace, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._unseen = Unseen()

    def ask(self, n: int) -> IntArray:
        """Return up to n new random architectures."""
        found = np.empty((0, len(self._space.choices)), dtype=np.int64)
        for _ in range(ATTEMPTS):
            missing = n - len(found)
            if not missing:
                break
            drawn = random_architectures(self._space, 2 * missing, self._rng)
            found = np.concatenate([found, self._unseen.take(drawn, missing)])
        return found

    def tell(self, archs: IntArray, values: FloatArray, violations: FloatArray) -> None:
        """Learn nothing: the next draw does not depend on the values."""
