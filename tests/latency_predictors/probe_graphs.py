"""What the probes of the package are made of, in each precision: the files are these graphs, to the byte.

In int8 they are QDQ graphs as exported networks are: what one operator hands to another is quantised and
dequantised, a convolution stands together with what it takes in, and batch norm computes in float.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.latency_predictors.test_anchors import Shape, model, weights

# The batch is open, as in networks.
SMALL: Shape = ("batch", 32, 32, 32)
NARROW: Shape = ("batch", 4, 64, 64)
WIDE: Shape = ("batch", 64, 64, 64)
POOLED: Shape = ("batch", 64, 1, 1)


def _convolution(name: str, source: str, channels: int, kernel: int) -> list[onnx.NodeProto]:
    return [
        *weights(f"{name}_weight", [channels, channels, kernel, kernel], 1 / (channels * kernel * kernel)),
        helper.make_node("Conv", [source, f"{name}_weight"], [name], pads=[kernel // 2] * 4),
    ]


def chain() -> list[onnx.NodeProto]:
    """A convolution whose output is that of the graph."""
    return [*_convolution("live", "image", 32, 3), helper.make_node("Relu", ["live"], ["out"])]


def dead_branch() -> list[onnx.NodeProto]:
    """The same beside a convolution that nobody reads."""
    return [*_convolution("dead", "image", 32, 3), *chain()]


def zero_branch() -> list[onnx.NodeProto]:
    """The same plus a convolution of zeros, made as networks make them."""
    sizes = numpy_helper.from_array(np.array(SMALL[1:], dtype=np.int64))
    return [
        helper.make_node("Shape", ["image"], ["batch"], start=0, end=1),
        helper.make_node("Constant", [], ["sizes"], value=sizes),
        helper.make_node("Concat", ["batch", "sizes"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["nothing"]),
        *_convolution("empty", "nothing", 32, 3),
        *_convolution("live", "image", 32, 3),
        helper.make_node("Add", ["live", "empty"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["out"]),
    ]


def _stem() -> list[onnx.NodeProto]:
    """A convolution of few channels into many: what is around it costs little beside it."""
    return [
        *weights("conv_weight", [64, 4, 1, 1], 1 / 4),
        helper.make_node("Conv", ["image", "conv_weight"], ["conv"]),
    ]


def _norm_act(source: str, output: str) -> list[onnx.NodeProto]:
    return [
        *weights("scale", [64], 0.9),
        *weights("shift", [64], 0.1),
        *weights("mean", [64], 0.2),
        *weights("variance", [64], 1.1),
        helper.make_node("BatchNormalization", [source, "scale", "shift", "mean", "variance"], ["normed"]),
        helper.make_node("Relu", ["normed"], [output]),
    ]


def _pooled(source: str) -> list[onnx.NodeProto]:
    """So that no large output has to be brought into the order that files have."""
    return [helper.make_node("GlobalAveragePool", [source], ["out"])]


def convolution() -> list[onnx.NodeProto]:
    """A convolution alone."""
    return [*_stem(), *_pooled("conv")]


def norm_act() -> list[onnx.NodeProto]:
    """Batch norm and activation alone, on as large an input."""
    return _norm_act("image", "out")


def convolution_norm_act() -> list[onnx.NodeProto]:
    """All three."""
    return [*_stem(), *_norm_act("conv", "activated"), *_pooled("activated")]


BUILT: dict[str, tuple[list[onnx.NodeProto], Shape, Shape]] = {
    "chain": (chain(), SMALL, SMALL),
    "dead_branch": (dead_branch(), SMALL, SMALL),
    "zero_branch": (zero_branch(), SMALL, SMALL),
    "convolution": (convolution(), NARROW, POOLED),
    "norm_act": (norm_act(), WIDE, WIDE),
    "convolution_norm_act": (convolution_norm_act(), NARROW, POOLED),
}


def probe_file(name: str, precision: str) -> bytes:
    """The file of a probe."""
    nodes, shape, out_shape = BUILT[name]
    return model(name, shape, out_shape, nodes if precision == "fp32" else list(_in_int8(nodes)))


_FLOAT = frozenset({"BatchNormalization", "Constant", "Shape", "Concat"})
"""What is left as it is."""


def _in_int8(nodes: list[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The same graph in int8."""
    readers = {source: node.op_type for node in nodes for source in node.input}
    kernels = {node.input[1] for node in nodes if node.op_type == "Conv"}
    parameters = {name for node in nodes if node.op_type == "BatchNormalization" for name in node.input[1:]}
    for kind, zero in (("uint8", 0), ("int8", 0)):
        zeros = numpy_helper.from_array(np.array(zero, dtype=kind))
        yield helper.make_node("Constant", [], [f"zero_{kind}"], value=zeros)
    yield helper.make_node(
        "Constant", [], ["step"], value=numpy_helper.from_array(np.array(1 / 64, dtype=np.float32))
    )
    yield from _quantised("image", "image_int8")
    names = {"image": "image_int8"}
    for node in nodes:
        (output,) = node.output
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if output in kernels:
            yield from _int8_weights(copy)
            continue
        copy.input[:] = [names.get(source, source) for source in node.input]
        joined = readers.get(output) in ("Relu", "BatchNormalization")
        if joined or node.op_type in _FLOAT or output in parameters:
            yield copy
        else:
            names[output] = "out" if output == "out" else f"{output}_int8"
            copy.output[0] = f"{output}_float"
            yield copy
            yield from _quantised(copy.output[0], names[output])


def _quantised(source: str, name: str) -> Iterator[onnx.NodeProto]:
    scale = ["step", "zero_uint8"]
    yield helper.make_node("QuantizeLinear", [source, *scale], [f"{source}_bytes"])
    yield helper.make_node("DequantizeLinear", [f"{source}_bytes", *scale], [name])


def _int8_weights(fill: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """Weights of one, and the step that makes them what they were."""
    name, value = fill.output[0], fill.attribute[0].t.float_data[0]
    ones = helper.make_tensor("value", TensorProto.INT8, [1], [1])
    step = numpy_helper.from_array(np.array(value, dtype=np.float32))
    yield helper.make_node("ConstantOfShape", list(fill.input), [f"{name}_int8"], value=ones)
    yield helper.make_node("Constant", [], [f"{name}_step"], value=step)
    yield helper.make_node("DequantizeLinear", [f"{name}_int8", f"{name}_step", "zero_int8"], [name])
