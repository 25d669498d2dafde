"""Primitive steps of layers: their work, their parameters and the memory alive while they run.

Shapes are (channels, height, width) of one image; a convolution pads by half its kernel, so that stride 1
keeps the size.
"""

from dataclasses import dataclass
from typing import Literal

OperationKind = Literal["convolution", "grouped_convolution", "linear", "other"]
"""What hardware runs at different speeds: depthwise convolutions do little work on each value they read."""

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Operation:
    """One primitive step of a layer.

    Attributes:
        macs: Multiply-accumulate operations for one image.
        params: Weights and biases as deployed.
        live_values: Activation values held while it runs: what it reads, what it writes and what a later step
            of the layer still needs. Element-wise steps run in place, as CPU runtimes plan them.
        kind: What sort of step it is; `other` for pooling, copies and the like.
        biases: How many of the parameters are biases: one an output channel of a convolution or linear step.
    """

    macs: int
    params: int
    live_values: int
    kind: OperationKind = "other"
    biases: int = 0


def num_values(shape: Shape) -> int:
    """Return the number of values of an activation."""
    return shape[0] * shape[1] * shape[2]


def strided(shape: Shape, out_channels: int, stride: int) -> Shape:
    """Return the output shape of a half-padded convolution."""
    return out_channels, -(-shape[1] // stride), -(-shape[2] // stride)


def convolution(
    shape: Shape, out_channels: int, kernel: int, stride: int = 1, groups: int = 1, held: int = 0
) -> Operation:
    """Describe a half-padded convolution with bias; `held` values stay alive beside it."""
    out_shape = strided(shape, out_channels, stride)
    weights = shape[0] // groups * kernel * kernel * out_channels
    return Operation(
        macs=weights * out_shape[1] * out_shape[2],
        params=weights + out_channels,
        live_values=num_values(shape) + num_values(out_shape) + held,
        kind="grouped_convolution" if groups > 1 else "convolution",
        biases=out_channels,
    )


def linear(in_features: int, out_features: int) -> Operation:
    """Describe a fully connected step with bias."""
    weights = in_features * out_features
    return Operation(weights, weights + out_features, in_features + out_features, "linear", out_features)
