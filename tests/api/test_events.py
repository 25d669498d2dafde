import asyncio
from dataclasses import replace

import pytest
from starlette.types import Message

from api.app import MAX_STREAMS
from api.events import stream
from api.resources.jobs import EventPage, EventResource
from api.routes.jobs import opened_stream
from api.security import AccessError, Principal
from search_spaces.errors import StoreError
from tests.api.served import Caller


def event(number: int) -> EventResource:
    return EventResource(
        id=number, attempt=1, kind="message", at="2026-01-02T03:04:05Z", data={"text": "a\nb"}
    )


async def collected(
    pages: list[EventPage], after: int = 0, *, closed: bool = False, good: bool = True
) -> tuple[str, list[int]]:
    """What a stream says of pages, and after which events it asked."""
    asked: list[int] = []

    def look(number: int) -> EventPage:
        asked.append(number)
        return pages.pop(0)

    closing = asyncio.Event()
    if closed:
        closing.set()
    chunks = [chunk async for chunk in stream(look, after, closing, lambda: good)]
    return b"".join(chunks).decode(), asked


def test_a_stream_goes_on_after_each_event_and_ends_with_the_job() -> None:
    pages = [
        EventPage(items=(event(3), event(4)), last_id=4, settled=False),
        EventPage(items=(event(5),), last_id=5, settled=True),
        EventPage(items=(), last_id=5, settled=True),
    ]
    said, asked = asyncio.run(collected(pages, after=2))
    assert asked == [2, 4, 5]
    assert [line for line in said.splitlines() if line.startswith("id:")] == ["id: 3", "id: 4", "id: 5"]
    assert said.count("event: message\ndata: {") == 3
    assert said.endswith("event: settled\ndata: {}\n\n")


def test_a_stream_ends_when_the_server_stops() -> None:
    said, asked = asyncio.run(collected([], closed=True))
    assert asked == []
    assert "event:" not in said
    assert "retry: 1000" in said


def test_a_stream_ends_with_the_key_of_whoever_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.events.GOOD_S", -1.0)
    page = EventPage(items=(event(3),), last_id=3, settled=False)
    said, asked = asyncio.run(collected([page], good=False))
    assert asked == []
    assert "event:" not in said


def test_a_stream_ends_where_the_database_is_away() -> None:
    def look(number: int) -> EventPage:
        raise StoreError("database_unreachable", "it does not answer")

    async def ended() -> list[bytes]:
        return [chunk async for chunk in stream(look, 0, asyncio.Event(), lambda: True)]

    assert len(asyncio.run(ended())) == 1


def test_streams_that_are_opened_at_once_are_counted_too(api: Caller) -> None:
    service = replace(api.app.state.service, closing=asyncio.Event())
    who = Principal("local", "tests", "key", frozenset())
    begun, scope = list[int](), {"type": "http", "asgi": {"version": "3.0"}}

    async def send(message: Message) -> None:
        begun.extend([1] if message["type"] == "http.response.start" else [])
        if len(begun) == MAX_STREAMS:
            service.closing.set()

    async def receive() -> Message:
        await service.closing.wait()
        return {"type": "http.disconnect"}

    async def opened() -> list[BaseException | None]:
        page = EventPage(items=(), last_id=0, settled=False)
        streams = [opened_stream(service, who, lambda after: page, 0) for _ in range(MAX_STREAMS + 5)]
        return await asyncio.gather(*(one(scope, receive, send) for one in streams), return_exceptions=True)

    refused = [error for error in asyncio.run(opened()) if error is not None]
    assert [error.code for error in refused if isinstance(error, AccessError)] == ["too_many_streams"] * 5
    assert len(begun) == MAX_STREAMS
    with service.streams.taken("key") as free:
        assert free
