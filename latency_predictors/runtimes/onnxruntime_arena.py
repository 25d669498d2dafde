"""What ONNX Runtime's arena held while a file ran, as the runtime's own profiler tells it.

From version 1.31 on the profile has the arena's counters beside each kernel. What kernels asked for is taken,
not what the allocator rounded it up to: a chunk may be twice as large as what it is given out for, depending
on what was freed before.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from latency_predictors.runtimes.onnxruntime import _load
from search_spaces.errors import MeasurementError

IN_USE: Final = "mem_bytes_requested_in_use"
_CHANGE: Final = "mem_requested_in_use_delta"
_NUM_RUNS: Final = 2
_QUIET: Final = 3
_SEED: Final = 0


@dataclass(frozen=True)
class ArenaReading:
    """Bytes that an inference needed beside what the session holds anyway (weights, constants).

    Attributes:
        first_bytes: At most at a time in the first inference, which gives buffers out and takes them back.
        steady_bytes: In every later one, which has one region for all of them.
    """

    first_bytes: int
    steady_bytes: int


def read_arena(path: Path) -> ArenaReading:
    """Run a file twice, one image, one thread, every graph optimisation, and read the arena's counters.

    Raises:
        MeasurementError: `arena_not_readable` where the runtime tells none: before 1.31.
    """
    ort = _load()
    with tempfile.TemporaryDirectory(prefix="hwnas-arena-") as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        image = session.get_inputs()[0]
        shape = tuple(size if isinstance(size, int) else 1 for size in image.shape)
        values = np.random.default_rng(_SEED).random(shape, dtype=np.float32)
        for _ in range(_NUM_RUNS):
            session.run(None, {image.name: values})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return peaks(events, ort.__version__)


def peaks(events: list[dict[str, Any]], version: str) -> ArenaReading:
    """Return the peaks of two inferences from the events of their profile."""
    runs: list[list[dict[str, str]]] = [[]]
    for event in events:
        if event.get("name") == "model_run":
            runs.append([])
        elif IN_USE in event.get("args", {}):
            runs[-1].append(event["args"])
    if len(runs) <= _NUM_RUNS or not all(runs[:_NUM_RUNS]):
        raise MeasurementError(
            "arena_not_readable",
            f"onnxruntime {version} does not tell what its arena holds: install 1.31 or newer",
        )
    first, steady = runs[:_NUM_RUNS]
    before = int(first[0][IN_USE]) - int(first[0][_CHANGE])
    most = (max(int(kernel[IN_USE]) for kernel in run) for run in (first, steady))
    return ArenaReading(*(bytes_ - before for bytes_ in most))
