"""Requests to a server of this machine: as many as it takes (closed loop), or at planned times (open loop).

Latency of the open loop counts from the planned time of sending, so that a server which stalls cannot hide
the requests that were to come meanwhile (G. Tene: *How NOT to Measure Latency*; wrk2).
"""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, cast, final
from urllib.parse import urlsplit

import uvloop

CONNECTIONS: Final = 8
MOST_OPEN: Final = 256
"""Connections of the open loop: beyond these a request waits, and its latency goes on counting."""


@dataclass
class Answers:
    """What came back.

    Attributes:
        seconds: For how long was asked.
        latencies_s: Of each answer.
        statuses: How often each came; 0 where the connection broke.
    """

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.latencies_s) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def closed_loop(url: str, key: str, seconds: float, connections: int = CONNECTIONS) -> Answers:
    """Ask again as soon as an answer is there, on so many connections.

    Args:
        url: What to get.
        key: Sent along; empty for none.
        seconds: For how long.
        connections: At once.
    """
    return uvloop.run(_closed(url, _request(url, key), seconds, connections))


def open_loop(url: str, key: str, seconds: float, per_s: float) -> Answers:
    """Ask at planned times, so many a second, whatever comes back. Arguments as those of `closed_loop`."""
    return uvloop.run(_open(url, _request(url, key), seconds, per_s))


def _request(url: str, key: str) -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    bearer = f"Authorization: Bearer {key}\r\n" if key else ""
    return f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{bearer}\r\n".encode()


@final
class _Line(asyncio.Protocol):
    """One connection that asks one thing at a time."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._head = b""
        self._missing = -1
        self._status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._told(0)

    @property
    def alive(self) -> bool:
        """Whether more can be asked."""
        return self._transport is not None

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def ask(self) -> asyncio.Future[int]:
        """Send the request; return what becomes the status of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._head, self._missing = b"", -1
        if self._transport is None:
            self._told(0)
        else:
            self._transport.write(self._request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._head[:end].lower()
            self._status = int(head[9:12])
            begin = head.index(b"content-length:") + len(b"content-length:")
            self._missing = int(head[begin:].split(b"\r\n", 1)[0]) - (len(self._head) - end - 4)
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._told(self._status)

    def _told(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)


async def _connected(url: str, request: bytes) -> _Line:
    parts = urlsplit(url)
    assert parts.hostname, url
    assert parts.port, url
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: _Line(request), parts.hostname, parts.port)
    return line


async def _closed(url: str, request: bytes, seconds: float, connections: int) -> Answers:
    answers, ends = Answers(seconds), time.perf_counter() + seconds

    async def ask_on() -> None:
        line = await _connected(url, request)
        while (sent := time.perf_counter()) < ends:
            status = await line.ask()
            answers.statuses[status] += 1
            answers.latencies_s.append(time.perf_counter() - sent)
            if not line.alive:
                line = await _connected(url, request)
        line.close()

    await asyncio.gather(*(ask_on() for _ in range(connections)))
    return answers


async def _open(url: str, request: bytes, seconds: float, per_s: float) -> Answers:
    answers, idle = Answers(seconds), deque[_Line]()
    room, asked = asyncio.Semaphore(MOST_OPEN), set[asyncio.Task[None]]()
    begun = time.perf_counter()

    async def ask_at(planned: float) -> None:
        async with room:
            line = idle.pop() if idle else await _connected(url, request)
            status = await line.ask()
            answers.statuses[status] += 1
            answers.latencies_s.append(time.perf_counter() - planned)
            if line.alive:
                idle.append(line)

    for number in range(int(seconds * per_s)):
        planned = begun + number / per_s
        if (pause := planned - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        task = asyncio.create_task(ask_at(planned))
        asked.add(task)
        task.add_done_callback(asked.discard)
    await asyncio.gather(*asked)
    for line in idle:
        line.close()
    return answers
