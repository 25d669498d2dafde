"""What a profiler's times of single operators add up to: the prediction that one gets without a table.

Each runtime times the kernels of the whole network as it runs; what lies between kernels is missing, and
what timing each of them costs is in.
"""

import json
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from pydantic import BaseModel

from benchmarks.sections.tables import Held
from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.runtimes.openvino import OpenVino
from nas.pipeline.calibrating import initial_file
from search_spaces.atomic import write_atomically
from search_spaces.base import FloatArray

NUM_RUNS: Final = 30
_WARM_UP: Final = 5
_KERNEL: Final = "_kernel_time"

NUM_AVERAGED: Final = 300
"""Runs of a runtime that tells averages only: the first ones, which are slow, are few among them."""


class Sums(BaseModel):
    """Sums of kernel times in milliseconds, one a network.

    Attributes:
        measured_in: Device and context; in others they are measured anew.
        sums_ms: As the networks stand.
    """

    measured_in: str = ""
    sums_ms: tuple[float, ...]


def operator_sums(home: Path, held: Held) -> FloatArray:
    """Return the sum over the operators of each network, (n,)."""
    case, context = held.case, held.context
    path = home / "benchmark" / f"operators-{case.key}-{len(held.architectures)}.json"
    here = f"{host_device().digest} {context.digest}"
    kept = Sums.model_validate_json(path.read_bytes()) if path.exists() else None
    if kept is None or kept.measured_in != here:
        sums = []
        with _pinned(), tempfile.TemporaryDirectory(prefix="hwnas-bench-") as folder:
            file = Path(folder) / "network.onnx"
            for one in held.architectures:
                file.write_bytes(initial_file(case.space, one, context.precision))
                sums.append(PROFILERS[context.runtime](file, context))
        kept = Sums(measured_in=here, sums_ms=tuple(sums))
        write_atomically(path, kept.model_dump_json().encode())
    return np.array(kept.sums_ms)


@contextmanager
def _pinned() -> Iterator[None]:
    """Keep this process on its last processor, as measuring sessions are."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _onnxruntime(file: Path, context: ExecutionContext) -> float:
    """Return the sum over kernels of the median over runs, warm-up left out."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = context.threads
    options.inter_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(file.with_suffix(""))
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    shape = [size if isinstance(size, int) else context.batch for size in images.shape]
    feeds = {images.name: np.random.default_rng(0).random(shape, dtype=np.float32)}
    for _ in range(_WARM_UP + NUM_RUNS):
        session.run(None, feeds)
    profile = Path(session.end_profiling())
    found: dict[str, list[float]] = defaultdict(list)
    for event in json.loads(profile.read_text(encoding="utf-8")):
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            found[event["name"]].append(event["dur"] / 1e3)
    profile.unlink()
    return sum(statistics.median(times[_WARM_UP:]) for times in found.values())


def _openvino(file: Path, context: ExecutionContext) -> float:
    """Return the sum over kernels of the mean over runs; it tells whole microseconds."""
    executable = OpenVino().profiled(file, context)
    for _ in range(NUM_AVERAGED):
        executable.run_once()
    return sum(executable.kernel_times_ms().values())


PROFILERS: Final[Mapping[str, Callable[[Path, ExecutionContext], float]]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
"""What times the kernels of a file and adds them up, by runtime."""
