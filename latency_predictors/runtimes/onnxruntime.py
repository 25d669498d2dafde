"""ONNX Runtime on the CPU: one thread a network by default, no spinning, no reporting to its maker."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latency_predictors.device import ExecutionContext
from latency_predictors.runtimes.runtime import Images, Logits, check_context, open_shape
from search_spaces.errors import MeasurementError

TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY"

_INPUT_SEED = 0
_QUIET = 3  # errors only; warnings about unused initialisers are not the user's business
_LEVELS = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
_LAYOUT_KERNELS = ("ReorderInput", "ReorderOutput")
_DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}


class OnnxRuntime:
    """Loads ONNX files with ONNX Runtime's CPU provider."""

    name = "onnxruntime"
    file_format = "onnx"

    def prepare(self, path: Path, context: ExecutionContext) -> "OnnxExecutable":
        """Load a file for a context; see `Runtime.prepare`."""
        ort = _load()
        check_context(context, self.name, ort.__version__)
        return OnnxExecutable(_session(ort, path, _session_options(ort, context)), ort, context.batch)

    def kernels(self, path: Path, context: ExecutionContext) -> tuple[str, ...]:
        """Return what runs, from the runtime's own profile; see `Runtime.kernels`."""
        ort = _load()
        check_context(context, self.name, ort.__version__)
        with TemporaryDirectory() as folder:
            options = _session_options(ort, context)
            options.enable_profiling = True
            options.profile_file_prefix = f"{folder}/profile"
            session = _session(ort, path, options)
            feeds = _random_feeds(session, context.batch)
            session.run(None, feeds)
            events = json.loads(Path(session.end_profiling()).read_bytes())
        kinds = (event["args"]["op_name"] for event in events if event["name"].endswith("_kernel_time"))
        return tuple(kind for kind in kinds if kind not in _LAYOUT_KERNELS)


class OnnxExecutable:
    """A session with its input and output buffers bound, so that a run copies and allocates nothing."""

    def __init__(self, session: Any, ort: Any, batch: int) -> None:
        self._session = session
        self._inputs = session.get_inputs()
        self._outputs = [output.name for output in session.get_outputs()]
        feeds = _random_feeds(session, batch)
        # The first run tells the shapes of the outputs; it also is where the runtime sets up its arena.
        results = session.run(self._outputs, feeds)
        self._buffers = [ort.OrtValue.ortvalue_from_numpy(array) for array in (*feeds.values(), *results)]
        self._binding = session.io_binding()
        for name, buffer in zip(feeds, self._buffers, strict=False):
            self._binding.bind_ortvalue_input(name, buffer)
        for name, buffer in zip(self._outputs, self._buffers[len(feeds) :], strict=True):
            self._binding.bind_ortvalue_output(name, buffer)

    def run_once(self) -> None:
        """Run one inference; see `Executable.run_once`."""
        self._session.run_with_iobinding(self._binding)

    def run(self, images_NCHW: Images) -> Logits:
        """Return the first output; see `Executable.run`."""
        images = np.ascontiguousarray(images_NCHW, dtype=np.float32)
        logits: Logits = self._session.run(self._outputs[:1], {self._inputs[0].name: images})[0]
        return logits


def _load() -> Any:
    """Import onnxruntime, but only where its reporting is off.

    On Linux it starts an uploader thread on import, looks up an outside host and writes a device id to the
    home folder, unless the environment forbids it beforehand.
    """
    if os.environ.get(TELEMETRY_SWITCH) != "1":
        raise MeasurementError(
            "telemetry_on", f"set {TELEMETRY_SWITCH}=1 in the environment before the process starts"
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise MeasurementError(
            "runtime_missing", "runtime 'onnxruntime' is not installed: pip install onnxruntime"
        ) from error
    return onnxruntime


def load_quantization() -> Any:
    """Import onnxruntime's quantiser, likewise only where its reporting is off; it needs the package `onnx`.

    Raises:
        MeasurementError: `telemetry_on` or `runtime_missing`.
    """
    _load()
    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise MeasurementError(
            "runtime_missing", f"the quantiser of onnxruntime needs a package ({error}): pip install onnx"
        ) from error
    return quantization


def _session(ort: Any, path: Path, options: Any) -> Any:
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the binding's errors have no common root
        reason = " ".join(str(error).split())
        raise MeasurementError(
            "file_not_loadable", f"onnxruntime cannot load {path.name}: {reason}"
        ) from error


def _random_feeds(session: Any, batch: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(_INPUT_SEED)
    return {
        tensor.name: rng.random(_shape(tensor, batch)).astype(_DTYPES[tensor.type])
        for tensor in session.get_inputs()
    }


def _session_options(ort: Any, context: ExecutionContext) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = context.threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = getattr(
        ort.GraphOptimizationLevel, _LEVELS[context.graph_optimisation]
    )
    options.log_severity_level = _QUIET
    # Spinning threads take the core from whatever else runs, and get a fat tail themselves.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _shape(tensor: Any, batch: int) -> tuple[int, ...]:
    return open_shape((size if isinstance(size, int) else None for size in tensor.shape), batch)
