"""The anchors of the package are what this file builds, to the byte."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import latency_predictors.anchors
from latency_predictors.anchors import default_anchors
from search_spaces.errors import MeasurementError

OPSET, IR_VERSION = 17, 8


def _model(name: str, shape: list[int], nodes: list[onnx.NodeProto]) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, name, [image], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _weights(name: str, shape: list[int], value: float) -> list[onnx.NodeProto]:
    """Weights made in the graph: the file stays small."""
    dims = numpy_helper.from_array(np.array(shape, dtype=np.int64))
    fill = helper.make_tensor("value", TensorProto.FLOAT, [1], [value])
    return [
        helper.make_node("Constant", [], [f"{name}_shape"], value=dims),
        helper.make_node("ConstantOfShape", [f"{name}_shape"], [name], value=fill),
    ]


def compute_bound() -> bytes:
    """One inverted residual on 24 x 16 x 16, 1.4 million multiply-adds: like the layers of small networks."""
    nodes = [
        *_weights("wide", [96, 24, 1, 1], 1 / 24),
        *_weights("depthwise", [96, 1, 3, 3], 1 / 9),
        *_weights("narrow", [24, 96, 1, 1], 1 / 96),
        helper.make_node("Conv", ["image", "wide"], ["expanded"]),
        helper.make_node("Relu", ["expanded"], ["first"]),
        helper.make_node("Conv", ["first", "depthwise"], ["filtered"], group=96, pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["filtered"], ["second"]),
        helper.make_node("Conv", ["second", "narrow"], ["projected"]),
        helper.make_node("Add", ["projected", "image"], ["out"]),
    ]
    return _model("compute_bound", [1, 24, 16, 16], nodes)


def memory_bound() -> bytes:
    """Two additions over a quarter of a megabyte with a rectifier between them."""
    nodes = [
        helper.make_node("Add", ["image", "image"], ["doubled"]),
        helper.make_node("Relu", ["doubled"], ["positive"]),
        helper.make_node("Add", ["positive", "image"], ["out"]),
    ]
    return _model("memory_bound", [1, 16, 64, 64], nodes)


@pytest.mark.parametrize(
    ("name", "expected"), [("compute_bound", compute_bound()), ("memory_bound", memory_bound())]
)
def test_files_of_the_package_are_these_graphs(name: str, expected: bytes) -> None:
    folder = Path(latency_predictors.anchors.__file__).parent
    assert (folder / f"{name}.onnx").read_bytes() == expected


def test_onnx_has_one_anchor_for_arithmetic_and_one_for_memory() -> None:
    anchors = default_anchors("onnx")
    assert [anchor.path.stem for anchor in anchors] == ["compute_bound", "memory_bound"]
    assert len({anchor.digest for anchor in anchors}) == 2


def test_a_format_without_anchors_is_an_error() -> None:
    with pytest.raises(MeasurementError) as caught:
        default_anchors("gguf")
    assert caught.value.code == "no_anchors"
