from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from latency_predictors.device import ExecutionContext, host_context
from latency_predictors.runtimes import Runtime
from latency_predictors.runtimes.onnxruntime import OnnxRuntime, load_quantization
from search_spaces.errors import MeasurementError
from tests.contracts.runtime_contract import RuntimeContract

MakeOnnx = Callable[..., Path]


class TestContract(RuntimeContract):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return OnnxRuntime()


def test_nothing_is_loaded_while_reporting_is_on(
    make_onnx: MakeOnnx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    with pytest.raises(MeasurementError, match="ORT_DISABLE_TELEMETRY=1") as caught:
        OnnxRuntime().prepare(make_onnx(), host_context())
    assert caught.value.code == "telemetry_on"


def test_the_session_runs_as_the_context_says(make_onnx: MakeOnnx, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    seen: list[Any] = []
    real = onnxruntime.InferenceSession

    def spy(path: str, options: Any, providers: list[str]) -> Any:
        seen.extend([options, providers])
        return real(path, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    context = ExecutionContext(
        "onnxruntime", host_context().runtime_version, threads=2, graph_optimisation="basic"
    )
    OnnxRuntime().prepare(make_onnx(), context)
    options, providers = seen
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert providers == ["CPUExecutionProvider"]


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname"])
def test_a_file_that_reads_others_of_the_board_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    (tmp_path / "secret").write_bytes(bytes(64))
    weights = onnx.TensorProto(name="w", dims=[16], data_type=onnx.TensorProto.FLOAT)
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    image, logits = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 16])
        for name in ("image", "logits")
    )
    add = onnx.helper.make_node("Add", ["image", "w"], ["logits"])
    graph = onnx.helper.make_graph([add], "reads", [image], [logits], [weights])
    (tmp_path / "files").mkdir()
    file = tmp_path / "files" / "reads.onnx"
    opsets = [onnx.helper.make_opsetid("", 17)]
    file.write_bytes(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    with pytest.raises(MeasurementError) as caught:
        OnnxRuntime().prepare(file, host_context())
    assert caught.value.code == "file_not_loadable"


def test_the_quantiser_is_not_loaded_while_reporting_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_quantization().QuantType.QInt8
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    with pytest.raises(MeasurementError) as caught:
        load_quantization()
    assert caught.value.code == "telemetry_on"
