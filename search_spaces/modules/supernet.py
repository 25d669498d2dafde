"""The weight-sharing network of a space.

It has no active subnet: the architecture is an argument of each call.
"""

import threading
from typing import Final

import torch
from torch import Tensor, nn

from search_spaces.base import IMAGE, Architecture, SearchSpace
from search_spaces.modules.blocks import ELASTIC_BLOCKS, ElasticBlock, ElasticNormalize
from search_spaces.modules.static import StaticNetwork, key
from search_spaces.modules.statistics import Normalizer, Statistics, batch_moments
from search_spaces.network import network
from search_spaces.slot_tables import space_tables

_DRAWING: Final = threading.Lock()
"""torch draws initial weights from one generator a process: two threads would take each other's numbers."""


class Supernet(nn.Module):
    """All networks of a space in one set of weights.

    B images, C channels, R pixels a side. Images arrive at the architecture's resolution, in 0..1.

    Args:
        space: What can be built.
        seed: Of the initial weights.
    """

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        super().__init__()
        self.space = space
        with _DRAWING, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.blocks = nn.ModuleDict(_blocks(space))

    def forward(
        self, images_BCRR: Tensor, architecture: Architecture, normalize: Normalizer = batch_moments
    ) -> Tensor:
        """Run one subnet.

        Args:
            images_BCRR: Images in 0..1 at the architecture's resolution.
            architecture: Which subnet.
            normalize: Settled `Statistics` of that subnet, or `batch_moments` as in training.

        Returns:
            Logits, (B, classes).
        """
        nodes = network(self.space, architecture)
        shape = tuple(images_BCRR.shape[1:])
        assert shape == nodes[0].spec.in_shape, (
            f"images are {shape}, the subnet takes {nodes[0].spec.in_shape}"
        )
        outputs = {IMAGE: images_BCRR}
        for node in nodes:
            if node.inputs:
                x = outputs[node.inputs[0]]
                for name in node.inputs[1:]:
                    x = x + outputs[name]
            else:
                x = images_BCRR.new_zeros((images_BCRR.shape[0], *node.spec.in_shape))
            outputs[node.slot] = self.block(node.slot, node.spec.kind)(x, node.spec, normalize)
        return outputs[nodes[-1].slot]

    def block(self, slot: str, kind: str) -> ElasticBlock:
        """Return the elastic block of a slot for a kind of layer."""
        kinds = self.blocks[key(slot)]
        assert isinstance(kinds, nn.ModuleDict)
        found = kinds[kind]
        assert isinstance(found, ElasticBlock)
        return found

    def set_normalization(self, mean_C: Tensor, deviation_C: Tensor) -> None:
        """Set the data set's mean and standard deviation of each channel, for images in 0..1."""
        for module in self.modules():
            if isinstance(module, ElasticNormalize):
                module.normalize.mean.copy_(mean_C)
                module.normalize.deviation.copy_(deviation_C)

    def extract(self, architecture: Architecture, statistics: Statistics) -> StaticNetwork:
        """Return one subnet as a static network with weights of its own, in evaluation mode.

        It computes what `forward` computes with the same statistics.
        """
        nodes = network(self.space, architecture)
        static = StaticNetwork(nodes)
        state = {}
        for node in nodes:
            block = self.block(node.slot, node.spec.kind)
            path = f"layers.{key(node.slot)}"
            weights = block.narrowed(node.spec)
            for name, value in weights.items():
                state[f"{path}.{name}"] = value
            for name, norm in block.norm_names(node.spec).items():
                mean_C, variance_C = statistics.of(norm, len(weights[f"{name}.weight"]))
                state[f"{path}.{name}.running_mean"] = mean_C
                state[f"{path}.{name}.running_var"] = variance_C
                state[f"{path}.{name}.num_batches_tracked"] = torch.tensor(1)
        static.load_state_dict(state)
        return static.eval()


def _blocks(space: SearchSpace) -> dict[str, nn.Module]:
    tables = space_tables(space)
    blocks: dict[str, nn.Module] = {}
    for table in tables.slots:
        kinds: dict[str, list[int]] = {}
        for index in sorted({int(i) for i in table.layer_ids.flat if i >= 0}):
            kinds.setdefault(tables.layers[index].kind, []).append(index)
        if kinds:
            blocks[key(table.name)] = nn.ModuleDict(
                {
                    kind: ELASTIC_BLOCKS[kind]([tables.layers[i] for i in found], table.name)
                    for kind, found in kinds.items()
                }
            )
    return blocks
