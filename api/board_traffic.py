"""What boards ask of this process: brought together, one call after another, at a pace that it can keep."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar, final

from fastapi.concurrency import run_in_threadpool

from api.deliveries import Posted, deliver
from api.heartbeats import Heartbeats
from api.together import Together
from nas.store.agent_store import Agent, Introduction
from nas.store.board_signs import MOST, Call, Standing
from nas.store.stores import Stores

SHORTEST_S: Final = 2.0
"""Pause of an agent between requests for work while there is none, where few ask."""

CALLS_PER_S: Final = 100.0
"""With more boards than these in `SHORTEST_S` each asks less often."""

GONE_S: Final = 60.0
"""A board that has not asked for so long does not count."""

MOST_DELIVERIES: Final = 8
MOST_REGISTRATIONS: Final = 25
"""In one transaction: others wait meanwhile."""

Result = TypeVar("Result")


@final
class BoardTraffic:
    """The one way from boards to the database.

    SQLite lets one write at a time, and whoever finds it busy looks again after pauses that grow: calls of
    one process are better in a line.

    Args:
        stores: Where everything is kept.
        clock: Seconds, never going back.
    """

    def __init__(self, stores: Stores, clock: Callable[[], float] = time.monotonic) -> None:
        self._turn = asyncio.Lock()
        self._clock = clock
        self._asked: OrderedDict[str, float] = OrderedDict()
        self.registrations: Together[Introduction, Agent] = Together(
            stores.agents.register_all, self._turn, MOST_REGISTRATIONS
        )
        self.calls: Together[Call, Standing] = Together(stores.board_signs.called, self._turn, MOST)
        known_s = stores.agent_queue.times.lease_ms / 2_000
        self.heartbeats = Heartbeats(stores.board_signs.renewed, self._turn, known_s, clock)
        # Where several may write, one is got ready while the database works on another.
        lanes = asyncio.Semaphore(2) if stores.many_writers else self._turn
        self.deliveries: Together[Posted, int] = Together(partial(deliver, stores), lanes, MOST_DELIVERIES)

    async def in_turn(self, call: Callable[[], Result]) -> Result:
        """Return what a call returns that is made in a thread when it is its turn."""
        async with self._turn:
            return await run_in_threadpool(call)

    def pause_s(self, key_id: str) -> float:
        """Return after what pause a board that has asked for work is to ask again."""
        now = self._clock()
        self._asked[key_id] = now
        self._asked.move_to_end(key_id)
        while next(iter(self._asked.values())) < now - GONE_S:
            self._asked.popitem(last=False)
        return max(SHORTEST_S, len(self._asked) / CALLS_PER_S)
