"""Networks with random weights and settled statistics, as the tests of this folder need them."""

from collections.abc import Iterator

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from nas.data.decode import RESIZE_RULE
from nas.export.metadata import ExportMetadata, describe
from nas.export.onnx import export_onnx
from search_spaces.base import Architecture, SearchSpace
from search_spaces.catalogue import get_space
from search_spaces.layers import LayerSpec
from search_spaces.modules.static import ChannelNormalize, StaticNetwork
from search_spaces.network import Node, network
from search_spaces.sampling import as_architecture, largest, random_architectures

TEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
LARGEST = as_architecture(largest(TINY)[0])


def settled(space: SearchSpace, architecture: Architecture, seed: int = 0) -> StaticNetwork:
    """A network whose statistics come from a batch of noise, so that no activation vanishes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        static = StaticNetwork(network(space, architecture))
        for module in static.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
            elif isinstance(module, ChannelNormalize):
                module.mean.uniform_(0.3, 0.6)
                module.deviation.uniform_(0.1, 0.4)
        with torch.no_grad():
            static.train()(torch.rand(8, *static.nodes[0].spec.in_shape))
    return static.eval()


def drawn(space: SearchSpace, n: int, seed: int = 0) -> Iterator[Architecture]:
    """Random architectures."""
    for row in random_architectures(space, n, np.random.default_rng(seed)):
        yield as_architecture(row)


def facts(space: SearchSpace, architecture: Architecture, class_names: tuple[str, ...]) -> ExportMetadata:
    """What a file says about itself."""
    return describe(
        space, architecture, class_names=class_names, dataset_digest="ab" * 32, resize_rule=RESIZE_RULE
    )


def exported(space: SearchSpace, architecture: Architecture, seed: int = 0) -> bytes:
    """The file of a network with ten classes."""
    return export_onnx(settled(space, architecture, seed), facts(space, architecture, TEN))


def network_of(spec: LayerSpec) -> StaticNetwork:
    """A network of one layer in a slot named `stem`."""
    return StaticNetwork((Node("stem", spec, ("image",)),)).eval()


def operators(model: onnx.ModelProto) -> list[str]:
    """What the nodes of a file compute, in order."""
    return [node.op_type for node in model.graph.node]


def parameters(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """The trained values of a file by name."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
