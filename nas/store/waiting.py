"""Jobs that wait for measurements, a device or a training: whether one still does, queueing the others."""

from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, select, update

from nas.jobs import JobState, sources
from nas.store.columns import exactly, now_ms
from nas.store.fence import NewEvent, append_events
from nas.store.measurement_tables import job_devices, job_tasks, measurement_tasks
from nas.store.model_tables import supernets
from nas.store.tables import jobs

PENDING: Final = "pending"
DONE: Final = "done"
FAILED: Final = "failed"
UNSUPPORTED: Final = "unsupported"
"""Failed for good: the file cannot be measured in that context, however often one tries."""

IN_ORDER: Final = tuple(measurement_tasks.c[name] for name in ("device", "context", "protocol", "subject"))
"""Everybody inserts and locks tasks in this order, however many at a time: no two wait for each other."""


IN_TURN: Final = tuple(measurement_tasks.c[name] for name in ("rank", "deadline_ms", "created_at_ms", "id"))
"""What a device measures first."""


def in_training() -> ColumnElement[bool]:
    """Return the condition under which the attempt that trains a supernet runs."""
    trainer = jobs.alias("trainer")
    running = exists().where(
        and_(
            trainer.c.id == supernets.c.job_id,
            trainer.c.attempt == supernets.c.attempt,
            exactly(trainer.c.state, JobState.RUNNING),
        )
    )
    return and_(supernets.c.weights == "", running)


def still_waits(connection: Connection, job_id: str, supernet: str) -> bool:
    """Return whether a supernet is in training, or a task of a job pending; holds its tasks until the commit.

    A delivery that finishes one at this moment either is seen here, or comes later and sees the job waiting.
    Of a training that ends at this moment the next worker with room hears.
    """
    trains = select(supernets.c.id).where(supernets.c.id == supernet, in_training())
    if supernet and connection.execute(trains).first() is not None:
        return True
    if connection.execute(select(job_devices.c.name).where(job_devices.c.job_id == job_id)).first():
        return True
    query = (
        select(measurement_tasks.c.state)
        .join(job_tasks, job_tasks.c.task_id == measurement_tasks.c.id)
        .where(job_tasks.c.job_id == job_id)
        .order_by(*IN_ORDER)
        .with_for_update(of=measurement_tasks)
    )
    return PENDING in connection.execute(query).scalars().all()


def is_ready() -> ColumnElement[bool]:
    """Return the condition under which a job waits though its tasks are over, and the training as well."""
    pending = exists().where(
        and_(
            job_tasks.c.job_id == jobs.c.id,
            job_tasks.c.task_id == measurement_tasks.c.id,
            exactly(measurement_tasks.c.state, PENDING),
        )
    )
    trains = exists().where(and_(supernets.c.id == jobs.c.awaited, in_training()))
    absent = exists().where(job_devices.c.job_id == jobs.c.id)
    return and_(exactly(jobs.c.state, JobState.WAITING), ~pending, ~trains, ~absent)


def queue_ready(
    connection: Connection, among: ColumnElement[bool] | None = None, *, arrived: bool = False
) -> None:
    """Queue the waiting jobs, or those of them among some, that wait for nothing any more.

    Args:
        connection: In a transaction that may write.
        among: Which jobs; all of them if not given.
        arrived: Whether a device has come that they wait for: there is something to do, whatever else is
            missing.
    """
    assert JobState.WAITING in sources(JobState.QUEUED)
    waits = exactly(jobs.c.state, JobState.WAITING)
    ready = select(jobs.c.id).where(waits if arrived else is_ready(), *(() if among is None else (among,)))
    # Locked in one order: two that finish tasks of the same jobs do not wait for each other.
    ids = connection.execute(ready.order_by(jobs.c.id).with_for_update(of=jobs)).scalars().all()
    statement = (
        update(jobs)
        .where(jobs.c.id.in_(ids), waits)
        .values(state=JobState.QUEUED, changed_at_ms=now_ms(), last_event=jobs.c.last_event + 1)
        .returning(jobs.c.id, jobs.c.attempt, jobs.c.last_event)
    )
    for row in connection.execute(statement).all():
        event = NewEvent(JobState.QUEUED, {"reason": "device" if arrived else "ready"})
        append_events(connection, row.id, row.attempt, row.last_event, [event])
