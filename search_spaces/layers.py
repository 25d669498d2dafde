"""Layers as the hardware sees them: frozen records with shapes, work and memory.

A layer is one deployable piece of a network. Its `signature` is the key of lookup tables, so it holds
everything that decides the cost and nothing else; weights are not part of it.

Batch norm is folded into the convolution before it, which leaves a bias.
"""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import ClassVar, Literal

from search_spaces.digests import canonical_json
from search_spaces.operations import Operation, Shape, convolution, linear, num_values, strided

Activation = Literal["identity", "relu", "relu6", "hard_swish"]

BYTES_PER_VALUE = 4


@dataclass(frozen=True)
class LayerSpec:
    """What every kind of layer has in common.

    Attributes:
        in_shape: (C, H, W) of the input.
    """

    kind: ClassVar[str]
    in_shape: Shape

    @property
    def out_shape(self) -> Shape:
        """(C, H, W) of the output, the input's unless a kind says otherwise; logits are 1 x 1 in size."""
        return self.in_shape

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The primitive steps, in order."""
        raise NotImplementedError

    def signature(self) -> str:
        """Return the canonical JSON that identifies the layer in lookup tables."""
        return _signature(self)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(operation.macs for operation in self.operations)

    @property
    def num_params(self) -> int:
        """Weights and biases as deployed, batch norm folded."""
        return sum(operation.params for operation in self.operations)

    @property
    def activation_bytes(self) -> int:
        """Peak bytes of activations alive while the layer runs (fp32, one image)."""
        return BYTES_PER_VALUE * max(operation.live_values for operation in self.operations)


@lru_cache(maxsize=8192)
def _signature(layer: LayerSpec) -> str:
    """Work it out once a layer: spaces have the same ones in many places."""
    return canonical_json({"v": 1, "kind": layer.kind, **asdict(layer)})


@dataclass(frozen=True)
class Normalize(LayerSpec):
    """(image - mean) / deviation by channel: the data set's statistics, inside the graph."""

    kind: ClassVar[str] = "normalize"

    @property
    def operations(self) -> tuple[Operation, ...]:
        """One scale and one shift a channel; the image itself is the caller's, so a copy is written."""
        return (Operation(num_values(self.in_shape), 2 * self.in_shape[0], 2 * num_values(self.in_shape)),)


@dataclass(frozen=True)
class ConvNormAct(LayerSpec):
    """Convolution, batch norm, activation."""

    kind: ClassVar[str] = "conv_norm_act"
    out_channels: int
    kernel: int
    stride: int
    activation: Activation

    @property
    def out_shape(self) -> Shape:
        """Shape after the stride."""
        return strided(self.in_shape, self.out_channels, self.stride)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The convolution; the rest is folded or in place."""
        return (convolution(self.in_shape, self.out_channels, self.kernel, self.stride),)


@dataclass(frozen=True)
class InvertedResidual(LayerSpec):
    """Expand, depthwise, squeeze-excite, project (Sandler et al. 2018; Howard et al. 2019).

    Attributes:
        hidden: Channels of the depthwise convolution; equal to the input's channels means no expansion layer.
        squeeze: Channels inside squeeze-excite, 0 for none.
        residual: Whether the input is added to the output; a fixed attribute of the slot.
    """

    kind: ClassVar[str] = "inverted_residual"
    hidden: int
    out_channels: int
    kernel: int
    stride: int
    squeeze: int
    activation: Activation
    residual: bool

    @property
    def expands(self) -> bool:
        """Whether there is an expansion layer."""
        return self.hidden != self.in_shape[0]

    @property
    def out_shape(self) -> Shape:
        """Shape after the stride."""
        return strided(self.in_shape, self.out_channels, self.stride)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Expansion, depthwise, the two squeeze-excite layers, projection."""
        held = num_values(self.in_shape) if self.residual else 0
        wide = (self.hidden, *self.in_shape[1:])
        inner = strided(wide, self.hidden, self.stride)
        # The expansion reads the input itself, and so does the depthwise step where nothing expands:
        # what is held for the addition is then counted already.
        steps = [convolution(self.in_shape, self.hidden, 1)] if self.expands else []
        held_by_depthwise = held if self.expands else 0
        steps.append(convolution(wide, self.hidden, self.kernel, self.stride, self.hidden, held_by_depthwise))
        if self.squeeze:
            beside = num_values(inner) + held
            for features in ((self.hidden, self.squeeze), (self.squeeze, self.hidden)):
                step = linear(*features)
                steps.append(replace(step, live_values=step.live_values + beside))
        steps.append(convolution(inner, self.out_channels, 1, held=held))
        return tuple(steps)


@dataclass(frozen=True)
class PooledHead(LayerSpec):
    """Global average pooling, an optional hidden linear layer, the classifier.

    Attributes:
        hidden: Features of the hidden layer, 0 for none.
    """

    kind: ClassVar[str] = "pooled_head"
    hidden: int
    activation: Activation
    num_classes: int

    @property
    def out_shape(self) -> Shape:
        """(classes, 1, 1)."""
        return self.num_classes, 1, 1

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Pooling and one or two linear steps."""
        channels = self.in_shape[0]
        steps = [Operation(0, 0, num_values(self.in_shape) + channels)]
        if self.hidden:
            steps.append(linear(channels, self.hidden))
        steps.append(linear(self.hidden or channels, self.num_classes))
        return tuple(steps)


@dataclass(frozen=True)
class ActConvNorm(LayerSpec):
    """ReLU, convolution, batch norm: an operation of the NAS-Bench-201 cell (Dong and Yang 2020)."""

    kind: ClassVar[str] = "act_conv_norm"
    out_channels: int
    kernel: int

    @property
    def out_shape(self) -> Shape:
        """The input's size with the output's channels."""
        return strided(self.in_shape, self.out_channels, 1)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The activation writes a copy, because other edges read the same node."""
        step = convolution(self.in_shape, self.out_channels, self.kernel)
        return (Operation(0, 0, 2 * num_values(self.in_shape)), step)


@dataclass(frozen=True)
class AveragePool(LayerSpec):
    """Average pooling with stride 1; padding is not counted (Dong and Yang 2020)."""

    kind: ClassVar[str] = "average_pool"
    kernel: int

    @property
    def operations(self) -> tuple[Operation, ...]:
        """One pooling step."""
        return (Operation(0, 0, 2 * num_values(self.in_shape)),)


@dataclass(frozen=True)
class NormAct(LayerSpec):
    """Batch norm and activation on their own, as before the head of a cell network."""

    kind: ClassVar[str] = "norm_act"
    activation: Activation

    @property
    def operations(self) -> tuple[Operation, ...]:
        """One scale and one shift a channel."""
        return (Operation(num_values(self.in_shape), 2 * self.in_shape[0], 2 * num_values(self.in_shape)),)


@dataclass(frozen=True)
class BasicBlock(LayerSpec):
    """Two 3x3 convolutions with a skip connection (He et al. 2016).

    Attributes:
        projection: Whether the skip connection is a strided 1x1 convolution; fixed for a slot.
    """

    kind: ClassVar[str] = "basic_block"
    out_channels: int
    stride: int
    projection: bool

    @property
    def out_shape(self) -> Shape:
        """Shape after the stride."""
        return strided(self.in_shape, self.out_channels, self.stride)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """First convolution, second convolution, projection."""
        held = num_values(self.in_shape)
        steps = [
            convolution(self.in_shape, self.out_channels, 3, self.stride),
            convolution(self.out_shape, self.out_channels, 3, held=held),
        ]
        if self.projection:
            beside = num_values(self.out_shape)
            steps.append(convolution(self.in_shape, self.out_channels, 1, self.stride, held=beside))
        return tuple(steps)


@dataclass(frozen=True)
class ShuffleUnit(LayerSpec):
    """The unit of ShuffleNetV2 (Ma et al. 2018).

    With stride 1 half of the channels pass by: split, 1x1, depthwise 3x3, 1x1, concatenate, shuffle. With
    stride 2 both branches see the whole input.
    """

    kind: ClassVar[str] = "shuffle_unit"
    out_channels: int
    stride: int

    @property
    def out_shape(self) -> Shape:
        """Shape after the stride."""
        return strided(self.in_shape, self.out_channels, self.stride)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The main branch, then (with a stride) the branch of the skip connection, then the shuffle."""
        half = self.out_channels // 2
        whole, out = num_values(self.in_shape), num_values(self.out_shape)
        branch = self.in_shape if self.stride > 1 else (half, *self.in_shape[1:])
        wide = (half, *self.in_shape[1:])
        inner = strided(wide, half, self.stride)
        # With stride 1 the other half of the input waits; with stride 2 the whole input does.
        held = whole if self.stride > 1 else whole // 2
        steps = [
            convolution(branch, half, 1, held=0 if self.stride > 1 else held),
            convolution(wide, half, 3, self.stride, half, held),
            convolution(inner, half, 1, held=held),
        ]
        if self.stride > 1:
            channels = self.in_shape[0]
            narrow = strided(self.in_shape, channels, self.stride)
            steps.append(convolution(self.in_shape, channels, 3, self.stride, channels, out // 2))
            steps.append(convolution(narrow, half, 1, held=out // 2))
        steps.append(Operation(0, 0, 2 * out))
        return tuple(steps)
