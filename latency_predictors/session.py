"""Measuring sessions: fresh processes that measure a list of files.

`run_sessions` starts them, `python -m latency_predictors.session` is one. A fresh process each time, because
memory layout and the state of the runtime differ between processes by more than repeats in one show.
"""

import gc
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from latency_predictors.anchors import default_anchors
from latency_predictors.child_process import ChildEnded, run_child
from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.lease import measuring_lease
from latency_predictors.measure import Summary, TimingProtocol, measure
from latency_predictors.protocol import (
    LINE,
    Failed,
    Finished,
    SessionRequest,
    SessionResult,
    Started,
    Subject,
    WireModel,
)
from latency_predictors.runtimes import Executable, get_runtime
from latency_predictors.schedule import run_schedule
from search_spaces.errors import HwnasError, MeasurementError

OnProgress = Callable[[int, int], None]
"""Called with the number of subjects measured so far and the number of all, over all sessions."""

SUSPECT_DIFFERENCE = 0.10
"""Subjects whose sessions differ by more than this share get one session more."""

_SILENCE_S = 120.0


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
) -> Iterator[SessionResult]:
    """Measure files on this host in several sessions, and once more those on which the sessions differ.

    Yields each session when it is over, so that a kill loses one at most; but the last of `num_sessions`
    after the one for what differs: whoever counts sessions then has all of a file before it seems done. A
    session that is void for drift is repeated once.

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
        silence_s: A session that says nothing for so long is ended.

    Raises:
        MeasurementError: `session_void`, `session_died` (naming the subject), `telemetry_on`,
            `file_not_loadable`, `context_mismatch`, `no_anchors`.
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
    )
    progress = _Progress(on_progress, num_sessions * len(subjects))
    sessions: list[SessionResult] = []
    with measuring_lease(lease_folder, host_device().digest):
        for number in range(num_sessions):
            if sessions:
                reference = {"reference_ms": sessions[0].reference_ms}
                request = request.model_copy(update={**reference, "seed": seed + number})
            sessions.append(_run_session(request, progress, silence_s))
            if number < num_sessions - 1:
                yield sessions[-1]
        suspects = differing(sessions)
        if suspects:
            progress.total += len(suspects)
            some = tuple(subject for subject in subjects if subject.digest in suspects)
            request = request.model_copy(update={"seed": seed + num_sessions, "subjects": some})
            yield _run_session(request, progress, silence_s)
        yield sessions[-1]


def differing(sessions: Sequence[SessionResult], limit: float = SUSPECT_DIFFERENCE) -> set[str]:
    """Return the digests whose medians differ between sessions by more than a share."""
    medians: dict[str, list[float]] = {}
    for session in sessions:
        for result in session.results:
            medians.setdefault(result.digest, []).append(result.median_ms)
    return {digest for digest, values in medians.items() if max(values) > (1 + limit) * min(values)}


class _Progress:
    """Counts the subjects measured, over all sessions, and tells."""

    def __init__(self, on_progress: OnProgress | None, total: int) -> None:
        self.total = total
        self._on_progress = on_progress
        self._done = 0

    def tell(self, done_here: int) -> None:
        """Tell how far the current session is."""
        if self._on_progress:
            self._on_progress(self._done + done_here, self.total)

    def session_done(self, num_subjects: int) -> None:
        """Tell that a session is over."""
        self._done += num_subjects
        self.tell(0)


def _run_session(request: SessionRequest, progress: _Progress, silence_s: float) -> SessionResult:
    """Run one session; a void one is repeated once."""
    try:
        return _run_once(request, progress, silence_s)
    except MeasurementError as error:
        if error.code != "session_void":
            raise
    return _run_once(request, progress, silence_s)


def _run_once(request: SessionRequest, progress: _Progress, silence_s: float) -> SessionResult:
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    answer = _converse(request, progress, silence_s)
    if isinstance(answer, Failed):
        raise MeasurementError(answer.code, answer.message)
    progress.session_done(len(request.subjects))
    return SessionResult(
        session_id=uuid.uuid4().hex,
        started_at=started_at,
        device=host_device(),
        context=request.context,
        timing=request.timing,
        cpus=answer.cpus,
        results=answer.results,
        readings=answer.readings,
        reference_ms=answer.reference_ms,
    )


def _converse(request: SessionRequest, progress: _Progress, silence_s: float) -> Finished | Failed:
    """Run the process of a session; return its last word."""
    command = [sys.executable, "-m", "latency_predictors.session"]
    expected = {subject.digest for subject in request.subjects}
    begun: list[str] = []
    with closing(run_child(command, request.model_dump_json(), _environment(), silence_s)) as lines:
        for line in lines:
            if isinstance(line, ChildEnded):
                raise _died(line, request, begun)
            said = LINE.validate_json(line)
            if not isinstance(said, Started):
                return said
            progress.tell(len(expected.intersection(begun)))
            begun.append(said.digest)
    raise AssertionError("run_child tells how the process ended before it stops")


def _died(ended: ChildEnded, request: SessionRequest, begun: Sequence[str]) -> MeasurementError:
    files = {subject.digest: subject.path.name for subject in (*request.anchors, *request.subjects)}
    during = f"while measuring {files[begun[-1]]} ({begun[-1]})" if begun else "before it measured anything"
    said = f", its last words were: {ended.last_words}" if ended.last_words else ""
    return MeasurementError(
        "session_died",
        f"the measuring process {ended.reason} {during}{said}; leave that file out, or measure again",
    )


def _environment() -> dict[str, str]:
    """Return the environment of a session: one thread, no reporting, this very package."""
    package = str(Path(__file__).resolve().parents[1])
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": f"{package}{os.pathsep}{path}" if path else package,
    }


def main() -> int:
    """Run one session: the request from standard input, the answer in lines to standard output."""
    # Native code may print to descriptor 1; the answer has a descriptor of its own.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answer:
        os.dup2(2, 1)
        request = SessionRequest.model_validate_json(sys.stdin.read())
        try:
            _write(answer, _measure_all(request, answer))
        except HwnasError as error:
            _write(answer, Failed(code=error.code, message=error.message))
            return 1
    return 0


def _measure_all(request: SessionRequest, answer: TextIO) -> Finished:
    cpus = _pin(request.context)
    gc.disable()
    runtime = get_runtime(request.context.runtime)
    paths = {subject.digest: subject.path for subject in request.subjects}
    anchors: dict[str, Executable] = {
        anchor.digest: runtime.prepare(anchor.path, request.context) for anchor in request.anchors
    }

    def measure_one(digest: str) -> Summary:
        _write(answer, Started(digest=digest))
        executable = anchors.get(digest) or runtime.prepare(paths[digest], request.context)
        return measure(executable.run_once, time.perf_counter_ns, request.timing)

    outcome = run_schedule(
        list(paths),
        list(anchors),
        measure_one,
        time.perf_counter_ns,
        np.random.default_rng(request.seed),
        request.reference_ms,
    )
    return Finished(
        results=outcome.results, readings=outcome.readings, reference_ms=outcome.reference_ms, cpus=cpus
    )


def _pin(context: ExecutionContext) -> tuple[int, ...]:
    """Pin this process; return the processors, none where the system cannot pin."""
    if not hasattr(os, "sched_setaffinity"):
        return ()
    allowed = sorted(os.sched_getaffinity(0))
    chosen = context.affinity or tuple(allowed[-context.threads :])
    if not set(chosen) <= set(allowed):
        raise MeasurementError(
            "no_such_cpu", f"the context asks for processors {list(chosen)}, allowed are {allowed}"
        )
    os.sched_setaffinity(0, chosen)
    return chosen


def _write(stream: TextIO, line: WireModel) -> None:
    stream.write(line.model_dump_json() + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
