"""Files of networks in another precision: a job makes, checks, scores and measures them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from api.remote_progress import EventLines
from api.resources.jobs import event_resource, settled
from api.worker_beside import worker_beside
from nas.job_records import Job, JobRequest
from nas.jobs import JobKind, JobState
from nas.network_specs import MADE, FileJobSpec, MadeNetwork
from nas.pipeline.deliver import deliver_made
from nas.settings import Settings
from nas.specs import Precision
from nas.store.pages import MAX_PAGE
from nas.store.stores import Stores, opened_stores
from search_spaces.atomic import write_atomically
from search_spaces.errors import HwnasError

LOOK_S: Final = 0.25


def make_file(settings: Settings, subnet: str, precision: Precision, target: int) -> MadeNetwork:
    """Have a file made of a network, by a worker that is alive or one that is started for it.

    What was made before is taken, and an unfinished job of the same network, precision and target is gone on
    with. Ctrl-C leaves it so.

    Args:
        settings: Where searches are.
        subnet: `JOB.NETWORK`.
        precision: Of the file.
        target: Of the search, counted from 1: whose network it is, and on whose device the file is measured.

    Raises:
        HwnasError: What ended the job otherwise, with its own code; `no_worker`.
    """
    with opened_stores(settings) as stores:
        spec = FileJobSpec(subnet=subnet, target=target, precision=precision).model_dump(mode="json")
        request = JobRequest(JobKind.EXPORT, spec, subnet.rpartition(".")[2])
        job = _done(stores, settings.tenant, request) or _run(stores, settings, request)
        if job.state is JobState.CANCELLED:
            raise HwnasError("cancelled", f"{job.kind} {job.id} was cancelled")
        if job.state is not JobState.SUCCEEDED:
            raise HwnasError(job.code, f"{job.kind} {job.id} is {job.state}: {job.message}")
        return stores.stored(job).load(MADE, MadeNetwork)


def _done(stores: Stores, tenant: str, request: JobRequest) -> Job | None:
    """Return a job that has done what is asked for, None where there is none."""
    done = (JobState.SUCCEEDED,)
    page = stores.jobs.page(tenant, kinds=(request.kind,), states=done, name=request.name, limit=MAX_PAGE)
    return next((one for one in page.jobs if one.spec == request.spec), None)


def _run(stores: Stores, settings: Settings, request: JobRequest) -> Job:
    job, _ = stores.jobs.submit_once(settings.tenant, request)
    if stores.workers.alive():
        return _ended(stores, job, lambda: True)
    with worker_beside(settings) as worker:
        return _ended(stores, job, lambda: worker.poll() is None)


def _ended(stores: Stores, job: Job, alive: Callable[[], bool]) -> Job:
    """Return a job as it is once it has ended or is parked, telling what happens meanwhile."""
    told, last = EventLines(), 0
    while True:
        now = stores.jobs.get(job.tenant, job.id)
        for event in stores.jobs.events(job.tenant, job.id, last):
            told(event_resource(event))
            last = event.id
        if settled(now) or now.state is JobState.PARKED:
            return now
        if not alive():
            raise HwnasError("no_worker", "the worker that was started has ended: worker.log tells why")
        threading.Event().wait(LOOK_S)


def write_made(settings: Settings, made: MadeNetwork, place: Path, *, alone: bool) -> tuple[str, ...]:
    """Write a file that was made, with its card, into a folder; or the file alone.

    Args:
        settings: Where searches are.
        made: What was made.
        place: The folder, or the file.
        alone: Whether it is the file.

    Returns:
        Names of the files.

    Raises:
        UsageError: `folder_in_use`.
        ArtifactError: `artifact_missing` or `artifact_damaged`.
        ResourceError: `disk_full`.
    """
    with opened_stores(settings) as stores:
        search = stores.stored(stores.jobs.get(settings.tenant, made.search))
        if alone:
            write_atomically(place, search.network_path(made.network.file_sha256).read_bytes())
            return (place.name,)
        written = deliver_made(search, made, place)
        return tuple(sorted(path.name for path in written.iterdir()))
