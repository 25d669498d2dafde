"""Which convolutions a layer is made of: shared by the static and the elastic form of every kind.

Squeeze-excite and classifier layers are 1x1 convolutions of a pooled 1x1 map, so that one implementation of
slicing serves all weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from search_spaces.layers import (
    ActConvNorm,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    PooledHead,
    ShuffleUnit,
)


@dataclass(frozen=True, slots=True)
class Convolution:
    """One half-padded convolution.

    Attributes:
        in_channels: Channels read.
        out_channels: Channels written.
        kernel: Odd side of the kernel.
        stride: Step.
        depthwise: Whether each channel has its own kernel.
        norm: Whether batch norm follows (then there is no bias).
    """

    in_channels: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    norm: bool = True

    @property
    def groups(self) -> int:
        """Groups of channels."""
        return self.out_channels if self.depthwise else 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(out, in of a group, kernel, kernel)."""
        return self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel


def _conv_norm_act(spec: ConvNormAct) -> dict[str, Convolution]:
    return {"conv": Convolution(spec.in_shape[0], spec.out_channels, spec.kernel, spec.stride)}


def _inverted_residual(spec: InvertedResidual) -> dict[str, Convolution]:
    found = {}
    if spec.expands:
        found["expand"] = Convolution(spec.in_shape[0], spec.hidden)
    found["depthwise"] = Convolution(spec.hidden, spec.hidden, spec.kernel, spec.stride, depthwise=True)
    if spec.squeeze:
        found["reduce"] = Convolution(spec.hidden, spec.squeeze, norm=False)
        found["excite"] = Convolution(spec.squeeze, spec.hidden, norm=False)
    found["project"] = Convolution(spec.hidden, spec.out_channels)
    return found


def _pooled_head(spec: PooledHead) -> dict[str, Convolution]:
    channels = spec.in_shape[0]
    found = {}
    if spec.hidden:
        found["features"] = Convolution(channels, spec.hidden, norm=False)
    found["classifier"] = Convolution(spec.hidden or channels, spec.num_classes, norm=False)
    return found


def _act_conv_norm(spec: ActConvNorm) -> dict[str, Convolution]:
    return {"conv": Convolution(spec.in_shape[0], spec.out_channels, spec.kernel)}


def _basic_block(spec: BasicBlock) -> dict[str, Convolution]:
    channels, out = spec.in_shape[0], spec.out_channels
    found = {"first": Convolution(channels, out, 3, spec.stride), "second": Convolution(out, out, 3)}
    if spec.projection:
        found["shortcut"] = Convolution(channels, out, 1, spec.stride)
    return found


def _shuffle_unit(spec: ShuffleUnit) -> dict[str, Convolution]:
    channels, half = spec.in_shape[0], spec.out_channels // 2
    found = {
        "expand": Convolution(channels if spec.stride > 1 else half, half),
        "depthwise": Convolution(half, half, 3, spec.stride, depthwise=True),
        "project": Convolution(half, half),
    }
    if spec.stride > 1:
        found["side_depthwise"] = Convolution(channels, channels, 3, spec.stride, depthwise=True)
        found["side_project"] = Convolution(channels, half)
    return found


_CONVOLUTIONS: Final[Mapping[str, Callable[[Any], dict[str, Convolution]]]] = {
    ConvNormAct.kind: _conv_norm_act,
    InvertedResidual.kind: _inverted_residual,
    PooledHead.kind: _pooled_head,
    ActConvNorm.kind: _act_conv_norm,
    BasicBlock.kind: _basic_block,
    ShuffleUnit.kind: _shuffle_unit,
}


def convolutions(spec: LayerSpec) -> dict[str, Convolution]:
    """Return the convolutions of a layer by name, in order of execution; none for layers without weights."""
    return _CONVOLUTIONS[spec.kind](spec) if spec.kind in _CONVOLUTIONS else {}
