"""Drawing and varying architectures of any space, derived from its slots.

Many architectures at once are an array of option indices of shape (n, choices).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search_spaces.base import Architecture, FloatArray, IntArray, SearchSpace
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
    influence = _influence(space)
    places = influence.places(result)
    stale = set(range(len(sizes)))
    while stale:
        for column, uses in enumerate(influence.uses):
            if column in stale:
                stale.remove(column)
                if _lower(uses, result, places, column, sizes[column]):
                    stale |= influence.neighbours[column]
    return result


def _lower(
    uses: "tuple[_Use, ...]", archs: IntArray, places: IntArray, column: int, num_options: int
) -> bool:
    """Move one choice to the first option with the same layers, in place; return whether any row changed."""
    first = np.zeros(len(archs), dtype=np.int64)
    for use in uses:
        np.maximum(first, use.same_as[places[use.slot]], out=first)
    # Below `first` some slot differs. Where slots disagree on it, an option between may still fit them all.
    waiting = np.flatnonzero(first < archs[:, column])
    if not len(waiting):
        return False
    shift = np.zeros(len(archs), dtype=np.int64)
    left = waiting
    for option in range(int(first[waiting].min()), num_options):
        by = option - archs[left, column]
        same = np.ones(len(left), dtype=bool)
        for use in uses:
            at = places[use.slot, left]
            same &= use.same_as[at + by * use.stride] == use.same_as[at]
        shift[left[same]] = by[same]
        left = left[~same]
    archs[:, column] += shift
    for use in uses:
        places[use.slot] += shift * use.stride
    return bool(shift.any())


def active_choices(space: SearchSpace, archs: IntArray) -> NDArray[np.bool_]:
    """Return which choices change some layer of each architecture, (n, choices)."""
    active = np.zeros(archs.shape, dtype=bool)
    influence = _influence(space)
    places = influence.places(archs)
    for column, uses in enumerate(influence.uses):
        for use in uses:
            active[:, column] |= use.varies[places[use.slot]]
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
    """How one choice acts on one slot; both arrays are the slot's table, flat.

    Attributes:
        slot: Position of the slot.
        stride: Places in the table from one option of the choice to the next.
        varies: Whether any option of the choice would put another layer there.
        same_as: The first option of the choice that puts the same layer there.
    """

    slot: int
    stride: int
    varies: NDArray[np.bool_]
    same_as: IntArray


@dataclass(frozen=True)
class _Influence:
    """Which choice may change the layers of which slots.

    Attributes:
        strides: Places in each slot's flat table from one option of a choice to the next, (slots, choices);
            float64, which is exact for such small numbers and quick to multiply.
        uses: For each choice, the slots whose layer it may change.
        neighbours: For each choice, the others on which the layers of those slots depend.
    """

    strides: FloatArray
    uses: tuple[tuple[_Use, ...], ...]
    neighbours: tuple[frozenset[int], ...]

    def places(self, archs: IntArray) -> IntArray:
        """Return where each architecture stands in each slot's flat table, (slots, n)."""
        places: IntArray = (self.strides @ archs.T).astype(np.int64)
        return places


@lru_cache(maxsize=32)
def _influence(space: SearchSpace) -> _Influence:
    tables = space_tables(space).slots
    strides = np.zeros((len(tables), len(space.choices)))
    uses: list[list[_Use]] = [[] for _ in space.choices]
    neighbours: list[set[int]] = [set() for _ in space.choices]
    for position, slot in enumerate(tables):
        for axis, choice in enumerate(slot.scope):
            strides[position, choice] = stride = math.prod(slot.layer_ids.shape[axis + 1 :])
            ids = np.moveaxis(slot.layer_ids, axis, -1)
            same_as = np.argmax(ids[..., :, np.newaxis] == ids[..., np.newaxis, :], axis=-1)
            if same_as.any():
                varies = np.broadcast_to(same_as.any(axis=-1, keepdims=True), ids.shape)
                flat = [np.moveaxis(values, -1, axis).ravel() for values in (varies, same_as)]
                uses[choice].append(_Use(position, stride, flat[0], flat[1]))
                neighbours[choice].update(set(slot.scope) - {choice})
    return _Influence(
        strides, tuple(tuple(found) for found in uses), tuple(frozenset(found) for found in neighbours)
    )


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
