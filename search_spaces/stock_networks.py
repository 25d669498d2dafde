"""Published networks in the form used for small images, to compare fronts with.

Each is a space without choices. Blocks, widths and order are the published ones. What is changed for images
of about 32 pixels is the reduction before the first stage, so that the last map is 2 x 2 (ResNet: 4 x 4)
instead of 7 x 7 for an image of 224. Of the published widths those stand here that cost about as much as the
`tiny` preset of MobileNetV3.
"""

from collections.abc import Callable
from typing import Final

from search_spaces.base import Space
from search_spaces.layers import (
    Activation,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    Normalize,
    PooledHead,
    ShuffleUnit,
)
from search_spaces.mobilenet_v3 import divisible_by_8
from search_spaces.network import chain

# Sandler et al. 2018, table 2: expansion, channels, blocks, stride of the first block.
_MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_MOBILENET_V2_WIDTH = 0.35

# Howard et al. 2019, table 2: kernel, hidden channels, channels, squeeze-excite, activation, stride.
_MOBILENET_V3_SMALL: tuple[tuple[int, int, int, bool, Activation, int], ...] = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hard_swish", 2),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 120, 48, True, "hard_swish", 1),
    (5, 144, 48, True, "hard_swish", 1),
    (5, 288, 96, True, "hard_swish", 2),
    (5, 576, 96, True, "hard_swish", 1),
    (5, 576, 96, True, "hard_swish", 1),
)
_MOBILENET_V3_SMALL_WIDTH = 0.5

# Ma et al. 2018, table 5, width 0.5: channels, units.
_SHUFFLENET_V2 = ((48, 4), (96, 8), (192, 4))


class _Chain:
    """Layers in a row; each is made for the shape that the one before leaves."""

    def __init__(self, resolution: int, in_channels: int) -> None:
        self.specs: dict[str, LayerSpec] = {"normalize": Normalize((in_channels, resolution, resolution))}
        self._blocks = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """What the next layer reads."""
        return list(self.specs.values())[-1].out_shape

    def add(self, name: str, spec: LayerSpec) -> None:
        """Append a layer."""
        self.specs[name] = spec

    def block(self, spec: LayerSpec) -> None:
        """Append a numbered block."""
        self._blocks += 1
        self.add(f"block{self._blocks}", spec)


def mobilenet_v2(resolution: int, num_classes: int, in_channels: int) -> Space:
    """Return MobileNetV2 x 0.35 (Sandler et al. 2018) with stride 1 in the stem."""
    net = _Chain(resolution, in_channels)
    net.add("stem", ConvNormAct(net.shape, divisible_by_8(32 * _MOBILENET_V2_WIDTH), 3, 1, "relu6"))
    for expansion, channels, blocks, first_stride in _MOBILENET_V2:
        width = divisible_by_8(channels * _MOBILENET_V2_WIDTH)
        for block in range(blocks):
            shape, stride = net.shape, 1 if block else first_stride
            residual = stride == 1 and shape[0] == width
            hidden = expansion * shape[0]
            net.block(InvertedResidual(shape, hidden, width, 3, stride, 0, "relu6", residual))
    net.add("final", ConvNormAct(net.shape, 1280, 1, 1, "relu6"))
    net.add("head", PooledHead(net.shape, 0, "identity", num_classes))
    return chain("stock/mobilenet_v2", net.specs)


def mobilenet_v3_small(resolution: int, num_classes: int, in_channels: int) -> Space:
    """Return MobileNetV3-Small x 0.5 (Howard et al. 2019) with stride 1 in the stem.

    As published, widths below 1 leave the hidden linear layer as it is.
    """

    def scaled(channels: int) -> int:
        return divisible_by_8(channels * _MOBILENET_V3_SMALL_WIDTH)

    net = _Chain(resolution, in_channels)
    net.add("stem", ConvNormAct(net.shape, scaled(16), 3, 1, "hard_swish"))
    for kernel, expanded, channels, excites, activation, stride in _MOBILENET_V3_SMALL:
        shape, hidden, width = net.shape, scaled(expanded), scaled(channels)
        squeeze = divisible_by_8(hidden // 4) if excites else 0
        residual = stride == 1 and shape[0] == width
        net.block(InvertedResidual(shape, hidden, width, kernel, stride, squeeze, activation, residual))
    net.add("final", ConvNormAct(net.shape, scaled(576), 1, 1, "hard_swish"))
    net.add("head", PooledHead(net.shape, 1024, "hard_swish", num_classes))
    return chain("stock/mobilenet_v3_small", net.specs)


def shufflenet_v2(resolution: int, num_classes: int, in_channels: int) -> Space:
    """Return ShuffleNetV2 x 0.5 (Ma et al. 2018) without the pooling after the stem."""
    net = _Chain(resolution, in_channels)
    net.add("stem", ConvNormAct(net.shape, 24, 3, 2, "relu"))
    for channels, units in _SHUFFLENET_V2:
        for unit in range(units):
            net.block(ShuffleUnit(net.shape, channels, 1 if unit else 2))
    net.add("final", ConvNormAct(net.shape, 1024, 1, 1, "relu"))
    net.add("head", PooledHead(net.shape, 0, "identity", num_classes))
    return chain("stock/shufflenet_v2", net.specs)


def resnet(resolution: int, num_classes: int, in_channels: int) -> Space:
    """Return ResNet-8 of widths 16, 32, 64 (He et al. 2016, section 4.2, n = 1) with stride 2 in the stem.

    Skip connections that change shape are projections (option B there).
    """
    net = _Chain(resolution, in_channels)
    net.add("stem", ConvNormAct(net.shape, 16, 3, 2, "relu"))
    for width in (16, 32, 64):
        grows = width != net.shape[0]
        net.block(BasicBlock(net.shape, width, 2 if grows else 1, projection=grows))
    net.add("head", PooledHead(net.shape, 0, "identity", num_classes))
    return chain("stock/resnet", net.specs)


STOCK_NETWORKS: Final[dict[str, Callable[[int, int, int], Space]]] = {
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_small": mobilenet_v3_small,
    "shufflenet_v2": shufflenet_v2,
    "resnet": resnet,
}
