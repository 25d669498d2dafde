"""Signing in with a key, for browsers on other machines than the service's own."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.dashboard.return_paths import return_path
from api.dashboard.sent import Sent
from api.login import keep_session
from api.security import AccessError, same_site
from api.state import Root, Shared

router = APIRouter(include_in_schema=False)

Next = Annotated[str, Query(alias="next")]

_FIRST: Final = "/searches"


@router.post("/sign-in")
async def sign_in(service: Shared, root: Root, request: Request, sent: Sent, wanted: Next = "") -> Response:
    """Take a key that was typed: it becomes this browser's session, as good as the key is.

    What was asked for before, `next`, is shown then.

    Raises:
        AccessError: `cross_site`, `rate_limited`, or `not_authenticated` where it is no key.
    """
    if not same_site(request):
        raise AccessError("cross_site", "a page of another site may not sign anybody in here")
    key = sent.get("key", "").strip()
    address = request.client.host if request.client else ""
    if not key or await service.gate.principal(key, address) is None:
        raise AccessError(
            "not_authenticated", "that is no key of this service, or it was revoked: ask for another"
        )
    answer = RedirectResponse(f"{root}{return_path(wanted) or _FIRST}", status_code=303)
    keep_session(answer, key, request, root)
    return answer
