"""Networks with random weights and settled statistics, as the tests of this folder need them."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from nas.data.decode import RESIZE_RULE
from nas.export.metadata import ExportMetadata, describe
from search_spaces.base import Architecture, SearchSpace
from search_spaces.modules.static import ChannelNormalize, StaticNetwork
from search_spaces.network import network
from search_spaces.sampling import as_architecture, random_architectures


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
