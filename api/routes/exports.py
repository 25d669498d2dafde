"""Files of networks: delivered by searches, or asked for one by one."""

from fastapi import APIRouter, Request, Response

from api.answers import tagged
from api.resources.downloads import Bundle, ModelFile, bundle, model_file
from api.resources.exports import ExportResource, ready_export, shown_export
from api.security import Reader
from api.state import Shared, root_of

router = APIRouter(prefix="/v1/exports", tags=["exports"])


@router.get("/{export_id}", response_model=ExportResource)
def show(export_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return what was delivered, or how far the making of it is."""
    return tagged(request, shown_export(service.stores, who.tenant, export_id, root_of(request)))


@router.get("/{export_id}/file", response_class=ModelFile)
def file(export_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return the file that was scored and measured, to the byte."""
    found = ready_export(service.stores, who.tenant, export_id)
    return model_file(request, service.stores, found.file, found.name)


@router.get("/{export_id}/bundle", response_class=Bundle)
def bundled(export_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return the file with its card, what was measured and a script that runs it, as a zip."""
    found = ready_export(service.stores, who.tenant, export_id)
    job = service.stores.jobs.get(who.tenant, found.job_id)
    return bundle(request, service.stores, job, found.name)
