"""Events of a job as a stream (server-sent events): any replica goes on where another was cut off.

The number of an event is its key in the database, so `Last-Event-ID` says all there is to know. Between two
looks nothing is held: no session, no thread. A stream ends where its key does, and where the database is
away: whoever listens connects again and is told.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Final, final

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from api.resources.jobs import EventPage
from search_spaces.errors import StoreError

LOOK_S: Final = 0.5
"""Between two looks."""

ALIVE_S: Final = 15.0
"""Of silence, after which a comment tells proxies that somebody is there."""

GOOD_S: Final = 3.0
"""Between two looks at the key of whoever listens."""

LIFE_S: Final = 600.0
"""Of a stream; whoever listens connects again by itself."""

RECONNECT_MS: Final = 1_000

Look = Callable[[int], EventPage]
"""Returns what has happened after the event with a number."""


@final
class CountedStream(EventSourceResponse):
    """A stream that holds a place from before its first byte to its end, also where nobody listens any more.

    Args:
        content: Its events.
        place: Held meanwhile; what it raises where there is none left is answered instead of the stream.
    """

    def __init__(self, content: AsyncIterator[bytes], place: AbstractContextManager[None]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        with self._place:
            await super().__call__(scope, receive, send)


async def stream(
    look: Look, after: int, closing: asyncio.Event, still: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield events until the job is settled, the stream has lived long enough, or the server closes.

    Args:
        look: Asks the database; called in a thread.
        after: Number of the last event that the listener has.
        closing: Set when the server stops.
        still: Says whether whoever listens may still do so; called in a thread.
    """
    begun = told = seen = time.monotonic()
    yield format_sse_event(comment="hello", retry=RECONNECT_MS)
    while time.monotonic() < begun + LIFE_S and not closing.is_set():
        try:
            if time.monotonic() > seen + GOOD_S:
                seen = time.monotonic()
                if not await run_in_threadpool(still):
                    return
            page = await run_in_threadpool(look, after)
        except StoreError:
            return  # told to whoever connects again
        for event in page.items:
            after, told = event.id, time.monotonic()
            yield format_sse_event(data_str=event.model_dump_json(), event=event.kind, id=str(event.id))
        if page.settled and not page.items:
            yield format_sse_event(data_str="{}", event="settled")
            return
        if time.monotonic() - told > ALIVE_S:
            told = time.monotonic()
            yield format_sse_event(comment="still here")
        if not page.items:
            await _pause(closing)


async def _pause(closing: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(closing.wait(), LOOK_S)
    except TimeoutError:
        return
