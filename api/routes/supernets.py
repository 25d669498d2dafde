"""Supernets: what a further search may go on from."""

from fastapi import APIRouter, Request, Response

from api.answers import tagged
from api.pagination import Cursor, Limit, Page, opened, sealed
from api.resources.jobs import Accepted
from api.resources.submissions import ReusedSearch, reused_search
from api.routes import jobs as job_routes
from api.security import Reader, Submitter
from api.state import Shared
from api.supernets import SupernetLine, supernet_line

router = APIRouter(prefix="/v1/supernets", tags=["supernets"])


@router.get("")
def supernets(who: Reader, service: Shared, limit: Limit = 50, cursor: Cursor = None) -> Page[SupernetLine]:
    """Return the supernets, and networks that were trained alone, newest first."""
    found = service.stores.supernets.page(who.tenant, limit, opened(cursor))
    return Page(items=tuple(supernet_line(one) for one in found.items), next_cursor=sealed(found.cursor))


@router.get("/{supernet_id}", response_model=SupernetLine)
def supernet(supernet_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Return a supernet."""
    return tagged(request, supernet_line(service.stores.supernets.get(who.tenant, supernet_id)))


@router.post("/{supernet_id}/searches", status_code=202)
def search(
    supernet_id: str,
    sent: ReusedSearch,
    who: Submitter,
    service: Shared,
    request: Request,
    response: Response,
    key: job_routes.Key = "",
) -> Accepted:
    """Search a supernet for another device, limit or objective: nothing is trained for it."""
    asked = reused_search(service.stores, who.tenant, who.owner, supernet_id, sent)
    return job_routes.submitted(service, who, request, response, asked, key)
