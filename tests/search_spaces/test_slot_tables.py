"""Everything that can stand in a slot, as arrays."""

from functools import partial

import numpy as np
import pytest

from search_spaces.base import ABSENT, PASS, Choice, Slot, Space, Standing
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.layers import ConvNormAct
from search_spaces.network import fixed_space
from search_spaces.sampling import as_architecture, largest
from search_spaces.slot_tables import ABSENT_ID, PASS_ID, distinct_layers, resolutions, space_tables


def _layer(operation: str, kernel: int) -> Standing:
    if operation == "skip":
        return PASS
    return ABSENT if operation == "none" else ConvNormAct((8, 4, 4), 8, kernel, 1, "relu")


CHOICES = (Choice("kernel", (1, 3)), Choice("operation", ("none", "skip", "conv")))


def test_a_table_has_an_axis_for_each_choice_of_the_slot_in_its_own_order() -> None:
    space = Space("s", CHOICES, (Slot("edge", ("operation", "kernel"), _layer),))
    tables = space_tables(space)
    assert tables.slots[0].scope == (1, 0)
    np.testing.assert_array_equal(
        tables.slots[0].layer_ids, [[ABSENT_ID, ABSENT_ID], [PASS_ID, PASS_ID], [0, 1]]
    )
    assert tables.layers == (_layer("conv", 1), _layer("conv", 3))


def test_a_layer_that_stands_in_two_slots_is_one_distinct_layer() -> None:
    fixed = Slot("end", (), partial(_layer, "conv", 3))
    space = Space("s", CHOICES, (Slot("edge", ("operation", "kernel"), _layer), fixed))
    tables = space_tables(space)
    assert len(distinct_layers(space)) == 2
    assert tables.slots[1].layer_ids.shape == ()
    assert tables.slots[1].layer_ids == 1


def test_tables_cannot_be_written_to() -> None:
    table = space_tables(Space("s", CHOICES, (Slot("edge", ("operation", "kernel"), _layer),))).slots[0]
    with pytest.raises(ValueError, match="read-only"):
        table.layer_ids[0, 0] = 1


def test_a_slot_that_depends_on_nothing_known_is_refused() -> None:
    space = Space("s", CHOICES, (Slot("edge", ("operation", "size"), _layer),))
    with pytest.raises(UsageError, match=r"'edge' depends on unknown choices \['size'\]") as caught:
        space_tables(space)
    assert caught.value.code == "invalid_space"


def test_resolutions_are_those_of_all_images_that_are_looked_at() -> None:
    tiny = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
    assert resolutions(tiny) == (12, 16, 24, 32)
    assert resolutions(fixed_space(tiny, as_architecture(largest(tiny)[0]))) == (32,)
    assert resolutions(get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)) == (16,)
