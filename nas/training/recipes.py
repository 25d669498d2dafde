"""Which subnets a training step trains: the shop window of training methods.

A recipe sees the space, the number of the step, how many there will be, and a generator seeded by
(seed, step) alone, so that a run can go on from any step. All subnets of a step take images of one
resolution: they share a batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, final

import numpy as np

from search_spaces.base import Architecture, IntArray, SearchSpace
from search_spaces.errors import UsageError
from search_spaces.sampling import (
    as_architecture,
    canonical,
    largest,
    option_counts,
    random_architectures,
    smallest,
)
from search_spaces.slot_tables import space_tables


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimiser step trains.

    Attributes:
        subnets: Distinct, of one resolution; the gradients of their losses are summed.
        distils: Whether the first one learns from labels and teaches the others; else all learn from labels.
    """

    subnets: tuple[Architecture, ...]
    distils: bool


class Recipe(Protocol):
    """A way of training a supernet; a frozen dataclass, so that it can be told apart and stored."""

    @property
    def name(self) -> str:
        """Name in `RECIPES`."""

    def step(self, space: SearchSpace, number: int, total: int, rng: np.random.Generator) -> Step:
        """Return what step `number` (from 0) of `total` trains."""


@final
@dataclass(frozen=True, slots=True)
class Uniform:
    """One random subnet a step, every option of every choice equally likely (SPOS: Guo et al. 2020).

    At equal CPU-seconds it takes several times the steps of the sandwich rule, and wins at both ends of the
    space too (`docs/decisions/0007-training-recipe.md`).
    """

    name: str = "uniform"

    def step(self, space: SearchSpace, number: int, total: int, rng: np.random.Generator) -> Step:
        """Return one subnet that learns from labels."""
        return Step(_distinct(random_architectures(space, 1, rng)), distils=False)


@final
@dataclass(frozen=True, slots=True)
class Progressive:
    """One random subnet a step: at one low resolution first, then at the middle ones, at last at all.

    The default. Weights that have to serve all sizes of images from the start learn slowly, and steps at a
    low resolution are cheap (`docs/decisions/0008-resolutions-one-after-the-other.md`). That image sizes
    should grow in training is Tan and Le's progressive learning (EfficientNetV2, 2021).

    Attributes:
        one: Share of all steps at the one resolution, a third of the way up the options.
        middle: Share of all steps until the end of the middle ones, up to two thirds of the way.
    """

    one: float = 0.4
    middle: float = 0.7
    name: str = "progressive"

    def step(self, space: SearchSpace, number: int, total: int, rng: np.random.Generator) -> Step:
        """Return one subnet that learns from labels."""
        archs = random_architectures(space, 1, rng)
        for column in _resolution_choices(space):
            low, high = self._range(int(option_counts(space)[column]), number / total)
            archs[0, column] = rng.integers(low, high + 1)
        return Step(_distinct(canonical(space, archs)), distils=False)

    def _range(self, num_options: int, progress: float) -> tuple[int, int]:
        """Return the first and the last of the resolutions that are drawn from."""
        top = num_options - 1
        if progress < self.one:
            return top // 3, top // 3
        return (top // 3, 2 * top // 3) if progress < self.middle else (0, top)


@final
@dataclass(frozen=True, slots=True)
class Sandwich:
    """Largest, smallest and some random subnets in each step; the largest teaches (BigNAS: Yu et al. 2020).

    Attributes:
        num_random: Subnets beside the two extremes.
    """

    num_random: int = 2
    name: str = "sandwich"

    def step(self, space: SearchSpace, number: int, total: int, rng: np.random.Generator) -> Step:
        """Return the largest subnet first."""
        return _sandwich(space, _random(space, max(self.num_random, 1), rng), self.num_random)


@final
@dataclass(frozen=True, slots=True)
class Extremes:
    """One random subnet a step; every few steps the largest teaches the smallest and a random one.

    Most of a sandwich step goes to the one largest network. Random subnets on their own take several times
    the steps, but leave both ends of the space behind.

    Attributes:
        every: Steps from one visit of the extremes to the next.
    """

    every: int = 4
    name: str = "extremes"

    def step(self, space: SearchSpace, number: int, total: int, rng: np.random.Generator) -> Step:
        """Return the extremes with a random subnet, or a random subnet alone."""
        drawn = _random(space, 1, rng)
        if number % self.every:
            return Step(_distinct(drawn), distils=False)
        return _sandwich(space, drawn, 1)


RECIPES: Final[Mapping[str, Recipe]] = {
    "default": Progressive(),
    **{recipe.name: recipe for recipe in (Progressive(), Uniform(), Sandwich(), Extremes())},
}


def get_recipe(name: str) -> Recipe:
    """Return a recipe by name.

    Raises:
        UsageError: `unknown_recipe`, naming what exists.
    """
    if name not in RECIPES:
        raise UsageError("unknown_recipe", f"no recipe '{name}'; recipes are {', '.join(RECIPES)}")
    return RECIPES[name]


def spread_architectures(space: SearchSpace, n: int, rng: np.random.Generator) -> IntArray:
    """Draw n architectures whose sizes are spread from small to large, (n, choices), canonical.

    With independent choices nearly all networks are of middle size. Here each architecture first draws how
    large it tends to be, p, uniformly from 0 to 1, then each option index from the binomial distribution with
    p. Every option of a choice is still equally likely: over p, a binomial index is uniform.
    """
    tops = option_counts(space) - 1
    p = rng.random((n, 1))
    return canonical(space, rng.binomial(tops, p, size=(n, len(tops))))


def _random(space: SearchSpace, n: int, rng: np.random.Generator) -> IntArray:
    """Draw n architectures of one resolution; every resolution is equally likely."""
    drawn = spread_architectures(space, n, rng)
    anchor = drawn[:1].copy()
    for column in _resolution_choices(space):
        anchor[:, column] = rng.integers(option_counts(space)[column])
    return _at_resolution_of(space, drawn, anchor)


def _sandwich(space: SearchSpace, drawn: IntArray, num_random: int) -> Step:
    ends = _at_resolution_of(space, np.concatenate([largest(space), smallest(space)]), drawn)
    return Step(_distinct(np.concatenate([ends, drawn[:num_random]])), distils=True)


def _at_resolution_of(space: SearchSpace, archs: IntArray, anchor: IntArray) -> IntArray:
    columns = list(_resolution_choices(space))
    moved = archs.copy()
    moved[:, columns] = anchor[0, columns]
    return canonical(space, moved)


def _resolution_choices(space: SearchSpace) -> tuple[int, ...]:
    """Positions of the choices that decide what images the network takes: those of its first slot."""
    return space_tables(space).slots[0].scope


def _distinct(archs: IntArray) -> tuple[Architecture, ...]:
    return tuple(dict.fromkeys(as_architecture(row) for row in archs))
