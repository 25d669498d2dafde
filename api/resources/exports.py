"""Files of networks, as clients get them: delivered by searches, or asked for one by one."""

from typing import Any, Literal

from pydantic import BaseModel

from api.resources.jobs import ErrorResource
from nas.job_records import Job
from nas.jobs import JobKind, JobState
from nas.network_specs import MADE, MadeNetwork
from nas.results import VerifiedNetwork
from nas.store.front_store import StoredExport
from nas.store.stores import Stores
from search_spaces.errors import UsageError

ExportState = Literal["queued", "running", "waiting", "parked", "ready", "failed", "cancelled"]


class ExportResource(BaseModel):
    """A file of a network.

    Attributes:
        state: `ready` once the file is there: checked, scored and measured.
        search: The job that delivers it.
        name: Of the network.
        sha256: Of the file; null until it is ready.
        card: Why it was delivered, of which architecture, for which target.
        network: Its figures as this file, where it was made on its own; null before that, and for what a
            search delivered: the front has those.
        error: What ended the making of it; null where nothing went wrong.
        links: Of the file itself and of its bundle.
    """

    id: str
    state: ExportState
    search: str
    name: str
    format: str
    sha256: str | None
    card: dict[str, Any]
    network: VerifiedNetwork | None
    error: ErrorResource | None
    links: dict[str, str]


class ExportList(BaseModel):
    """The delivered files of a search, by name."""

    items: tuple[ExportResource, ...]


def export_resource(one: StoredExport, root: str) -> ExportResource:
    """Return a delivered file as clients get it."""
    return ExportResource(
        id=one.id,
        state="ready",
        search=one.job_id,
        name=one.name,
        format=one.format,
        sha256=one.file,
        card=dict(one.card),
        network=None,
        error=None,
        links=_links(one.id, root),
    )


def export_list(stores: Stores, tenant: str, job_id: str, root: str) -> ExportList:
    """Return the delivered files of a search."""
    return ExportList(
        items=tuple(export_resource(one, root) for one in stores.fronts.exports(tenant, job_id))
    )


def shown_export(stores: Stores, tenant: str, export_id: str, root: str) -> ExportResource:
    """Return an export: one that is delivered, or one that is being made, by the job that makes it.

    Raises:
        UsageError: `unknown_export`.
    """
    job = _making(stores, tenant, export_id)
    if job is None:
        return export_resource(stores.fronts.export(tenant, export_id), root)
    made = stores.fronts.exports(tenant, job.id)
    if made and job.state is JobState.SUCCEEDED:
        network = stores.stored(job).load(MADE, MadeNetwork).network
        own = {"id": job.id, "links": _links(job.id, root), "network": network}
        return export_resource(made[0], root).model_copy(update=own)
    return ExportResource.model_validate(
        {
            "id": job.id,
            "state": "running" if job.state is JobState.SUCCEEDED else job.state,
            "search": job.id,
            "name": job.name,
            "format": str(job.spec.get("format", "")),
            "sha256": None,
            "card": {},
            "network": None,
            "error": ErrorResource(code=job.code, message=job.message) if job.code else None,
            "links": _links(job.id, root),
        }
    )


def ready_export(stores: Stores, tenant: str, export_id: str) -> StoredExport:
    """Return an export whose file is there.

    Raises:
        UsageError: `unknown_export` or `export_not_ready`.
    """
    job = _making(stores, tenant, export_id)
    if job is None:
        return stores.fronts.export(tenant, export_id)
    made = stores.fronts.exports(tenant, job.id)
    if not made or job.state is not JobState.SUCCEEDED:
        raise UsageError(
            "export_not_ready", f"export {job.id} is {job.state}: its file is there once it is ready"
        )
    return made[0]


def _making(stores: Stores, tenant: str, export_id: str) -> Job | None:
    """Return the job that makes an export and gives it its identifier; None for what a search delivered."""
    try:
        job = stores.jobs.get(tenant, export_id)
    except UsageError:
        return None
    return job if job.kind is JobKind.EXPORT else None


def _links(export_id: str, root: str) -> dict[str, str]:
    here = f"{root}/v1/exports/{export_id}"
    return {"self": here, "file": f"{here}/file", "bundle": f"{here}/bundle"}
