"""Requests to an application in this process as a server makes them, without one."""

from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Sent:
    """A request.

    Attributes:
        path: Decoded, as servers hand it on.
        headers: Names in lower case; without host and key.
    """

    method: str
    path: str
    query: bytes = b""
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True)
class Got:
    """An answer.

    Attributes:
        operation: Method and template of the route that gave it; empty where none did.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    operation: str

    @property
    def content_type(self) -> str:
        """Its kind, without parameters."""
        found = dict(self.headers).get(b"content-type", b"")
        return found.decode("latin-1").partition(";")[0]


async def ask(app: Callable[..., Any], sent: Sent, key: str) -> Got:
    """Return the answer to a request that is made with a key."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": sent.path,
        "raw_path": sent.path.encode(errors="replace"),
        "query_string": sent.query,
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {key}".encode()), *sent.headers],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "state": {},
    }
    status, told, chunks = 0, list[tuple[bytes, bytes]](), list[bytes]()
    bodies = iter([{"type": "http.request", "body": sent.body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(bodies, {"type": "http.disconnect"})

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            told.extend(message["headers"])
        else:
            chunks.append(message.get("body", b""))

    # What nobody foresaw is answered with 500, then passed on to the server.
    with suppress(Exception):
        await app(scope, receive, send)
    assert status, "every request is answered"
    route = scope.get("route")
    return Got(status, told, b"".join(chunks), f"{sent.method} {route.path}" if route else "")
