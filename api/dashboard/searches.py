"""The screen with all searches: what runs, what is done."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.dashboard.pages import page
from api.security import Reader
from api.state import Root, Shared
from nas.jobs import JobKind

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(who: Reader, root: Root) -> Response:
    """Go to the searches."""
    return RedirectResponse(f"{root}/searches", status_code=303)


@router.get("/searches")
def searches(who: Reader, service: Shared, request: Request) -> Response:
    """Show searches, newest first."""
    found = service.stores.jobs.page(who.tenant, kinds=(JobKind.SEARCH,))
    return page(request, "searches", jobs=found.jobs)
