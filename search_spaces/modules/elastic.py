"""Weights that are used in part: the only place where weights are sliced.

A narrower layer uses the first channels of the widest one and the centre of its largest kernel
(Yu et al. 2019; Cai et al. 2020).
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from search_spaces.modules.convolutions import Convolution
from search_spaces.modules.depthwise import depthwise_conv2d
from search_spaces.modules.statistics import Normalizer


class ElasticNorm(nn.Module):
    """Scale and shift of a batch norm for up to `channels` channels; it keeps no statistics."""

    def __init__(self, channels: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x_BCHW: Tensor, normalize: Normalizer) -> Tensor:
        """Return the normalised features."""
        channels = x_BCHW.shape[1]
        return normalize(self.name, x_BCHW, self.weight[:channels], self.bias[:channels])


class ElasticConv(nn.Module):
    """A convolution, with batch norm or bias, that runs as any smaller one.

    Args:
        shapes: Every convolution it may be asked to run as.
        name: Of its batch norm.
    """

    def __init__(self, shapes: Iterable[Convolution], name: str) -> None:
        super().__init__()
        found = tuple(shapes)
        widest = max(shape.out_channels for shape in found)
        sizes = zip(*(shape.weight_shape for shape in found), strict=True)
        self.weight = nn.Parameter(torch.empty(*(max(size) for size in sizes)))
        if found[0].norm:
            nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
            self.norm: ElasticNorm | None = ElasticNorm(widest, name)
            self.bias = None
        else:
            self.norm = None
            self.bias = nn.Parameter(torch.zeros(widest))
            nn.init.normal_(self.weight, std=0.01)

    def sliced(self, shape: Convolution) -> Tensor:
        """Return the part of the weight that a convolution of this shape uses."""
        out_channels, in_channels, kernel, _ = shape.weight_shape
        edge = (self.weight.shape[2] - kernel) // 2
        weight = self.weight[:out_channels, :in_channels]
        return weight[:, :, edge : edge + kernel, edge : edge + kernel] if edge else weight

    def forward(self, x_BCHW: Tensor, shape: Convolution, normalize: Normalizer) -> Tensor:
        """Run as the convolution of the given shape."""
        if shape.depthwise:
            y_BCHW = depthwise_conv2d(x_BCHW, self.sliced(shape), shape.stride)
        else:
            bias = None if self.bias is None else self.bias[: shape.out_channels]
            y_BCHW = functional.conv2d(x_BCHW, self.sliced(shape), bias, shape.stride, shape.kernel // 2)
        return y_BCHW if self.norm is None else self.norm(y_BCHW, normalize)

    def narrowed(self, shape: Convolution) -> dict[str, Tensor]:
        """Return the weights of a static convolution of the given shape, by their names there."""
        weights = {"conv.weight": self.sliced(shape)}
        if self.bias is not None:
            weights["conv.bias"] = self.bias[: shape.out_channels]
        if self.norm is not None:
            weights["norm.weight"] = self.norm.weight[: shape.out_channels]
            weights["norm.bias"] = self.norm.bias[: shape.out_channels]
        return weights
