"""How many bytes of activations ONNX Runtime's arena holds for a network, from its layers alone.

`memory.peak_memory_bytes` is what has to be alive at once, whoever runs the network. The runtime holds more:
it pads channels to the blocks of its kernels, keeps a buffer aside for a later tensor of the same shape, and
from the second inference on places all buffers in one region once and for all, which leaves gaps. All of it
follows fixed rules (ONNX Runtime 1.31, `core/framework/allocation_planner.cc` and `mem_pattern_planner.h`),
which are followed here step by step. fp32, one image, every graph optimisation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

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
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers

ARENA_RUNTIME: Final = "onnxruntime"
"""Whose arena it is."""

_BYTES_PER_VALUE: Final = 4
_ALIGNMENT: Final = 256
"""Of every buffer in the region."""
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
    if block is None or not chain or any(node.spec.kind not in _LAYERS for node in nodes):
        return None
    if precision != "fp32":
        return None
    return arena_bytes(nodes, block)


def arena_of(space: SearchSpace, device: Device, precision: str) -> Callable[[IntArray], FloatArray] | None:
    """Return a function from architectures, (n, choices), to the bytes the runtime holds, (n,).

    It follows the runtime step by step, one architecture at a time: a third of a millisecond each.

    Args:
        space: The space.
        device: Where it runs.
        precision: Of the files.

    Returns:
        None where the rules are not known, as for `runtime_arena`.
    """
    kinds = {spec.kind for spec in distinct_layers(space)}
    block = channel_block(device)
    if block is None or not is_chain(space) or not kinds <= _LAYERS.keys() or precision != "fp32":
        return None
    known = block
    return lambda archs: np.array(
        [arena_bytes(network(space, as_architecture(row)), known) for row in archs], dtype=np.float64
    )


def arena_bytes(nodes: Sequence[Node], block: int) -> int:
    """Return the bytes of activations in the arena while a network runs, output included, input not.

    Args:
        nodes: The network, a chain.
        block: As `channel_block` tells.
    """
    graph = _Graph(block)
    value = _Value(None, nodes[0].spec.in_shape)
    for node in nodes:
        value = _LAYERS[node.spec.kind](graph, node.spec, value)
    return _region_bytes(graph.planned()) + _BYTES_PER_VALUE * num_values(value.shape)


@dataclass(eq=False)
class _Value:
    """A tensor of the graph that the runtime runs.

    Attributes:
        step: That writes it; None for the image, which is the caller's.
        shape: Without padding.
        blocked: Whether its channels are padded, as convolutions leave them.
    """

    step: int | None
    shape: Shape
    blocked: bool = False


@dataclass
class _Step:
    """One kernel.

    Attributes:
        reads: Steps whose tensors it reads.
        shape: It writes, padded.
        onto: Step whose tensor it may write over, where nobody else needs that.
    """

    reads: tuple[int, ...]
    shape: Shape
    onto: int | None = None


@dataclass
class _Buffer:
    """Memory for one tensor after the other.

    Attributes:
        first: Step that it is needed from.
        last: Step that it is needed to.
    """

    num_bytes: int
    first: int
    last: int


@dataclass
class _Graph:
    """The kernels in order, as the runtime makes them of layers."""

    block: int
    steps: list[_Step] = field(default_factory=list)

    def write(
        self, values: Sequence[_Value], shape: Shape, *, blocked: bool, onto: _Value | None = None
    ) -> _Value:
        """Append a kernel."""
        padded = (self._padded(shape[0]), *shape[1:]) if blocked else shape
        reads = tuple(value.step for value in values if value.step is not None)
        self.steps.append(_Step(reads, padded, None if onto is None else onto.step))
        return _Value(len(self.steps) - 1, shape, blocked)

    def conv(self, value: _Value, shape: Shape, onto: _Value | None = None) -> _Value:
        """Append a convolution with its activation; what it adds its result to is written over."""
        if value.step is not None and not value.blocked and value.shape[0] >= self.block > 1:
            value = self.write((value,), value.shape, blocked=True)
        reads = (value,) if onto is None else (value, onto)
        return self.write(reads, shape, blocked=self.block > 1, onto=onto)

    def plain(self, value: _Value) -> _Value:
        """Return a tensor without padding, for kernels that know none."""
        return self.write((value,), value.shape, blocked=False) if value.blocked else value

    def pool(self, value: _Value) -> _Value:
        """Append a pooling to one pixel, which takes padded channels only where there is no padding."""
        if value.shape[0] != self._padded(value.shape[0]):
            value = self.plain(value)
        return self.write((value,), (value.shape[0], 1, 1), blocked=value.blocked)

    def add(self, values: Sequence[_Value], shape: Shape) -> _Value:
        """Append an operation on several tensors, element by element."""
        return self.write([self.plain(value) for value in values], shape, blocked=False)

    def planned(self) -> list[_Buffer]:
        """Return the buffers of all tensors but the last, which is the caller's."""
        readers = [0] * len(self.steps)
        for step in self.steps:
            for read in step.reads:
                readers[read] += 1
        waiting: dict[int, int] = {}
        buffers: list[_Buffer] = []
        holds: list[int] = []
        free: list[tuple[Shape, int]] = []
        for number, step in enumerate(self.steps):
            holds.append(self._buffer_for(number, step, holds, waiting, buffers, free))
            waiting[holds[number]] = waiting.get(holds[number], 0) + readers[number]
            for read in step.reads:
                held = holds[read]
                buffers[held].last = number
                waiting[held] -= 1
                if waiting[held] == 0:
                    free.insert(0, (self.steps[read].shape, held))
        return [buffer for buffer in buffers if buffer.first < len(self.steps) - 1]

    def _buffer_for(
        self,
        number: int,
        step: _Step,
        holds: list[int],
        waiting: Mapping[int, int],
        buffers: list[_Buffer],
        free: list[tuple[Shape, int]],
    ) -> int:
        """Return where a kernel writes: over what it reads, into a free buffer of that shape, or anew."""
        if step.onto is not None and waiting[holds[step.onto]] == 1:
            return holds[step.onto]
        for place, (shape, buffer) in enumerate(free):
            if shape == step.shape and number < len(self.steps) - 1:
                del free[place]
                return buffer
        buffers.append(_Buffer(_BYTES_PER_VALUE * num_values(step.shape), number, number))
        return len(buffers) - 1

    def _padded(self, channels: int) -> int:
        return -(-channels // self.block) * self.block


def _region_bytes(buffers: Sequence[_Buffer]) -> int:
    """Place buffers one after the other where they fit best, as the runtime does; return what they take."""
    placed: list[tuple[int, int, int]] = []
    total = 0
    for buffer in sorted(buffers, key=lambda buffer: buffer.first):
        placed = [one for one in placed if one[2] >= buffer.first]
        size = -(-buffer.num_bytes // _ALIGNMENT) * _ALIGNMENT
        gaps, end = [], 0
        for offset, length, _ in sorted(placed):
            gaps.append((offset - end, end))
            end = max(end, offset + length)
        gaps.append((total - end, end))
        fitting = [gap for gap in gaps if gap[0] >= size]
        offset = min(fitting, key=lambda gap: gap[0])[1] if fitting else end
        total = max(total, offset + size)
        placed.append((offset, size, buffer.last))
    return total


def _normalize(graph: _Graph, spec: Normalize, value: _Value) -> _Value:
    scaled = graph.add((value,), spec.in_shape)
    return graph.add((scaled,), spec.in_shape)


def _conv_norm_act(graph: _Graph, spec: ConvNormAct, value: _Value) -> _Value:
    return graph.conv(value, spec.out_shape)


def _inverted_residual(graph: _Graph, spec: InvertedResidual, value: _Value) -> _Value:
    wide = (spec.hidden, *spec.in_shape[1:])
    inner = strided(wide, spec.hidden, spec.stride)
    y = graph.conv(value, wide) if spec.expands else value
    y = graph.conv(y, inner)
    if spec.squeeze:
        # Convolutions leave padded channels, the product takes plain ones.
        features = graph.plain(y)
        pooled = graph.pool(features if y.shape[0] != graph._padded(y.shape[0]) else y)
        gate = graph.conv(graph.conv(pooled, (spec.squeeze, 1, 1)), (spec.hidden, 1, 1))
        y = graph.add((features, gate), inner)
    return graph.conv(y, spec.out_shape, onto=value if spec.residual else None)


def _pooled_head(graph: _Graph, spec: PooledHead, value: _Value) -> _Value:
    y = graph.pool(value)
    if spec.hidden:
        y = graph.conv(y, (spec.hidden, 1, 1))
    y = graph.plain(graph.conv(y, spec.out_shape))
    return graph.write((y,), spec.out_shape, blocked=False)


_LAYERS: Final[Mapping[str, Callable[[_Graph, Any, _Value], _Value]]] = {
    Normalize.kind: _normalize,
    ConvNormAct.kind: _conv_norm_act,
    InvertedResidual.kind: _inverted_residual,
    PooledHead.kind: _pooled_head,
}
