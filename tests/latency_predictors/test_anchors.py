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


def _model(name: str, shape: list[int], nodes: list[onnx.NodeProto], width: int) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, width, *shape[2:]])
    graph = helper.make_graph(nodes, name, [image], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def compute_bound() -> bytes:
    """Three 3x3 convolutions, 22 million multiply-adds; weights made in the graph keep the file small."""
    weight_shape = numpy_helper.from_array(np.array([32, 32, 3, 3], dtype=np.int64))
    small = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.005])
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=weight_shape),
        helper.make_node("ConstantOfShape", ["shape"], ["weights"], value=small),
    ]
    for before, after in (("image", "first"), ("first", "second"), ("second", "out")):
        nodes.append(helper.make_node("Conv", [before, "weights"], [after], pads=[1, 1, 1, 1]))
    return _model("compute_bound", [1, 32, 28, 28], nodes, 32)


def memory_bound() -> bytes:
    """Two additions over a megabyte with a rectifier between them."""
    nodes = [
        helper.make_node("Add", ["image", "image"], ["doubled"]),
        helper.make_node("Relu", ["doubled"], ["positive"]),
        helper.make_node("Add", ["positive", "image"], ["out"]),
    ]
    return _model("memory_bound", [1, 16, 128, 128], nodes, 16)


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
