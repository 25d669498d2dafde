"""Jobs as clients get them."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from api.resources.submissions import shown_spec
from api.resources.times import rfc3339, rfc3339_or_none
from nas.job_records import Job, JobEvent
from nas.jobs import TERMINAL, JobKind, JobState
from nas.store.awaited import Awaited

RETRY_AFTER_S = 2
"""Until a job that has not settled is worth another look."""


class ErrorResource(BaseModel):
    """What ended a job or its last attempt."""

    code: str
    message: str


class AwaitedResource(BaseModel):
    """A device that a waiting job waits for.

    Attributes:
        device: Its name, or what it is where it has none.
        pending: Files that it is to measure for the job.
        why: Nothing happens now, for example `not registered`; empty where something does.
    """

    device: str
    pending: int
    why: str


class JobResource(BaseModel):
    """A job.

    Attributes:
        id: Opaque.
        owner: Who asked.
        attempt: Times that a worker has taken it.
        error: Null where nothing went wrong.
        waits_for: Devices, where it waits; told when one job is asked for, not in lists.
        links: Addresses of what belongs to it, relative to this server.
    """

    id: str
    kind: JobKind
    state: JobState
    name: str
    owner: str
    spec: dict[str, Any]
    attempt: int
    cancel_requested: bool
    error: ErrorResource | None
    waits_for: tuple[AwaitedResource, ...] = ()
    created_at: str
    changed_at: str
    finished_at: str | None
    links: dict[str, str]


class Accepted(BaseModel):
    """A job that was taken in: the same answer however often it is asked for with one key."""

    id: str
    kind: JobKind
    name: str
    created_at: str
    links: dict[str, str]


class EventResource(BaseModel):
    """Something that happened to a job.

    Attributes:
        id: Increases within a job; `after=` and `Last-Event-ID` take it.
        kind: For programs: `progress`, `message`, a state, ...
    """

    id: int
    attempt: int
    kind: str
    at: str
    data: dict[str, Any]


class EventPage(BaseModel):
    """Events of a job, oldest first.

    Attributes:
        last_id: To ask for what comes after; 0 where nothing has happened.
        settled: Whether nothing more will happen.
    """

    items: tuple[EventResource, ...]
    last_id: int
    settled: bool


def job_resource(job: Job, root: str, waits_for: Sequence[Awaited] = ()) -> JobResource:
    """Return a job as clients get it.

    Args:
        job: The job.
        root: Prefix of addresses: where a proxy has put this server.
        waits_for: Devices.
    """
    return JobResource(
        id=job.id,
        kind=job.kind,
        state=job.state,
        name=job.name,
        owner=job.owner,
        spec=shown_spec(job.spec),
        attempt=job.attempt,
        cancel_requested=job.cancel_requested,
        error=ErrorResource(code=job.code, message=job.message) if job.code else None,
        waits_for=tuple(
            AwaitedResource(device=one.device, pending=one.pending, why=one.why) for one in waits_for
        ),
        created_at=rfc3339(job.created_at_ms),
        changed_at=rfc3339(job.changed_at_ms),
        finished_at=rfc3339_or_none(job.finished_at_ms),
        links=links_of(job, root),
    )


def accepted(job: Job, root: str) -> Accepted:
    """Return what is said when a job is taken in."""
    return Accepted(
        id=job.id,
        kind=job.kind,
        name=job.name,
        created_at=rfc3339(job.created_at_ms),
        links=links_of(job, root),
    )


def event_resource(event: JobEvent) -> EventResource:
    """Return an event as clients get it."""
    return EventResource(
        id=event.id, attempt=event.attempt, kind=event.kind, at=rfc3339(event.at_ms), data=dict(event.data)
    )


def links_of(job: Job, root: str) -> dict[str, str]:
    """Return the addresses of a job and of what it leaves."""
    here = f"{root}/v1/{'searches' if job.kind is JobKind.SEARCH else 'jobs'}/{job.id}"
    links = {"self": here, "events": f"{here}/events"}
    if job.kind is JobKind.SEARCH:
        links |= {name: f"{here}/{name}" for name in ("front", "candidates", "exports", "cancel", "resume")}
    return links


def settled(job: Job) -> bool:
    """Whether nothing more will happen to a job."""
    return job.state in TERMINAL
