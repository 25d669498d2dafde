"""Serves the queue of this host: measures what is pending, session by session."""

import time
from collections.abc import Callable
from typing import Final

from latency_predictors.device import host_device
from latency_predictors.lease import host_lease_folder
from latency_predictors.protocol import Subject
from latency_predictors.runtimes import get_runtime
from latency_predictors.session import run_sessions
from nas.measurement_tasks import Batch, DeviceLease
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError, MeasurementError

SECONDS_BETWEEN: Final = 1.0
"""Renewals of the device's lease: each is a write, and somebody measures meanwhile."""

PER_SUBJECT: Final = ("session_died", "file_not_loadable")
"""Errors that blame a file. Any other blames the device or the moment: nothing is measured for a while."""


def serve_host(stores: Stores, worker: str, on_progress: Callable[[int, int], None]) -> bool:
    """Measure all that is pending on this host; return whether something was.

    Every session is delivered when it is over: a kill loses one at most, and none is counted twice.

    Args:
        stores: Where the queue is.
        worker: Who measures.
        on_progress: Told how many of how many files are measured.

    Raises:
        LeaseLost: Another process measures here by now.
        MeasurementError: What keeps this host from being measured now, such as `session_void`. The jobs that
            wait are told, and ask again after a pause.
    """
    leased = stores.measurements.lease(host_device().digest, worker)
    if leased is None:
        return False
    lease, batches = leased
    try:
        for batch in batches:
            _measure(stores, lease, batch, on_progress)
    finally:
        stores.measurements.give_back(lease)
    return True


def _measure(
    stores: Stores, lease: DeviceLease, batch: Batch, on_progress: Callable[[int, int], None]
) -> None:
    stores.measurements.renew(lease)  # what was told of the batch before is over
    subjects = _opened(stores, lease, batch)
    renewed_at = -SECONDS_BETWEEN

    def told(done: int, total: int) -> None:
        nonlocal renewed_at
        on_progress(done, total)
        if time.monotonic() - renewed_at >= SECONDS_BETWEEN:
            stores.measurements.renew(lease, done, total)
            renewed_at = time.monotonic()

    sessions = run_sessions(
        subjects,
        batch.context,
        batch.timing,
        lease_folder=host_lease_folder(),
        num_sessions=batch.sessions,
        reference_ms=batch.reference_ms,
        on_progress=told,
    )
    try:
        for session in sessions:
            stores.measurements.deliver(lease, session)
    except MeasurementError as error:
        stores.measurements.fail(lease, batch, _blamed(batch, error), error.code, error.message)
        if error.code not in PER_SUBJECT:
            raise


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


def _blamed(batch: Batch, error: MeasurementError) -> list[str]:
    """Return the subjects that an error names, by their own digests or those of their files; else all."""
    if error.code not in PER_SUBJECT:
        return list(batch.artifacts)
    named = [
        subject
        for subject, artifact in batch.artifacts.items()
        if subject in error.message or artifact in error.message
    ]
    return named or list(batch.artifacts)
