import numpy as np
import pytest

from latency_predictors.memory import boundary_mib, is_chain, peak_memory_bytes, peak_memory_of, touched_mib
from search_spaces.catalogue import get_space
from search_spaces.layers import ActConvNorm, AveragePool, ConvNormAct
from search_spaces.network import Node, network
from search_spaces.sampling import as_architecture, random_architectures

# All activations below are 4 x 8 x 8 = 256 values = 1 KiB, unless they say otherwise.
KIB = 1024
POOL = AveragePool((4, 8, 8), 3)
ACT_CONV = ActConvNorm((4, 8, 8), 4, 3)


def test_a_chain_needs_what_its_hungriest_layer_needs() -> None:
    wide = ConvNormAct((4, 8, 8), 12, 3, 1, "relu")  # 1 KiB in, 3 KiB out
    narrow = ConvNormAct((12, 8, 8), 4, 3, 2, "relu")  # 3 KiB in, 1/4 KiB out
    chain = (Node("a", wide, ("image",)), Node("b", narrow, ("a",)))
    assert peak_memory_bytes(chain) == 4 * KIB


def test_what_a_later_layer_waits_for_comes_on_top() -> None:
    nodes = (
        Node("a", POOL, ("image",)),
        Node("b", POOL, ("a",)),
        Node("c", POOL, ("b",)),  # a is still needed: 1 KiB beside the 2 KiB of the layer
        Node("d", POOL, ("c", "a")),
    )
    # At d: c, a and their sum are alive, 3 KiB; then both are given back and the layer takes 2 KiB.
    assert peak_memory_bytes(nodes) == 3 * KIB


def test_a_summand_that_is_needed_again_stays() -> None:
    nodes = (
        Node("a", POOL, ("image",)),
        Node("b", POOL, ("a",)),
        Node("c", POOL, ("a", "b")),  # b is given back, a stays: 1 + 2 KiB
        Node("d", POOL, ("a", "c", "a")),
    )
    assert peak_memory_bytes(nodes) == 3 * KIB
    longer = (*nodes[:2], Node("c", POOL, ("a", "b")), Node("d", POOL, ("a", "b", "c")))
    # At d three summands and their sum: 4 KiB.
    assert peak_memory_bytes(longer) == 4 * KIB
    assert peak_memory_bytes(longer, precision="int8") == KIB


def test_the_image_is_kept_while_it_is_needed() -> None:
    nodes = (Node("a", POOL, ("image",)), Node("b", POOL, ("a",)), Node("c", POOL, ("b", "image")))
    assert peak_memory_bytes(nodes) == 3 * KIB


def test_an_output_that_nobody_reads_is_given_back() -> None:
    nodes = (Node("a", POOL, ("image",)), Node("dead", POOL, ("a",)), Node("c", POOL, ("a",)))
    assert peak_memory_bytes(nodes) == 2 * KIB


def test_a_layer_without_inputs_reads_zeros() -> None:
    assert peak_memory_bytes((Node("a", ACT_CONV, ()),)) == ACT_CONV.activation_bytes


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("preset", ["tiny", "imagenet"])
def test_in_a_chain_the_gathered_maximum_is_the_exact_peak(preset: str, precision: str) -> None:
    space = get_space("mobilenet_v3", preset=preset, num_classes=10, in_channels=3)
    assert is_chain(space)
    archs = random_architectures(space, 60, np.random.default_rng(0))
    exact = [peak_memory_bytes(network(space, as_architecture(row)), 1, precision) for row in archs]
    assert peak_memory_of(space, 1, precision)(archs).tolist() == exact
    assert len(set(exact)) > 5


def test_a_cell_needs_more_than_its_hungriest_layer() -> None:
    space = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
    assert not is_chain(space)
    archs = random_architectures(space, 30, np.random.default_rng(0))
    found = peak_memory_of(space)(archs)
    alone = [
        max(node.spec.activation_bytes for node in network(space, as_architecture(row))) for row in archs
    ]
    assert (found >= alone).all()
    assert (found > alone).any()


def test_a_boundary_is_what_goes_in_and_comes_out() -> None:
    assert boundary_mib(ConvNormAct((4, 8, 8), 12, 3, 1, "relu")) == 4 * KIB / 2**20


def test_a_layer_touches_its_weights_and_what_it_takes_in_and_gives_out() -> None:
    weights, activations = 4 * 12 * 9 + 12, (4 + 12) * 8 * 8
    assert touched_mib(ConvNormAct((4, 8, 8), 12, 3, 1, "relu"), 3) == 4 * (weights + 3 * activations) / 2**20


def test_every_image_of_a_batch_needs_as_much() -> None:
    wide = ConvNormAct((4, 8, 8), 12, 3, 1, "relu")  # 1 KiB in, 3 KiB out
    assert peak_memory_bytes((Node("a", wide, ("image",)),), batch=8) == 8 * 4 * KIB


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", ["mobilenet_v3", "nas_bench_201"])
def test_the_peak_of_a_batch_is_that_of_its_images_together(name: str, precision: str) -> None:
    space = get_space(name, preset="tiny", num_classes=10, in_channels=3)
    archs = random_architectures(space, 10, np.random.default_rng(0))
    exact = [peak_memory_bytes(network(space, as_architecture(row)), 1, precision) for row in archs]
    assert peak_memory_of(space, 8, precision)(archs).tolist() == [8 * one for one in exact]
    assert peak_memory_of(space, 1, precision)(archs).tolist() == exact
