"""Many small clients in one thread: each request on a connection of its own, as agents make them."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import uvloop

from latency_predictors.agent_protocol import PROTOCOL, PROTOCOL_HEADER

LOST_REQUEST: Final = "lost request"
LOST_ANSWER: Final = "lost answer"
SENT_TWICE: Final = "sent twice"
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
            f"POST /v1/agents/{self.path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
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
        at_once: Connections that are open at the same time at most; what waits for one is late.
    """
    return uvloop.run(_ask_all(port, requests, at_once))


async def _ask_all(port: int, requests: Sequence[Asked], at_once: int) -> list[Answered]:
    room, began = asyncio.Semaphore(at_once), time.perf_counter()

    async def ask(one: Asked) -> Answered:
        due = began + one.at_s
        await asyncio.sleep(max(due - time.perf_counter(), 0.0))
        async with room:
            made = time.perf_counter()
            if one.fault:
                await _spoiled(port, one)
            answer = await _sent(port, one.content)
        head, _, body = answer.partition(b"\r\n\r\n")
        return Answered(int(head.split(b" ", 2)[1]), body, time.perf_counter() - due, made - due)

    return list(await asyncio.gather(*(ask(one) for one in requests)))


async def _sent(port: int, content: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    answer = await reader.read()
    writer.close()
    return answer


async def _spoiled(port: int, one: Asked) -> None:
    """Make a request over a line that has a fault."""
    if one.fault == SENT_TWICE:
        await _sent(port, one.content)
        return
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(one.content if one.fault == LOST_ANSWER else one.content[: len(one.content) // 2])
    await writer.drain()
    writer.close()
