"""What every request is held to before a route sees it, and what every answer carries.

Pure ASGI: a streamed answer is not buffered, and a body is counted as it arrives, whatever its header says.
"""

import asyncio
import logging
import random
import re
import time
from typing import Any, Final, final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.hosts import Hosts
from api.strict_json import read_json
from search_spaces.errors import HwnasError, UsageError

MAX_BODY_BYTES: Final = 256 * 1024
MAX_HEADER_BYTES: Final = 16 * 1024
BODY_S: Final = 20.0
"""For a whole body to arrive."""

REQUEST_ID: Final = "x-request-id"
DOCUMENT: Final = "document"
"""Where the state of a request keeps what its body says: whoever needs that need not parse it once more."""

_ASKED_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}

_ASKED_NAME: Final = REQUEST_ID.encode()
_MARKS: Final = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_MARKED: Final = frozenset(name for name, _ in _MARKS)

_LOG: Final = logging.getLogger("hwnas.requests")


@final
class Limits:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = _header(scope, _ASKED_NAME)
        request_id = asked if _ASKED_ID.fullmatch(asked) else f"{random.getrandbits(64):016x}"
        scope.setdefault("state", {})["request_id"] = request_id
        started, status, answered = time.perf_counter(), 0, 0.0

        async def send_marked(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
                headers, marks = message["headers"], _MARKS
                given = {name for name, _ in headers}
                if not given.isdisjoint(_MARKED):
                    marks = [one for one in _MARKS if one[0] not in given]
                message["headers"] = [*headers, (_ASKED_NAME, request_id.encode()), *marks]
            await send(message)

        try:
            checked = await _checked(scope, receive, self._hosts)
        except HwnasError as error:
            scope["state"]["code"] = error.code
            await problems.of_error(error, scope.get("root_path", ""))(scope, receive, send_marked)
        else:
            await self._app(scope, checked, send_marked)
        finally:
            # Without a status something went wrong on our side: the answer is given further out.
            _tell(scope, status or 500, (answered or time.perf_counter()) - started)


async def _checked(scope: Scope, receive: Receive, hosts: Hosts) -> Receive:
    """Return what gives the route its body, which was looked at unless the route streams it."""
    size = len(scope["path"]) + len(scope["query_string"])
    host, num_hosts = b"", 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name == b"host":
            host, num_hosts = value, num_hosts + 1
    if size > MAX_HEADER_BYTES:
        told = f"the address and the headers have more than {MAX_HEADER_BYTES} bytes: send fewer"
        raise UsageError("headers_too_large", told)
    if num_hosts != 1 or host not in hosts:
        raise UsageError(
            "bad_request",
            "this server does not answer for that host, or for two: ask the address that `hwnas serve` "
            "prints, or have it started with `--allowed-host NAME`",
        )
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise UsageError("bad_request", "an address has no NUL (%00): leave it out")
    if scope["method"] in ("GET", "HEAD", "DELETE", "OPTIONS"):
        return receive
    kind = _header(scope, b"content-type").partition(";")[0].strip().lower()
    if kind in STREAMED:
        return _counted(scope, receive)
    body = await _body(receive)
    if body:
        _check(scope, kind, body)
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _header(scope: Scope, name: bytes) -> str:
    """Return a header, the first of its name; empty where there is none."""
    found: bytes = next((value for given, value in scope["headers"] if given == name), b"")
    return found.decode("latin-1")


def _counted(scope: Scope, receive: Receive) -> Receive:
    """Return what gives a route its body piece by piece, no more than elsewhere unless it reads a stream."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES and not scope["state"].get(READS_STREAM):
            raise HTTPException(413)
        return message

    return counted


def _check(scope: Scope, kind: str, body: bytes) -> None:
    if kind == FORM and not _is_operation(scope):
        if b"%00" in body or b"\0" in body:
            raise UsageError("bad_request", "a field has a NUL: leave it out")
        return
    if kind != "application/json":
        raise UsageError("not_json", "send JSON, with `Content-Type: application/json`")
    scope["state"][DOCUMENT] = read_json(body)


def _is_operation(scope: Scope) -> bool:
    """Whether a request is one of the contract: those of pages stand beside it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")).startswith("/v1/")


FORM: Final = "application/x-www-form-urlencoded"
"""What pages send; operations take JSON."""

STREAMED: Final = ("application/octet-stream", "application/zip")
"""Kinds of bodies that routes may read as streams."""

READS_STREAM: Final = "reads_stream"
"""What a route sets in the state of its request before it reads a stream, under limits of its own."""


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise UsageError("malformed_json", "the connection was closed before the body was there")
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise UsageError("body_too_large", f"a body has at most {MAX_BODY_BYTES} bytes")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError as error:
        raise UsageError("body_too_slow", f"the body took more than {BODY_S:g} s") from error


def _tell(scope: Scope, status: int, seconds: float) -> None:
    """Log and count a request: the template of its route, never the address, which may hold a token.

    Args:
        scope: Of the request.
        status: Of the answer.
        seconds: Until the answer began: a stream may last long.
    """
    state: dict[str, Any] = scope["state"]
    facts: dict[str, Any] = {"request_id": state["request_id"], "method": scope["method"]}
    facts["route"] = getattr(scope.get("route"), "path", "?")
    if (principal := state.get("principal")) is not None:
        facts["key"] = principal.key_id
    if (code := state.get("code")) is not None:
        facts["code"] = code
    parameters = scope.get("path_params", {})
    if job := state.get("job") or parameters.get("search_id") or parameters.get("job_id"):
        facts["job"] = job
    scope["app"].state.service.metrics.request(scope["method"], facts["route"], status, seconds)
    if _LOG.isEnabledFor(logging.INFO):
        # Without a look at who calls, which costs as much as the rest of a line.
        record = {"name": _LOG.name, "levelno": logging.INFO, "levelname": "INFO", "msg": "request"}
        told = {**facts, "status": status, "ms": round(1000 * seconds, 1)}
        _LOG.handle(logging.makeLogRecord({**record, "facts": told}))
