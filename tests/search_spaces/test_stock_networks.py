"""Stock networks have the published size where the image makes them the published networks."""

import pytest
import torch

from search_spaces.catalogue import get_space
from search_spaces.layers import InvertedResidual, ShuffleUnit
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import layers, network
from search_spaces.sampling import as_architecture, largest, smallest
from search_spaces.slot_tables import distinct_layers
from search_spaces.stock_networks import STOCK_NETWORKS
from tests.contracts.space_contract import extraction_error, perturbed_supernet, random_images
from tests.search_spaces.counting import convolution_macs, folded_params

EVERY = pytest.mark.parametrize("name", STOCK_NETWORKS)


def macs(name: str, resolution: int, num_classes: int = 10) -> int:
    """Return the MACs without the normalisation of the image."""
    specs = layers(STOCK_NETWORKS[name](resolution, num_classes, 3), ())
    return sum(spec.macs for spec in specs if spec.kind != "normalize")


@pytest.mark.parametrize(
    ("name", "resolution", "num_classes", "beside", "millions"),
    [
        # 112 pixels and stride 1 in the stem are the maps of 224 pixels and stride 2.
        ("mobilenet_v2", 112, 1000, 0, 59),
        # The published stem writes 112 x 112 and is pooled: 27 * 24 weights at three more positions of four.
        ("shufflenet_v2", 112, 1000, 27 * 24 * (112**2 - 56**2), 41),
        # 64 pixels and stride 2 are the maps of 32 pixels and stride 1 (MLPerf Tiny: 12.5 million).
        ("resnet", 64, 10, 0, 12.5),
    ],
)
def test_work_is_the_published_one(
    name: str, resolution: int, num_classes: int, beside: int, millions: float
) -> None:
    assert (macs(name, resolution, num_classes) + beside) / 1e6 == pytest.approx(millions, rel=0.015)


@pytest.mark.parametrize(
    ("name", "num_classes", "thousands"),
    [
        ("mobilenet_v2", 1000, 1660),
        ("mobilenet_v3_small", 1000, 1590),
        ("shufflenet_v2", 1000, 1370),
        ("resnet", 10, 78),
    ],
)
def test_parameters_are_the_published_ones(name: str, num_classes: int, thousands: int) -> None:
    """Published counts hold scale and shift of batch norm, as torch modules do."""
    static = StaticNetwork(network(STOCK_NETWORKS[name](32, num_classes, 3), ()))
    found = sum(weight.numel() for weight in static.parameters())
    assert found / 1e3 == pytest.approx(thousands, rel=0.015)


def test_work_of_resnet_by_hand() -> None:
    stem = 27 * 16 * 16 * 16
    first = 2 * 144 * 16 * 16 * 16
    second = (144 * 32 + 288 * 32 + 16 * 32) * 8 * 8
    third = (288 * 64 + 576 * 64 + 32 * 64) * 4 * 4
    assert macs("resnet", 32) == stem + first + second + third + 64 * 10


def test_the_blocks_of_mobilenet_v3_small_by_hand() -> None:
    found = layers(STOCK_NETWORKS["mobilenet_v3_small"](32, 10, 3), ())
    blocks = [spec for spec in found if isinstance(spec, InvertedResidual)]
    assert blocks[:4] == [
        InvertedResidual((8, 32, 32), 8, 8, 3, 2, 8, "relu", False),
        InvertedResidual((8, 16, 16), 40, 16, 3, 2, 0, "relu", False),
        InvertedResidual((16, 8, 8), 48, 16, 3, 1, 0, "relu", True),
        InvertedResidual((16, 8, 8), 48, 24, 5, 2, 16, "hard_swish", False),
    ]
    assert [spec.kernel for spec in blocks] == [3] * 3 + [5] * 8
    assert [spec.hidden for spec in blocks] == [8, 40, 48, 48, 120, 120, 64, 72, 144, 288, 288]
    assert [spec.out_channels for spec in blocks] == [8, 16, 16, 24, 24, 24, 24, 24, 48, 48, 48]
    assert [spec.squeeze for spec in blocks] == [8, 0, 0, 16, 32, 32, 16, 24, 40, 72, 72]
    assert [spec.stride for spec in blocks] == [2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1]
    assert [spec.activation for spec in blocks] == ["relu"] * 3 + ["hard_swish"] * 8


def test_the_blocks_of_mobilenet_v2_by_hand() -> None:
    found = layers(STOCK_NETWORKS["mobilenet_v2"](32, 10, 3), ())
    blocks = [spec for spec in found if isinstance(spec, InvertedResidual)]
    # 32, 16, 24, 32, 64, 96, 160 and 320 channels x 0.35
    widths = [8] + 2 * [8] + 3 * [16] + 4 * [24] + 3 * [32] + 3 * [56] + [112]
    assert [spec.out_channels for spec in blocks] == widths
    assert [spec.hidden for spec in blocks] == [16, *(6 * width for width in widths[:-1])]
    assert [number for number, spec in enumerate(blocks, 1) if spec.stride == 2] == [2, 4, 7, 14]
    assert {(spec.kernel, spec.squeeze, spec.activation) for spec in blocks} == {(3, 0, "relu6")}
    assert [spec.residual for spec in blocks[:4]] == [False, False, True, False]


def test_the_units_of_shufflenet_v2_by_hand() -> None:
    found = layers(STOCK_NETWORKS["shufflenet_v2"](32, 10, 3), ())
    units = [(spec.out_channels, spec.stride) for spec in found if isinstance(spec, ShuffleUnit)]
    assert units == [(48, 2), *[(48, 1)] * 3, (96, 2), *[(96, 1)] * 7, (192, 2), *[(192, 1)] * 3]


@EVERY
def test_sizes_lie_in_the_range_of_the_tiny_preset(name: str) -> None:
    space = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
    least, most = (
        sum(spec.macs for spec in layers(space, as_architecture(rows[0])))
        for rows in (smallest(space), largest(space))
    )
    assert least < macs(name, 32) < most
    assert 0.5e6 < macs(name, 32) < 6e6


@EVERY
def test_torch_counts_the_same(name: str) -> None:
    space = STOCK_NETWORKS[name](32, 10, 3)
    static = StaticNetwork(network(space, ()))
    specs = [spec for spec in layers(space, ()) if spec.kind != "normalize"]
    assert convolution_macs(static, torch.rand(1, 3, 32, 32)) == sum(spec.macs for spec in specs)
    assert folded_params(static) == sum(spec.num_params for spec in specs)


@EVERY
@pytest.mark.parametrize(("resolution", "channels"), [(16, 1), (24, 3), (33, 3)])
def test_images_become_logits(name: str, resolution: int, channels: int) -> None:
    space = STOCK_NETWORKS[name](resolution, 7, channels)
    supernet = perturbed_supernet(space)
    assert supernet(torch.rand(2, channels, resolution, resolution), ()).shape == (2, 7)


@EVERY
def test_extracted_networks_compute_what_was_trained(name: str) -> None:
    assert extraction_error(perturbed_supernet(STOCK_NETWORKS[name](32, 10, 3)), ()) <= 1e-5


@EVERY
def test_there_is_nothing_to_choose(name: str) -> None:
    space = STOCK_NETWORKS[name](32, 10, 3)
    assert space.choices == ()
    assert set(distinct_layers(space)) == set(layers(space, ()))
    assert random_images(space, ()).shape == (2, 3, 32, 32)
