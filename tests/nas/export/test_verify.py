from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from nas.export.onnx import export_layer, export_onnx
from nas.export.verify import TOLERANCE, check_parity
from search_spaces.base import Architecture, SearchSpace
from search_spaces.catalogue import get_space
from search_spaces.errors import ArtifactError
from search_spaces.mobilenet_v3 import IMAGENET
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import network
from search_spaces.sampling import as_architecture, canonical, largest
from tests.nas.export.networks import drawn, facts, settled

TEN = tuple("0123456789")
TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
LARGE = get_space("mobilenet_v3", preset="imagenet", num_classes=10, in_channels=3)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)


def images_of(static: StaticNetwork, n: int) -> NDArray[np.uint8]:
    """Soft blobs: what neighbouring pixels of photographs are like."""
    channels, side, _ = static.nodes[0].spec.in_shape
    rng = np.random.default_rng(1)
    waves = rng.normal(size=(n, channels, side, side)).cumsum(axis=2).cumsum(axis=3)
    spread = waves.max(axis=(2, 3), keepdims=True) - waves.min(axis=(2, 3), keepdims=True)
    images: NDArray[np.uint8] = ((waves - waves.min(axis=(2, 3), keepdims=True)) / spread * 255).astype(
        np.uint8
    )
    return images


def assert_parity(space: SearchSpace, architecture: Architecture, tmp_path: Path, seed: int) -> None:
    static = settled(space, architecture, seed)
    path = tmp_path / "model.onnx"
    path.write_bytes(export_onnx(static, facts(space, architecture, TEN)))
    images = images_of(static, 8)
    report = check_parity(static, path, images)
    with torch.inference_mode():
        logits = static(torch.from_numpy(images).float() / 255)
    assert logits.std(0).max() > 0.01, "the images have to make a difference"
    assert (report.num_random, report.num_real) == (16, 8)
    assert 0 < report.max_difference <= TOLERANCE


def test_50_random_mobile_networks_compute_the_same(tmp_path: Path) -> None:
    for seed, architecture in enumerate(drawn(TINY, 50)):
        assert_parity(TINY, architecture, tmp_path, seed)


def test_random_networks_of_the_published_geometry_compute_the_same(tmp_path: Path) -> None:
    assert LARGE.choices[0].options == IMAGENET.resolutions
    for seed, architecture in enumerate([as_architecture(largest(LARGE)[0]), *drawn(LARGE, 7)]):
        assert_parity(LARGE, architecture, tmp_path, seed)


def test_random_cells_compute_the_same(tmp_path: Path) -> None:
    for seed, architecture in enumerate(drawn(CELL, 20)):
        assert_parity(CELL, architecture, tmp_path, seed)


# none, skip_connect, avg_pool_3x3, nor_conv_1x1, nor_conv_3x3 on edges 01, 02, 12, 03, 13, 23
@pytest.mark.parametrize(
    "operations",
    [
        pytest.param((0, 0, 0, 4, 0, 4), id="a convolution on a node that nothing reaches"),
        pytest.param((0, 2, 0, 0, 4, 1), id="zeros beside a pooled node"),
        pytest.param((1, 1, 1, 1, 1, 1), id="one tensor many times"),
    ],
)
def test_unusual_cells_compute_the_same(operations: Architecture, tmp_path: Path) -> None:
    architecture = as_architecture(canonical(CELL, np.array([operations]))[0])
    assert_parity(CELL, architecture, tmp_path, 0)


def test_a_network_fed_by_nothing_is_exported(tmp_path: Path) -> None:
    architecture = as_architecture(canonical(CELL, np.zeros((1, 6), dtype=np.int64))[0])
    assert any(not node.inputs for node in network(CELL, architecture))
    static = settled(CELL, architecture)
    path = tmp_path / "model.onnx"
    path.write_bytes(export_onnx(static, facts(CELL, architecture, TEN)))
    assert check_parity(static, path, images_of(static, 2)).max_difference <= TOLERANCE


def exported(tmp_path: Path) -> tuple[StaticNetwork, Path]:
    architecture = next(drawn(TINY, 1))
    static = settled(TINY, architecture)
    path = tmp_path / "model.onnx"
    path.write_bytes(export_onnx(static, facts(TINY, architecture, TEN)))
    return static, path


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    static, path = exported(tmp_path)
    bias = static.get_parameter("layers.head.convs.classifier.conv.bias")
    with torch.no_grad():
        bias[3] += 2 * TOLERANCE
    with pytest.raises(ArtifactError, match="differs from torch by 0.0002") as caught:
        check_parity(static, path, images_of(static, 2))
    assert caught.value.code == "export_mismatch"


def test_a_network_that_computes_nan_is_refused(tmp_path: Path) -> None:
    static, path = exported(tmp_path)
    nn.init.constant_(static.get_parameter("layers.head.convs.classifier.conv.bias"), float("nan"))
    with pytest.raises(ArtifactError, match="not published"):
        check_parity(static, path, images_of(static, 0))


def test_a_near_tie_may_name_another_class(tmp_path: Path) -> None:
    static, path = exported(tmp_path)
    with torch.no_grad():
        static.get_parameter("layers.head.convs.classifier.conv.weight").zero_()
        bias = static.get_parameter("layers.head.convs.classifier.conv.bias")
        bias.copy_(torch.tensor([1.0, 1.0, *[0.0] * 8]))
        path.write_bytes(export_onnx(static, facts(TINY, next(drawn(TINY, 1)), TEN)))
        bias[1] += 0.5 * TOLERANCE
    report = check_parity(static, path, images_of(static, 5))
    assert report.num_other_class == 16 + 5


def test_a_file_without_metadata_is_refused(tmp_path: Path) -> None:
    static, path = exported(tmp_path)
    path.write_bytes(export_layer(static.nodes[-1].spec))
    with pytest.raises(ArtifactError) as caught:
        check_parity(static, path, images_of(static, 0))
    assert caught.value.code == "missing_metadata"
