"""Generated requests: schemathesis makes them of the contract, the application answers them in this process.

Half of them are valid by the contract, half are not; half of those with places in their paths name what is
there. Every answer is checked against the contract.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode, Response
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.api.asgi import Got, Sent, ask
from tests.api.found import Found
from tests.api.world import BODIES, World, operations

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Way = tuple[APIOperation[Any, Any, Any, Any], GenerationMode, dict[str, Any]]
"""An operation, whether its requests are valid, and what in them is given."""

_HOST: Final = "http://localhost"

# Bytes as they are.
schemathesis.serializer.alias("application/zip", "application/octet-stream")


Answer = tuple[int, dict[str, list[str]], bytes]
"""Status, headers, content."""


def generate(world: World, count: int, number: int = 0) -> Found:
    """Send about so many requests, spread over all operations.

    Args:
        world: That answers.
        count: How many.
        number: Of the sequence: the same one gives the same requests.
    """
    found = Found()
    schema = schemathesis.openapi.from_dict(world.api.app.openapi())
    ways = list(_ways(world, schema))
    with InProcess(world.api.app, world.api.key) as caller:
        for operation, mode, known in ways:
            _send(found, caller, operation, mode, known, max(1, count // len(ways)), number)
    found.good = caller.good
    return found


def _ways(world: World, schema: OpenApiSchema) -> Iterator[Way]:
    """Yield each operation with valid and with other requests, on anything and on what is there."""
    by_name = {one.name: one for one in operations(world.api.app)}
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        own = by_name[f"{operation.method.upper()} {operation.path}"]
        known: dict[str, Any] = {}
        if own.places:
            known["path_parameters"] = world.places(own)
        if query := world.query(own):
            known["query"] = query
        for mode in GenerationMode:
            yield operation, mode, {}
            yield operation, mode, known
        if isinstance(body := BODIES.get(own.name), dict | bytes):
            yield operation, GenerationMode.POSITIVE, {**known, "body": body}


def _send(
    found: Found,
    caller: "InProcess",
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    known: dict[str, Any],
    count: int,
    number: int,
) -> None:
    def send(case: Case[Any]) -> None:
        response = caller.ask(case)
        found.note(f"{operation.method.upper()} {operation.path}", response.status_code, response.elapsed)
        try:
            case.validate_response(response, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            found.failures.append(f"{failure}\n{case.as_curl_command()}")

    quiet = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    cases = operation.as_strategy(generation_mode=mode, **known)
    # Some operations take nothing that could be wrong.
    with suppress(Unsatisfiable):
        seed(number)(quiet(given(cases)(send)))()


class InProcess:
    """Asks an application as a server would, without one; used in `with`.

    One task answers everything, so that threads which work for it outlive a request.
    """

    def __init__(self, app: FastAPI, key: str) -> None:
        self._app = app
        self._key = key
        self.good: list[Sent] = []
        self._asked: SimpleQueue[requests.PreparedRequest | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._asked.put(None)
        self._thread.join()

    def ask(self, case: Case[Any]) -> Response:
        """Return the answer to a case."""
        asked = case.as_transport_kwargs(base_url=_HOST)
        told = {name: value for name, value in asked.items() if name in _REQUEST}
        prepared = requests.Request(**told).prepare()
        started = time.perf_counter()
        self._asked.put(prepared)
        status, headers, content = self._answers.get(timeout=60)
        return Response(status, headers, content, prepared, time.perf_counter() - started, verify=False)

    async def _serve(self) -> None:
        # Waits in its own thread, beside nothing: no other task is to run meanwhile.
        while (prepared := self._asked.get()) is not None:
            sent = _sent(prepared)
            got = await ask(self._app, sent, self._key)
            if got.status < 400:
                self.good.append(sent)
            self._answers.put(_answer(got))


_REQUEST: Final = ("method", "url", "headers", "files", "data", "params", "auth", "cookies", "json")


def _sent(prepared: requests.PreparedRequest) -> Sent:
    url, body = urlsplit(prepared.url or ""), prepared.body or b""
    assert isinstance(body, str | bytes), "nothing is read from a file"
    return Sent(
        prepared.method or "",
        unquote(url.path),
        url.query.encode(),
        tuple((name.lower().encode(), value.encode("latin-1")) for name, value in _plain(prepared)),
        body.encode() if isinstance(body, str) else body,
    )


def _answer(got: Got) -> Answer:
    told: dict[str, list[str]] = {}
    for name, value in got.headers:
        told.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return got.status, told, got.body


def _plain(prepared: requests.PreparedRequest) -> Iterator[tuple[str, str]]:
    for name, value in prepared.headers.items():
        yield name, value.decode("latin-1") if isinstance(value, bytes) else value
