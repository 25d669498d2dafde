"""Logging a browser in."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.login import keep_session
from api.state import Root, Shared

router = APIRouter(tags=["operations"])


@router.get("/login", response_class=RedirectResponse, status_code=303)
def login(
    token: Annotated[str, Query(min_length=1, max_length=100)], service: Shared, root: Root, request: Request
) -> Response:
    """Follow a login link: it works once, and leaves a session in this browser."""
    key = service.links.follow(token, request.state.request_id)
    answer = RedirectResponse(f"{root}/searches", status_code=303)
    keep_session(answer, key, request, root)
    return answer
