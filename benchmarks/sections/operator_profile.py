"""What a profiler's times of single operators add up to: the prediction that one gets without a table.

ONNX Runtime times every kernel of the whole network as it runs; what lies between kernels is missing, and
what timing each of them costs is in.
"""

import json
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from pydantic import BaseModel

from benchmarks.sections.tables import Held
from latency_predictors.device import host_device
from nas.pipeline.calibrating import initial_file
from search_spaces.atomic import write_atomically
from search_spaces.base import Architecture, FloatArray, Space
from search_spaces.network import network

RUNTIME: Final = "onnxruntime"
NUM_RUNS: Final = 30
_WARM_UP: Final = 5
_KERNEL: Final = "_kernel_time"


class Sums(BaseModel):
    """Sums of kernel times in milliseconds, one a network.

    Attributes:
        measured_in: Device and version of the runtime; in others they are measured anew.
        sums_ms: As the networks stand.
    """

    measured_in: str = ""
    sums_ms: tuple[float, ...]


def operator_sums(home: Path, held: Held) -> FloatArray | None:
    """Return the sum over the operators of each network, (n,); None where the runtime is another."""
    context = held.case.context.model_dump()
    if (context["runtime"], context["precision"]) != (RUNTIME, "fp32"):
        return None
    path = home / "benchmark" / f"operators-{held.case.key}-{len(held.architectures)}.json"
    here = f"{host_device().digest} {onnxruntime.__version__}"
    kept = Sums.model_validate_json(path.read_bytes()) if path.exists() else None
    if kept is None or kept.measured_in != here:
        with _pinned(), tempfile.TemporaryDirectory(prefix="hwnas-bench-") as folder:
            sums = [
                _profiled(Path(folder) / f"{number}", held.case.space, one, held.case.context.threads)
                for number, one in enumerate(held.architectures)
            ]
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


def _profiled(prefix: Path, space: Space, architecture: Architecture, threads: int) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(prefix)
    file = initial_file(space, architecture)
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    shape = network(space, architecture)[0].spec.in_shape
    images = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    for _ in range(_WARM_UP + NUM_RUNS):
        session.run(None, {session.get_inputs()[0].name: images})
    return _sum_ms(json.loads(Path(session.end_profiling()).read_text(encoding="utf-8")))


def _sum_ms(events: list[dict[str, Any]]) -> float:
    """Return the sum over kernels of the median over runs, warm-up left out."""
    found: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            found[event["name"]].append(event["dur"] / 1e3)
    return sum(statistics.median(times[_WARM_UP:]) for times in found.values())
