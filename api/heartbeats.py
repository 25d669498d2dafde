"""Heartbeats of boards: answered at once where a lease is known to hold, and written down many at a time.

A lease that was given out or renewed a moment ago holds: whoever else wants the device waits for longer than
that (`LeaseTimes`). Whether it is written at once that its board still is there changes nothing, and if this
process ends before it is, the lease is short of one renewal, of which two may be missed.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, final

from api.together import GATHER_S, Together
from nas.store.board_signs import MOST, Beat
from search_spaces.errors import UsageError

WRITTEN_S: Final = 0.5
"""What is known to hold is renewed after so long at most, with all others of the meantime."""

Renew = Callable[[Sequence[Beat]], list[UsageError | None]]
_Lease = tuple[str, str, int]


@final
class Heartbeats:
    """Keeps the leases of boards.

    Where a lease has ended elsewhere (another replica has given out the next one), the write finds that; the
    board hears of it with its next heartbeat. What it delivers is held against the database in any case.

    Args:
        renew: Writes heartbeats; returns for each None, or why it is refused.
        turn: As that of `Together`.
        known_s: For which a lease holds that was seen to.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        renew: Renew,
        turn: asyncio.Lock,
        known_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_once: Together[Beat, None] = Together(renew, turn, MOST, GATHER_S)
        self._soon: Together[Beat, None] = Together(renew, turn, MOST, WRITTEN_S)
        self._known_s, self._clock = known_s, clock
        self._known: OrderedDict[str, tuple[_Lease, float]] = OrderedDict()

    async def beat(self, beat: Beat) -> None:
        """Keep a lease.

        Raises:
            UsageError: `not_registered`, `key_in_use` or `lease_lapsed`.
        """
        if self.knows(beat):
            self._soon.put(beat).add_done_callback(partial(self._written, beat))
            return
        await self._at_once.ask(beat)
        self.know(beat)

    def knows(self, beat: Beat) -> bool:
        """Return whether a lease holds, as far as is known here."""
        lease, at = self._known.get(beat.key_id, (None, 0.0))
        return lease == _lease(beat) and self._clock() - at < self._known_s

    def know(self, beat: Beat) -> None:
        """Take in that a lease holds now, and forget those that nobody has come with for long."""
        now = self._clock()
        self._known[beat.key_id] = (_lease(beat), now)
        self._known.move_to_end(beat.key_id)
        while next(iter(self._known.values()))[1] < now - self._known_s:
            self._known.popitem(last=False)

    def forget(self, key_id: str) -> None:
        """Take in that whatever was known of a board may have changed."""
        self._known.pop(key_id, None)

    def _written(self, beat: Beat, written: "asyncio.Future[None]") -> None:
        """Know that it holds; where that cannot be said the next heartbeat waits for its answer."""
        if written.cancelled() or written.exception() is not None:
            self.forget(beat.key_id)
        else:
            self.know(beat)


def _lease(beat: Beat) -> _Lease:
    return beat.instance, beat.token, beat.attempt
