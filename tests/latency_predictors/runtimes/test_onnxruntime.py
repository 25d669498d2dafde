from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from latency_predictors.device import ExecutionContext, host_context
from latency_predictors.runtimes import RUNTIMES, get_runtime
from search_spaces.errors import MeasurementError, UsageError


def test_logits_are_those_of_the_graph_at_any_batch(make_onnx: Callable[..., Path]) -> None:
    executable = get_runtime("onnxruntime").prepare(make_onnx(classes=4), host_context())
    images = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32)
    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = images.mean(axis=(2, 3)) @ weights
    np.testing.assert_allclose(executable.run(images), expected, rtol=1e-5)
    np.testing.assert_allclose(executable.run(images[:1]), expected[:1], rtol=1e-5)
    executable.run_once()


def test_arrays_of_another_layout_and_type_are_taken(make_onnx: Callable[..., Path]) -> None:
    executable = get_runtime("onnxruntime").prepare(make_onnx(), host_context())
    images = np.random.default_rng(0).random((8, 8, 3, 2)).T
    assert executable.run(images).shape == (2, 4)  # type: ignore[arg-type]


def test_a_context_of_another_version_is_refused(make_onnx: Callable[..., Path]) -> None:
    with pytest.raises(MeasurementError, match=r"0\.0\.1") as caught:
        get_runtime("onnxruntime").prepare(make_onnx(), ExecutionContext("onnxruntime", "0.0.1"))
    assert caught.value.code == "context_mismatch"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(MeasurementError, match="broken.onnx") as caught:
        get_runtime("onnxruntime").prepare(path, host_context())
    assert caught.value.code == "file_not_loadable"


def test_nothing_is_loaded_while_reporting_is_on(
    make_onnx: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    with pytest.raises(MeasurementError, match="ORT_DISABLE_TELEMETRY=1") as caught:
        get_runtime("onnxruntime").prepare(make_onnx(), host_context())
    assert caught.value.code == "telemetry_on"


def test_an_unknown_runtime_lists_the_known() -> None:
    with pytest.raises(UsageError, match="onnxruntime"):
        get_runtime("abacus")
    assert all(name == runtime.name for name, runtime in RUNTIMES.items())
