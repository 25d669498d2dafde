"""Many small clients in one thread: each request on a connection of its own, as agents make them."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from latency_predictors.agent_protocol import PROTOCOL, PROTOCOL_HEADER


@dataclass(frozen=True)
class Asked:
    """A request, and when it is due: seconds since the beginning."""

    path: str
    key: str
    body: bytes
    at_s: float = 0.0

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
    """An answer: its status, and the seconds from when it was due."""

    status: int
    seconds: float


def ask_all(port: int, requests: Sequence[Asked], at_once: int) -> list[Answered]:
    """Send requests when they are due; return the answers in the same order.

    Args:
        port: Of the service, on this machine.
        requests: What is asked.
        at_once: Connections that are open at the same time at most.
    """
    return asyncio.run(_ask_all(port, requests, at_once))


async def _ask_all(port: int, requests: Sequence[Asked], at_once: int) -> list[Answered]:
    room, began = asyncio.Semaphore(at_once), time.perf_counter()

    async def ask(one: Asked) -> Answered:
        await asyncio.sleep(max(began + one.at_s - time.perf_counter(), 0.0))
        due = time.perf_counter()
        async with room:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(one.content)
            answer = await reader.read()
            writer.close()
        return Answered(int(answer.split(b" ", 2)[1]), time.perf_counter() - due)

    return list(await asyncio.gather(*(ask(one) for one in requests)))
