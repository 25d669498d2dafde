"""Measuring sessions of this host: fresh processes that measure a list of files.

`run_sessions` starts them, `python -m latency_predictors.session` is one. A fresh process each time, because
memory layout and the state of the runtime differ between processes by more than repeats in one show.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from latency_predictors.anchors import default_anchors
from latency_predictors.child_process import ChildEnded, run_child, said, without_secrets
from latency_predictors.core_watch import WORK
from latency_predictors.device import Device, ExecutionContext, host_device
from latency_predictors.energy import measure_energy
from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.gate import Gate, GateRules, host_gate
from latency_predictors.kernel_lists import kernels_of
from latency_predictors.lease import measuring_lease
from latency_predictors.measure import NETWORK_PROTOCOL, TimingProtocol
from latency_predictors.meters import require_meter, wait
from latency_predictors.meters.log_file import SLOWEST_S
from latency_predictors.power_mode import require_power_mode
from latency_predictors.processors import package_of, pin, require_idle, resting
from latency_predictors.protocol import (
    LINE,
    Alive,
    Conditions,
    Failed,
    Finished,
    Line,
    SessionRequest,
    SessionResult,
    Subject,
    WireModel,
)
from latency_predictors.runtimes import get_runtime
from latency_predictors.series import run_series
from latency_predictors.series_progress import OnProgress
from latency_predictors.session_process import answer
from latency_predictors.unit import host_unit
from search_spaces.errors import HwnasError

_SILENCE_S = 120.0
_TAIL_SILENCE_S = 600.0  # 75 runs of a network that takes eight seconds
_METER_SILENCE_S = 20 * SLOWEST_S  # until a log that is written no more is known to have stopped


def run_sessions(
    subjects: Sequence[Subject],
    context: ExecutionContext,
    timing: TimingProtocol,
    *,
    lease_folder: Path,
    num_sessions: int = 2,
    seed: int = 0,
    reference_ms: Mapping[str, float] | None = None,
    anchors: Sequence[Subject] = (),
    on_progress: OnProgress | None = None,
    silence_s: float = _SILENCE_S,
    gate: GateRules | None = None,
    meter_log: str = "",
    repeat: bool = True,
) -> Iterator[SessionResult]:
    """Measure files on this host in several sessions; see `series.run_series` for their number and order.

    Of whole networks that are timed plainly the first session tells what runs them, as many as a few seconds
    allow: that says whether a table still holds when the runtime has a new version.

    Args:
        subjects: Files with distinct digests.
        context: How to run them.
        timing: How to time them: `LAYER_PROTOCOL` or `NETWORK_PROTOCOL`.
        lease_folder: Where the lock of the device stands; the same for all who measure on this host.
        num_sessions: Sessions for every subject.
        seed: Of the random orders.
        reference_ms: Medians of the anchors that count as scale 1, as a table keeps them; those of the
            first session if not given.
        anchors: Fixed networks in the context's file format; the package's own if not given.
        on_progress: Told after every subject.
        silence_s: A process that says nothing for so long is ended; more where meters or tails take longer.
        gate: When a session may begin; without it, whatever else the machine does.
        meter_log: File that a meter of the user's writes, for energies; this host's own meters if empty.
        repeat: Whether what was disturbed is measured again, in a further session too.

    Raises:
        MeasurementError: `session_void`, `clock_jumped`, `session_died`, `machine_busy`, `device_hot`,
            `telemetry_on`, `context_mismatch`, `no_anchors`, `not_enough_idle_cores`,
            `context_unsupported`; of energies `no_meter`,
            `meter_stopped`, `meter_too_slow`, `bad_meter_log`.
    """
    if not subjects:
        return
    request = SessionRequest(
        context=context,
        timing=timing,
        subjects=tuple(subjects),
        anchors=tuple(anchors) or default_anchors(get_runtime(context.runtime).file_format),
        reference_ms=dict(reference_ms or {}),
        seed=seed,
        meter_log=meter_log,
        repeat=repeat,
        kernels=timing == NETWORK_PROTOCOL,
    )
    if timing.of_tails:
        silence_s += _TAIL_SILENCE_S
    if timing.energy:
        silence_s += _METER_SILENCE_S
    host, unit = _Host(context, silence_s, host_gate(gate) if gate else None), host_unit()
    with measuring_lease(lease_folder, host.device.digest):
        for session in run_series(request, host, num_sessions, on_progress):
            yield session.model_copy(update={"unit": unit})


class _Host:
    """This machine; a `series.Machine`."""

    def __init__(self, context: ExecutionContext, silence_s: float, gate: Gate | None) -> None:
        self.device: Device = host_device()
        self._context = context
        self._silence_s = silence_s
        self._gate = gate

    def now(self) -> datetime:
        return datetime.now(UTC)

    def settle(self) -> Conditions:
        # Other work is given time to end before processors are watched: training has only just paused.
        conditions = self._gate.settle() if self._gate else Conditions()
        require_idle(self._context)
        return conditions

    def num_throttles(self) -> int:
        return self._gate.num_throttles() if self._gate else 0

    def run(self, request: SessionRequest) -> Generator[Line | ChildEnded, None, None]:
        command = [sys.executable, "-m", "latency_predictors.session"]
        with closing(
            run_child(command, request.model_dump_json(), child_environment(), self._silence_s)
        ) as lines:
            for line in lines:
                told = said(line, LINE)
                yield told
                if isinstance(told, ChildEnded):
                    return


def child_environment() -> dict[str, str]:
    """Return the environment of a session: one thread, no reporting, this very package, no secret."""
    package = str(Path(__file__).resolve().parents[1])
    path = os.environ.get("PYTHONPATH")
    return {
        **without_secrets(os.environ),
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": f"{package}{os.pathsep}{path}" if path else package,
    }


def main() -> int:
    """Run one session: the request from standard input, the answer in lines to standard output."""
    # Native code may print to descriptor 1; the answer has a descriptor of its own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        request = SessionRequest.model_validate_json(sys.stdin.read())
        try:
            _write(stream, _measure_all(request, stream))
        except HwnasError as error:
            _write(stream, Failed(code=error.code, message=error.message))
            return 1
    return 0


def _measure_all(request: SessionRequest, stream: TextIO) -> Finished:
    require_power_mode(request.context.power_mode)
    cpus, pause = pin(request.context), resting(request.context.pause_ms)
    gc.disable()
    runtime = get_runtime(request.context.runtime)

    def load(subject: Subject) -> Callable[[], None]:
        return runtime.prepare(subject.path, request.context).run_once

    watch = _watching(request, package_of(cpus), stream) if request.timing.energy else None
    # After a pause a processor is slow by itself, and of several processors one tells nothing of the others.
    work = WORK if len(cpus) == 1 and not request.context.pause_ms else None
    answer(request, load, time.perf_counter_ns, lambda line: _write(stream, line), pause, watch, work)
    if request.kernels:
        for line in kernels_of(request.subjects, runtime, request.context, time.perf_counter):
            _write(stream, line)
    return Finished(cpus=cpus)


def _watching(
    request: SessionRequest, package: int, stream: TextIO
) -> Callable[[Callable[[], None]], MeasuredEnergy]:
    meter = require_meter(request.meter_log, package)

    def alive() -> None:
        _write(stream, Alive())

    return lambda run_once: measure_energy(run_once, meter, time.perf_counter_ns, wait, alive=alive)


def _write(stream: TextIO, line: WireModel) -> None:
    stream.write(line.model_dump_json() + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
