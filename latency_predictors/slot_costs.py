"""Costs of many architectures at once, from the costs of layers.

A cost that is a sum over the layers of a network, or a maximum, splits into one small array a slot, over the
options of the choices that the slot depends on. Slots of nested scope are merged into one array. A batch of
architectures then costs one matrix product, which gives the flat indices, and one gather a slot.

Shapes: n architectures, C choices, G merged slots, W costs side by side.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces.base import IntArray, SearchSpace
from search_spaces.errors import UsageError
from search_spaces.sampling import option_counts
from search_spaces.slot_tables import SlotTable, SpaceTables, space_tables

CHUNK = 4096
"""Architectures in work at a time; their indices and sums stay in the second-level cache."""

_EXACT_FLOAT32 = 2**24

CostArray = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class _Group:
    """Slots of nested scope, merged.

    Attributes:
        scope: Positions of the choices.
        costs: One row for every combination of their options, (combinations, W).
    """

    scope: tuple[int, ...]
    costs: CostArray


class SlotCosts:
    """W costs of the architectures of one space, each reduced over the slots by a sum or by a maximum."""

    def __init__(
        self,
        space: SearchSpace,
        layer_costs: CostArray,
        reduction: np.ufunc = np.add,
        tables: SpaceTables | None = None,
    ) -> None:
        """Spread the costs of layers over the slots.

        Args:
            space: The space.
            layer_costs: Non-negative, one row for each of `distinct_layers(space)`, (layers, W). The type is
                that of the arithmetic: float32 is fastest, float64 counts exactly.
            reduction: `np.add`, or `np.maximum` for a peak over the schedule.
            tables: Where layers stand that count, in one slot at least; all of them if not given.
        """
        self._sizes = option_counts(space)
        self._reduction = reduction
        tables = tables or space_tables(space)
        # A slot that is passed or absent costs nothing; its ids, -1 and -2, are the last two rows.
        nothing = np.zeros((2, layer_costs.shape[1]), dtype=layer_costs.dtype)
        padded = np.concatenate([layer_costs, nothing])
        self._costs: list[CostArray] = []
        strides = []
        for group in _merged(tables.slots, padded, reduction):
            self._costs.append(group.costs)
            strides.append(self._strides(group.scope))
        self._strides_GC = np.array(strides, dtype=np.float32)
        self.num_costs = layer_costs.shape[1]
        self.dtype = layer_costs.dtype

    def chunks(self, archs: IntArray) -> Iterator[tuple[slice, CostArray]]:
        """Yield the costs of a few thousand architectures at a time.

        Args:
            archs: Option indices, (n, C).

        Yields:
            Which rows, and their costs, (rows, W); the array is used again for the next rows.

        Raises:
            UsageError: `invalid_architecture` where an index is not that of an option.
        """
        if archs.ndim != 2 or archs.shape[1] != len(self._sizes):
            raise UsageError(
                "invalid_architecture", f"{len(self._sizes)} choices expected, got shape {archs.shape}"
            )
        total = np.empty((CHUNK, self.num_costs), dtype=self.dtype)
        gathered = np.empty_like(total)
        for start in range(0, len(archs), CHUNK):
            rows = slice(start, min(start + CHUNK, len(archs)))
            length = rows.stop - start
            indices_GN = self._indices(archs[rows])
            np.take(self._costs[0], indices_GN[0], axis=0, out=total[:length], mode="clip")
            for costs, indices in zip(self._costs[1:], indices_GN[1:], strict=True):
                np.take(costs, indices, axis=0, out=gathered[:length], mode="clip")
                self._reduction(total[:length], gathered[:length], out=total[:length])
            yield rows, total[:length]

    def __call__(self, archs: IntArray) -> CostArray:
        """Return the costs of architectures, (n, W)."""
        result = np.empty((len(archs), self.num_costs), dtype=self.dtype)
        for rows, costs in self.chunks(archs):
            result[rows] = costs
        return result

    def _strides(self, scope: tuple[int, ...]) -> NDArray[np.float32]:
        strides = np.zeros(len(self._sizes), dtype=np.float32)
        stride = 1
        for choice in reversed(scope):
            strides[choice] = stride
            stride *= int(self._sizes[choice])
        # Whole numbers up to here are exact in float32, in which the product runs eight times as fast.
        assert stride <= _EXACT_FLOAT32, "a slot depends on too many choices for its costs to be listed"
        return strides

    def _indices(self, archs: IntArray) -> NDArray[np.intp]:
        """Return the row of each merged slot for each architecture, (G, n)."""
        if (archs.min(axis=0) < 0).any() or (archs.max(axis=0) >= self._sizes).any():
            raise UsageError(
                "invalid_architecture", f"an option index is outside 0..{self._sizes.tolist()} (exclusive)"
            )
        return (self._strides_GC @ archs.T.astype(np.float32)).astype(np.intp)


def _merged(slots: tuple[SlotTable, ...], layer_costs: CostArray, reduction: np.ufunc) -> list[_Group]:
    """Return the slots' costs, those of nested scope merged into the largest scope that holds them."""
    groups: list[_Group] = []
    for slot in sorted(slots, key=lambda slot: -len(slot.scope)):
        costs = layer_costs[slot.layer_ids]
        for position, group in enumerate(groups):
            if set(slot.scope) <= set(group.scope):
                groups[position] = _merge(group, slot.scope, costs, reduction)
                break
        else:
            groups.append(_Group(slot.scope, costs))
    return [_Group(group.scope, group.costs.reshape(-1, layer_costs.shape[1])) for group in groups]


def _merge(group: _Group, scope: tuple[int, ...], costs: CostArray, reduction: np.ufunc) -> _Group:
    """Reduce costs over fewer choices into a group, along the axes they share."""
    order = [scope.index(choice) for choice in group.scope if choice in scope]
    aligned = costs.transpose(*order, len(scope))
    new_axes = [axis for axis, choice in enumerate(group.scope) if choice not in scope]
    return _Group(group.scope, reduction(group.costs, np.expand_dims(aligned, new_axes)))
