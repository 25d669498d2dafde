"""A network is drawn from its layers."""

from xml.etree import ElementTree

import pytest

from api.dashboard.figures.network import layer_text, network_svg, shape_text, stage_of
from search_spaces.catalogue import get_space
from search_spaces.network import network
from search_spaces.sampling import as_architecture, largest, smallest
from tests.nas.report.documents import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
NODES = network(SPACE, as_architecture(largest(SPACE)[0]))


def tree(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(str(text).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def test_every_layer_is_a_block_that_says_what_it_is() -> None:
    root = tree(network_svg(NODES, [1 / len(NODES)] * len(NODES), "a network"))
    assert len(list(root.iter(f"{SVG}rect"))) == len(NODES)
    titles = [one.text or "" for one in root.iter(f"{SVG}title")]
    for node in NODES:
        assert any(title.startswith(f"{node.slot}: {layer_text(node.spec)}") for title in titles)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "a network"


def test_stages_stand_in_order_below_their_blocks() -> None:
    root = tree(network_svg(NODES, [None] * len(NODES), "a network"))
    stages = list(dict.fromkeys(stage_of(node.slot) for node in NODES))
    told = [one.text for one in root.iter(f"{SVG}text") if one.text in stages]
    assert told == stages
    lefts = [float(one.attrib["x"]) for one in root.iter(f"{SVG}rect")]
    assert lefts == sorted(lefts)


def test_what_takes_most_time_is_darkest() -> None:
    shares = [0.1] * len(NODES)
    shares[2] = 0.5
    blocks = list(tree(network_svg(NODES, shares, "n")).iter(f"{SVG}rect"))
    assert max(blocks, key=lambda one: float(one.attrib["fill-opacity"])) is blocks[2]


@pytest.mark.parametrize(("name", "preset"), [("nas_bench_201", "tiny"), ("mobilenet_v3", "imagenet")])
def test_other_families_are_drawn_too(name: str, preset: str) -> None:
    space = get_space(name, preset=preset, num_classes=10, in_channels=3)
    for row in (smallest(space)[0], largest(space)[0]):
        nodes = network(space, as_architecture(row))
        assert len(list(tree(network_svg(nodes, [None] * len(nodes), "n")).iter(f"{SVG}rect"))) == len(nodes)


def test_labels_are_escaped() -> None:
    assert "<script" not in network_svg(NODES, [None] * len(NODES), HOSTILE)


def test_layers_are_told_in_words() -> None:
    assert layer_text(NODES[1].spec) == "convolution 3×3, stride 2, hard-swish"
    assert shape_text((16, 12, 12)) == "16 × 12 × 12"
