"""Layers that get nothing but zeros: those of nodes that nothing reaches, and what they alone feed.

An image has no part in what such a layer gives, so a runtime may work it out once, beforehand, or not at all.
"""

from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from search_spaces.base import IMAGE, IntArray, SearchSpace
from search_spaces.sampling import option_counts
from search_spaces.slot_tables import ABSENT_ID, SlotTable, SpaceTables, space_tables


@dataclass(frozen=True)
class _Reached:
    """Whether the image reaches something, over the options of some choices.

    Attributes:
        scope: Positions of the choices, ascending; only those that it depends on.
        reached: One axis a choice.
    """

    scope: tuple[int, ...]
    reached: NDArray[np.bool_]

    def over(self, scope: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the same with an axis for each choice of a larger scope, of length 1 for those it lacks."""
        new = [axis for axis, choice in enumerate(scope) if choice not in self.scope]
        return np.expand_dims(self.reached, new)


@lru_cache(maxsize=32)
def zero_fed_tables(space: SearchSpace) -> SpaceTables:
    """Return where layers stand that get nothing but zeros; all others are absent, slots without any missing.

    Batch norm makes something else of zeros, but the same for every image: what is fed by such layers alone
    counts like them.
    """
    tables, sizes = space_tables(space), option_counts(space)
    reached = {IMAGE: _Reached((), np.array(True))}
    zero_fed, before = [], IMAGE
    for slot, table in zip(space.slots, tables.slots, strict=True):
        inputs = [reached[name] for name in slot.inputs or (before,)]
        scope = tuple(sorted({*table.scope, *(choice for one in inputs for choice in one.scope)}))
        fed = reduce(np.logical_or, (one.over(scope) for one in inputs))
        standing = _over(table, scope)
        reached[slot.name] = _narrowed(scope, fed & (standing != ABSENT_ID))
        before = slot.name
        if (only_zeros := ~fed & (standing >= 0)).any():
            ids = np.where(only_zeros, standing, ABSENT_ID)
            full = np.broadcast_to(ids, [int(sizes[choice]) for choice in scope])
            zero_fed.append(SlotTable(slot.name, scope, full))
    return SpaceTables(tables.layers, tuple(zero_fed))


def _over(table: SlotTable, scope: tuple[int, ...]) -> IntArray:
    """Return what stands in a slot with an axis for each choice of a larger scope, ascending."""
    ascending = table.layer_ids.transpose(np.argsort(table.scope))
    return np.expand_dims(ascending, [axis for axis, one in enumerate(scope) if one not in table.scope])


def _narrowed(scope: tuple[int, ...], reached: NDArray[np.bool_]) -> _Reached:
    """Return the same without the choices that it does not depend on."""
    for axis in reversed(range(len(scope))):
        first = reached.take([0], axis)
        if (reached == first).all():
            scope, reached = scope[:axis] + scope[axis + 1 :], first.squeeze(axis)
    return _Reached(scope, reached)
