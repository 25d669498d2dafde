"""Drawing and varying architectures of any space, derived from its slots.

Many architectures at once are an array of option indices of shape (n, choices).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search_spaces.base import Architecture, IntArray, SearchSpace
from search_spaces.errors import UsageError
from search_spaces.slot_tables import space_tables


def canonical(space: SearchSpace, archs: IntArray) -> IntArray:
    """Return the canonical form: each choice at the first option that leaves every layer as it is.

    A choice that changes no layer is at index 0. Architectures with the same layers in the same slots become
    equal rows; the layers of an architecture never change on the way.

    Args:
        space: The space of the architectures.
        archs: Option indices, (n, choices).

    Returns:
        A new array, (n, choices).
    """
    result = np.array(archs, dtype=np.int64, ndmin=2)
    _check(space, result)
    sizes = option_counts(space).tolist()
    # A choice with one option is at it already.
    open_ = [(column, uses) for column, uses in enumerate(_influence(space)) if sizes[column] > 1]
    changed = True
    while changed:
        changed = False
        for column, uses in open_:
            changed |= _lower(uses, result, column, sizes[column])
    return result


def _lower(uses: "tuple[_Use, ...]", archs: IntArray, column: int, num_options: int) -> bool:
    """Move one choice to the first option with the same layers, in place; return whether any row changed."""
    first = np.zeros(len(archs), dtype=np.int64)
    for use in uses:
        np.maximum(first, use.same_as[tuple(archs[:, i] for i in use.scope)], out=first)
    # Below `first` some slot differs. Where slots disagree on it, an option between may still fit them all.
    waiting = np.flatnonzero(first < archs[:, column])
    if not len(waiting):
        return False
    before = archs[waiting]
    fits = np.zeros(len(waiting), dtype=bool)
    for option in range(int(first[waiting].min()), num_options):
        trial = before[~fits]
        trial[:, column] = option
        same = np.ones(len(trial), dtype=bool)
        for use in uses:
            now = tuple(before[~fits, i] for i in use.scope)
            same &= use.same_as[tuple(trial[:, i] for i in use.scope)] == use.same_as[now]
        found = np.flatnonzero(~fits)[same]
        archs[waiting[found], column] = option
        fits[found] = True
    return bool((archs[waiting, column] != before[:, column]).any())


def active_choices(space: SearchSpace, archs: IntArray) -> NDArray[np.bool_]:
    """Return which choices change some layer of each architecture, (n, choices)."""
    active = np.zeros(archs.shape, dtype=bool)
    for column, uses in enumerate(_influence(space)):
        for use in uses:
            active[:, column] |= use.varies[tuple(archs[:, i] for i in use.scope)]
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
    """Give each choice another option with the given probability, and one active choice of each row always.

    Args:
        space: The space of the architectures.
        archs: Option indices in canonical form, (n, choices).
        rng: Source of randomness.
        probability: Of redrawing one choice; 1 / choices if not given.
    """
    sizes = option_counts(space)
    n, width = archs.shape
    if not width:
        return archs.copy()
    redraw = rng.random((n, width)) < (1 / width if probability is None else probability)
    # To redraw an inactive choice, or the only option of one, would give the same network again.
    always = np.argmax(rng.random((n, width)) * active_choices(space, archs), axis=1)
    redraw[np.arange(n), always] = True
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


@dataclass(frozen=True)
class _Use:
    """How one choice acts on one slot; both arrays have the shape of the slot's table.

    Attributes:
        scope: Positions of the choices that the slot depends on.
        varies: Whether any option of the choice would put another layer there.
        same_as: The first option of the choice that puts the same layer there.
    """

    scope: tuple[int, ...]
    varies: NDArray[np.bool_]
    same_as: IntArray


@lru_cache(maxsize=32)
def _influence(space: SearchSpace) -> tuple[tuple[_Use, ...], ...]:
    """For each choice, the slots whose layer it may change."""
    uses: list[list[_Use]] = [[] for _ in space.choices]
    for slot in space_tables(space).slots:
        for axis, choice in enumerate(slot.scope):
            ids = np.moveaxis(slot.layer_ids, axis, -1)
            same_as = np.argmax(ids[..., :, np.newaxis] == ids[..., np.newaxis, :], axis=-1)
            if same_as.any():
                varies = np.broadcast_to(same_as.any(axis=-1, keepdims=True), ids.shape)
                uses[choice].append(
                    _Use(slot.scope, np.moveaxis(varies, -1, axis), np.moveaxis(same_as, -1, axis))
                )
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
