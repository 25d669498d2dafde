from collections.abc import Callable

import pytest

from search_spaces.base import Space
from search_spaces.catalogue import PRESETS, get_space
from search_spaces.layers import ConvNormAct, LayerSpec
from search_spaces.signatures import KINDS, layer_of
from search_spaces.slot_tables import distinct_layers
from search_spaces.stock_networks import STOCK_NETWORKS

SPACES = [(name, preset) for name, presets in PRESETS.items() for preset in presets]


@pytest.mark.parametrize(("name", "preset"), SPACES)
def test_every_layer_of_every_space_comes_back(name: str, preset: str) -> None:
    for spec in distinct_layers(get_space(name, preset=preset, num_classes=10, in_channels=3)):
        assert layer_of(spec.signature()) == spec


@pytest.mark.parametrize("make", STOCK_NETWORKS.values(), ids=STOCK_NETWORKS)
def test_every_layer_of_stock_networks_comes_back(make: Callable[[int, int, int], Space]) -> None:
    for spec in distinct_layers(make(32, 10, 3)):
        assert layer_of(spec.signature()) == spec


def test_every_kind_is_known() -> None:
    assert set(KINDS.values()) == set(LayerSpec.__subclasses__())


def test_a_kind_of_another_version_is_no_layer() -> None:
    signature = ConvNormAct((3, 8, 8), 4, 3, 1, "relu").signature()
    assert layer_of(signature.replace("conv_norm_act", "holographic")) is None
    assert layer_of(signature.replace('"v":1', '"v":2')) is None
