"""Peak activation memory: how many bytes of activations are alive at once while a network runs.

Layers run in order, every activation is given back after its last use; weights are not part of it. A layer's
own need for one image is `activation_bytes`; what later layers still wait for comes on top. All images of a
batch go through a layer before the next one runs: each needs as much. A value takes four bytes in fp32, and
one between the layers of an int8 file (`memory_int8`). What a runtime holds beyond that is in `arena`.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from latency_predictors.memory_int8 import first_zeros_bytes, int8_activation_bytes, waiting_zeros
from latency_predictors.slot_costs import SlotCosts
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.layers import LayerSpec
from search_spaces.network import Node, network
from search_spaces.operations import num_values
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import ABSENT_ID, space_tables

_FLOAT_BYTES: Final = 4
_HANDED_BYTES: Final[Mapping[str, int]] = {"fp32": _FLOAT_BYTES, "int8": 1}
"""Of a value that one layer hands to another, by precision."""


def activation_bytes(spec: LayerSpec, precision: str = "fp32", *, zeros: bool = False) -> int:
    """Return the peak bytes of activations alive while a layer runs, for one image.

    Args:
        spec: The layer.
        precision: Of the file.
        zeros: Whether it reads zeros for want of an input.
    """
    return spec.activation_bytes if precision == "fp32" else int8_activation_bytes(spec, zeros=zeros)


def peak_memory_bytes(nodes: tuple[Node, ...], batch: int = 1, precision: str = "fp32") -> int:
    """Return the peak of a schedule, in bytes, for a batch of so many images and files of a precision.

    Where a layer takes the sum of several activations, the sum is a buffer of its own, and the summands are
    given back (if nothing else needs them) before the layer runs. Files in int8 make all zeros at the start:
    until the layer that reads them runs, they wait beside all else.
    """
    last_use = {name: step for step, node in enumerate(nodes) for name in node.inputs}
    alive: dict[str, int] = {}
    value_bytes = _HANDED_BYTES[precision]
    zeros, peak = (waiting_zeros(nodes), first_zeros_bytes(nodes)) if precision == "int8" else ({}, 0)
    waiting = sum(zeros.values())
    for step, node in enumerate(nodes):
        in_bytes = value_bytes * num_values(node.spec.in_shape)
        # The image appears when it is first read.
        alive.update({name: in_bytes for name in node.inputs if name not in alive})
        waiting -= zeros.get(node.slot, 0)
        inputs = set(node.inputs)
        done = {name for name in inputs if last_use[name] == step}
        if len(node.inputs) > 1:
            peak = max(peak, waiting + sum(alive.values()) + in_bytes)
            beside = sum(size for name, size in alive.items() if name not in done)
        else:
            beside = sum(size for name, size in alive.items() if name not in inputs)
        own = activation_bytes(node.spec, precision, zeros=not node.inputs)
        peak = max(peak, waiting + beside + own)
        for name in done:
            del alive[name]
        if node.slot in last_use:
            alive[node.slot] = value_bytes * num_values(node.spec.out_shape)
    return batch * peak


def boundary_mib(spec: LayerSpec) -> float:
    """Return the mebibytes that a lone layer takes in and gives out (fp32, one image)."""
    return _FLOAT_BYTES * (num_values(spec.in_shape) + num_values(spec.out_shape)) / 2**20


def touched_mib(spec: LayerSpec, batch: int) -> float:
    """Return the mebibytes of a layer's weights and of all that an inference gives it and takes (fp32)."""
    return _FLOAT_BYTES * spec.num_params / 2**20 + batch * boundary_mib(spec)


def peak_memory_of(
    space: SearchSpace, batch: int = 1, precision: str = "fp32"
) -> Callable[[IntArray], FloatArray]:
    """Return a function from architectures, (n, choices), to their peak memory in bytes, (n,).

    In a chain nothing is alive beside the running layer: the peak is a maximum over slots, gathered for many
    architectures at once. Other spaces take one schedule an architecture.

    Args:
        space: The space.
        batch: Images of one inference.
        precision: Of the files.
    """
    if is_chain(space):
        layers = space_tables(space).layers
        own = np.array([[batch * activation_bytes(spec, precision)] for spec in layers], dtype=np.float64)
        costs = SlotCosts(space, own, np.maximum)
        return lambda archs: costs(archs)[:, 0].astype(np.float64)
    return lambda archs: np.array(
        [peak_memory_bytes(network(space, as_architecture(row)), batch, precision) for row in archs],
        dtype=np.float64,
    )


def is_chain(space: SearchSpace) -> bool:
    """Whether every architecture of a space is a plain chain of layers."""
    before = ""
    for slot, table in zip(space.slots, space_tables(space).slots, strict=True):
        if slot.inputs not in ((), (before,)) or (table.layer_ids == ABSENT_ID).any():
            return False
        before = slot.name
    return True
