"""How many bytes of activations ONNX Runtime's arena holds for an int8 network, from its layers alone.

The runtime makes integer kernels of the file's QDQ form, which read and write a byte a value, channels last
and without padding. The image is scaled in fp32 before. Hard-swish and hard-sigmoid are computed in fp32
between two conversions, and those are where most of the memory goes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from latency_predictors.arena_plan import FLOAT_BYTES, Graph, Step, Value
from search_spaces.layers import ConvNormAct, InvertedResidual, Normalize, PooledHead
from search_spaces.network import Node
from search_spaces.operations import Shape, num_values, strided


def int8_arena_bytes(nodes: Sequence[Node]) -> int:
    """Return the bytes of activations in the arena while a network runs, output included, input not.

    Args:
        nodes: The network, a chain of `INT8_LAYERS`.
    """
    graph = _Quantised()
    value = Value(None, nodes[0].spec.in_shape)
    for node in nodes:
        value = _LAYERS[node.spec.kind](graph, node.spec, value)
    return graph.region_bytes() + FLOAT_BYTES * num_values(value.shape)


class _Quantised(Graph):
    """The kernels in order. Shapes are (channels, height, width), whatever the order in memory."""

    def integers(self, values: Sequence[Value], shape: Shape, onto: Value | None = None) -> Value:
        """Append a kernel that writes integers."""
        return self._write(values, shape, 1, onto)

    def floats(self, values: Sequence[Value], shape: Shape, onto: Value | None = None) -> Value:
        """Append a kernel that writes floats."""
        return self._write(values, shape, FLOAT_BYTES, onto)

    def activated(self, value: Value, activation: str) -> Value:
        """Append an activation: hard-swish has no integer kernel, others are part of the convolution."""
        if activation != "hard_swish":
            return value
        x = self.floats((value,), value.shape)
        gate = self.floats((x,), value.shape)
        product = self.floats((x, gate), value.shape)
        return self.integers((product,), value.shape)

    def gate(self, value: Value) -> Value:
        """Append a hard-sigmoid, likewise; it is written over what it reads."""
        x = self.floats((value,), value.shape)
        return self.integers((self.floats((x,), value.shape, onto=x),), value.shape)

    def _write(self, values: Sequence[Value], shape: Shape, value_bytes: int, onto: Value | None) -> Value:
        reads = tuple(value.step for value in values if value.step is not None)
        return Value(self.append(Step(reads, shape, None if onto is None else onto.step, value_bytes)), shape)


def _normalize(graph: _Quantised, spec: Normalize, value: Value) -> Value:
    scaled = graph.floats((value,), spec.in_shape)
    shifted = graph.floats((scaled,), spec.in_shape)
    integers = graph.integers((shifted,), spec.in_shape)
    channels, height, width = spec.in_shape
    # Channels go last: another shape, for what is kept for a later tensor of the same one.
    turned = graph.integers((integers,), (height, width, channels))
    return Value(turned.step, spec.in_shape)


def _conv_norm_act(graph: _Quantised, spec: ConvNormAct, value: Value) -> Value:
    return graph.activated(graph.integers((value,), spec.out_shape), spec.activation)


def _inverted_residual(graph: _Quantised, spec: InvertedResidual, value: Value) -> Value:
    wide = (spec.hidden, *spec.in_shape[1:])
    inner = strided(wide, spec.hidden, spec.stride)
    y = graph.activated(graph.integers((value,), wide), spec.activation) if spec.expands else value
    y = graph.activated(graph.integers((y,), inner), spec.activation)
    if spec.squeeze:
        pooled = graph.integers((y,), (spec.hidden, 1, 1))
        reduced = graph.integers((pooled,), (spec.squeeze, 1, 1))
        gate = graph.gate(graph.integers((reduced,), (spec.hidden, 1, 1)))
        y = graph.integers((y, gate), inner)
    y = graph.integers((y,), spec.out_shape)
    return graph.integers((y, value), spec.out_shape) if spec.residual else y


def _pooled_head(graph: _Quantised, spec: PooledHead, value: Value) -> Value:
    y = graph.integers((value,), (spec.in_shape[0], 1, 1))
    if spec.hidden:
        y = graph.activated(graph.integers((y,), (spec.hidden, 1, 1)), spec.activation)
    y = graph.integers((y,), (1, 1, spec.num_classes))
    y = graph.integers((y,), spec.out_shape)  # channels first again; flattening moves nothing
    return graph.floats((y,), spec.out_shape)


_LAYERS: Final[Mapping[str, Callable[[_Quantised, Any, Value], Value]]] = {
    Normalize.kind: _normalize,
    ConvNormAct.kind: _conv_norm_act,
    InvertedResidual.kind: _inverted_residual,
    PooledHead.kind: _pooled_head,
}
INT8_LAYERS: Final = _LAYERS.keys()
"""Kinds of layers whose kernels are known."""
