import numpy as np
import onnx
import onnxruntime
import pytest

from nas.export.graph import GraphBuilder


def test_a_graph_computes_what_was_added() -> None:
    graph = GraphBuilder("image", (2,))
    factor = graph.parameter("factor", np.array([2, 3], dtype=np.float32))
    scaled = graph.add("Mul", ["image", factor], "scaled", (2,))
    top = graph.constant("top", np.array(5, dtype=np.float32))
    result = graph.add("Min", [scaled.name, top], "capped", (2,))
    content = graph.model(result, "result", {}).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(["result"], {"image": np.array([[1, 1], [9, 0]], dtype=np.float32)})
    assert found.tolist() == [[2, 3], [5, 0]]


def test_an_output_that_is_read_inside_keeps_its_readers() -> None:
    graph = GraphBuilder("image", (1,))
    first = graph.add("Relu", ["image"], "first", (1,))
    graph.add("Neg", [first.name], "unused", (1,))
    model = graph.model(first, "result", {})
    onnx.checker.check_model(model)
    assert [list(node.input) for node in model.graph.node] == [["image"], ["result"]]


def test_a_graph_without_steps_passes_its_input_on() -> None:
    graph = GraphBuilder("image", (1,))
    model = graph.model(graph.input, "result", {})
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Identity"]


def test_parameters_have_to_be_single_precision() -> None:
    with pytest.raises(AssertionError, match="float64"):
        GraphBuilder("image", (1,)).parameter("weight", np.zeros(3))  # type: ignore[arg-type]


def test_only_parameters_are_initialisers() -> None:
    graph = GraphBuilder("image", (1,))
    graph.constant("axis", np.array([1], dtype=np.int64))
    graph.parameter("weight", np.zeros((2, 3), dtype=np.float32))
    model = graph.model(graph.input, "result", {"note": "x"})
    assert [(tensor.name, list(tensor.dims)) for tensor in model.graph.initializer] == [("weight", [2, 3])]
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("note", "x")]
