"""Which devices a waiting job waits for, and why nothing happens there, in the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from nas.measurement_tasks import CHECK_RANK, PASSING
from nas.store.agent_store import ALIVE_MS
from nas.store.columns import exactly, now_ms
from nas.store.handing_out import AGAIN_MS
from nas.store.measurement_tables import agents, devices, job_devices, job_tasks, measurement_tasks
from nas.store.waiting import PENDING


@dataclass(frozen=True)
class Awaited:
    """A device that a job waits for.

    Attributes:
        device: Its name, or its label where it has none.
        pending: Files that the job waits for.
        why: Nothing happens now, or what was last tried there failed; empty where all is well.
        measured: So far, of what is measured there just now, and
        to_measure: all of that, over all sessions; zeros where nobody measures.
    """

    device: str
    pending: int
    why: str
    measured: int = 0
    to_measure: int = 0


def awaited_by(connection: Connection, job_id: str) -> tuple[Awaited, ...]:
    """Return the devices that a job waits for: those that are not registered, and those with its files."""
    task = measurement_tasks.c
    pending = and_(job_tasks.c.job_id == job_id, exactly(task.state, PENDING))
    files = (
        select(task.device, func.count().label("pending"), func.max(task.code).label("code"))
        .select_from(job_tasks.join(measurement_tasks))
        .where(pending)
        .group_by(task.device)
        .subquery()
    )
    alive = (agents.c.seen_at_ms >= now_ms() - ALIVE_MS).label("alive")
    busy = (devices.c.lease_until_ms >= now_ms()).label("busy")
    told = (devices.c.digest, devices.c.label, devices.c.measured, devices.c.to_measure, busy)
    query = (
        select(*told, files.c.pending, files.c.code, agents.c.name, agents.c.quarantine, alive)
        .select_from(files.join(devices, devices.c.digest == files.c.device))
        .outerjoin(agents, agents.c.device == files.c.device)
        .order_by(devices.c.label)
    )
    absent = select(job_devices.c.name).where(job_devices.c.job_id == job_id).order_by(job_devices.c.name)
    checks = _failed_checks(connection, job_id)
    found = [_awaited(row, checks) for row in connection.execute(query)]
    missing = connection.execute(absent).scalars().all()
    return (*(Awaited(name, 0, "not registered") for name in missing), *found)


def _failed_checks(connection: Connection, job_id: str) -> Mapping[str, str]:
    """Return why checks that come before files of a job could not be made when they were tried, by device."""
    task, check = measurement_tasks.c, measurement_tasks.alias("check_")
    before = and_(check.c.device == task.device, check.c.context == task.context)
    query = (
        select(check.c.device, func.max(check.c.code).label("code"))
        .select_from(job_tasks.join(measurement_tasks).join(check, before))
        .where(job_tasks.c.job_id == job_id, exactly(task.state, PENDING))
        .where(check.c.rank == CHECK_RANK, exactly(check.c.state, PENDING), check.c.code != "")
        .group_by(check.c.device)
    )
    return {row.device: row.code for row in connection.execute(query)}


def _awaited(row: Row[Any], checks: Mapping[str, str]) -> Awaited:
    told = (row.measured, row.to_measure) if row.busy else (0, 0)
    why = _trouble(row.code, checks.get(row.digest, ""))
    if row.name is None:
        return Awaited(row.label, row.pending, why, *told)
    if row.quarantine:
        why = f"in quarantine: {row.quarantine}"
    elif not row.alive:
        why = "its agent is not heard of"
    return Awaited(row.name, row.pending, why, *told)


def _trouble(code: str, check: str) -> str:
    """Return in words what kept files, or the check before them, from being measured; empty where nothing."""
    if not (code or check):
        return ""
    again = f"tried again every {AGAIN_MS // 1000} s"
    if check and check not in PASSING:
        return f"its golden subjects come first and could not be measured ({check}), {again}"
    passing = check or code
    return f"{PASSING.get(passing, 'it could not measure')} ({passing}), {again}"
