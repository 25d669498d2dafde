"""How many bytes of activations ONNX Runtime's arena holds for a network, from its layers alone.

`memory.peak_memory_bytes` is what has to be alive at once, whoever runs the network. The runtime holds more:
it pads channels to the blocks of its kernels, and places buffers by rules of its own (`arena_plan`), which
are followed here step by step. One image, every graph optimisation; fp32 here, int8 in `arena_int8`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from latency_predictors.arena_int8 import INT8_LAYERS, int8_arena_bytes
from latency_predictors.arena_plan import FLOAT_BYTES, Graph, Step, Value
from latency_predictors.device import Device
from latency_predictors.memory import is_chain
from search_spaces.base import IMAGE, FloatArray, IntArray, SearchSpace
from search_spaces.layers import (
    ConvNormAct,
    InvertedResidual,
    Normalize,
    PooledHead,
)
from search_spaces.network import Node, network
from search_spaces.operations import Shape, num_values, strided
from search_spaces.sampling import as_architecture, smallest

ARENA_RUNTIME: Final = "onnxruntime"
"""Whose arena it is."""

_BLOCKS: Final = (("avx512f", 16), ("avx", 8), ("avx2", 8))
"""Channels that the convolutions of x86 processors take together, by instruction set."""


def channel_block(device: Device) -> int | None:
    """Return the number that channels are padded to a multiple of; None where it is not known."""
    return next((block for feature, block in _BLOCKS if feature in device.cpu_features), None)


def runtime_arena(nodes: Sequence[Node], device: Device, precision: str = "fp32") -> int | None:
    """Return the bytes of activations that the runtime holds for a network on a device.

    None where the rules are not known: for other processors than those of `channel_block`, layers that are
    not below, and branches, whose kernels the runtime puts into an order of its own.
    """
    block = channel_block(device)
    before = [IMAGE, *(node.slot for node in nodes)]
    chain = all(node.inputs == (previous,) for node, previous in zip(nodes, before, strict=False))
    if block is None or not chain or any(node.spec.kind not in _KNOWN[precision] for node in nodes):
        return None
    return arena_bytes(nodes, block) if precision == "fp32" else int8_arena_bytes(nodes)


def arena_of(space: SearchSpace, device: Device, precision: str) -> Callable[[IntArray], FloatArray] | None:
    """Return a function from architectures, (n, choices), to the bytes the runtime holds, (n,).

    It follows the runtime step by step, one architecture at a time: a tenth to a half of a millisecond each.

    Args:
        space: The space.
        device: Where it runs.
        precision: Of the files.

    Returns:
        None where the rules are not known, as for `runtime_arena`.
    """
    some = network(space, as_architecture(smallest(space)[0]))
    if not is_chain(space) or runtime_arena(some, device, precision) is None:
        return None
    return lambda archs: np.array(
        [runtime_arena(network(space, as_architecture(row)), device, precision) for row in archs],
        dtype=np.float64,
    )


def arena_bytes(nodes: Sequence[Node], block: int) -> int:
    """Return the bytes of activations in the arena while a network runs, output included, input not.

    Args:
        nodes: The network, a chain.
        block: As `channel_block` tells.
    """
    graph = _Graph(block)
    value = Value(None, nodes[0].spec.in_shape)
    for node in nodes:
        value = _LAYERS[node.spec.kind](graph, node.spec, value)
    return graph.region_bytes() + FLOAT_BYTES * num_values(value.shape)


class _Graph(Graph):
    """The fp32 kernels in order, as the runtime makes them of layers."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block

    def write(
        self, values: Sequence[Value], shape: Shape, *, blocked: bool, onto: Value | None = None
    ) -> Value:
        """Append a kernel."""
        padded = (self.padded(shape[0]), *shape[1:]) if blocked else shape
        reads = tuple(value.step for value in values if value.step is not None)
        number = self.append(Step(reads, padded, None if onto is None else onto.step))
        return Value(number, shape, blocked)

    def conv(self, value: Value, shape: Shape, onto: Value | None = None) -> Value:
        """Append a convolution with its activation; what it adds its result to is written over."""
        if value.step is not None and not value.blocked and value.shape[0] >= self.block > 1:
            value = self.write((value,), value.shape, blocked=True)
        reads = (value,) if onto is None else (value, onto)
        return self.write(reads, shape, blocked=self.block > 1, onto=onto)

    def plain(self, value: Value) -> Value:
        """Return a tensor without padding, for kernels that know none."""
        return self.write((value,), value.shape, blocked=False) if value.blocked else value

    def pool(self, value: Value) -> Value:
        """Append a pooling to one pixel, which takes padded channels only where there is no padding."""
        if value.shape[0] != self.padded(value.shape[0]):
            value = self.plain(value)
        return self.write((value,), (value.shape[0], 1, 1), blocked=value.blocked)

    def add(self, values: Sequence[Value], shape: Shape) -> Value:
        """Append an operation on several tensors, element by element."""
        return self.write([self.plain(value) for value in values], shape, blocked=False)

    def padded(self, channels: int) -> int:
        """Return a number of channels as it is padded."""
        return -(-channels // self.block) * self.block


def _normalize(graph: _Graph, spec: Normalize, value: Value) -> Value:
    scaled = graph.add((value,), spec.in_shape)
    return graph.add((scaled,), spec.in_shape)


def _conv_norm_act(graph: _Graph, spec: ConvNormAct, value: Value) -> Value:
    return graph.conv(value, spec.out_shape)


def _inverted_residual(graph: _Graph, spec: InvertedResidual, value: Value) -> Value:
    wide = (spec.hidden, *spec.in_shape[1:])
    inner = strided(wide, spec.hidden, spec.stride)
    y = graph.conv(value, wide) if spec.expands else value
    y = graph.conv(y, inner)
    if spec.squeeze:
        # Convolutions leave padded channels, the product takes plain ones.
        features = graph.plain(y)
        pooled = graph.pool(features if y.shape[0] != graph.padded(y.shape[0]) else y)
        gate = graph.conv(graph.conv(pooled, (spec.squeeze, 1, 1)), (spec.hidden, 1, 1))
        y = graph.add((features, gate), inner)
    return graph.conv(y, spec.out_shape, onto=value if spec.residual else None)


def _pooled_head(graph: _Graph, spec: PooledHead, value: Value) -> Value:
    y = graph.pool(value)
    if spec.hidden:
        y = graph.conv(y, (spec.hidden, 1, 1))
    y = graph.plain(graph.conv(y, spec.out_shape))
    return graph.write((y,), spec.out_shape, blocked=False)


_LAYERS: Final[Mapping[str, Callable[[_Graph, Any, Value], Value]]] = {
    Normalize.kind: _normalize,
    ConvNormAct.kind: _conv_norm_act,
    InvertedResidual.kind: _inverted_residual,
    PooledHead.kind: _pooled_head,
}

_KNOWN: Final = {"fp32": _LAYERS.keys(), "int8": INT8_LAYERS}
