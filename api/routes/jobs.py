"""Jobs of every kind: how they stand, what happens to them, cancelling."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers import Kept
from api.events import CountedStream, Look, stream
from api.resources.jobs import (
    RETRY_AFTER_S,
    Accepted,
    EventPage,
    JobResource,
    accepted,
    event_resource,
    job_resource,
    settled,
)
from api.security import AccessError, Principal, Reader, Submitter
from api.state import Root, Service, Shared, root_of
from nas.job_records import Job, JobRequest
from nas.jobs import JobState
from nas.store.awaited import Awaited
from search_spaces.errors import UsageError

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

LAST_NUMBER: Final = 2**31 - 1
ALSO_STREAMED: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/event-stream": {}}}}

After = Annotated[int, Query(ge=0, le=LAST_NUMBER, description="Number of the last event that you have.")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key with the same body is the same job: ask again where no answer came.",
    ),
]
LastEventId = Annotated[str, Header(alias="Last-Event-ID", max_length=20)]


@router.get("/{job_id}", response_model=JobResource)
async def show(job_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return a job: where it stands."""
    return await job_answer(service, who.tenant, job_id, request, service.stores.jobs.get)


@router.post("/{job_id}/cancel", status_code=202)
def cancel(job_id: str, who: Submitter, service: Shared, root: Root, request: Request) -> JobResource:
    """Cancel a job: at once where no worker has it, else its worker hears of it within seconds."""
    job = service.stores.jobs.get(who.tenant, job_id)
    if settled(job):
        raise UsageError("job_ended", f"job {job_id} has ended already: it is {job.state}")
    job = service.stores.jobs.request_cancel(who.tenant, job_id, actor=who.actor(request))
    service.remembered.forget(who.tenant, job_id)
    return job_resource(job, root)


@router.post("/{job_id}/resume", status_code=202)
def resume(job_id: str, who: Submitter, service: Shared, root: Root, request: Request) -> JobResource:
    """Have a parked job go on where it was, once the cause is mended; 409 where it is not parked."""
    job = service.stores.jobs.resume(who.tenant, job_id, actor=who.actor(request))
    service.remembered.forget(who.tenant, job_id)
    return job_resource(job, root)


@router.get("/{job_id}/events", response_model=EventPage, responses=ALSO_STREAMED)
def events(
    job_id: str,
    who: Reader,
    service: Shared,
    request: Request,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
    last_event_id: LastEventId = "",
) -> Response:
    """Return what has happened to a job.

    As a stream of server-sent events where `Accept: text/event-stream` asks for it; `Last-Event-ID` goes on
    where an earlier stream ended. As JSON otherwise; `after` goes on likewise.
    """
    tenant = who.tenant

    def look(number: int) -> EventPage:
        return event_page(service, tenant, job_id, number, limit)

    known = last_event_id.isascii() and last_event_id.isdigit()
    first = min(int(last_event_id), LAST_NUMBER) if known else after
    page = look(first)  # unknown ids are answered here, before anything is streamed
    if "text/event-stream" in request.headers.get("accept", ""):
        return opened_stream(service, who, look, first)
    return Response(page.model_dump_json(), media_type="application/json")


def event_page(service: Service, tenant: str, job_id: str, after: int, limit: int = 500) -> EventPage:
    """Return events of a job after one."""
    # First the state: whatever happened before it was settled is in the events then.
    job = service.stores.jobs.get(tenant, job_id)
    found = service.stores.jobs.events(tenant, job_id, after, limit)
    return EventPage(
        items=tuple(event_resource(one) for one in found),
        last_id=found[-1].id if found else after,
        settled=settled(job),
    )


async def job_answer(
    service: Service, tenant: str, job_id: str, request: Request, find: Callable[[str, str], Job]
) -> Response:
    """Return the answer that tells how a job stands, or stood a moment ago.

    Args:
        service: Where.
        tenant: Whose it is.
        job_id: Of the job.
        request: That is answered.
        find: Returns the job of a tenant; called in a thread.
    """
    root = root_of(request)
    name = (tenant, job_id, f"{root} {request.scope['route'].path}")
    found = service.remembered.get(name)
    if found is None:
        job, awaited = await run_in_threadpool(_looked_up, service, tenant, job_id, find)
        headers = {} if settled(job) else {"Retry-After": str(RETRY_AFTER_S)}
        found = Kept.of(job_resource(job, root, awaited), headers)
        service.remembered.keep(name, found, ended=settled(job))
    return found.to(request)


def _looked_up(
    service: Service, tenant: str, job_id: str, find: Callable[[str, str], Job]
) -> tuple[Job, tuple[Awaited, ...]]:
    """Return a job with the devices that it waits for."""
    job = find(tenant, job_id)
    return job, service.stores.agent_queue.awaited(job.id) if job.state is JobState.WAITING else ()


def submitted(
    service: Service, who: Principal, request: Request, response: Response, asked: JobRequest, key: str
) -> Accepted:
    """Queue a job, note who asked for it, and return what is answered.

    Args:
        service: Where.
        who: Asks.
        request: That came.
        response: Gets the address of the job.
        asked: The job.
        key: Of the request, empty where it has none.

    Raises:
        UsageError: `idempotency_conflict` or `too_many_jobs`.
    """
    job = service.stores.jobs.submit(
        who.tenant, asked, key, actor=who.actor(request), max_open=service.settings.max_open_jobs
    )
    request.state.job = job.id
    answer = accepted(job, root_of(request))
    response.headers["Location"] = answer.links["self"]
    return answer


def opened_stream(service: Service, who: Principal, look: Look, after: int) -> CountedStream:
    """Return the events of a job as a stream: one of those that a key may have open, while it is good.

    Args:
        service: Where.
        who: Listens.
        look: Returns what has happened.
        after: Number of the last event that the listener has.
    """

    def still() -> bool:
        return service.stores.keys.is_good(who.key_id)

    return CountedStream(stream(look, after, service.closing, still), _counted(service, who))


@contextmanager
def _counted(service: Service, who: Principal) -> Iterator[None]:
    with service.streams.taken(who.key_id) as free:
        if not free:
            raise AccessError(
                "too_many_streams", "this key has too many streams open: close one, then try again"
            )
        with service.metrics.streams.track_inprogress():
            yield
