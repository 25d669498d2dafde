"""The anchors of the package are what this file builds, to the byte."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import latency_predictors.anchors
from latency_predictors.anchors import default_anchors
from search_spaces.errors import MeasurementError

OPSET, IR_VERSION = 17, 8


Shape = Sequence[int | str]


def model(name: str, shape: Shape, out_shape: Shape, nodes: list[onnx.NodeProto]) -> bytes:
    """A file with one input and one output."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, out_shape)
    graph = helper.make_graph(nodes, name, [image], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def weights(name: str, shape: list[int], value: float) -> list[onnx.NodeProto]:
    """Weights made in the graph: the file stays small."""
    dims = numpy_helper.from_array(np.array(shape, dtype=np.int64))
    fill = helper.make_tensor("value", TensorProto.FLOAT, [1], [value])
    return [
        helper.make_node("Constant", [], [f"{name}_shape"], value=dims),
        helper.make_node("ConstantOfShape", [f"{name}_shape"], [name], value=fill),
    ]


def _block(name: str, source: str, width: int, hidden: int, out: int, stride: int) -> list[onnx.NodeProto]:
    """An inverted residual with squeeze-excite and hard-swish."""
    node = helper.make_node
    return [
        *weights(f"{name}_wide", [hidden, width, 1, 1], 1 / width),
        *weights(f"{name}_depthwise", [hidden, 1, 3, 3], 1 / 9),
        *weights(f"{name}_squeeze", [hidden // 4, hidden, 1, 1], 1 / hidden),
        *weights(f"{name}_excite", [hidden, hidden // 4, 1, 1], 4 / hidden),
        *weights(f"{name}_narrow", [out, hidden, 1, 1], 1 / hidden),
        node("Conv", [source, f"{name}_wide"], [f"{name}_1"]),
        node("HardSwish", [f"{name}_1"], [f"{name}_2"]),
        node(
            "Conv",
            [f"{name}_2", f"{name}_depthwise"],
            [f"{name}_3"],
            group=hidden,
            pads=[1] * 4,
            strides=[stride] * 2,
        ),
        node("HardSwish", [f"{name}_3"], [f"{name}_4"]),
        node("GlobalAveragePool", [f"{name}_4"], [f"{name}_5"]),
        node("Conv", [f"{name}_5", f"{name}_squeeze"], [f"{name}_6"]),
        node("Relu", [f"{name}_6"], [f"{name}_7"]),
        node("Conv", [f"{name}_7", f"{name}_excite"], [f"{name}_8"]),
        node("HardSigmoid", [f"{name}_8"], [f"{name}_9"]),
        node("Mul", [f"{name}_4", f"{name}_9"], [f"{name}_10"]),
        node("Conv", [f"{name}_10", f"{name}_narrow"], [name]),
    ]


def small_network() -> bytes:
    """Two blocks on 16 x 16: slows as small networks do when something else shares the core."""
    nodes = [
        *_block("first", "image", 16, 64, 16, 1),
        helper.make_node("Add", ["first", "image"], ["middle"]),
        *_block("second", "middle", 16, 64, 32, 2),
        helper.make_node("GlobalAveragePool", ["second"], ["out"]),
    ]
    return model("small_network", [1, 16, 16, 16], [1, 32, 1, 1], nodes)


def memory_bound() -> bytes:
    """Two additions over a quarter of a megabyte with a rectifier between them."""
    nodes = [
        helper.make_node("Add", ["image", "image"], ["doubled"]),
        helper.make_node("Relu", ["doubled"], ["positive"]),
        helper.make_node("Add", ["positive", "image"], ["out"]),
    ]
    return model("memory_bound", [1, 16, 64, 64], [1, 16, 64, 64], nodes)


@pytest.mark.parametrize(
    ("name", "expected"), [("small_network", small_network()), ("memory_bound", memory_bound())]
)
def test_files_of_the_package_are_these_graphs(name: str, expected: bytes) -> None:
    folder = Path(latency_predictors.anchors.__file__).parent
    assert (folder / f"{name}.onnx").read_bytes() == expected


def test_onnx_has_a_network_and_a_memory_bound_graph_as_anchors() -> None:
    anchors = default_anchors("onnx")
    assert [anchor.path.stem for anchor in anchors] == ["small_network", "memory_bound"]
    assert len({anchor.digest for anchor in anchors}) == 2


def test_a_format_without_anchors_is_an_error() -> None:
    with pytest.raises(MeasurementError) as caught:
        default_anchors("gguf")
    assert caught.value.code == "no_anchors"
