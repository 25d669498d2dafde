"""OpenVINO runs as the context says, and nobody outside hears of it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from latency_predictors.device import ExecutionContext, host_context
from latency_predictors.runtimes import Runtime
from latency_predictors.runtimes.onnxruntime import OnnxRuntime
from latency_predictors.runtimes.openvino import TELEMETRY_MODULE, OpenVino
from search_spaces.errors import MeasurementError
from tests.contracts.runtime_contract import RuntimeContract

MakeOnnx = Callable[..., Path]

ROOT = Path(__file__).resolve().parents[3]

# Loads and runs a network in a process of its own that says of every look-up and connection; then waits for
# what a library may have begun in threads.
WATCHED = """
import sys, threading
from pathlib import Path

def heard(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "subprocess.Popen"):
        print("asked for", event, arguments[:2], file=sys.stderr, flush=True)

sys.addaudithook(heard)
{before}
from latency_predictors.device import host_context
from latency_predictors.runtimes.openvino import OpenVino
OpenVino().prepare(Path({path!r}), host_context("openvino")).run_once()
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(20)
print("ran")
"""


class TestContract(RuntimeContract):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return OpenVino()


def test_kernels_of_no_time_are_told_each_time(make_onnx: MakeOnnx) -> None:
    """The runtime's times are whole microseconds: of kernels that take less, some runs show some."""
    path, context = make_onnx(), host_context("openvino")
    told = [OpenVino().kernels(path, context) for _ in range(3)]
    assert told == [("Reduce", "Reshape", "FullyConnected")] * 3


def run_alone(program: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with an empty home, and without what tells libraries that they are tested."""
    quiet = ("CI", "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )


def test_nobody_is_asked_for_and_nothing_written(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = run_alone(WATCHED.format(before="", path=str(make_onnx())), home)
    assert done.stdout == "ran\n", done.stderr
    assert "asked for" not in done.stderr
    assert list(home.iterdir()) == []


def test_a_library_that_is_loaded_with_its_telemetry_is_not_used(make_onnx: MakeOnnx, tmp_path: Path) -> None:
    before = f"import types; sys.modules[{TELEMETRY_MODULE!r}] = types.ModuleType({TELEMETRY_MODULE!r})"
    done = run_alone(WATCHED.format(before=before, path=str(make_onnx())), tmp_path)
    assert "is loaded in this process already" in done.stderr
    assert done.stdout == ""


def test_the_telemetry_is_what_would_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the empty place would keep nothing out."""
    assert version("openvino-telemetry")
    monkeypatch.setitem(sys.modules, TELEMETRY_MODULE, ModuleType(TELEMETRY_MODULE))
    with pytest.raises(MeasurementError) as caught:
        OpenVino().prepare(Path("any.onnx"), host_context("openvino"))
    assert caught.value.code == "telemetry_on"


def test_the_network_is_compiled_as_the_context_says(
    make_onnx: MakeOnnx, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Core:
        """Compiles with the real one and remembers what it was asked for."""

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def compile_model(self, model: Any, device: str, options: dict[str, Any]) -> Any:
            compiled = real.compile_model(model, device, options)
            seen.append((device, compiled))
            return compiled

    from latency_predictors.runtimes import openvino

    real = openvino._core()
    monkeypatch.setattr(openvino, "_core", Core)
    OpenVino().prepare(make_onnx(), host_context("openvino", threads=2, batch=5))
    ((device, compiled),) = seen
    assert device == "CPU"
    assert tuple(compiled.input(0).shape) == (5, 3, 8, 8)
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("ENABLE_CPU_PINNING") is True
    assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"


def test_runs_are_timed_kernel_by_kernel(make_onnx: MakeOnnx) -> None:
    begun = time.perf_counter()
    executable = OpenVino().profiled(make_onnx(size=512), host_context("openvino"))
    for _ in range(200):
        executable.run_once()
    took_ms = (time.perf_counter() - begun) * 1e3
    times = executable.kernel_times_ms()
    # It averages 786,432 numbers, then multiplies 3 by 3 x 4; and it ran once more when it was loaded.
    assert times["mean"] > 0.0
    assert 0.0 < sum(times.values()) * 201 <= took_ms


def test_a_large_kernel_takes_longer_than_a_small_one(make_onnx: MakeOnnx) -> None:
    path, found = make_onnx(size=512), list[dict[str, float]]()
    for _ in range(5):
        executable = OpenVino().profiled(path, host_context("openvino"))
        for _ in range(40):
            executable.run_once()
        found.append(executable.kernel_times_ms())
    # They are means: whatever else the machine did while a small kernel ran is in them, once in a while.
    fastest = {name: min(times.get(name, 0.0) for times in found) for name in ("mean", "logits")}
    assert fastest["mean"] > fastest["logits"]


def test_there_is_one_level_of_graph_optimisation(make_onnx: MakeOnnx) -> None:
    context = replace(host_context("openvino"), graph_optimisation="basic")
    with pytest.raises(MeasurementError, match="'basic'") as caught:
        OpenVino().prepare(make_onnx(), context)
    assert caught.value.code == "context_mismatch"


def test_both_runtimes_compute_the_same(make_onnx: MakeOnnx) -> None:
    path = make_onnx(size=16, classes=5)
    images = np.random.default_rng(1).random((3, 3, 16, 16)).astype(np.float32)
    contexts: list[tuple[Runtime, ExecutionContext]] = [
        (OnnxRuntime(), host_context()),
        (OpenVino(), host_context("openvino")),
    ]
    first, second = (runtime.prepare(path, context).run(images) for runtime, context in contexts)
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
