"""Errors as clients get them: problem documents (RFC 9457), one table from error to status.

A document never holds a path, a statement or a trace. Of what was sent it holds names: of fields where they
are plain and short, so that a misspelled one is found, and of what was asked for and is not there. They go to
whoever sent them, as JSON that no browser takes for a page.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.state import root_of
from search_spaces.errors import (
    ArtifactError,
    ComputeError,
    DataError,
    HwnasError,
    InfeasibleError,
    MeasurementError,
    ResourceError,
    StoreError,
    TrainingError,
    UsageError,
)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 2

_BY_CODE: Final[Mapping[str, int]] = {
    "not_authenticated": 401,
    "not_allowed": 403,
    "cross_site": 403,
    "login_used": 403,
    "search_not_finished": 409,
    "job_not_parked": 409,
    "job_ended": 409,
    "dataset_exists": 409,
    "dataset_not_ready": 409,
    "export_not_ready": 409,
    "not_a_subnet": 409,
    "not_a_supernet": 409,
    "device_changed": 409,
    "device_name_taken": 409,
    "key_in_use": 409,
    "key_of_another_device": 409,
    "lease_lapsed": 409,
    "stale_request": 409,
    "clock_wrong": 409,
    "not_registered": 409,
    "result_conflict": 409,
    "agent_outdated": 426,
    "agent_newer": 426,
    "idempotency_conflict": 422,
    "unknown_choice": 422,
    "unknown_option": 422,
    "invalid_cursor": 400,
    "malformed_json": 400,
    "bad_request": 400,
    "body_too_large": 413,
    "body_too_slow": 408,
    "headers_too_large": 431,
    "headers_too_slow": 408,
    "not_json": 415,
    "wrong_content_type": 415,
    "rate_limited": 429,
    "too_many_jobs": 409,
    "too_much_stored": 409,
    "too_many_streams": 429,
    "disk_full": 507,
}
_BY_CLASS: Final[Mapping[type[HwnasError], int]] = {
    UsageError: 422,
    DataError: 422,
    InfeasibleError: 422,
    MeasurementError: 409,
    TrainingError: 409,
    ArtifactError: 500,
    StoreError: 503,
    ResourceError: 507,
    ComputeError: 503,
}
_TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    408: "Too slow",
    413: "Too large",
    415: "Unsupported media type",
    416: "No such part",
    422: "Invalid",
    426: "Another version is needed",
    429: "Too many requests",
    431: "Headers too large",
    500: "Our mistake",
    503: "Not available",
    507: "Out of room",
}
_HTTP_CODES: Final[Mapping[int, str]] = {
    404: "not_found",
    405: "method_not_allowed",
    400: "bad_request",
    413: "body_too_large",
    416: "invalid_range",
}

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,40}")
"""Names of fields that a document repeats; a key that was put there by mistake is longer."""

_LOG: Final = logging.getLogger("hwnas.api")


def status_of(error: HwnasError) -> int:
    """Return the HTTP status of an error."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if error.code.startswith("unknown_") and isinstance(error, UsageError):
        return 404
    return next(status for kind, status in _BY_CLASS.items() if isinstance(error, kind))


def problem(
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    *,
    root: str = "",
    **more: Any,
) -> JSONResponse:
    """Return the answer that tells a problem.

    Args:
        status: HTTP status.
        code: Stable, for programs; its page is `/errors/CODE`.
        detail: For people; tells the fix.
        headers: Of the answer.
        root: Prefix under which a proxy has put this server.
        more: Further members of the document.
    """
    document = {
        "type": f"{root}/errors/{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }
    added = dict(headers or {})
    if status in (429, 503):
        added.setdefault("Retry-After", str(RETRY_AFTER_S))
    if status == 401:
        added.setdefault("WWW-Authenticate", 'Bearer realm="hwnas"')
    return JSONResponse(document, status, added, media_type=MEDIA_TYPE)


def of_error(error: HwnasError, root: str = "") -> JSONResponse:
    """Return the answer that tells an error of the domain.

    What is wrong with the server stays in its log: messages of the database name addresses and files.
    """
    status = status_of(error)
    if status < 500:
        return problem(status, error.code, error.message, root=root)
    _LOG.error("%s: %s", error.code, error.message)
    told = {
        503: "the server cannot reach its database just now: try again",
        507: "the server has no room left",
    }
    told_now = told.get(status, "something the server keeps is damaged: see its log")
    return problem(status, error.code, told_now, root=root)


async def _domain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HwnasError)
    request.state.code = error.code  # for the log
    return of_error(error, root_of(request))


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Where and what, never what was sent: it may be no JSON at all.
    found = [{"where": _where(one["loc"]), "problem": _what(one)[:300]} for one in error.errors()[:20]]
    told = "; ".join(f"{one['where']}: {one['problem']}" for one in found)
    return problem(422, "invalid_request", told, root=root_of(request), problems=found)


def _where(place: Sequence[str | int]) -> str:
    parts = [str(part) for part in place]
    return ".".join(part if _PLAIN.fullmatch(part) else "?" for part in parts)[:200]


def _what(wrong: Mapping[str, Any]) -> str:
    if wrong["type"] == "union_tag_invalid":  # its text repeats what was sent, as no other does
        return "{discriminator} has to be one of {expected_tags}".format_map(wrong["ctx"])
    return str(wrong["msg"])


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "http_error")
    told = {
        404: "there is nothing at this address",
        405: "this address knows other methods only",
        413: "this address takes no body as large as that",
        416: "there is no such part of the file: ask for `bytes=FIRST-LAST` within the size in Content-Range",
    }
    detail = told.get(error.status_code, "that is no request")
    return problem(error.status_code, code, detail, error.headers, root=root_of(request))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = str(getattr(request.state, "request_id", ""))
    _LOG.error("request failed", exc_info=error, extra={"facts": {"request_id": request_id}})
    told = "something is wrong on our side: see the log of the server under the id of this request"
    # Given outside of everything that marks answers otherwise.
    return problem(500, "internal_error", told, {"x-request-id": request_id}, root=root_of(request))


Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]

HANDLERS: Final[Mapping[type[Exception], Handler]] = {
    HwnasError: _domain,
    RequestValidationError: _validation,
    HTTPException: _http,
    Exception: _unexpected,
}
"""What tells each error, as a problem document."""
