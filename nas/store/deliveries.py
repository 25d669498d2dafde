"""Sessions as devices deliver them, in the caller's transaction: each result once, and what is done then.

All that come at one moment share their statements, however many those are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    exists,
    func,
    select,
    tuple_,
    update,
)

from latency_predictors.protocol import SessionResult
from nas.leases import LeaseLost
from nas.measurement_tasks import DeviceLease, protocol_digest
from nas.store.columns import now_ms
from nas.store.inserts import insert_new
from nas.store.measurement_rows import CHUNK
from nas.store.measurement_tables import devices, measurement_tasks, measurements, sessions
from nas.store.waiting import DONE, IN_ORDER, PENDING
from search_spaces.errors import ArtifactError, HwnasError, MeasurementError, StoreError

Kept = int | LeaseLost | HwnasError
"""How many results of a session were new, or why nothing of it was kept."""

_Where = tuple[str, str]
"""Digests of a device and a context."""

_SAME: Final = ("device", "context", "protocol")
_HELD: Final = (devices.c.digest, devices.c.lease_attempt, devices.c.lease_token, devices.c.lease_until_ms)


@dataclass(frozen=True)
class Delivered:
    """A session as it came.

    Attributes:
        lease: Under which.
    """

    lease: DeviceLease
    session: SessionResult

    @cached_property
    def where(self) -> _Where:
        """On which device it ran, and in which context."""
        return self.session.device.digest, self.session.context.digest

    @property
    def id(self) -> str:
        """Of the session."""
        return self.session.session_id


@dataclass
class _Found:
    """What is there of a session: where it ran, and its results by subject."""

    where: _Where
    results: dict[str, Any] = field(default_factory=dict)


def keep_sessions(
    connection: Connection, delivered: Sequence[Delivered], leases: Mapping[str, Any], lease_ms: int
) -> list[Kept]:
    """Keep sessions, all of each or nothing, and renew the leases that they came under.

    Args:
        connection: In a transaction that may write.
        delivered: No session twice.
        leases: Of their devices, from `locked_leases` in this transaction.
        lease_ms: For which a lease is renewed.

    Returns:
        For each how many results were new, or `LeaseLost`, `context_mismatch` or `result_conflict`.

    Raises:
        StoreError: `database_busy` where another transaction has kept one of the sessions meanwhile.
    """
    there = _there(connection, [one.id for one in delivered])
    told = [_new(one, leases.get(one.lease.device), there.get(one.id)) for one in delivered]
    kept = [one for one, new in zip(delivered, told, strict=True) if isinstance(new, int) and new]
    if kept:
        these = devices.c.digest.in_(sorted({one.lease.device for one in kept}))
        connection.execute(update(devices).where(these).values(lease_until_ms=now_ms() + lease_ms))
        _insert(connection, kept, there)
    return told


def locked_leases(connection: Connection, digests: Collection[str]) -> dict[str, Any]:
    """Return what leases devices have, by device, and lock those until the commit.

    All that a transaction delivers to, in one order for everybody: none waits for each other. So numbers of
    sessions increase in the order of commits.
    """
    these = devices.c.digest.in_(sorted(digests))
    query = select(*_HELD).where(these).order_by(devices.c.digest).with_for_update()
    return {row.digest: row for row in connection.execute(query)}


def _there(connection: Connection, session_ids: Sequence[str]) -> dict[str, _Found]:
    """Return what is there of sessions, by their identifiers."""
    whose = sessions.c.id, sessions.c.device, sessions.c.context
    query = select(*whose, measurements.c.subject, measurements.c.result).outerjoin(measurements)
    found: dict[str, _Found] = {}
    for row in connection.execute(query.where(sessions.c.id.in_(session_ids))):
        one = found.setdefault(row.id, _Found((row.device, row.context)))
        if row.subject is not None:
            one.results[row.subject] = row.result
    return found


def _new(one: Delivered, held: Any, there: _Found | None) -> Kept:
    """Return how many results of a session are new, or why nothing of it is kept."""
    lease, session = one.lease, one.session
    if one.where[0] != lease.device:
        return MeasurementError(
            "context_mismatch",
            f"a session on {session.device.label} does not belong to the device that was leased: "
            "measure there",
        )
    if there is not None and (error := _conflict(one, there)):
        return error
    known = {} if there is None else there.results
    new = len({result.digest for result in session.results}.difference(known))
    # What is there already changes nothing, whoever has the device by now.
    if new and not _holds(lease, held):
        return LeaseLost(f"device {lease.device[:12]} is no longer leased by attempt {lease.attempt}")
    return new


def _holds(lease: DeviceLease, row: Any) -> bool:
    if row is None or not row.lease_until_ms:
        return False
    return bool((row.lease_attempt, row.lease_token) == (lease.attempt, lease.token))


def _conflict(one: Delivered, there: _Found) -> ArtifactError | None:
    """Return why a session cannot be the one that is there under its identifier; None where it can."""
    if there.where != one.where:
        return ArtifactError(
            "result_conflict", f"session {one.id} ran on another device or in another context: report it"
        )
    for result in one.session.results:
        known = there.results.get(result.digest)
        if known is not None and known != result.model_dump(mode="json"):
            return ArtifactError(
                "result_conflict",
                f"session {one.id} was delivered with another value of {result.digest[:12]}: measure again, "
                "and report it",
            )
    return None


def _insert(connection: Connection, kept: Sequence[Delivered], there: Mapping[str, _Found]) -> None:
    """Insert sessions with their results; of those that are there in part, the rest."""
    new = [one for one in kept if one.id not in there]
    numbers = _last_numbers(connection, {one.where for one in new}) if new else {}
    rows = []
    for one in new:
        numbers[one.where] = numbers.get(one.where, 0) + 1
        rows.append(_session_row(one, numbers[one.where]))
    if insert_new(connection, sessions, rows) < len(rows):
        # Of another device: that of this one is locked.
        raise StoreError(
            "database_busy", "a session of this identifier came from elsewhere just now: try again"
        )
    insert_new(connection, measurements, [row for one in kept for row in _result_rows(one.session)])


def _last_numbers(connection: Connection, wheres: Collection[_Where]) -> dict[_Where, int]:
    """Return the highest number of a session, by device and context; of the first there is none."""
    where = sessions.c.device, sessions.c.context
    query = select(*where, func.max(sessions.c.number)).where(tuple_(*where).in_(sorted(wheres)))
    return {(row[0], row[1]): row[2] for row in connection.execute(query.group_by(*where))}


def _session_row(one: Delivered, number: int) -> dict[str, Any]:
    device, context = one.where
    return {
        "id": one.id,
        "device": device,
        "context": context,
        "protocol": protocol_digest(one.session.timing),
        "content": one.session.model_dump(mode="json", exclude={"results"}),
        "worker": one.lease.worker,
        "number": number,
        "delivered_at_ms": now_ms(),
    }


def _result_rows(session: SessionResult) -> list[dict[str, Any]]:
    own = session.session_id
    return [
        {"session_id": own, "subject": one.digest, "position": position, "result": one}
        for position, one in enumerate(session.results)
    ]


def finish_tasks(connection: Connection, delivered: Collection[Delivered]) -> set[str]:
    """Mark what sessions measured as done where those were the last sessions that were asked for.

    Returns:
        The devices where anything is done that was not.
    """
    last = connection.execute(_perhaps_last(delivered)).scalars().all()
    if not last:
        return set()
    task, again, result = measurement_tasks.c, sessions.alias("again"), measurements.alias("result")
    has_it = exists().where(result.c.session_id == again.c.id, result.c.subject == task.subject)
    times = select(func.count()).where(
        _same(measurement_tasks, again), _sound(again), has_it.correlate(again, measurement_tasks)
    )
    own = and_(_same(measurement_tasks, sessions), task.subject == measurements.c.subject)
    query = (
        select(task.id, task.device)
        .select_from(sessions.join(measurements).join(measurement_tasks, own))
        .where(sessions.c.id.in_(last), task.state == PENDING)
        .where(task.sessions <= times.correlate(measurement_tasks).scalar_subquery())
        .order_by(*IN_ORDER)
        .with_for_update(of=measurement_tasks)
    )
    finished = {row.id: row.device for row in connection.execute(query)}
    ids = list(finished)
    for begin in range(0, len(ids), CHUNK):
        these = task.id.in_(ids[begin : begin + CHUNK])
        # What kept it from being measured before is over.
        done = {"state": DONE, "code": "", "changed_at_ms": now_ms()}
        connection.execute(update(measurement_tasks).where(these).values(done))
    return set(finished.values())


def _perhaps_last(delivered: Collection[Delivered]) -> Select[tuple[str]]:
    """Return the query for those of some sessions after which any task may be done.

    Where a device has fewer sessions than any of its tasks asks for, nothing has to be counted by file.
    """
    again, task = sessions.alias("again"), measurement_tasks.c
    number = (
        select(func.count())
        .where(_same(again, sessions), _sound(again))
        .correlate(sessions)
        .scalar_subquery()
    )
    # Named once more, or a planner without statistics looks through what is pending of all devices.
    theirs = task.device.in_(sorted({one.lease.device for one in delivered}))
    pending = select(func.min(task.sessions)).where(
        theirs, _same(measurement_tasks, sessions), task.state == PENDING
    )
    these = sessions.c.id.in_(sorted({one.id for one in delivered}))
    return select(sessions.c.id).where(these, pending.correlate(sessions).scalar_subquery() <= number)


def _same(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Return the condition under which tasks or sessions are of one device, context and protocol."""
    return and_(*(one.c[name] == other.c[name] for name in _SAME))


def _sound(session: FromClause) -> ColumnElement[bool]:
    """Return the condition under which a session is not in doubt: what such found is measured again."""
    return session.c.doubt == ""
