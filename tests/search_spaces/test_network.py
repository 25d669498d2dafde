"""From architectures to graphs, and spaces that hold one network."""

from functools import partial

import numpy as np
import pytest
import torch

from search_spaces.base import ABSENT, IMAGE, PASS, Choice, Slot, Space, Standing, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.layers import ConvNormAct, NormAct, PooledHead
from search_spaces.modules.supernet import Supernet
from search_spaces.network import Node, chain, fixed_space, input_shape, layers, network, resolution
from search_spaces.sampling import as_architecture, random_architectures
from search_spaces.slot_tables import distinct_layers
from tests.contracts.space_contract import perturbed_supernet, random_images, settled

CONV = ConvNormAct((3, 8, 8), 3, 3, 1, "relu")
HEAD = PooledHead((3, 8, 8), 0, "identity", 5)


def _given(standing: Standing) -> Standing:
    return standing


def slot(name: str, standing: Standing, *inputs: str) -> Slot:
    return Slot(name, (), partial(_given, standing), inputs)


def graph(*slots: Slot) -> dict[str, tuple[str, ...]]:
    return {node.slot: node.inputs for node in network(Space("s", (), slots), ())}


def test_a_slot_takes_the_one_before_it_unless_it_names_others() -> None:
    assert graph(slot("a", CONV), slot("b", CONV), slot("c", CONV, "a"), slot("d", HEAD, "b", "c")) == {
        "a": (IMAGE,), "b": ("a",), "c": ("a",), "d": ("b", "c"),
    }  # fmt: skip


def test_a_skipped_slot_hands_its_inputs_on() -> None:
    found = graph(slot("a", CONV), slot("b", CONV), slot("skip", PASS, "a", "b"), slot("d", HEAD))
    assert found["d"] == ("a", "b")


def test_skipped_slots_in_a_row_hand_the_image_on() -> None:
    assert graph(slot("a", PASS), slot("b", PASS), slot("c", HEAD)) == {"c": (IMAGE,)}


def test_an_absent_slot_contributes_nothing() -> None:
    found = graph(slot("a", CONV), slot("b", ABSENT), slot("c", CONV), slot("d", HEAD, "a", "b"))
    assert found == {"a": (IMAGE,), "c": (), "d": ("a",)}


def test_an_input_that_comes_twice_counts_twice() -> None:
    found = graph(slot("a", CONV), slot("skip", PASS, "a"), slot("d", HEAD, "a", "skip"))
    assert found["d"] == ("a", "a")


def test_the_image_may_be_named() -> None:
    assert graph(slot("a", CONV), slot("d", HEAD, "a", IMAGE))["d"] == ("a", IMAGE)


def test_layers_come_in_order_of_execution() -> None:
    space = Space("s", (), (slot("a", CONV), slot("skip", PASS), slot("d", HEAD)))
    assert layers(space, ()) == (CONV, HEAD)
    assert network(space, ()) == (Node("a", CONV, (IMAGE,)), Node("d", HEAD, ("a",)))
    assert input_shape(space, ()) == (3, 8, 8)
    assert resolution(space, ()) == 8


@pytest.mark.parametrize("last", [PASS, ABSENT])
def test_a_network_ends_with_a_layer(last: Standing) -> None:
    with pytest.raises(UsageError, match="last slot of space 's' has to be a layer") as caught:
        graph(slot("a", CONV), slot("b", last))
    assert caught.value.code == "invalid_space"


def test_a_slot_cannot_take_what_comes_later() -> None:
    with pytest.raises(UsageError, match="'a' takes") as caught:
        graph(slot("a", CONV, "b"), slot("b", HEAD))
    assert caught.value.code == "invalid_space"


def test_an_architecture_of_another_space_is_refused() -> None:
    space = Space("s", (Choice("kernel", (1, 3)),), (slot("a", HEAD),))
    with pytest.raises(UsageError) as caught:
        network(space, (0, 0))
    assert caught.value.code == "invalid_architecture"


def test_a_chain_is_its_layers_in_a_row() -> None:
    space = chain("plain", {"conv": CONV, "norm": NormAct((3, 8, 8), "relu"), "head": HEAD})
    assert graph(*space.slots) == {"conv": (IMAGE,), "norm": ("conv",), "head": ("norm",)}
    assert space.choices == ()
    assert distinct_layers(space) == (CONV, NormAct((3, 8, 8), "relu"), HEAD)


@pytest.mark.parametrize(("name", "draws"), [("mobilenet_v3", 10), ("nas_bench_201", 40)])
def test_a_fixed_space_holds_the_same_network(name: str, draws: int) -> None:
    space = get_space(name, preset="tiny", num_classes=10, in_channels=3)
    rows = random_architectures(space, draws, np.random.default_rng(0))
    found = [(fixed_space(space, one), network(space, one)) for one in map(as_architecture, rows)]
    for fixed, nodes in found:
        assert network(fixed, ()) == nodes
    assert len({space_digest(fixed) for fixed, _ in found}) == len({nodes for _, nodes in found})


@pytest.mark.parametrize("name", ["mobilenet_v3", "nas_bench_201"])
def test_a_fixed_space_with_the_weights_of_a_subnet_computes_the_same(name: str) -> None:
    """Dead edges and nodes that nothing reaches included, which random cells have."""
    space = get_space(name, preset="tiny", num_classes=10, in_channels=3)
    supernet = perturbed_supernet(space)
    for row in random_architectures(space, 8, np.random.default_rng(1)):
        architecture = as_architecture(row)
        statistics = settled(supernet, architecture)
        static = supernet.extract(architecture, statistics)
        alone = Supernet(fixed_space(space, architecture), seed=5)
        copy_weights(supernet, alone)
        images = random_images(space, architecture, seed=2)
        with torch.no_grad():
            torch.testing.assert_close(alone(images, (), statistics), static(images), rtol=0, atol=1e-5)
            again = alone.extract((), statistics)(images)
            torch.testing.assert_close(again, static(images), rtol=0, atol=1e-5)


def copy_weights(supernet: Supernet, alone: Supernet) -> None:
    """Fill a stand-alone network with the weights that its layers have in a supernet."""
    with torch.no_grad():
        for node in network(alone.space, ()):
            shared = supernet.block(node.slot, node.spec.kind).narrowed(node.spec)
            own = alone.block(node.slot, node.spec.kind).narrowed(node.spec)
            for name, weight in own.items():
                weight.copy_(shared[name])
