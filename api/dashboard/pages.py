"""Pages: templates with what every one of them knows, and compressed answers.

Every address on a page goes through `link` or `static`: they know where a proxy has put this server.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import QueryParams

from api.dashboard import assets, wording
from api.dashboard.navigation import SECTIONS
from api.state import root_of

COMPRESSED_BYTES: Final = 1_000
"""Answers of that size and beyond are compressed."""

_PAGE_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    # With `no-referrer` a browser would hide from us that a form is our own.
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True)
class Links:
    """Addresses of this server, for one request.

    Attributes:
        root: Prefix under which a proxy has put it.
    """

    root: str

    def to(self, path: str) -> str:
        """Return the address of a page or of an operation, for example `/searches`."""
        return f"{self.root}{path}"

    def static(self, name: str) -> str:
        """Return the address of an asset, which browsers keep for a year."""
        assert name in assets.names(), name
        return f"{self.root}/static/{assets.release()}/{name}"


def page(request: Request, template: str, *, status: int = 200, **facts: Any) -> Response:
    """Return a page.

    Args:
        request: Of the browser.
        template: Name in `templates`, without its ending.
        status: HTTP status.
        facts: What the template shows. It also has `link`, `static`, `sections`, `signed_in`, and `here`: the
            path of this page with other parameters, for `link`.
    """
    links = Links(root_of(request))
    text = (
        environment()
        .get_template(f"{template}.html.jinja")
        .render(
            link=links.to,
            static=links.static,
            sections=SECTIONS,
            signed_in=getattr(request.state, "principal", None) is not None,
            release=assets.release(),
            here=partial(_here, request),
            **facts,
        )
    )
    return answer(request, text.encode(), "text/html; charset=utf-8", status=status)


def _here(request: Request, **changes: str | None) -> str:
    """Return the path and parameters of a request with some of them replaced, or left out where None."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    added = [(name, value) for name, value in changes.items() if value is not None]
    path = request.url.path.removeprefix(root_of(request))
    query = str(QueryParams([*kept, *added]))
    return f"{path}?{query}" if query else path


def figures(request: Request, charts: Mapping[str, Any]) -> Response:
    """Return charts as the script that draws them fetches them: plotly's `data` and `layout`, by name."""
    content = json.dumps(charts, allow_nan=False, separators=(",", ":")).encode()
    return answer(request, content, "application/json")


def answer(request: Request, content: bytes, media_type: str, *, status: int = 200) -> Response:
    """Return content, compressed where that is worth it and the browser takes it."""
    headers = {**_PAGE_HEADERS, "Vary": "Accept-Encoding"}
    if len(content) >= COMPRESSED_BYTES and takes_gzip(request):
        content, headers["Content-Encoding"] = gzip.compress(content, 6, mtime=0), "gzip"
    return Response(content, status, headers, media_type=media_type)


def takes_gzip(request: Request) -> bool:
    """Whether a browser reads compressed answers."""
    return "gzip" in request.headers.get("accept-encoding", "")


@cache
def environment() -> Environment:
    """Return the environment of templates: everything is escaped, and a name that is missing is an error."""
    made = Environment(
        loader=PackageLoader("api.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(wording.FILTERS)
    return made
