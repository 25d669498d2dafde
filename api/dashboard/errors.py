"""Errors as people see them: a page for whoever asks for pages, a problem document for all others."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from fastapi import FastAPI, Request, Response

from api import problems
from api.dashboard.pages import page
from api.dashboard.return_paths import asked_path
from api.limits import HEADERS, REQUEST_ID
from api.state import root_of

NEXT_STEPS: Final[Mapping[int, str]] = {
    401: "Open the link that `hwnas serve` printed, or sign in with a key.",
    403: "Ask whoever runs this service for a key with that scope.",
    404: "It may have been removed, or it belongs to somebody else. The list shows what there is.",
    405: "Go back and use the buttons of the page.",
    409: "Look at how it stands now, then decide.",
    422: "Go back, mend what is named above, and send it again.",
    429: "Wait a moment, then load the page again.",
    500: "Tell whoever runs this service the number of the request: the log has more under it.",
    503: "Load the page again in a moment: nothing is lost.",
    507: "Whoever runs this service has to make room.",
}
"""What to do about a problem, by status."""


def install(app: FastAPI) -> None:
    """Have an application show its errors as pages to those who ask for pages."""
    for kind, tell in problems.HANDLERS.items():
        app.add_exception_handler(kind, _shown(tell))


def wants_page(request: Request) -> bool:
    """Whether somebody looks at the answer: browsers ask for HTML by name, programs do not."""
    return "text/html" in request.headers.get("accept", "")


def _search_of(request: Request) -> str:
    """Return which search a page below one was asked of, such as its front; empty for any other page."""
    parts = request.url.path.removeprefix(root_of(request)).split("/")
    return parts[2] if len(parts) > 3 and parts[1] == "searches" else ""


def _shown(tell: problems.Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        told = await tell(request, error)
        if not wants_page(request):
            return told
        document = json.loads(bytes(told.body))
        shown = page(
            request,
            "error",
            status=told.status_code,
            problem=document,
            next_step=NEXT_STEPS.get(told.status_code, "Go back to the list and begin again."),
            search=_search_of(request),
            wanted=asked_path(request),
            request_id=str(getattr(request.state, "request_id", "")),
        )
        for name in ("retry-after", "www-authenticate", REQUEST_ID):
            if name in told.headers:
                shown.headers[name] = told.headers[name]
        # What nobody expected is answered outside of the layer that marks answers.
        for name, value in HEADERS.items():
            shown.headers.setdefault(name, value)
        return shown

    return handle
