"""Answers that clients may keep: with an ETag, and nothing but a status where theirs is still good."""

import hashlib
from collections.abc import Mapping

from fastapi import Request, Response
from pydantic import BaseModel


def kept(request: Request, document: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """Return a document, or 304 where the client has it already.

    Args:
        request: May carry `If-None-Match`.
        document: The answer.
        headers: Of the answer.
    """
    body = document.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    marked = {**(headers or {}), "ETag": tag, "Cache-Control": "private, no-cache"}
    asked = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers=marked)
    return Response(body, media_type="application/json", headers=marked)
