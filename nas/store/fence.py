"""The fence: no transaction of a running job begins without asking whether the job is still its own.

The question is the first statement and part of the write itself: an `UPDATE` of the job's row on condition of
its attempt and token. It finds no row where the lease is lost, and it locks the row until the commit, so that
nobody claims, reaps or settles the job in between. Looking first and writing then would leave a gap, and a
process can be stopped for minutes in any gap.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, update

from nas.jobs import JobState
from nas.leases import Lease, LeaseLost
from nas.store.columns import now_ms
from nas.store.session import writing
from nas.store.tables import events, jobs


@dataclass(frozen=True)
class NewEvent:
    """An event to be appended: what happened, and its data."""

    kind: str
    data: Mapping[str, Any]


def owned(lease: Lease) -> ColumnElement[bool]:
    """Return the condition under which a job's row is a lease's own."""
    return and_(
        jobs.c.id == lease.job_id,
        jobs.c.attempt == lease.attempt,
        jobs.c.token == lease.token,
        jobs.c.state == JobState.RUNNING,
    )


@contextmanager
def fenced(engine: Engine, lease: Lease, *happened: NewEvent) -> Iterator[Connection]:
    """Yield a connection in a transaction that is the running attempt's; append events to the job.

    Raises:
        LeaseLost: The job is another's; nothing was written.
    """
    with writing(engine) as connection:
        # Called through the module's own name: the benchmark's control run takes the fence out there.
        statement = (
            update(jobs)
            .where(owned(lease))
            .values(changed_at_ms=now_ms(), last_event=jobs.c.last_event + len(happened))
            .returning(jobs.c.last_event)
        )
        last_event = connection.execute(statement).scalar_one_or_none()
        if last_event is None:
            raise LeaseLost(f"job {lease.job_id} is no longer run by attempt {lease.attempt}")
        append_events(connection, lease.job_id, lease.attempt, last_event, happened)
        yield connection


def append_events(
    connection: Connection, job_id: str, attempt: int, last_event: int, happened: Sequence[NewEvent]
) -> None:
    """Insert events with the numbers up to `last_event`, which the caller has put into the job's row.

    The row is locked until the commit, so numbers increase in the order of commits.
    """
    first = last_event - len(happened) + 1
    rows = [
        {"job_id": job_id, "id": first + i, "attempt": attempt, "kind": one.kind, "data": dict(one.data)}
        for i, one in enumerate(happened)
    ]
    if rows:
        connection.execute(events.insert().values(at_ms=now_ms()), rows)
