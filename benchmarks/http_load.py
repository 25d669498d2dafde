"""Many small clients in one thread, cheap enough to share two cores with the service that they ask.

Each keeps its connection, as agents do, and its bytes are taken as they come: no stream or parser of a
library stands between a request and its answer.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast, final

import uvloop

from latency_predictors.agent_protocol import PROTOCOL, PROTOCOL_HEADER

LOST_REQUEST: Final = "lost request"
LOST_ANSWER: Final = "lost answer"
SENT_TWICE: Final = "sent twice"
READY_S: Final = 0.5
"""Before the first of requests that come one after another: making thousands ready takes a while."""

FAULTS: Final = (LOST_REQUEST, LOST_ANSWER, SENT_TWICE)
"""What a bad line does: half of a request arrives, nobody hears the answer, the same comes again."""


@dataclass(frozen=True)
class Asked:
    """A request, and when it is due: seconds since the beginning.

    Attributes:
        fault: What the line does to it first, one of `FAULTS`; then it is made once more, as agents do.
    """

    path: str
    key: str
    body: bytes
    at_s: float = 0.0
    fault: str = ""

    @property
    def content(self) -> bytes:
        """The bytes that are sent."""
        head = (
            f"POST /v1/agents/{self.path} HTTP/1.1\r\nhost: localhost\r\n"
            f"authorization: Bearer {self.key}\r\n{PROTOCOL_HEADER}: {PROTOCOL}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(frozen=True)
class Answered:
    """An answer.

    Attributes:
        seconds: From when the request was due, so that what this client is late with counts too.
        late_s: From when it was due until it was made: where that is much, the client was the bottleneck.
    """

    status: int
    body: bytes
    seconds: float
    late_s: float


def ask_all(port: int, requests: Sequence[Asked], at_once: int) -> list[Answered]:
    """Send requests when they are due; return the answers in the same order.

    Args:
        port: Of the service, on this machine.
        requests: What is asked.
        at_once: Requests that are under way at the same time at most; what waits for one is late.
    """
    return uvloop.run(_ask_all(port, requests, at_once))


async def _ask_all(port: int, requests: Sequence[Asked], at_once: int) -> list[Answered]:
    lines = _Lines(port)
    ready_s = READY_S if any(one.at_s for one in requests) else 0.0
    room, began = asyncio.Semaphore(at_once), time.perf_counter() + ready_s

    async def ask(one: Asked) -> Answered:
        due = began + one.at_s
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        async with room:
            made = time.perf_counter()
            if one.fault:
                await _spoiled(lines, port, one)
            head, body = await lines.ask(one)
        return Answered(int(head.split(b" ", 2)[1]), body, time.perf_counter() - due, made - due)

    try:
        return list(await asyncio.gather(*(ask(one) for one in requests)))
    finally:
        lines.close()


@final
class _Line(asyncio.Protocol):
    """One connection that asks one thing at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._came = bytearray()
        self._answer: asyncio.Future[tuple[bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the service has closed a connection"))

    def ask(self, content: bytes) -> "asyncio.Future[tuple[bytes, bytes]]":
        """Send a request; return what becomes the head and the body of the answer."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._came.clear()
        self.transport.write(content)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, end, body = bytes(self._came).partition(b"\r\n\r\n")
        if not end or self._answer is None or self._answer.done():
            return
        _, length, after = head.lower().partition(b"content-length:")
        if len(body) >= (int(after.split(b"\r\n", 1)[0]) if length else 0):
            self._answer.set_result((head, body))


@final
class _Lines:
    """Connections that nobody uses just now, of each client its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: defaultdict[str, deque[_Line]] = defaultdict(deque)

    async def ask(self, one: Asked) -> tuple[bytes, bytes]:
        """Return the head and the body of the answer."""
        idle = self._idle[one.key]
        line = idle.pop() if idle else _Line()
        if line.transport is None:
            await asyncio.get_running_loop().create_connection(lambda: line, "127.0.0.1", self._port)
        answer = await line.ask(one.content)
        idle.append(line)
        return answer

    def close(self) -> None:
        """End all connections."""
        for line in (line for idle in self._idle.values() for line in idle):
            if line.transport is not None:
                line.transport.close()


async def _spoiled(lines: _Lines, port: int, one: Asked) -> None:
    """Make a request over a line that has a fault."""
    if one.fault == SENT_TWICE:
        await lines.ask(one)
        return
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(one.content if one.fault == LOST_ANSWER else one.content[: len(one.content) // 2])
    await writer.drain()
    writer.close()
