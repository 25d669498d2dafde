"""Peak activation memory of the layers of an int8 file: bytes that its tensors have, not values times four.

What one operator hands to another takes a byte a value. The image is normalised in fp32 before it is
quantised. Hard-swish and hard-sigmoid are computed in fp32, over what they read, and stand between two
conversions, each of which holds its values in both types; the logits are converted at the end. Zeros that a
layer reads for want of an input are made before all layers, as floats. What ONNX Runtime's kernels take
beyond that is in `arena_int8`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from search_spaces.base import IMAGE
from search_spaces.layers import (
    AveragePool,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    NormAct,
    Normalize,
    PooledHead,
)
from search_spaces.network import Node
from search_spaces.operations import num_values, strided

_FLOAT_BYTES: Final = 4
_BOTH_TYPES: Final = 5
"""Bytes of a value while it is converted: an integer and a float."""


def int8_activation_bytes(spec: LayerSpec, *, zeros: bool = False) -> int:
    """Return the peak bytes of activations alive while a layer of an int8 file runs, for one image.

    Args:
        spec: The layer.
        zeros: Whether it reads zeros, which are floats. Pooling leaves them so; other layers quantise them.
    """
    if isinstance(spec, Normalize) or (zeros and isinstance(spec, AveragePool)):
        return spec.activation_bytes
    alive = [operation.live_values for operation in spec.operations]
    if zeros:
        alive.append(_BOTH_TYPES * num_values(spec.in_shape))
    if spec.kind in _CONVERSIONS:
        alive.extend(_CONVERSIONS[spec.kind](spec))
    return max(alive)


def waiting_zeros(nodes: tuple[Node, ...]) -> dict[str, int]:
    """Return the bytes of the quantised zeros that a layer reads, by its slot, for one image."""
    return {node.slot: num_values(node.spec.in_shape) for node in nodes if not node.inputs}


def first_zeros_bytes(nodes: tuple[Node, ...]) -> int:
    """Return the peak bytes alive while an int8 file makes its zeros, for one image; 0 if it has none.

    All are floats at first: beside the image while that is quantised, then beside what the first of them
    becomes, which pooling leaves a float.
    """
    made = [
        (num_values(node.spec.in_shape), _FLOAT_BYTES if isinstance(node.spec, AveragePool) else 1)
        for node in nodes
        if not node.inputs
    ]
    if not made:
        return 0
    image = max((num_values(node.spec.in_shape) for node in nodes if IMAGE in node.inputs), default=0)
    becomes = max(values * value_bytes for values, value_bytes in made)
    return _FLOAT_BYTES * sum(values for values, _ in made) + max(_BOTH_TYPES * image, image + becomes)


def _activated(spec: ConvNormAct | NormAct) -> Iterator[int]:
    if spec.activation == "hard_swish":
        yield _BOTH_TYPES * num_values(spec.out_shape)


def _inverted_residual(spec: InvertedResidual) -> Iterator[int]:
    held = num_values(spec.in_shape) if spec.residual else 0
    wide = (spec.hidden, *spec.in_shape[1:])
    inner = num_values(strided(wide, spec.hidden, spec.stride))
    if spec.activation == "hard_swish":
        if spec.expands:
            yield _BOTH_TYPES * num_values(wide) + held
        yield _BOTH_TYPES * inner + held
    if spec.squeeze:  # the gate is a hard-sigmoid; what it scales waits beside it
        yield _BOTH_TYPES * spec.hidden + inner + held


def _pooled_head(spec: PooledHead) -> Iterator[int]:
    if spec.activation == "hard_swish":
        yield _BOTH_TYPES * spec.hidden
    yield _BOTH_TYPES * spec.num_classes


_CONVERSIONS: Final[Mapping[str, Callable[[Any], Iterator[int]]]] = {
    ConvNormAct.kind: _activated,
    InvertedResidual.kind: _inverted_residual,
    NormAct.kind: _activated,
    PooledHead.kind: _pooled_head,
}
"""What is alive at each conversion of a layer, in bytes; other kinds have none."""
