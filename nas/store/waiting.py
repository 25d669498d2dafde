"""Jobs that wait for measurements: whether one still does, and queueing those that no longer do."""

from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, select, update

from nas.jobs import JobState, sources
from nas.store.columns import exactly, now_ms
from nas.store.fence import NewEvent, append_events
from nas.store.measurement_tables import job_tasks, measurement_tasks
from nas.store.tables import jobs

PENDING: Final = "pending"
DONE: Final = "done"
FAILED: Final = "failed"


def still_waits(connection: Connection, job_id: str) -> bool:
    """Return whether a task of a job is pending; holds its tasks until the commit.

    A delivery that finishes one at this moment either is seen here, or comes later and sees the job waiting.
    """
    query = (
        select(measurement_tasks.c.state)
        .join(job_tasks, job_tasks.c.task_id == measurement_tasks.c.id)
        .where(job_tasks.c.job_id == job_id)
        .order_by(measurement_tasks.c.id)
        .with_for_update(of=measurement_tasks)
    )
    return PENDING in connection.execute(query).scalars().all()


def is_ready() -> ColumnElement[bool]:
    """Return the condition under which a job waits though all its tasks are done or failed."""
    pending = exists().where(
        and_(
            job_tasks.c.job_id == jobs.c.id,
            job_tasks.c.task_id == measurement_tasks.c.id,
            exactly(measurement_tasks.c.state, PENDING),
        )
    )
    return and_(exactly(jobs.c.state, JobState.WAITING), ~pending)


def queue_ready(connection: Connection, among: ColumnElement[bool] | None = None) -> None:
    """Queue the waiting jobs, or those of them among some, that wait for nothing any more."""
    assert JobState.WAITING in sources(JobState.QUEUED)
    statement = (
        update(jobs)
        .where(is_ready(), *(() if among is None else (among,)))
        .values(state=JobState.QUEUED, changed_at_ms=now_ms(), last_event=jobs.c.last_event + 1)
        .returning(jobs.c.id, jobs.c.attempt, jobs.c.last_event)
    )
    for row in connection.execute(statement).all():
        event = NewEvent(JobState.QUEUED, {"reason": "measured"})
        append_events(connection, row.id, row.attempt, row.last_event, [event])
