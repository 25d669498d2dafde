"""A lease that is known to hold is kept without waiting; whatever is not known is asked of the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from api.heartbeats import Heartbeats
from nas.store.board_signs import Beat, lapsed
from search_spaces.errors import StoreError, UsageError

BEAT = Beat("0" * 16, "1" * 32, "2" * 32, 1, measured=3, to_measure=4)
KNOWN_S = 15.0


class Place:
    """Heartbeats over a database that is told what to say."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ended: set[str] = set()
        self.away = False
        self.written: list[list[Beat]] = []
        self.heartbeats = Heartbeats(self.renew, asyncio.Lock(), KNOWN_S, lambda: self.now)

    def renew(self, beats: Sequence[Beat]) -> list[UsageError | None]:
        """Write them."""
        if self.away:
            raise StoreError("database_unreachable", "it does not answer")
        self.written.append(list(beats))
        return [lapsed("pi5") if beat.token in self.ended else None for beat in beats]

    async def unknown(self) -> None:
        """Wait until the database was asked and the answer has been taken in."""
        while self.heartbeats.knows(BEAT):
            await asyncio.sleep(0.01)


def held(body: Callable[[Place], Awaitable[None]]) -> Place:
    """Run a test in a loop."""
    place = Place()
    asyncio.run(asyncio.wait_for(body(place), 20))
    return place


def test_the_first_waits_and_the_next_are_written_together() -> None:
    async def body(place: Place) -> None:
        await place.heartbeats.beat(BEAT)
        assert place.written == [[BEAT]]
        for measured in range(4):
            await place.heartbeats.beat(replace(BEAT, measured=measured))
        assert len(place.written) == 1, "nobody waited"
        while len(place.written) < 2:
            await asyncio.sleep(0.01)

    place = held(body)
    assert [one.measured for one in place.written[1]] == [0, 1, 2, 3]


def test_a_lease_that_was_given_out_here_is_known() -> None:
    async def body(place: Place) -> None:
        place.heartbeats.know(BEAT)
        await place.heartbeats.beat(BEAT)
        assert not place.written
        place.heartbeats.forget(BEAT.key_id)
        await place.heartbeats.beat(BEAT)
        assert place.written

    held(body)


@pytest.mark.parametrize("other", [{"token": "3" * 32}, {"attempt": 2}, {"instance": "4" * 32}])
def test_what_is_not_that_very_lease_is_asked_for(other: dict[str, Any]) -> None:
    async def body(place: Place) -> None:
        place.heartbeats.know(BEAT)
        place.ended = {"2" * 32, "3" * 32}
        with pytest.raises(UsageError) as caught:
            await place.heartbeats.beat(replace(BEAT, **other))
        assert caught.value.code == "lease_lapsed"

    held(body)


def test_a_lease_that_nobody_has_come_with_for_long_is_asked_for() -> None:
    async def body(place: Place) -> None:
        place.heartbeats.know(BEAT)
        place.now += KNOWN_S
        await place.heartbeats.beat(BEAT)
        assert place.written == [[BEAT]]

    held(body)


def test_a_lease_that_has_ended_elsewhere_is_refused_once_that_was_seen() -> None:
    async def body(place: Place) -> None:
        place.heartbeats.know(BEAT)
        place.ended = {BEAT.token}
        await place.heartbeats.beat(BEAT)
        await place.unknown()
        with pytest.raises(UsageError) as caught:
            await place.heartbeats.beat(BEAT)
        assert caught.value.code == "lease_lapsed"

    held(body)


def test_where_the_database_is_away_the_next_heartbeat_says_so() -> None:
    async def body(place: Place) -> None:
        place.heartbeats.know(BEAT)
        place.away = True
        await place.heartbeats.beat(BEAT)
        await place.unknown()
        with pytest.raises(StoreError):
            await place.heartbeats.beat(BEAT)

    held(body)
