"""What each step of a static network becomes in ONNX: two visible tables.

A convolution takes the batch norm behind it into its weights, worked out in float64. Shapes are those of one
image: the batch stays dynamic.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.export.graph import GraphBuilder, Value
from search_spaces.errors import UsageError
from search_spaces.modules.static import ChannelNormalize, SplitChannels, StaticAveragePool, Zeros

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """One call in a traced network.

    Attributes:
        name: Of the node to write.
        inputs: Tensors, in the order of the arguments.
        constants: Arguments that are no tensors.
        module: What is called, for calls of modules.
        norm: The batch norm right behind a convolution, taken into its weights.
    """

    name: str
    inputs: tuple[Value, ...]
    constants: tuple[Any, ...] = ()
    module: Any = None
    norm: nn.BatchNorm2d | None = None

    @property
    def input(self) -> Value:
        """The only tensor."""
        if len(self.inputs) != 1:
            raise unsupported(self.name, f"{len(self.inputs)} inputs")
        return self.inputs[0]


Emitter = Callable[[GraphBuilder, Step], Value]


def unsupported(name: str, what: str) -> UsageError:
    """Return the error for a step that cannot be written."""
    return UsageError(
        "unsupported_operator",
        f"step '{name}' ({what}) cannot be exported: add it to nas/export/operators.py",
    )


def _require(step: Step, fits: bool, what: str) -> None:
    if not fits:
        raise unsupported(step.name, what)


def _conv(graph: GraphBuilder, step: Step) -> Value:
    conv = step.module
    _require(step, conv.padding_mode == "zeros" and not isinstance(conv.padding, str), "padding by name")
    weight, bias = _weights(step, conv)
    side = [
        (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        for size, pad, dilation, kernel, stride in zip(
            step.input.shape[1:], conv.padding, conv.dilation, conv.kernel_size, conv.stride, strict=True
        )
    ]
    names = [
        step.input.name,
        graph.parameter(f"{step.name}/weight", weight),
        graph.parameter(f"{step.name}/bias", bias),
    ]
    return graph.add(
        "Conv",
        names,
        step.name,
        (conv.out_channels, *side),
        kernel_shape=conv.kernel_size,
        strides=conv.stride,
        pads=(*conv.padding, *conv.padding),
        dilations=conv.dilation,
        group=conv.groups,
    )


def _weights(step: Step, conv: nn.Conv2d) -> tuple[Floats, Floats]:
    weight = _floats(conv.weight)
    bias = np.zeros(len(weight), dtype=np.float32) if conv.bias is None else _floats(conv.bias)
    if step.norm is None:
        return weight, bias
    scale, shift = _scale_and_shift(step, step.norm)
    # Every product is worked out in float64 and rounded once, without a copy of the weights in float64.
    folded = np.empty_like(weight)
    np.multiply(weight, scale[:, None, None, None], out=folded, dtype=np.float64, casting="same_kind")
    return folded, (bias * scale + shift).astype(np.float32)


def _norm(graph: GraphBuilder, step: Step) -> Value:
    return _affine(graph, step, *_scale_and_shift(step, step.module))


def _channel_normalize(graph: GraphBuilder, step: Step) -> Value:
    mean, deviation = _doubles(step.module.mean), _doubles(step.module.deviation)
    return _affine(graph, step, 1 / deviation, -mean / deviation)


def _affine(graph: GraphBuilder, step: Step, scale: Doubles, shift: Doubles) -> Value:
    def parameter(name: str, values: Doubles) -> str:
        return graph.parameter(f"{step.name}/{name}", values.astype(np.float32)[:, None, None])

    scaled = graph.add(
        "Mul", [step.input.name, parameter("scale", scale)], f"{step.name}/scaled", step.input.shape
    )
    return graph.add("Add", [scaled.name, parameter("shift", shift)], step.name, step.input.shape)


def _scale_and_shift(step: Step, norm: nn.BatchNorm2d) -> tuple[Doubles, Doubles]:
    if not norm.affine or norm.running_mean is None or norm.running_var is None:
        raise unsupported(step.name, "batch norm without weights or statistics")
    scale = _doubles(norm.weight) / np.sqrt(_doubles(norm.running_var) + norm.eps)
    return scale, _doubles(norm.bias) - _doubles(norm.running_mean) * scale


def _floats(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().float().numpy()


def _doubles(tensor: Tensor) -> Doubles:
    return tensor.detach().cpu().double().numpy()


def _elementwise(name: str, **attributes: float) -> Emitter:
    def emit(graph: GraphBuilder, step: Step) -> Value:
        return graph.add(name, [step.input.name], step.name, step.input.shape, **attributes)

    return emit


def _clip_at_6(graph: GraphBuilder, step: Step) -> Value:
    bounds = [
        graph.constant(f"{step.name}/{name}", np.array(value, dtype=np.float32))
        for name, value in (("min", 0), ("max", 6))
    ]
    return graph.add("Clip", [step.input.name, *bounds], step.name, step.input.shape)


def _identity(graph: GraphBuilder, step: Step) -> Value:
    return step.input


def _global_average(graph: GraphBuilder, step: Step) -> Value:
    _require(step, step.module.output_size in (1, (1, 1)), f"pooling to {step.module.output_size}")
    return graph.add("GlobalAveragePool", [step.input.name], step.name, (step.input.shape[0], 1, 1))


def _average(graph: GraphBuilder, step: Step) -> Value:
    pool = step.module
    _require(step, not pool.ceil_mode and pool.divisor_override is None, "pooling with ceil or divisor")
    kernel, stride, pad = (_pair(size) for size in (pool.kernel_size, pool.stride, pool.padding))
    side = (
        (size + 2 * p - k) // s + 1
        for size, p, k, s in zip(step.input.shape[1:], pad, kernel, stride, strict=True)
    )
    return graph.add(
        "AveragePool",
        [step.input.name],
        step.name,
        (step.input.shape[0], *side),
        kernel_shape=kernel,
        strides=stride,
        pads=(*pad, *pad),
        count_include_pad=int(pool.count_include_pad),
    )


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _flatten(graph: GraphBuilder, step: Step) -> Value:
    _require(step, (step.module.start_dim, step.module.end_dim) == (1, -1), "flattening some axes")
    size = int(np.prod(step.input.shape))
    return graph.add("Flatten", [step.input.name], step.name, (size,), axis=1)


def _zeros(graph: GraphBuilder, step: Step) -> Value:
    shape = step.module.shape
    batch = graph.add("Shape", [step.input.name], f"{step.name}/batch", (), start=0, end=1)
    rest = graph.constant(f"{step.name}/image", np.array(shape, dtype=np.int64))
    whole = graph.add("Concat", [batch.name, rest], f"{step.name}/shape", (), axis=0)
    return graph.add("ConstantOfShape", [whole.name], step.name, shape)


def _split(graph: GraphBuilder, step: Step) -> Value:
    start, stop = step.module.start, step.module.stop
    names = [
        graph.constant(f"{step.name}/{name}", np.array([value], dtype=np.int64))
        for name, value in (("start", start), ("stop", stop), ("axis", 1))
    ]
    return graph.add("Slice", [step.input.name, *names], step.name, (stop - start, *step.input.shape[1:]))


def _shuffle(graph: GraphBuilder, step: Step) -> Value:
    channels, height, width = step.input.shape
    groups = step.module.groups
    _require(step, channels % groups == 0, f"shuffle of {channels} channels in {groups} groups")

    def reshape(value: Value, name: str, shape: tuple[int, ...]) -> Value:
        target = graph.constant(f"{name}/shape", np.array((0, *shape), dtype=np.int64))
        return graph.add("Reshape", [value.name, target], name, shape)

    split = reshape(step.input, f"{step.name}/split", (groups, channels // groups, height, width))
    turned_shape = (channels // groups, groups, height, width)
    turned = graph.add("Transpose", [split.name], f"{step.name}/turned", turned_shape, perm=(0, 2, 1, 3, 4))
    return reshape(turned, step.name, step.input.shape)


def _combine(name: str) -> Emitter:
    def emit(graph: GraphBuilder, step: Step) -> Value:
        _require(
            step, len(step.inputs) == 2 and not step.constants, f"{name} of something else than two tensors"
        )
        sides = [value.shape for value in step.inputs]
        _require(step, len(sides[0]) == len(sides[1]), f"{name} of tensors of different rank")
        shape = tuple(max(first, second) for first, second in zip(*sides, strict=True))
        return graph.add(name, [value.name for value in step.inputs], step.name, shape)

    return emit


def _concat(graph: GraphBuilder, step: Step) -> Value:
    _require(step, step.constants == (1,), "concatenation along another axis than the channels")
    channels = sum(value.shape[0] for value in step.inputs)
    shape = (channels, *step.inputs[0].shape[1:])
    return graph.add("Concat", [value.name for value in step.inputs], step.name, shape, axis=1)


MODULES: Final[Mapping[type[nn.Module], Emitter]] = {
    nn.Conv2d: _conv,
    nn.BatchNorm2d: _norm,
    nn.Identity: _identity,
    nn.ReLU: _elementwise("Relu"),
    nn.ReLU6: _clip_at_6,
    nn.Hardswish: _elementwise("HardSwish"),
    nn.Hardsigmoid: _elementwise("HardSigmoid", alpha=1 / 6, beta=0.5),
    nn.AdaptiveAvgPool2d: _global_average,
    nn.AvgPool2d: _average,
    StaticAveragePool: _average,
    nn.Flatten: _flatten,
    nn.ChannelShuffle: _shuffle,
    ChannelNormalize: _channel_normalize,
    SplitChannels: _split,
    Zeros: _zeros,
}
"""Exact types: a subclass may compute something else. Traced as one call each."""

FUNCTIONS: Final[Mapping[Callable[..., Any], Emitter]] = {
    operator.add: _combine("Add"),
    operator.mul: _combine("Mul"),
    torch.cat: _concat,
}
