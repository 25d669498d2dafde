"""Whether the database answers: looked up once at a time, however many ask, and never for long."""

import asyncio
from collections.abc import Callable
from typing import Final, final

from fastapi.concurrency import run_in_threadpool

from search_spaces.errors import StoreError

LOOK_S: Final = 2.0
"""For which somebody waits for an answer of the database."""


@final
class Readiness:
    """Shares a look at the database among all who ask while it lasts: a database that hangs holds one thread.

    Args:
        look: Asks the database; called in a thread.
        wait_s: For which somebody waits.
    """

    def __init__(self, look: Callable[[], object], wait_s: float = LOOK_S) -> None:
        self._look, self._wait_s = look, wait_s
        self._running: asyncio.Task[object] | None = None

    async def check(self) -> None:
        """Return once the database has answered.

        Raises:
            StoreError: `database_unreachable` where it does not in time; what the look raises.
        """
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(run_in_threadpool(self._look))
        done, _ = await asyncio.wait([self._running], timeout=self._wait_s)
        if not done:
            raise unanswered()
        done.pop().result()


def unanswered() -> StoreError:
    """Return what whoever waited for long enough is told."""
    return StoreError("database_unreachable", "the database does not answer in time: look at it")
