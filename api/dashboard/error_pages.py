"""The page about an error code, which the `type` of every problem document names; for everybody."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.dashboard.errors import wants_page
from api.dashboard.pages import page
from api.error_codes import error_codes
from search_spaces.errors import UsageError

router = APIRouter(include_in_schema=False)


@router.get("/errors")
def all_codes(request: Request) -> Response:
    """Return every error code."""
    found = tuple(error_codes().values())
    if wants_page(request):
        return page(request, "error_codes", codes=found)
    return JSONResponse({"items": [one.model_dump() for one in found]})


@router.get("/errors/{code}")
async def one_code(code: str, request: Request) -> Response:
    """Return what an error code means and what to do about it."""
    # Without a thread: those may all wait for a database that hangs.
    found = error_codes().get(code)
    if found is None:
        raise UsageError("unknown_code", "there is no such error code: /errors lists all")
    if wants_page(request):
        return page(request, "error_codes", codes=(found,))
    return JSONResponse(found.model_dump())
