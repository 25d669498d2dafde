"""One elastic block for each kind of layer.

Called as `block(x, spec, normalize)`: it runs as the spec it is given.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

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
from search_spaces.modules.elastic import ElasticConv, ElasticNorm
from search_spaces.modules.static import ChannelNormalize
from search_spaces.modules.statistics import Normalizer

_ACTIVATE: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "identity": lambda x: x,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "hard_swish": functional.hardswish,
}


class ElasticBlock(nn.Module):
    """The shared weights of every layer of one kind that may stand in a slot.

    Args:
        specs: Every such layer.
        slot: Name of the slot, which batch-norm names start with.
    """

    def __init__(self, specs: Sequence[LayerSpec], slot: str) -> None:
        super().__init__()
        shapes: dict[str, list[Convolution]] = {}
        for spec in specs:
            for name, shape in convolutions(spec).items():
                shapes.setdefault(name, []).append(shape)
        self.convs = nn.ModuleDict(
            {name: ElasticConv(found, f"{slot}.{name}") for name, found in shapes.items()}
        )

    def conv(self, name: str) -> ElasticConv:
        """Return a convolution by name."""
        found = self.convs[name]
        assert isinstance(found, ElasticConv)
        return found

    def narrowed(self, spec: LayerSpec) -> dict[str, Tensor]:
        """Return the weights of the static layer, by their names there; statistics are not among them."""
        return {
            f"convs.{name}.{weight}": value
            for name, shape in convolutions(spec).items()
            for weight, value in self.conv(name).narrowed(shape).items()
        }

    def norm_names(self, spec: LayerSpec) -> dict[str, str]:
        """Return the batch norms of the static layer: their path there and their name in statistics."""
        found = {}
        for name, shape in convolutions(spec).items():
            norm = self.conv(name).norm
            if shape.norm and norm is not None:
                found[f"convs.{name}.norm"] = norm.name
        return found


class ElasticConvNormAct(ElasticBlock):
    """Convolution, norm, activation."""

    def forward(self, x_BCHW: Tensor, spec: ConvNormAct, normalize: Normalizer) -> Tensor:
        """Run as the given layer."""
        shape = convolutions(spec)["conv"]
        return _ACTIVATE[spec.activation](self.conv("conv")(x_BCHW, shape, normalize))


class ElasticInvertedResidual(ElasticBlock):
    """Expand, depthwise, squeeze-excite, project."""

    def forward(self, x_BCHW: Tensor, spec: InvertedResidual, normalize: Normalizer) -> Tensor:
        """Run as the given layer."""
        shapes = convolutions(spec)
        activate = _ACTIVATE[spec.activation]
        y = activate(self.conv("expand")(x_BCHW, shapes["expand"], normalize)) if spec.expands else x_BCHW
        y = activate(self.conv("depthwise")(y, shapes["depthwise"], normalize))
        if spec.squeeze:
            pooled = y.mean((2, 3), keepdim=True)
            reduced = functional.relu(self.conv("reduce")(pooled, shapes["reduce"], normalize))
            y = y * functional.hardsigmoid(self.conv("excite")(reduced, shapes["excite"], normalize))
        y = self.conv("project")(y, shapes["project"], normalize)
        return x_BCHW + y if spec.residual else y  # type: ignore[no-any-return]


class ElasticPooledHead(ElasticBlock):
    """Pool, optional hidden layer, classifier."""

    def forward(self, x_BCHW: Tensor, spec: PooledHead, normalize: Normalizer) -> Tensor:
        """Return logits, (B, classes)."""
        shapes = convolutions(spec)
        y = x_BCHW.mean((2, 3), keepdim=True)
        if spec.hidden:
            y = _ACTIVATE[spec.activation](self.conv("features")(y, shapes["features"], normalize))
        return self.conv("classifier")(y, shapes["classifier"], normalize).flatten(1)  # type: ignore[no-any-return]


class ElasticActConvNorm(ElasticBlock):
    """ReLU, convolution, norm."""

    def forward(self, x_BCHW: Tensor, spec: ActConvNorm, normalize: Normalizer) -> Tensor:
        """Run as the given layer."""
        return self.conv("conv")(functional.relu(x_BCHW), convolutions(spec)["conv"], normalize)  # type: ignore[no-any-return]


class ElasticAveragePool(ElasticBlock):
    """Average pooling."""

    def forward(self, x_BCHW: Tensor, spec: AveragePool, normalize: Normalizer) -> Tensor:
        """Run as the given layer; there is nothing to normalise."""
        return functional.avg_pool2d(x_BCHW, spec.kernel, 1, spec.kernel // 2, count_include_pad=False)


class ElasticNormAct(ElasticBlock):
    """Batch norm and activation."""

    def __init__(self, specs: Sequence[NormAct], slot: str) -> None:
        super().__init__(specs, slot)
        self.norm = ElasticNorm(max(spec.in_shape[0] for spec in specs), f"{slot}.norm")

    def forward(self, x_BCHW: Tensor, spec: NormAct, normalize: Normalizer) -> Tensor:
        """Run as the given layer."""
        return _ACTIVATE[spec.activation](self.norm(x_BCHW, normalize))

    def narrowed(self, spec: LayerSpec) -> dict[str, Tensor]:
        """Return the weights of the static layer."""
        channels = spec.in_shape[0]
        return {"norm.weight": self.norm.weight[:channels], "norm.bias": self.norm.bias[:channels]}

    def norm_names(self, spec: LayerSpec) -> dict[str, str]:
        """Return the one batch norm."""
        return {"norm": self.norm.name}


class ElasticNormalize(ElasticBlock):
    """The data set's normalisation."""

    def __init__(self, specs: Sequence[Normalize], slot: str) -> None:
        super().__init__(specs, slot)
        self.normalize = ChannelNormalize(specs[0].in_shape[0])

    def forward(self, x_BCHW: Tensor, spec: Normalize, normalize: Normalizer) -> Tensor:
        """Return the normalised images."""
        return self.normalize(x_BCHW)  # type: ignore[no-any-return]

    def narrowed(self, spec: LayerSpec) -> dict[str, Tensor]:
        """Return mean and deviation."""
        return {"normalize.mean": self.normalize.mean, "normalize.deviation": self.normalize.deviation}


class ElasticBasicBlock(ElasticBlock):
    """Two convolutions and a skip connection."""

    def forward(self, x_BCHW: Tensor, spec: BasicBlock, normalize: Normalizer) -> Tensor:
        """Run as the given layer."""
        shapes = convolutions(spec)
        y = functional.relu(self.conv("first")(x_BCHW, shapes["first"], normalize))
        y = self.conv("second")(y, shapes["second"], normalize)
        if spec.projection:
            return functional.relu(y + self.conv("shortcut")(x_BCHW, shapes["shortcut"], normalize))
        return functional.relu(y + x_BCHW)


class ElasticShuffleUnit(ElasticBlock):
    """Split or stride 2, three convolutions, concatenate, shuffle."""

    def forward(self, x_BCHW: Tensor, spec: ShuffleUnit, normalize: Normalizer) -> Tensor:
        """Run as the given layer."""
        shapes = convolutions(spec)

        def run(name: str, y: Tensor) -> Tensor:
            return self.conv(name)(y, shapes[name], normalize)  # type: ignore[no-any-return]

        if spec.stride > 1:
            kept, y = functional.relu(run("side_project", run("side_depthwise", x_BCHW))), x_BCHW
        else:
            kept, y = x_BCHW.chunk(2, 1)
        y = functional.relu(run("project", run("depthwise", functional.relu(run("expand", y)))))
        return functional.channel_shuffle(torch.cat((kept, y), 1), 2)


ELASTIC_BLOCKS: Final[Mapping[str, Callable[[Any, str], ElasticBlock]]] = {
    Normalize.kind: ElasticNormalize,
    ConvNormAct.kind: ElasticConvNormAct,
    InvertedResidual.kind: ElasticInvertedResidual,
    PooledHead.kind: ElasticPooledHead,
    ActConvNorm.kind: ElasticActConvNorm,
    AveragePool.kind: ElasticAveragePool,
    NormAct.kind: ElasticNormAct,
    BasicBlock.kind: ElasticBasicBlock,
    ShuffleUnit.kind: ElasticShuffleUnit,
}
