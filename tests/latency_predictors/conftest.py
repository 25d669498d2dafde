"""Small ONNX files, and an environment in which onnxruntime may be loaded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

MakeOnnx = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")


@pytest.fixture
def make_onnx(tmp_path: Path) -> MakeOnnx:
    """Write a graph logits = flatten(mean(image)) @ weights with an open batch, and return its path."""

    def make(name: str = "tiny", size: int = 8, classes: int = 4) -> Path:
        weights = np.arange(3 * classes, dtype=np.float32).reshape(3, classes)
        nodes = [
            helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["features"]),
            helper.make_node("MatMul", ["features", "weights"], ["logits"]),
        ]
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, size, size])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
            [numpy_helper.from_array(weights, "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, path)
        return path

    return make
