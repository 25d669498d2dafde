"""OpenVINO on the CPU: it reads the same ONNX files, and what would report to its maker is never loaded."""

import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from latency_predictors.device import ExecutionContext
from latency_predictors.runtimes.runtime import Images, Logits, check_context, open_shape
from search_spaces.errors import MeasurementError

TELEMETRY_MODULE = "openvino_telemetry"

_DEVICE = "CPU"
_NO_KERNELS = ("Input", "Output", "Const", "Reorder")
_INPUT_SEED = 0


class OpenVino:
    """Loads ONNX files with OpenVINO's CPU plug-in."""

    name = "openvino"
    file_format = "onnx"

    def prepare(self, path: Path, context: ExecutionContext) -> "OpenVinoExecutable":
        """Load a file for a context; see `Runtime.prepare`."""
        return self._loaded(path, context)

    def kernels(self, path: Path, context: ExecutionContext) -> tuple[str, ...]:
        """Return what runs, from the graph that the runtime has made; see `Runtime.kernels`."""
        return self._loaded(path, context).executed()

    def profiled(self, path: Path, context: ExecutionContext) -> "OpenVinoExecutable":
        """Load a file so that each run is timed kernel by kernel, which makes it slower.

        Raises:
            MeasurementError: As `Runtime.prepare`.
        """
        return self._loaded(path, context, {"PERF_COUNT": True})

    def _loaded(
        self, path: Path, context: ExecutionContext, more: dict[str, Any] | None = None
    ) -> "OpenVinoExecutable":
        ov = _load()
        check_context(context, self.name, version(self.name))
        if context.graph_optimisation != "all":
            raise MeasurementError(
                "context_mismatch",
                f"openvino has one level of graph optimisation, 'all', not '{context.graph_optimisation}'",
            )
        try:
            options = {**_options(context), **(more or {})}
            return OpenVinoExecutable(_core(), ov, _core().read_model(str(path)), options, context.batch)
        except Exception as error:  # the binding's errors have no common root
            reason = " ".join(str(error).split())
            raise MeasurementError(
                "file_not_loadable", f"openvino cannot load {path.name}: {reason}"
            ) from error


class OpenVinoExecutable:
    """A request whose input stands in place, so that a run copies nothing.

    What is timed is compiled for the context's batch: a graph with an open batch is slower. Scoring takes any
    batch and has a compiled graph of its own, made when it is first asked for.
    """

    def __init__(self, core: Any, ov: Any, model: Any, options: dict[str, Any], batch: int) -> None:
        self._core, self._model, self._options = core, model, options
        shapes = {port: _shape(port, batch) for port in model.inputs}
        fixed = model.clone()
        fixed.reshape({port.get_any_name(): shape for port, shape in shapes.items()})
        rng = np.random.default_rng(_INPUT_SEED)
        # The request reads these arrays where they are: they have to live as long as it does.
        self._images = [
            rng.random(shape).astype(port.get_element_type().to_dtype()) for port, shape in shapes.items()
        ]
        self._request = core.compile_model(fixed, _DEVICE, options).create_infer_request()
        for index, array in enumerate(self._images):
            self._request.set_input_tensor(index, ov.Tensor(array, shared_memory=True))
        self._scorer: Any = None
        self.run_once()

    def run_once(self) -> None:
        """Run one inference; see `Executable.run_once`."""
        # In this thread; handing it to the plug-in's own would cost twice as much as a small layer.
        self._request.infer(share_outputs=True)

    def run(self, images_NCHW: Images) -> Logits:
        """Return the first output; see `Executable.run`."""
        if self._scorer is None:
            self._scorer = self._core.compile_model(self._model, _DEVICE, self._options)
        images = np.ascontiguousarray(images_NCHW, dtype=np.float32)
        logits: Logits = np.array(self._scorer(images)[0])
        return logits

    def executed(self) -> tuple[str, ...]:
        """Return the kinds of the kernels of a run: of what depends on an input; all else ran once before.

        Not from the times of a run: what takes less than a microsecond is missing there, now and then.
        """
        kinds: list[str] = []
        depend: set[str] = set()
        for node in self._request.get_compiled_model().get_runtime_model().get_ordered_ops():
            name, kind = node.get_friendly_name(), node.get_rt_info()["layerType"].astype(str)
            sources = (value.get_node().get_friendly_name() for value in node.input_values())
            if kind == "Input" or not depend.isdisjoint(sources):
                depend.add(name)
                kinds.append(kind)
        return tuple(kind for kind in kinds if kind not in _NO_KERNELS)

    def kernel_times_ms(self) -> dict[str, float]:
        """Return what each kernel took, by the name of its node; see `OpenVino.profiled`.

        The mean of all runs so far, in whole microseconds: kernels that took less than one are missing.
        """
        done = (
            node for node in self._request.get_profiling_info() if node.status == type(node).Status.EXECUTED
        )
        return {node.node_name: node.real_time.total_seconds() * 1e3 for node in done}


def _load() -> Any:
    """Import openvino without the package that looks up an outside host and writes files into the home.

    openvino does without it where it cannot be imported, and that is what an empty place among the loaded
    modules says.
    """
    if sys.modules.setdefault(TELEMETRY_MODULE, cast(Any, None)) is not None:
        raise MeasurementError(
            "telemetry_on",
            f"'{TELEMETRY_MODULE}' is loaded in this process already: load openvino through hwnas first",
        )
    try:
        import openvino
    except ImportError as error:
        raise MeasurementError(
            "runtime_missing", "runtime 'openvino' is not installed: pip install openvino"
        ) from error
    return openvino


@cache
def _core() -> Any:
    # One for the process: making one loads the plug-in.
    return _load().Core()


def _options(context: ExecutionContext) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": context.threads,
        # Where processors can, it would compute in bfloat16: another precision than the context says.
        "INFERENCE_PRECISION_HINT": "f32",
        # Among the processors of the process, which the session has pinned. Without it each run costs more.
        "ENABLE_CPU_PINNING": True,
    }


def _shape(port: Any, batch: int) -> tuple[int, ...]:
    sizes = port.get_partial_shape()
    return open_shape((None if size.is_dynamic else size.get_length() for size in sizes), batch)
