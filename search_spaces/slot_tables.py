"""Every layer that can stand in each slot, as small arrays over the options of the slot's choices.

Canonical form, costs and the list of what a device has to measure are all read off these arrays.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from search_spaces.base import ABSENT, PASS, IntArray, SearchSpace, Slot, Standing
from search_spaces.errors import UsageError
from search_spaces.layers import LayerSpec

PASS_ID = -1
ABSENT_ID = -2


@dataclass(frozen=True)
class SlotTable:
    """What can stand in one slot.

    Attributes:
        name: The slot's name.
        scope: Positions in `space.choices` of the choices the slot depends on.
        layer_ids: Array with one axis a choice of the scope: position in `SpaceTables.layers`,
            `PASS_ID` or `ABSENT_ID`.
    """

    name: str
    scope: tuple[int, ...]
    layer_ids: IntArray


@dataclass(frozen=True)
class SpaceTables:
    """All distinct layers of a space and where they can stand."""

    layers: tuple[LayerSpec, ...]
    slots: tuple[SlotTable, ...]


@lru_cache(maxsize=32)
def space_tables(space: SearchSpace) -> SpaceTables:
    """Evaluate every slot for all options of its own choices.

    The work is the sum over slots of the product of *their* options, never of the whole space.

    Raises:
        UsageError: `invalid_space` where a slot names an unknown choice.
    """
    position = {choice.name: i for i, choice in enumerate(space.choices)}
    ids: dict[Standing, int] = {PASS: PASS_ID, ABSENT: ABSENT_ID}
    layers: list[LayerSpec] = []
    slots = []
    for slot in space.slots:
        unknown = [name for name in slot.depends_on if name not in position]
        if unknown:
            raise UsageError("invalid_space", f"slot '{slot.name}' depends on unknown choices {unknown}")
        scope = tuple(position[name] for name in slot.depends_on)
        slots.append(SlotTable(slot.name, scope, _evaluate(space, slot, scope, ids, layers)))
    return SpaceTables(tuple(layers), tuple(slots))


def _evaluate(
    space: SearchSpace, slot: Slot, scope: tuple[int, ...], ids: dict[Standing, int], layers: list[LayerSpec]
) -> IntArray:
    options = [space.choices[i].options for i in scope]
    table = np.empty([len(values) for values in options], dtype=np.int64)
    for indices in np.ndindex(*table.shape):
        standing = slot.layer(*(values[i] for values, i in zip(options, indices, strict=True)))
        if standing not in ids:
            assert isinstance(standing, LayerSpec)
            ids[standing] = len(layers)
            layers.append(standing)
        table[indices] = ids[standing]
    table.setflags(write=False)
    return table


def distinct_layers(space: SearchSpace) -> tuple[LayerSpec, ...]:
    """Return every layer that some architecture of the space contains, each once."""
    return space_tables(space).layers


def resolutions(space: SearchSpace) -> tuple[int, ...]:
    """Return the sides in pixels of all images that some architecture of the space takes, ascending."""
    return tuple(sorted({spec.in_shape[1] for spec in distinct_layers(space) if spec.kind == "normalize"}))
