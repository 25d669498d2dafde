"""Serves the queue of this host: measures what is pending, session by session."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from latency_predictors.device import host_device
from latency_predictors.drift import times_faster
from latency_predictors.gate import GateRules, busy_sentence
from latency_predictors.lease import host_lease_folder
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.runtimes import get_runtime
from latency_predictors.session import run_sessions
from nas.measurement_tasks import Batch, DeviceLease
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError, MeasurementError
from workers.device_pulse import DevicePulse

MANY_REPEATED: Final = 0.5
"""Share of a session's files that were measured again: whoever watches is told why it takes long."""

FEW_REPEATED: Final = 10
"""So few files take no time."""

OF_CONTEXT: Final = "not_enough_idle_cores"
"""What keeps one context from being measured: one with fewer threads, or other processors, may well be."""


def serve_host(
    stores: Stores,
    worker: str,
    on_progress: Callable[[int, int], None],
    gate: GateRules | None = None,
    meter_log: str = "",
    *,
    repeat: bool = True,
    say: Callable[[str], None] | None = None,
) -> bool:
    """Measure all that is pending on this host; return whether something was.

    Every session is delivered when it is over: a kill loses one at most, and none is counted twice. A file
    that cannot be measured fails, and the others go on. So do other contexts where the processors of one are
    in use: that is raised when they are measured.

    Args:
        stores: Where the queue is.
        worker: Who measures.
        on_progress: Told how many of how many files are measured.
        gate: When a session may begin; without it, whatever else the host does.
        meter_log: File that a meter of the user's writes, for energies; the host's own meters if empty.
        repeat: Whether what was disturbed is measured again.
        say: Told in words why measuring takes longer than it should, or gives suspect values.

    Raises:
        LeaseLost: Another process measures here by now.
        MeasurementError: What keeps this host from being measured now, such as `session_void` or
            `machine_busy`. The jobs that wait are told, and ask again after a pause.
    """
    leased = stores.measurements.lease(host_device().digest, worker)
    if leased is None:
        return False
    lease, batches = leased
    folder = host_lease_folder()
    measure = partial(run_sessions, lease_folder=folder, gate=gate, meter_log=meter_log, repeat=repeat)
    in_use: list[MeasurementError] = []
    try:
        with DevicePulse(stores.measurements, lease) as pulse:
            for batch in batches:
                try:
                    _serve(stores, lease, batch, pulse, on_progress, measure, say or (lambda words: None))
                except MeasurementError as error:
                    if error.code != OF_CONTEXT:
                        raise
                    in_use.append(error)
    finally:
        stores.measurements.give_back(lease)
    if in_use:
        raise in_use[0]
    return True


def outrun(sessions: Sequence[SessionResult]) -> str:
    """Return in words that a series found this host much faster than what its figures are held against."""
    faster = times_faster(sessions)
    return f"the host is {faster:.2f} times as fast as when it was first measured" if faster > 1.0 else ""


def restless(session: SessionResult) -> str:
    """Return in words what a session suffered from: other work, or a host whose speed changed."""
    if busy := busy_sentence([session]):
        return busy
    again = [result.digest for result in session.results if result.num_repeats]
    if len(again) < max(MANY_REPEATED * len(session.results), FEW_REPEATED):
        return ""
    return (
        f"the speed of this machine changes: {len(again)} of {len(session.results)} files were measured "
        "again. End other work on it; where that is not yours, as on a virtual machine, "
        "HWNAS_WHEN_BUSY=ignore measures everything once and marks what was disturbed"
    )


def _serve(
    stores: Stores,
    lease: DeviceLease,
    batch: Batch,
    pulse: DevicePulse,
    on_progress: Callable[[int, int], None],
    measure: Callable[..., Iterator[SessionResult]],
    say: Callable[[str], None],
) -> None:
    """Measure a batch, tell what its sessions suffered from, and doubt what a slower host has measured."""
    pulse.begin()
    subjects = _opened(stores, lease, batch)

    def told(done: int, total: int) -> None:
        on_progress(done, total)
        pulse.progress(done, total)

    sessions = measure(
        subjects,
        batch.context,
        batch.timing,
        num_sessions=batch.sessions,
        # The batch before may have been the first one of this context, or have put its reference in doubt.
        reference_ms=stores.sessions.reference_ms(lease.device, batch.context.digest),
        on_progress=told,
    )
    found: list[SessionResult] = []
    try:
        for session in sessions:
            _deliver(stores, lease, batch, session)
            found.append(session)
            if why := restless(session):
                say(why)
    except MeasurementError as error:
        stores.measurements.fail(lease, batch, list(batch.artifacts), error.code, error.message)
        raise
    if why := outrun(found):
        stores.measurements.doubt_all(lease, batch.context.digest, why)
        say(f"{why}: everything is measured again")


def _deliver(stores: Stores, lease: DeviceLease, batch: Batch, session: SessionResult) -> None:
    """Keep a session, and note what failed in it."""
    stores.measurements.deliver(lease, session)
    for failure in session.failures:
        why = failure.code, failure.message
        stores.measurements.fail(lease, batch, [failure.digest], *why, own=True)


def _opened(stores: Stores, lease: DeviceLease, batch: Batch) -> list[Subject]:
    """Return what is to be measured, as files of this host; what is not there or not sound has failed."""
    suffix = f".{get_runtime(batch.context.runtime).file_format}"
    subjects = []
    for subject, artifact in batch.artifacts.items():
        try:
            subjects.append(Subject(digest=subject, path=stores.artifacts.local_path(artifact, suffix)))
        except ArtifactError as error:
            stores.measurements.fail(lease, batch, [subject], error.code, error.message)
    return subjects
