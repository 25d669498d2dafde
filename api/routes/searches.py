"""Searches: submitted, watched, cancelled; their fronts, their candidates, their files."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.answers import tagged
from api.pagination import Cursor, Limit, Page, opened, sealed
from api.previews import preview_of
from api.resources.candidates import CandidatePage, Csv, candidate_page, csv_lines
from api.resources.downloads import Bundle, ModelFile, bundle, find_network, model_file
from api.resources.exports import ExportList, export_list
from api.resources.fronts import FrontResource, check_target, front_resource
from api.resources.jobs import Accepted, EventPage, JobResource, job_resource
from api.resources.submissions import SubmittedSearch, search_request
from api.routes import jobs as job_routes
from api.security import Reader, Submitter
from api.state import Root, Service, Shared, root_of, service_of
from nas.job_records import Job
from nas.jobs import JobKind, JobState
from nas.pipeline.preview import Preview
from search_spaces.errors import UsageError

router = APIRouter(prefix="/v1/searches", tags=["searches"])

Target = Annotated[int, Query(ge=1, le=1_000, description="Which target of the search, counted from 1.")]
OfTarget = Annotated[
    int | None,
    Query(
        ge=1,
        le=1_000,
        description="As which target of the search has verified the network, counted from 1: each has a file "
        "and figures of its own. The first one that has it if not given.",
    ),
]
Device = Annotated[str, Query(max_length=200, description="Only for this device, as targets name it.")]
Space = Annotated[str, Query(max_length=200, description="Only in the space with this name.")]


@router.post("", status_code=202)
def submit(
    sent: SubmittedSearch,
    who: Submitter,
    service: Shared,
    request: Request,
    response: Response,
    key: job_routes.Key = "",
) -> Accepted:
    """Submit a search. A worker takes it up; watch its events, or look at it again."""
    asked = search_request(service.stores, who.tenant, who.owner, sent)
    return job_routes.submitted(service, who, request, response, asked, key)


@router.post("/preview")
def preview(sent: SubmittedSearch, who: Reader, service: Shared) -> Preview:
    """Tell what a search would cost and whether its limits can be met; nothing is queued or measured."""
    return preview_of(service.stores, who.tenant, sent)


@router.get("")
def list_searches(
    who: Reader,
    service: Shared,
    root: Root,
    state: Annotated[list[JobState] | None, Query(description="Only in these states.")] = None,
    device: Device = "",
    space: Space = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[JobResource]:
    """Return searches, newest first."""
    states = tuple(dict.fromkeys(state or ()))
    page = service.stores.jobs.page(
        who.tenant,
        kinds=(JobKind.SEARCH,),
        states=states,
        device=device,
        space=space,
        limit=limit,
        cursor=opened(cursor),
    )
    return Page(items=tuple(job_resource(job, root) for job in page.jobs), next_cursor=sealed(page.cursor))


@router.get("/{search_id}", response_model=JobResource)
async def show(search_id: str, who: Reader, request: Request) -> Response:
    """Return a search: where it stands."""
    service = service_of(request)

    def find(tenant: str, job_id: str) -> Job:
        return _found(service, tenant, job_id)

    return await job_routes.job_answer(service, who.tenant, search_id, request, find)


@router.post("/{search_id}/cancel", status_code=202)
def cancel(search_id: str, who: Submitter, service: Shared, root: Root, request: Request) -> JobResource:
    """Cancel a search; 409 where it has ended."""
    return job_routes.cancel(_search(service, who.tenant, search_id), who, service, root, request)


@router.post("/{search_id}/resume", status_code=202)
def resume(search_id: str, who: Submitter, service: Shared, root: Root, request: Request) -> JobResource:
    """Have a parked search go on where it was, once the cause is mended; 409 where it is not parked."""
    return job_routes.resume(_search(service, who.tenant, search_id), who, service, root, request)


@router.get("/{search_id}/events", response_model=EventPage, responses=job_routes.ALSO_STREAMED)
def events(
    search_id: str,
    who: Reader,
    service: Shared,
    request: Request,
    after: job_routes.After = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
    last_event_id: job_routes.LastEventId = "",
) -> Response:
    """Return what has happened to a search: a stream, or JSON; see the events of jobs."""
    job_id = _search(service, who.tenant, search_id)
    return job_routes.events(job_id, who, service, request, after, limit, last_event_id)


@router.get("/{search_id}/front", response_model=FrontResource)
def front(search_id: str, who: Reader, service: Shared, request: Request, target: Target = 1) -> Response:
    """Return the verified front for a target: measured beside predicted, each with interval and label."""
    job = service.stores.jobs.get(who.tenant, _search(service, who.tenant, search_id))
    return tagged(request, front_resource(service.stores, job, target, root_of(request)))


@router.get("/{search_id}/candidates")
def candidates(
    search_id: str,
    who: Reader,
    service: Shared,
    target: Target = 1,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> CandidatePage:
    """Return every network that was verified for a target, by digest: exported, scored and measured.

    What the search only predicted is not kept: `num_evaluated` of the front counts that.
    """
    job = _found(service, who.tenant, search_id)
    check_target(job, target)
    return candidate_page(service.stores, who.tenant, job.id, target, limit, cursor)


@router.get("/{search_id}/candidates.csv", response_class=Csv)
def candidates_csv(search_id: str, who: Reader, service: Shared, target: Target = 1) -> Response:
    """Return the same as a table for spreadsheets and scripts."""
    job = _found(service, who.tenant, search_id)
    check_target(job, target)
    lines: Iterator[str] = csv_lines(service.stores, who.tenant, job.id, target)
    disposition = f'attachment; filename="candidates-{target}.csv"'
    return Csv(lines, headers={"Content-Disposition": disposition})


@router.get("/{search_id}/exports", response_model=ExportList)
def exports(search_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return the files that the search has delivered."""
    job_id = _search(service, who.tenant, search_id)
    return tagged(request, export_list(service.stores, who.tenant, job_id, root_of(request)))


@router.get("/{search_id}/networks/{name}/file", response_class=ModelFile)
def network_file(
    search_id: str, name: str, who: Reader, service: Shared, request: Request, target: OfTarget = None
) -> Response:
    """Return the exported file of any verified network: the one that was scored and measured."""
    job = service.stores.jobs.get(who.tenant, _search(service, who.tenant, search_id))
    _, network = find_network(service.stores.stored(job).result(), name, target)
    return model_file(request, service.stores, network.file_sha256, network.name)


@router.get("/{search_id}/networks/{name}/bundle", response_class=Bundle)
def network_bundle(
    search_id: str, name: str, who: Reader, service: Shared, request: Request, target: OfTarget = None
) -> Response:
    """Return a zip with the file, its card, what was measured and a script that runs it."""
    job = service.stores.jobs.get(who.tenant, _search(service, who.tenant, search_id))
    return bundle(request, service.stores, job, name, target)


def _search(service: Service, tenant: str, search_id: str) -> str:
    """Return the identifier of a search of the tenant; jobs of other kinds are none."""
    return _found(service, tenant, search_id).id


def _found(service: Service, tenant: str, search_id: str) -> Job:
    job = service.stores.jobs.get(tenant, search_id)
    if job.kind is not JobKind.SEARCH:
        raise UsageError("unknown_job", f"job '{search_id}' is no search: see /v1/jobs/{search_id}")
    return job
