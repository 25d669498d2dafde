"""Memory of int8 networks: by hand, and against what is alive in exported files, step by step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from latency_predictors.memory import activation_bytes, peak_memory_bytes, peak_memory_of
from latency_predictors.memory_int8 import first_zeros_bytes, int8_activation_bytes, waiting_zeros
from nas.pipeline.calibrating import initial_file
from search_spaces.base import Architecture, Space
from search_spaces.catalogue import get_space
from search_spaces.layers import (
    Activation,
    AveragePool,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    NormAct,
    Normalize,
    PooledHead,
)
from search_spaces.network import Node, network
from search_spaces.sampling import as_architecture, largest, random_architectures, smallest
from search_spaces.stock_networks import STOCK_NETWORKS

ON_ZEROS = [(0, 0, 0, 0, 3, 0), (0, 4, 4, 4, 4, 4), (4, 0, 0, 0, 0, 2), (0, 3, 2, 2, 2, 4)]
"""Cells of which a convolution or a pooling reads zeros: one, two or three operations on them."""

# 4 x 16 x 16 = 1024 values = 1 KiB of integers, 4 KiB of floats.
SHAPE = (4, 16, 16)
KIB = 1024


def block(activation: Activation, squeeze: int = 0, hidden: int = 16, stride: int = 1) -> InvertedResidual:
    """Four times as wide inside, with a skip connection where nothing is strided."""
    return InvertedResidual(SHAPE, hidden, 4, 3, stride, squeeze, activation, residual=stride == 1)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # In and out beside each other, a byte a value.
        (ConvNormAct(SHAPE, 4, 3, 1, "relu"), 2 * KIB),
        # The image and what it becomes are floats.
        (Normalize(SHAPE), 8 * KIB),
        # What is converted stands there as integers and as floats.
        (ConvNormAct(SHAPE, 4, 3, 1, "hard_swish"), 5 * KIB),
        (NormAct(SHAPE, "hard_swish"), 5 * KIB),
        (NormAct(SHAPE, "relu"), 2 * KIB),
        # Depthwise: 4 KiB in and out, and 1 KiB that waits for the addition.
        (block("relu"), 9 * KIB),
        (block("hard_swish"), 5 * 4 * KIB + KIB),
        # The expansion is converted before the stride makes it small.
        (block("hard_swish", stride=2), 5 * 4 * KIB),
        # Without an expansion, only what the stride has left is.
        (block("hard_swish", hidden=4, stride=2), KIB + KIB // 4),
        # The gate of few values does not count beside the depthwise step.
        (block("relu", squeeze=8), 9 * KIB),
        # On a single pixel it does: 16 in both types, what it scales and what waits.
        (InvertedResidual((4, 1, 1), 16, 4, 3, 1, 8, "relu", residual=True), 5 * 16 + 16 + 4),
        (PooledHead((4, 1, 1), 0, "identity", 10), 5 * 10),
        (PooledHead((4, 1, 1), 20, "hard_swish", 10), 5 * 20),
        (PooledHead((4, 1, 1), 20, "relu", 3), 4 + 20),
    ],
)
def test_a_layer_needs_a_byte_a_value_and_more_where_values_are_floats(
    spec: LayerSpec, expected: int
) -> None:
    assert int8_activation_bytes(spec) == activation_bytes(spec, "int8") == expected


def test_zeros_are_floats_until_they_are_quantised() -> None:
    spec = ConvNormAct(SHAPE, 4, 3, 1, "relu")
    assert int8_activation_bytes(spec, zeros=True) == 5 * KIB
    assert peak_memory_bytes((Node("a", spec, ()),), precision="int8") == 5 * KIB
    # Pooling leaves them as they are.
    pool = AveragePool(SHAPE, 3)
    assert int8_activation_bytes(pool, zeros=True) == 8 * KIB
    assert peak_memory_bytes((Node("a", pool, ()),), precision="int8") == 8 * KIB


def test_all_zeros_are_made_at_the_start_and_wait_for_their_layer() -> None:
    conv, wide = ConvNormAct(SHAPE, 4, 3, 1, "relu"), block("hard_swish")
    first = Node("first", conv, ("image",))
    fed = (first, Node("wide", wide, ("first",)))
    late = (*fed, Node("late", conv, ()), Node("sum", conv, ("wide", "late")))
    assert peak_memory_bytes(fed, precision="int8") == 21 * KIB
    assert waiting_zeros(fed) == {}
    assert first_zeros_bytes(fed) == 0
    # The zeros of the layer behind it wait while the wide one runs.
    assert waiting_zeros(late) == {"late": KIB}
    assert peak_memory_bytes(late, precision="int8") == 22 * KIB
    assert peak_memory_bytes(late, batch=3, precision="int8") == 3 * 22 * KIB
    # Two of them as floats, beside an image that is quantised: more than any layer needs.
    two = (first, Node("a", conv, ()), Node("b", conv, ()), Node("sum", conv, ("first", "a", "b")))
    assert first_zeros_bytes(two) == peak_memory_bytes(two, precision="int8") == (2 * 4 + 5) * KIB
    # In fp32 they are made where they are read: three outputs, then their sum.
    assert peak_memory_bytes(two) == 4 * 4 * KIB


def some(space: Space, count: int) -> list[Architecture]:
    """The smallest, the largest, and some of a space."""
    drawn = random_architectures(space, count, np.random.default_rng(28))
    return [as_architecture(row) for row in np.concatenate([smallest(space), largest(space), drawn])]


@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_prediction_is_what_the_file_has_alive(in_channels: int) -> None:
    space = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=in_channels)
    archs = some(space, 10)
    counted = [peak_of_file(initial_file(space, one, "int8")) for one in archs]
    assert peak_memory_of(space, precision="int8")(np.array(archs)).tolist() == counted
    assert [peak_memory_bytes(network(space, one), precision="int8") for one in archs] == counted
    # The hungriest layer of the largest has ReLU.
    assert 4 * counted[1] == peak_memory_of(space)(np.array(archs[1:2]))[0]
    assert len(set(counted)) > 3


@pytest.mark.parametrize("name", STOCK_NETWORKS)
@pytest.mark.parametrize("resolution", [16, 32])
def test_stock_networks_have_as_much_alive(name: str, resolution: int) -> None:
    space = STOCK_NETWORKS[name](resolution, 10, 1)
    counted = peak_of_file(initial_file(space, (), "int8"))
    assert peak_memory_bytes(network(space, ()), precision="int8") == counted


def test_cells_have_up_to_a_third_less_alive_and_never_more() -> None:
    """Here a sum may be written over a summand; in the schedule it is a buffer of its own, as in fp32."""
    space = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for one in (*some(space, 16), *ON_ZEROS):
        nodes = network(space, one)
        counted = peak_of_file(initial_file(space, one, "int8"))
        fed = all(node.inputs for node in nodes)
        ratios[fed].append(peak_memory_bytes(nodes, precision="int8") / counted)
    assert len(ratios[True]) >= 12
    assert min(ratios[True]) == 1
    assert max(ratios[True]) <= 4 / 3
    assert len(ratios[False]) > len(ON_ZEROS)
    # What is made at the start of these is the most.
    assert set(ratios[False]) == {1}


# What follows counts the bytes of a file, and knows nothing of layers.


@dataclass(frozen=True)
class Kernel:
    """A step of a file: an integer operator with the conversions around it, a float one, or a conversion."""

    reads: tuple[str, ...]
    writes: str
    over: bool


FLOATS_ONLY = ("HardSigmoid", "HardSwish")
OVER_INPUT = ("Add", "Clip", "Flatten", "HardSigmoid", "HardSwish", "Mul", "Relu", "Reshape")


def peak_of_file(content: bytes) -> int:
    """Count the bytes alive at the worst step of a quantised file, for one image."""
    loaded = onnx.load_from_string(content)
    # The shape of zeros is worked out in the file, from the number of images.
    model = onnx.shape_inference.infer_shapes(loaded, strict_mode=True, data_prop=True)
    sizes, kernels = tensor_bytes(model), list(kernels_of(model))
    last_use = {name: step for step, kernel in enumerate(kernels) for name in kernel.reads}
    (output,) = (one.name for one in model.graph.output)
    last_use[output] = len(kernels)
    alive, peak = {"image"}, 0
    for step, kernel in enumerate(kernels):
        beside = sum(sizes[name] for name in alive)
        done = {name for name in kernel.reads if last_use[name] == step}
        # The image is the caller's: nothing is written over it.
        over = kernel.over and any(sizes[name] == sizes[kernel.writes] and name != "image" for name in done)
        peak = max(peak, beside + (0 if over else sizes[kernel.writes]))
        alive = (alive - done) | {kernel.writes}
    return peak


def tensor_bytes(model: onnx.ModelProto) -> dict[str, int]:
    """The bytes of each tensor of one image, by name; a shape that the file works out is no activation."""
    item = {TensorProto.FLOAT: 4, TensorProto.UINT8: 1, TensorProto.INT64: 0}
    graph, found = model.graph, {}
    for info in (*graph.input, *graph.value_info, *graph.output):
        tensor = info.type.tensor_type
        if tensor.elem_type in item:
            dims = [dim.dim_value if dim.HasField("dim_value") else 1 for dim in tensor.shape.dim]
            found[info.name] = item[tensor.elem_type] * int(np.prod(dims))
    return found


def kernels_of(model: onnx.ModelProto) -> Iterator[Kernel]:
    """The steps in order; an operator with conversions around all it reads and writes is one of integers."""
    constants = {tensor.name for tensor in model.graph.initializer}
    nodes: list[Any] = []
    for node in model.graph.node:
        if constants.issuperset(node.input):
            constants.update(node.output)
        else:
            nodes.append(node)
    integers_of = {node.output[0]: node.input[0] for node in nodes if node.op_type == "DequantizeLinear"}
    quantised = {node.input[0]: node.output[0] for node in nodes if node.op_type == "QuantizeLinear"}
    written: set[str] = set()
    floats: set[str] = set()

    def as_floats(names: Sequence[str]) -> Iterator[Kernel]:
        for name in names:
            if name in integers_of and name not in written:
                written.add(name)
                yield Kernel((integers_of[name],), name, over=False)

    for node in nodes:
        if node.op_type == "DequantizeLinear":
            continue
        reads, (writes,) = [name for name in node.input if name not in constants], node.output
        if node.op_type == "QuantizeLinear":
            if floats.issuperset(reads):
                yield Kernel(tuple(reads), writes, over=False)
            continue
        over = node.op_type in OVER_INPUT
        integers = writes in quantised and integers_of.keys() >= set(reads)
        if integers and node.op_type not in FLOATS_ONLY:
            yield Kernel(tuple(integers_of[name] for name in reads), quantised[writes], over)
            continue
        yield from as_floats(reads)
        yield Kernel(tuple(reads), writes, over)
        floats.add(writes)
    yield from as_floats([one.name for one in model.graph.output])
