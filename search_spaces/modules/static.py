"""Static layers and networks, as deployed.

B images, C channels, H x W pixels. Every step is a module of `torch.nn` or one of the three leaves below, so
that the exporter can follow the graph without running it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from search_spaces.base import IMAGE
from search_spaces.layers import (
    ActConvNorm,
    AveragePool,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    NormAct,
    Normalize,
    PooledHead,
    ShuffleUnit,
)
from search_spaces.modules.convolutions import Convolution, convolutions
from search_spaces.network import Node
from search_spaces.operations import Shape

BATCH_NORM_EPSILON = 1e-5

ACTIVATIONS: Final[Mapping[str, Callable[[], nn.Module]]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hard_swish": nn.Hardswish,
}


class ChannelNormalize(nn.Module):
    """(image - mean) / deviation for each channel; a leaf for the exporter."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.zeros(channels))
        self.deviation = nn.Buffer(torch.ones(channels))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the normalised images."""
        return (images_BCHW - self.mean[:, None, None]) / self.deviation[:, None, None]


class Zeros(nn.Module):
    """Zeros of a fixed shape, one for each image; a leaf for the exporter."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return zeros, (B, *shape)."""
        return images_BCHW.new_zeros((images_BCHW.shape[0], *self.shape))


class SplitChannels(nn.Module):
    """One half of the channels; a leaf for the exporter."""

    def __init__(self, channels: int, *, second: bool) -> None:
        super().__init__()
        self.start = channels // 2 if second else 0
        self.stop = channels if second else channels // 2

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the half."""
        return x_BCHW[:, self.start : self.stop]


class ConvNorm(nn.Module):
    """A convolution with batch norm or bias."""

    def __init__(self, shape: Convolution) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            shape.in_channels,
            shape.out_channels,
            shape.kernel,
            shape.stride,
            shape.kernel // 2,
            groups=shape.groups,
            bias=not shape.norm,
        )
        self.norm = nn.BatchNorm2d(shape.out_channels, BATCH_NORM_EPSILON) if shape.norm else nn.Identity()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the normalised features."""
        return self.norm(self.conv(x_BCHW))  # type: ignore[no-any-return]


class StaticLayer(nn.Module):
    """A layer with fixed shapes. Subclasses only add the order of the steps."""

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.convs = nn.ModuleDict({name: ConvNorm(shape) for name, shape in convolutions(spec).items()})


class StaticConvNormAct(StaticLayer):
    """Convolution, norm, activation."""

    def __init__(self, spec: ConvNormAct) -> None:
        super().__init__(spec)
        self.activation = ACTIVATIONS[spec.activation]()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the features."""
        return self.activation(self.convs["conv"](x_BCHW))  # type: ignore[no-any-return]


class StaticInvertedResidual(StaticLayer):
    """Expand, depthwise, squeeze-excite, project."""

    def __init__(self, spec: InvertedResidual) -> None:
        super().__init__(spec)
        self.spec = spec
        self.activation = ACTIVATIONS[spec.activation]()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.relu = nn.ReLU()
        self.gate = nn.Hardsigmoid()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the features."""
        y = self.activation(self.convs["expand"](x_BCHW)) if self.spec.expands else x_BCHW
        y = self.activation(self.convs["depthwise"](y))
        if self.spec.squeeze:
            y = y * self.gate(self.convs["excite"](self.relu(self.convs["reduce"](self.pool(y)))))
        y = self.convs["project"](y)
        return x_BCHW + y if self.spec.residual else y  # type: ignore[no-any-return]


class StaticPooledHead(StaticLayer):
    """Pool, optional hidden layer, classifier."""

    def __init__(self, spec: PooledHead) -> None:
        super().__init__(spec)
        self.spec = spec
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.activation = ACTIVATIONS[spec.activation]()
        self.flatten = nn.Flatten()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return logits, (B, classes)."""
        y = self.pool(x_BCHW)
        if self.spec.hidden:
            y = self.activation(self.convs["features"](y))
        return self.flatten(self.convs["classifier"](y))  # type: ignore[no-any-return]


class StaticActConvNorm(StaticLayer):
    """ReLU, convolution, norm."""

    def __init__(self, spec: ActConvNorm) -> None:
        super().__init__(spec)
        self.activation = nn.ReLU()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the features."""
        return self.convs["conv"](self.activation(x_BCHW))  # type: ignore[no-any-return]


class StaticAveragePool(nn.AvgPool2d):
    """Average pooling with stride 1 that does not count the padding."""

    def __init__(self, spec: AveragePool) -> None:
        super().__init__(spec.kernel, 1, spec.kernel // 2, count_include_pad=False)


class StaticNormAct(nn.Module):
    """Batch norm and activation."""

    def __init__(self, spec: NormAct) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(spec.in_shape[0], BATCH_NORM_EPSILON)
        self.activation = ACTIVATIONS[spec.activation]()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the features."""
        return self.activation(self.norm(x_BCHW))  # type: ignore[no-any-return]


class StaticNormalize(nn.Module):
    """The data set's normalisation."""

    def __init__(self, spec: Normalize) -> None:
        super().__init__()
        self.normalize = ChannelNormalize(spec.in_shape[0])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the normalised images."""
        return self.normalize(x_BCHW)  # type: ignore[no-any-return]


class StaticBasicBlock(StaticLayer):
    """Two convolutions and a skip connection."""

    def __init__(self, spec: BasicBlock) -> None:
        super().__init__(spec)
        self.spec = spec
        self.relu = nn.ReLU()

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the features."""
        y = self.convs["second"](self.relu(self.convs["first"](x_BCHW)))
        shortcut = self.convs["shortcut"](x_BCHW) if self.spec.projection else x_BCHW
        return self.relu(y + shortcut)  # type: ignore[no-any-return]


class StaticShuffleUnit(StaticLayer):
    """Split or stride 2, three convolutions, concatenate, shuffle."""

    def __init__(self, spec: ShuffleUnit) -> None:
        super().__init__(spec)
        self.spec = spec
        self.first_half = SplitChannels(spec.in_shape[0], second=False)
        self.second_half = SplitChannels(spec.in_shape[0], second=True)
        self.relu = nn.ReLU()
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return the features."""
        if self.spec.stride > 1:
            kept = self.relu(self.convs["side_project"](self.convs["side_depthwise"](x_BCHW)))
            y = x_BCHW
        else:
            kept, y = self.first_half(x_BCHW), self.second_half(x_BCHW)
        y = self.convs["depthwise"](self.relu(self.convs["expand"](y)))
        y = self.relu(self.convs["project"](y))
        return self.shuffle(torch.cat((kept, y), 1))  # type: ignore[no-any-return]


STATIC_LAYERS: Final[Mapping[str, Callable[[Any], nn.Module]]] = {
    Normalize.kind: StaticNormalize,
    ConvNormAct.kind: StaticConvNormAct,
    InvertedResidual.kind: StaticInvertedResidual,
    PooledHead.kind: StaticPooledHead,
    ActConvNorm.kind: StaticActConvNorm,
    AveragePool.kind: StaticAveragePool,
    NormAct.kind: StaticNormAct,
    BasicBlock.kind: StaticBasicBlock,
    ShuffleUnit.kind: StaticShuffleUnit,
}


def build_layer(spec: LayerSpec) -> nn.Module:
    """Return a layer with fresh weights."""
    return STATIC_LAYERS[spec.kind](spec)


class StaticNetwork(nn.Module):
    """A network with fixed shapes: images (B, C, R, R) in 0..1 to logits (B, classes)."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        super().__init__()
        self.nodes = nodes
        self.layers = nn.ModuleDict({key(node.slot): build_layer(node.spec) for node in nodes})
        self.zeros = nn.ModuleDict(
            {key(node.slot): Zeros(node.spec.in_shape) for node in nodes if not node.inputs}
        )

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits."""
        outputs = {IMAGE: images_BCHW}
        for node in self.nodes:
            if node.inputs:
                x = outputs[node.inputs[0]]
                for name in node.inputs[1:]:
                    x = x + outputs[name]
            else:
                x = self.zeros[key(node.slot)](images_BCHW)
            outputs[node.slot] = self.layers[key(node.slot)](x)
        return outputs[self.nodes[-1].slot]


def key(slot: str) -> str:
    """Return a slot's name as torch accepts it for a submodule."""
    return slot.replace(".", "/")
