"""The queue of a device as its agent sees it: work in packs, asked for by number, faults counted."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import Connection, Engine, and_, case, func, or_, select, update

from latency_predictors.agent_protocol import MAX_SUBJECTS
from nas.leases import LeaseTimes
from nas.measurement_tasks import Batch, DeviceLease
from nas.store.abilities import refuse_unable
from nas.store.agent_store import Agent, in_use
from nas.store.awaited import Awaited, awaited_by
from nas.store.columns import now_ms
from nas.store.handing_out import due, pending_on
from nas.store.measurement_rows import CHUNK, batches
from nas.store.measurement_tables import agents, devices, measurement_tasks
from nas.store.session import reading, writing
from nas.store.troubles import first_told
from nas.store.waiting import IN_TURN, UNSUPPORTED
from search_spaces.errors import UsageError

MAX_FAULTS: Final = 5
"""A board that fails so often in a row is in quarantine."""


@dataclass(frozen=True)
class BoardLoad:
    """What a board has to do.

    Attributes:
        pending: Files in its queue.
        leased: Whether it measures now: so far
        measured: files of
        to_measure: all of the batch, over all sessions.
    """

    pending: int
    leased: bool
    measured: int
    to_measure: int


@dataclass(frozen=True)
class GivenUp:
    """Files that a device does not try again in a context, until there are others.

    Attributes:
        context: Its digest.
        files: How many.
        code: Why, and
        message: what was said of one of them.
    """

    context: str
    files: int
    code: str
    message: str


@dataclass(frozen=True)
class AskedFor:
    """What a board says it was asked for.

    Attributes:
        device: Its digest.
        way: Digests of the context and of the protocol.
        subjects: Of files.
    """

    device: str
    way: tuple[str, str]
    subjects: tuple[str, ...]


@final
class DatabaseAgentQueue:
    """Queues of registered boards in the database."""

    def __init__(self, engine: Engine, times: LeaseTimes | None = None) -> None:
        self._engine = engine
        self.times = times or LeaseTimes()

    def ask(
        self, agent: Agent, instance: str, number: int, limit: int = MAX_SUBJECTS
    ) -> tuple[DeviceLease, Batch] | None:
        """Lease an agent's device to measure what was queued first; None where nothing is.

        The same number gets the same lease. A new one takes over what the agent itself held before: whoever
        asks anew has forgotten it.

        Args:
            agent: Who asks.
            instance: Of its installation.
            number: Of the request.
            limit: Files at most.

        Raises:
            UsageError: `key_in_use` where another installation works as this device, `stale_request` where a
                later request was answered before.
        """
        if agent.instance != instance:
            raise in_use(agent.name)
        asked = due(agent.device.digest)
        with reading(self._engine) as connection:
            if connection.execute(select(measurement_tasks.c.id).where(asked).limit(1)).first() is None:
                return None
        with writing(self._engine) as connection:
            refuse_unable(connection, agent.device.digest, agent.facts)
            turns = select(measurement_tasks).where(asked).order_by(*IN_TURN)
            first = connection.execute(turns.limit(1)).one_or_none()
            lease = None if first is None else self._leased(connection, agent, number)
            if first is None or lease is None:
                return None
            alike = and_(
                measurement_tasks.c.context == first.context,
                measurement_tasks.c.protocol == first.protocol,
                measurement_tasks.c.rank == first.rank,
            )
            rows = connection.execute(turns.where(alike).limit(limit)).all()
            (batch,) = batches(connection, lease.device, rows)
            return lease, batch

    def holds(self, agent: Agent, artifact: str) -> bool:
        """Return whether a file is to be measured under a lease that an agent holds now."""
        query = (
            select(measurement_tasks.c.id)
            .join(devices, devices.c.digest == measurement_tasks.c.device)
            .where(
                pending_on(agent.device.digest),
                or_(measurement_tasks.c.artifact == artifact, measurement_tasks.c.images == artifact),
                devices.c.lease_worker == agent.id,
                devices.c.lease_until_ms >= now_ms(),
            )
        )
        with reading(self._engine) as connection:
            return connection.execute(query.limit(1)).first() is not None

    def unasked(self, claims: Sequence[AskedFor]) -> list[tuple[str, ...]]:
        """Return for each claim the subjects that nobody has asked its device for in that way."""
        ways: dict[tuple[str, str], list[AskedFor]] = {}
        for claim in claims:
            ways.setdefault(claim.way, []).append(claim)
        asked: set[tuple[str, ...]] = set()
        with reading(self._engine) as connection:
            for alike in ways.values():
                asked |= _asked(connection, alike)
        return [
            tuple(one for one in sorted(claim.subjects) if (*claim.way, claim.device, one) not in asked)
            for claim in claims
        ]

    def load(self, device: str) -> BoardLoad:
        """Return what a device has to do, by its digest."""
        pending = select(func.count()).where(pending_on(device))
        leased = (devices.c.lease_until_ms >= now_ms()).label("leased")
        columns = devices.c.measured, devices.c.to_measure, leased, pending.scalar_subquery().label("pending")
        with reading(self._engine) as connection:
            row = connection.execute(select(*columns).where(devices.c.digest == device)).one()
        done = (row.measured, row.to_measure) if row.leased else (0, 0)
        return BoardLoad(row.pending, bool(row.leased), *done)

    def given_up(self, device: str) -> tuple[GivenUp, ...]:
        """Return what a device does not try again, by context and reason."""
        grouped = measurement_tasks.c.context, measurement_tasks.c.code
        columns = func.count().label("files"), func.min(measurement_tasks.c.message).label("message")
        theirs = and_(measurement_tasks.c.device == device, measurement_tasks.c.state == UNSUPPORTED)
        query = select(*grouped, *columns).where(theirs).group_by(*grouped).order_by(*grouped)
        with reading(self._engine) as connection:
            return tuple(
                GivenUp(row.context, row.files, row.code, row.message) for row in connection.execute(query)
            )

    def awaited(self, job_id: str) -> tuple[Awaited, ...]:
        """Return the devices that a waiting job waits for: missing ones, and those that have its files."""
        with reading(self._engine) as connection:
            return awaited_by(connection, job_id)

    def faulted(self, agent: Agent, reason: str, of: str = "") -> None:
        """Count a fault of the board; the `MAX_FAULTS`-th in a row puts it in quarantine.

        Args:
            agent: Of the board.
            reason: In words.
            of: Digest of what may come again, and counts once; empty where it cannot.
        """
        own, failures = agents.c.id == agent.id, agents.c.failures + 1
        why = f"{MAX_FAULTS} failures in a row, the last: {reason}"
        quarantine = case((failures >= MAX_FAULTS, why), else_=agents.c.quarantine)
        with writing(self._engine) as connection:
            # Its device comes after the board, as everywhere: a row that names it holds it.
            connection.execute(select(agents.c.id).where(own).with_for_update())
            if first_told(connection, agent.device.digest, of):
                counted = {"failures": failures, "quarantine": quarantine}
                connection.execute(update(agents).where(own).values(counted))

    def succeeded(self, agent: Agent) -> None:
        """End the count of faults."""
        if agent.failures:
            with writing(self._engine) as connection:
                connection.execute(update(agents).where(agents.c.id == agent.id).values(failures=0))

    def _leased(self, connection: Connection, agent: Agent, number: int) -> DeviceLease | None:
        """Return the lease of a request; None where another measures on the device."""
        own = agents.c.id == agent.id
        asked = connection.execute(select(agents.c.asked).where(own).with_for_update()).scalar_one()
        if number < asked:
            raise UsageError(
                "stale_request",
                f"request {number} for work comes after request {asked}: ask with a higher number",
            )
        device = devices.c.digest == agent.device.digest
        held = and_(device, devices.c.lease_worker == agent.id, devices.c.lease_until_ms > 0)
        until = {"lease_until_ms": now_ms() + self.times.lease_ms}
        if number == asked:
            kept = update(devices).where(held).values(until)
        else:
            free = and_(device, or_(devices.c.lease_until_ms < now_ms(), devices.c.lease_worker == agent.id))
            begun = {"lease_attempt": devices.c.lease_attempt + 1, "lease_token": secrets.token_hex(16)}
            begun |= {"lease_worker": agent.id, "measured": 0, "to_measure": 0}
            kept = update(devices).where(free).values({**begun, **until})
        columns = devices.c.lease_attempt, devices.c.lease_token
        row = connection.execute(kept.returning(*columns)).one_or_none()
        if row is None:
            return None
        connection.execute(update(agents).where(own).values(asked=number))
        return DeviceLease(agent.device.digest, agent.id, row.lease_attempt, row.lease_token)


def _asked(connection: Connection, claims: Sequence[AskedFor]) -> set[tuple[str, ...]]:
    """Return what was asked for of claims with one way: context, protocol, device and subject."""
    way = claims[0].way
    task, found = measurement_tasks.c, set[tuple[str, ...]]()
    theirs = task.device.in_(sorted({one.device for one in claims}))
    subjects = sorted({subject for one in claims for subject in one.subjects})
    query = select(task.device, task.subject).where(task.context == way[0], task.protocol == way[1], theirs)
    for begin in range(0, len(subjects), CHUNK):
        among = task.subject.in_(subjects[begin : begin + CHUNK])
        found |= {(*way, row.device, row.subject) for row in connection.execute(query.where(among))}
    return found
