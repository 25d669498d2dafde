"""Jobs that are bound to a device: what they measure belongs to the host that they were begun on."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, update

from nas.jobs import JobState
from nas.store.columns import exactly, now_ms
from nas.store.fence import NewEvent, append_events
from nas.store.measurement_tables import devices
from nas.store.tables import documents, jobs

BOUND: Final = "device"
"""Name of the document of a job that holds the digest of its device."""

DEVICE_AWAY: Final = "device_away"
"""Code of a job, and kind of its event, that nobody can run or measure for now."""

_NOT_RUNNING = or_(exactly(jobs.c.state, JobState.QUEUED), exactly(jobs.c.state, JobState.WAITING))
_OWN = and_(documents.c.job_id == jobs.c.id, documents.c.name == BOUND)


def bound_elsewhere(device: str) -> ColumnElement[bool]:
    """Return the condition under which a job is bound to another device."""
    return exists().where(_OWN, documents.c.content != device)


def changed(served: Collection[str]) -> tuple[Select[str], Select[str]]:
    """Return queries for the jobs whose device has gone, and for those whose device is back.

    Args:
        served: Digests of the devices that workers live on.
    """
    ids = select(jobs.c.id).join(documents, _OWN).where(_NOT_RUNNING).order_by(jobs.c.id)
    away = jobs.c.code == DEVICE_AWAY
    gone = ids.where(documents.c.content.not_in(served), ~away)
    return gone, ids.where(documents.c.content.in_(served), away)


def tell_changed(connection: Connection, served: Collection[str]) -> list[str]:
    """Say of jobs that their device has gone, in an event and their code; take that back where it has come.

    Returns:
        The jobs whose device has gone.
    """
    gone, back = (
        connection.execute(query.with_for_update(of=jobs)).scalars().all() for query in changed(served)
    )
    connection.execute(update(jobs).where(jobs.c.id.in_(back)).values(code="", message=""))
    for job_id in gone:
        _tell_gone(connection, job_id)
    return list(gone)


def _tell_gone(connection: Connection, job_id: str) -> None:
    device = select(documents.c.content).where(documents.c.job_id == job_id, documents.c.name == BOUND)
    digest = connection.execute(device).scalar_one()
    label = connection.execute(select(devices.c.label).where(devices.c.digest == digest)).scalar_one_or_none()
    message = (
        f"it is measured on {label or digest[:12]}, where no worker lives: start `hwnas worker` there, or "
        "cancel it and submit it again to have it measured elsewhere"
    )
    told = {"code": DEVICE_AWAY, "message": message}
    values = {**told, "changed_at_ms": now_ms(), "last_event": jobs.c.last_event + 1}
    statement = update(jobs).where(jobs.c.id == job_id).values(values)
    row = connection.execute(statement.returning(jobs.c.attempt, jobs.c.last_event)).one()
    event = NewEvent(DEVICE_AWAY, {**told, "device": digest})
    append_events(connection, job_id, row.attempt, row.last_event, [event])
