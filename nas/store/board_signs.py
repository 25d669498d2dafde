"""Signs of life of boards: all that come at one moment share their statements, however many those are."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from sqlalchemy import Engine, Row, bindparam, exists, select, update

from nas.leases import LeaseTimes
from nas.store.agent_store import in_use
from nas.store.columns import exactly, now_ms
from nas.store.measurement_tables import agents, devices, measurement_tasks
from nas.store.session import reading, writing
from nas.store.waiting import PENDING
from search_spaces.errors import UsageError

MOST: Final = 500
"""Signs in one call."""

_NOTED_EVERY_MS: Final = 15_000
"""Hearing of an agent is written down so often at most: most of what it says changes nothing."""

_NOTED_TOGETHER_S: Final = 1.0
"""Whatever there is to be written down of that waits for so long for more."""


@dataclass(frozen=True)
class Call:
    """A board asks whether there is work.

    Attributes:
        key_id: It came with.
        instance: Of its installation.
    """

    key_id: str
    instance: str


@dataclass(frozen=True)
class Beat(Call):
    """A board keeps its lease.

    Attributes:
        token: Of the lease, with
        attempt: its number.
        measured: Files, of
        to_measure: all, over all sessions.
    """

    token: str
    attempt: int
    measured: int = 0
    to_measure: int = 0


@dataclass(frozen=True)
class Standing:
    """How a board stands.

    Attributes:
        pending: Whether it has files to measure.
        quarantine: Why it gets no work; empty where it does.
    """

    pending: bool
    quarantine: str


@final
class DatabaseBoardSigns:
    """Signs of life in the database; one thread at a time may call.

    Args:
        engine: Of the database.
        times: How long leases hold.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        engine: Engine,
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._times = times or LeaseTimes()
        self._clock = clock
        self._heard: set[str] = set()
        self._noted_s = -math.inf

    def called(self, calls: Sequence[Call]) -> list[Standing | UsageError]:
        """Return for each call how its board stands, or `not_registered` or `key_in_use`; note who called."""
        pending = exists().where(
            measurement_tasks.c.device == agents.c.device, exactly(measurement_tasks.c.state, PENDING)
        )
        query = select(*_WHO, agents.c.quarantine, pending.label("pending"))
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(_of(calls))).all()
        found = {row.key_id: row for row in rows}
        refused = [_stranger(call, found) for call in calls]
        self._note(found[call.key_id] for call, no in zip(calls, refused, strict=True) if no is None)
        return [
            no or Standing(bool(found[call.key_id].pending), found[call.key_id].quarantine)
            for call, no in zip(calls, refused, strict=True)
        ]

    def renewed(self, beats: Sequence[Beat]) -> list[UsageError | None]:
        """Renew leases; return for each None, or `not_registered`, `key_in_use` or `lease_lapsed`.

        What is renewed has been written when this returns.
        """
        columns = devices.c.digest, devices.c.lease_token, devices.c.lease_attempt, devices.c.lease_until_ms
        # Locked in one order for everybody: no two replicas wait for each other.
        query = select(*_WHO, *columns).join(devices).order_by(devices.c.digest).with_for_update(of=devices)
        with writing(self._engine) as connection:
            rows = connection.execute(query.where(_of(beats))).all()
            found = {row.key_id: row for row in rows}
            refused = [_stranger(beat, found) or _lapse(beat, found[beat.key_id]) for beat in beats]
            kept = [beat for beat, no in zip(beats, refused, strict=True) if no is None]
            if kept:
                connection.execute(self._renewal(), [_told(beat, found[beat.key_id]) for beat in kept])
        self._note(found[beat.key_id] for beat in kept)
        return refused

    def _renewal(self) -> Any:
        until = now_ms() + self._times.lease_ms
        own = update(devices).where(devices.c.digest == bindparam("device"))
        return own.values(lease_until_ms=until, measured=bindparam("so_far"), to_measure=bindparam("in_all"))

    def _note(self, heard: Iterable[Row[Any]]) -> None:
        """Write down who was heard of, where that was not done just before; many at a time."""
        self._heard |= {row.id for row in heard if row.to_note}
        now = self._clock()
        if not self._heard or now - self._noted_s < _NOTED_TOGETHER_S:
            return
        ids, self._heard, self._noted_s = sorted(self._heard), set(), now
        with writing(self._engine) as connection:
            connection.execute(update(agents).where(agents.c.id.in_(ids)).values(seen_at_ms=now_ms()))


_WHO: Final = (
    agents.c.key_id,
    agents.c.id,
    agents.c.name,
    agents.c.instance,
    (agents.c.seen_at_ms < now_ms() - _NOTED_EVERY_MS).label("to_note"),
)


def not_registered() -> UsageError:
    """Return what an agent is told whose key belongs to no board."""
    return UsageError("not_registered", "no device is registered with this key: register first")


def lapsed(name: str) -> UsageError:
    """Return what an agent is told whose lease is over."""
    return UsageError(
        "lease_lapsed",
        f"this lease of '{name}' has ended and another began: nothing was kept; ask for work again",
    )


def _of(signs: Sequence[Call]) -> Any:
    assert len(signs) <= MOST, len(signs)
    return agents.c.key_id.in_(sorted({sign.key_id for sign in signs}))


def _stranger(sign: Call, found: Mapping[str, Row[Any]]) -> UsageError | None:
    """Return why a sign is not of a board that is registered; None where it is."""
    row = found.get(sign.key_id)
    if row is None:
        return not_registered()
    return None if row.instance == sign.instance else in_use(row.name)


def _lapse(beat: Beat, row: Row[Any]) -> UsageError | None:
    held = row.lease_until_ms > 0 and (row.lease_token, row.lease_attempt) == (beat.token, beat.attempt)
    return None if held else lapsed(row.name)


def _told(beat: Beat, row: Row[Any]) -> dict[str, object]:
    return {"device": row.digest, "so_far": beat.measured, "in_all": beat.to_measure}
