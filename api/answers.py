"""Answers that clients may keep: with an ETag, and nothing but a status where theirs is still good."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fastapi import Request, Response
from pydantic import BaseModel


@dataclass(frozen=True)
class Kept:
    """A document as it is sent.

    Attributes:
        body: JSON.
        headers: Of the answer, `ETag` among them.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: BaseModel, headers: Mapping[str, str]) -> "Kept":
        """Return a document with further headers."""
        body = document.model_dump_json().encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return cls(body, {**headers, "ETag": tag, "Cache-Control": "private, no-cache"})

    def to(self, request: Request) -> Response:
        """Return the answer to a request: 304 where the client has it already."""
        if is_known(request, self.headers["ETag"]):
            return Response(status_code=304, headers=self.headers)
        answer = Response()
        answer.body, answer.raw_headers = self.body, list(self._raw_headers)
        return answer

    @cached_property
    def _raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of a whole answer, encoded once."""
        return Response(self.body, media_type="application/json", headers=self.headers).raw_headers


def is_known(request: Request, tag: str) -> bool:
    """Tell whether the client says that it has what this ETag stands for (`If-None-Match`)."""
    known = request.headers.get("if-none-match")
    if known is None:
        return False
    asked = {one.strip().removeprefix("W/") for one in known.split(",")}
    return tag in asked or "*" in asked


def tagged(request: Request, document: BaseModel) -> Response:
    """Return the answer that is a document: 304 where the client has it already."""
    return Kept.of(document, {}).to(request)
