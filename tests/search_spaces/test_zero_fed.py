"""Where layers stand that get nothing but zeros, against the graph of each network."""

import numpy as np
import pytest

from search_spaces.base import ABSENT, Choice, SearchSpace, Slot, Space, Standing
from search_spaces.catalogue import SPACES, get_space
from search_spaces.layers import ConvNormAct, LayerSpec
from search_spaces.network import network
from search_spaces.sampling import as_architecture, random_architectures
from search_spaces.slot_tables import distinct_layers
from search_spaces.zero_fed import zero_fed_tables

CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)


def conv(width: int) -> LayerSpec:
    return ConvNormAct((3, 8, 8), width, 3, 1, "relu")


def either(there: str, width: int) -> Standing:
    return conv(width) if there == "yes" else ABSENT


# The second slot depends on what the first one does not, in another order; the third on neither.
CHAIN = Space(
    "chain",
    (Choice("width", (4, 8)), Choice("there", ("yes", "no"))),
    (
        Slot("first", ("there", "width"), either),
        Slot("second", ("width",), conv),
        Slot("third", (), lambda: conv(3)),
    ),
)


def by_graph(space: SearchSpace, row: np.ndarray) -> dict[str, LayerSpec]:
    """The layers of a network that no path leads to from the image."""
    reached, found = {"image"}, {}
    for node in network(space, as_architecture(row)):
        if reached.isdisjoint(node.inputs):
            found[node.slot] = node.spec
        else:
            reached.add(node.slot)
    return found


def by_tables(space: SearchSpace, row: np.ndarray) -> dict[str, LayerSpec]:
    layers = distinct_layers(space)
    ids = {one.name: one.layer_ids[tuple(row[list(one.scope)])] for one in zero_fed_tables(space).slots}
    return {name: layers[number] for name, number in ids.items() if number >= 0}


@pytest.mark.parametrize("space", [CELL, CHAIN], ids=["cell", "chain"])
def test_layers_without_the_image_are_those_that_no_path_leads_to(space: SearchSpace) -> None:
    archs = random_architectures(space, 300, np.random.default_rng(0))
    found = [by_tables(space, row) for row in archs]
    assert found == [by_graph(space, row) for row in archs]
    num_cells = sum(bool(one) for one in found)
    assert 0 < num_cells < len(archs)


def test_what_is_fed_by_such_layers_alone_counts_like_them() -> None:
    assert by_tables(CHAIN, np.array([1, 1])) == {"second": conv(8), "third": conv(3)}
    assert by_tables(CHAIN, np.array([1, 0])) == {}


@pytest.mark.parametrize("name", sorted(SPACES.keys() - {"nas_bench_201"}))
def test_other_spaces_have_no_such_layers(name: str) -> None:
    assert zero_fed_tables(get_space(name, preset="tiny", num_classes=10, in_channels=3)).slots == ()
