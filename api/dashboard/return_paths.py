"""Where a browser goes once it is signed in: to the page that it had asked for, and to no other site."""

from typing import Final

from fastapi import Request
from jinja2.filters import do_urlencode

from api.state import root_of

MAX_PATH: Final = 2_000
_SIGN_IN: Final = "/sign-in"


def asked_path(request: Request) -> str:
    """Return the page that somebody wanted who is not signed in, for `return_path`; empty for none.

    A form that changes something is not sent again.

    Args:
        request: That was refused; where it came from the form of signing in, what that form was for.
    """
    path = request.url.path.removeprefix(root_of(request))
    if path == _SIGN_IN:
        return return_path(request.query_params.get("next", ""))
    if request.method != "GET":
        return ""
    return return_path("?".join(part for part in (do_urlencode(path), request.url.query) if part))


def return_path(wanted: str) -> str:
    """Return a path of this server as it was wanted, empty where it leads, or might lead, elsewhere.

    Browsers take two slashes, of either kind, for another host, and drop tabs and line ends before they look.
    """
    local = wanted.startswith("/") and not wanted.startswith("//") and len(wanted) <= MAX_PATH
    return wanted if local and "\\" not in wanted and wanted.isprintable() and " " not in wanted else ""
