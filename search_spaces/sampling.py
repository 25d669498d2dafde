"""Drawing and varying architectures of any space, derived from its slots.

Many architectures at once are an array of option indices of shape (n, choices).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search_spaces.base import Architecture, IntArray, SearchSpace
from search_spaces.errors import UsageError
from search_spaces.slot_tables import space_tables


def canonical(space: SearchSpace, archs: IntArray) -> IntArray:
    """Return the canonical form: a choice that changes no layer is at index 0.

    Equal networks become equal rows. The layers of an architecture never change on the way.

    Args:
        space: The space of the architectures.
        archs: Option indices, (n, choices).

    Returns:
        A new array, (n, choices).
    """
    result = np.array(archs, dtype=np.int64, ndmin=2)
    _check(space, result)
    changed = True
    while changed:
        changed = False
        for column, uses in enumerate(_influence(space)):
            inactive = result[:, column] != 0
            for scope, varies in uses:
                inactive &= ~varies[tuple(result[:, i] for i in scope)]
            if inactive.any():
                result[inactive, column] = 0
                changed = True
    return result


def active_choices(space: SearchSpace, archs: IntArray) -> NDArray[np.bool_]:
    """Return which choices change some layer of each architecture, (n, choices)."""
    active = np.zeros(archs.shape, dtype=bool)
    for column, uses in enumerate(_influence(space)):
        for scope, varies in uses:
            active[:, column] |= varies[tuple(archs[:, i] for i in scope)]
    return active


def random_architectures(space: SearchSpace, n: int, rng: np.random.Generator) -> IntArray:
    """Draw n architectures, every option of every choice equally likely, in canonical form."""
    sizes = option_counts(space)
    return canonical(space, rng.integers(0, sizes, size=(n, len(sizes))))


def smallest(space: SearchSpace) -> IntArray:
    """Return the architecture of every first option, (1, choices); options go from cheap to dear."""
    return canonical(space, np.zeros((1, len(space.choices)), dtype=np.int64))


def largest(space: SearchSpace) -> IntArray:
    """Return the architecture of every last option, (1, choices)."""
    return canonical(space, option_counts(space)[np.newaxis] - 1)


def mutate(
    space: SearchSpace, archs: IntArray, rng: np.random.Generator, probability: float | None = None
) -> IntArray:
    """Redraw each choice with the given probability, and one of each row in any case.

    Args:
        space: The space of the architectures.
        archs: Option indices, (n, choices).
        rng: Source of randomness.
        probability: Of redrawing one choice; 1 / choices if not given.
    """
    sizes = option_counts(space)
    n, width = archs.shape
    redraw = rng.random((n, width)) < (1 / width if probability is None else probability)
    redraw[np.arange(n), rng.integers(0, width, n)] = True
    # A shift by 1 to size - 1 is a draw among the other options; single options stay.
    shift = rng.integers(1, np.maximum(sizes, 2), size=(n, width))
    return canonical(space, np.where(redraw, (archs + shift) % sizes, archs))


def crossover(space: SearchSpace, first: IntArray, second: IntArray, rng: np.random.Generator) -> IntArray:
    """Take each choice from one of two parents, equally likely; all arrays are (n, choices)."""
    return canonical(space, np.where(rng.random(first.shape) < 0.5, first, second))


def as_architecture(row: IntArray) -> Architecture:
    """Return one row of option indices as a plain tuple."""
    return tuple(int(index) for index in row)


def as_array(*architectures: Architecture) -> IntArray:
    """Return architectures as an array, (n, choices)."""
    return np.array(architectures, dtype=np.int64)


@lru_cache(maxsize=32)
def _option_counts(space: SearchSpace) -> IntArray:
    counts = np.array([len(choice.options) for choice in space.choices], dtype=np.int64)
    counts.setflags(write=False)
    return counts


def option_counts(space: SearchSpace) -> IntArray:
    """Return the number of options of each choice, (choices,)."""
    return _option_counts(space)


Use = tuple[tuple[int, ...], NDArray[np.bool_]]


@lru_cache(maxsize=32)
def _influence(space: SearchSpace) -> tuple[tuple[Use, ...], ...]:
    """For each choice, the slots it may change: their scope and where the layer varies along the choice."""
    uses: list[list[Use]] = [[] for _ in space.choices]
    for slot in space_tables(space).slots:
        for axis, choice in enumerate(slot.scope):
            first = np.take(slot.layer_ids, [0], axis=axis)
            varies = np.any(slot.layer_ids != first, axis=axis, keepdims=True)
            if varies.any():
                uses[choice].append((slot.scope, np.broadcast_to(varies, slot.layer_ids.shape)))
    return tuple(tuple(found) for found in uses)


def _check(space: SearchSpace, archs: IntArray) -> None:
    sizes = option_counts(space)
    if archs.ndim != 2 or archs.shape[1] != len(sizes):
        raise UsageError(
            "invalid_architecture",
            f"space '{space.name}' has {len(sizes)} choices, got an array of shape {archs.shape}",
        )
    if archs.size and ((archs < 0) | (archs >= sizes)).any():
        raise UsageError(
            "invalid_architecture", f"an option index is outside 0..{sizes.tolist()} (exclusive)"
        )
