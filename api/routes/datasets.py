"""Data sets that are registered with this server: uploaded, checked by a worker, ready or rejected."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.answers import tagged
from api.pagination import Cursor, Limit, Page, opened, sealed
from api.resources.submissions import shown_dataset
from api.resources.times import rfc3339
from api.security import Principal, Reader, Submitter
from api.state import Root, Service, Shared, root_of
from api.uploads import uploaded
from nas.data.spec import UploadedSpec, UploadRules
from nas.data.uploaded import content_of
from nas.store.dataset_store import MAX_NAME, NAME, StoredDataset
from search_spaces.errors import UsageError

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

KIND: Final = "application/zip"
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of a zip of an image folder (one folder a class), or of a `.npz` file.",
        "content": {KIND: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Upload(UploadRules):
    """What is uploaded, and how it is to be read.

    Attributes:
        name: What specifications call it: `dataset: {name: stored, id: NAME}`.
    """

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_NAME,
            pattern=NAME,
            description="What specifications call it: `dataset: {name: stored, id: NAME}`.",
        ),
    ]


class DatasetResource(BaseModel):
    """A registered data set.

    Attributes:
        state: `checking`, `ready` or `rejected`.
        digest: Of its content, once it is ready.
        report: What was found, or why it was rejected.
        job: That checks it.
        links: Of itself and of that job.
    """

    id: str
    name: str
    state: str
    digest: str
    spec: dict[str, object]
    report: dict[str, object]
    job: str
    created_at: str
    links: dict[str, str]


@router.post("", status_code=202, openapi_extra=BODY)
async def upload(
    sent: Annotated[Upload, Query()],
    who: Submitter,
    service: Shared,
    root: Root,
    request: Request,
    response: Response,
) -> DatasetResource:
    """Upload images under a name. A worker decodes and judges them: `checking`, then `ready` or `rejected`.

    They are read as an image folder is, by the same rules; arrays have shares and a seed alone. The same file
    by the same rules under the same name is the same data set, however often it is sent.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != KIND:
        raise UsageError("wrong_content_type", f"send the bytes of the file, with `Content-Type: {KIND}`")
    room = await run_in_threadpool(_room, service, who)
    rules = sent.model_dump(exclude={"name"})
    check = partial(content_of, rules=sent)
    file, content, size = await uploaded(service, request, check, room)
    spec = UploadedSpec.model_validate({**rules, "file": file, "content": content}).model_dump(mode="json")
    found = await run_in_threadpool(_added, service, who, request, sent.name, spec, size)
    answer = _resource(found, root)
    response.headers["Location"] = answer.links["self"]
    return answer


@router.get("")
def datasets(
    who: Reader, service: Shared, root: Root, limit: Limit = 50, cursor: Cursor = None
) -> Page[DatasetResource]:
    """Return the registered data sets, by name."""
    found = service.stores.datasets.page(who.tenant, limit, opened(cursor))
    return Page(items=tuple(_resource(one, root) for one in found.items), next_cursor=sealed(found.cursor))


@router.get("/{dataset_id}", response_model=DatasetResource)
def dataset(dataset_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return a data set by its name or its identifier."""
    found = service.stores.datasets.get(who.tenant, dataset_id)
    return tagged(request, _resource(found, root_of(request)))


def _room(service: Service, who: Principal) -> int:
    return _most(service) - service.stores.datasets.stored_bytes(who.tenant)


def _most(service: Service) -> int:
    return service.settings.max_stored_gb * 10**9


def _added(
    service: Service, who: Principal, request: Request, name: str, spec: dict[str, Any], size: int
) -> StoredDataset:
    return service.stores.datasets.add(
        who.tenant,
        name,
        spec,
        who.owner,
        actor=who.actor(request),
        max_open=service.settings.max_open_jobs,
        stored_bytes=size,
        max_stored_bytes=_most(service),
    )


def _resource(one: StoredDataset, root: str) -> DatasetResource:
    return DatasetResource(
        id=one.id,
        name=one.name,
        state=one.state,
        digest=one.digest,
        spec=shown_dataset(one.spec),
        report=dict(one.report),
        job=one.job_id,
        created_at=rfc3339(one.created_at_ms),
        links={"self": f"{root}/v1/datasets/{one.id}", "job": f"{root}/v1/jobs/{one.job_id}"},
    )
