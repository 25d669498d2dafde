"""Rows of measuring, in the caller's transaction: tasks, who waits for them, how far they are."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, select, update

from latency_predictors.device import ExecutionContext
from latency_predictors.measure import TimingProtocol
from nas.leases import Lease
from nas.measurement_tasks import LOST, Batch, FailedTask, MeasurementTask, TaskReport
from nas.store.columns import now_ms
from nas.store.device_rows import register
from nas.store.ids import new_id
from nas.store.inserts import insert_new
from nas.store.measurement_tables import (
    contexts,
    job_tasks,
    measurement_tasks,
    measurements,
    sessions,
)
from nas.store.tables import jobs
from nas.store.waiting import DONE, FAILED, IN_ORDER, PENDING, UNSUPPORTED, queue_ready

CHUNK: Final = 500
"""Values in one statement: databases allow thousands, not any number."""

CONTEXT: Final = TypeAdapter(ExecutionContext)
TIMING: Final = TypeAdapter(TimingProtocol)


def add_tasks(
    connection: Connection, lease: Lease, owner: str, tasks: Sequence[MeasurementTask]
) -> TaskReport:
    """Queue tasks, link those that are pending to the job, and say where all of them stand."""
    whose = {"tenant": lease.tenant, "owner": owner}
    # In one order for everybody: two jobs that queue the same tasks never wait for each other.
    keyed = {(task.device.digest, task.context.digest, task.protocol, task.subject): task for task in tasks}
    groups: dict[tuple[str, str, str], list[MeasurementTask]] = {}
    for key in sorted(keyed):
        groups.setdefault(key[:3], []).append(keyed[key])
    pending, done = 0, 0
    failed: list[FailedTask] = []
    for (device, context, protocol), group in groups.items():
        register(connection, group[0].device, group[0].context, whose)
        for begin in range(0, len(group), CHUNK):
            chunk = group[begin : begin + CHUNK]
            insert_new(connection, measurement_tasks, [_task_row(task, whose) for task in chunk])
            these = locked(among(device, context, protocol, [task.subject for task in chunk]))
            rows = connection.execute(these).all()
            if _asked_for_more(connection, rows, {task.subject: task for task in chunk}):
                rows = connection.execute(these).all()
            open_ = [row for row in rows if row.state in (PENDING, FAILED)]
            told = _link(connection, lease.job_id, open_)
            failed += [*told, *(_why(row) for row in rows if row.state == UNSUPPORTED)]
            done += sum(row.state == DONE for row in rows)
            pending += len(open_) - len(told)
    return TaskReport(pending, done, tuple(failed))


def _task_row(task: MeasurementTask, whose: dict[str, str]) -> dict[str, Any]:
    return {
        **whose,
        "id": new_id(),
        "device": task.device.digest,
        "context": task.context.digest,
        "protocol": task.protocol,
        "timing": asdict(task.timing),
        "subject": task.subject,
        "artifact": task.artifact,
        "sessions": task.sessions,
        "rank": task.rank,
        "images": task.images,
        "deadline_ms": task.deadline_ms,
        "state": PENDING,
        "code": "",
        "message": "",
        "created_at_ms": now_ms(),
    }


def among(device: str, context: str, protocol: str, subjects: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition under which a task is that of one of some subjects."""
    return and_(
        measurement_tasks.c.device == device,
        measurement_tasks.c.context == context,
        measurement_tasks.c.protocol == protocol,
        measurement_tasks.c.subject.in_(subjects),
    )


def locked(condition: ColumnElement[bool], *columns: ColumnElement[Any]) -> Any:
    """Return the query for tasks, or some columns of them, that holds them until the commit."""
    return select(*columns or (measurement_tasks,)).where(condition).order_by(*IN_ORDER).with_for_update()


def _asked_for_more(
    connection: Connection, rows: Sequence[Row[Any]], tasks: Mapping[str, MeasurementTask]
) -> bool:
    """Queue again what is asked for in more sessions, or is unsupported but now another file; or sooner.

    What is pending though its file was lost has the file that comes with whoever asks.
    """
    changed = False
    for row in rows:
        task = tasks[row.subject]
        this = update(measurement_tasks).where(measurement_tasks.c.id == row.id)
        if row.state == PENDING and task.deadline_ms < row.deadline_ms:
            connection.execute(this.values(deadline_ms=task.deadline_ms))
        more = row.state in (DONE, PENDING) and task.sessions > row.sessions
        lost = row.state == PENDING and row.code in LOST
        if more or lost or (row.state == UNSUPPORTED and task.artifact != row.artifact):
            values = {"sessions": max(task.sessions, row.sessions), "artifact": task.artifact}
            again = {"state": PENDING, "code": "", "changed_at_ms": now_ms()}
            again |= {"message": row.message if lost else ""}
            connection.execute(this.values({**values, **again}))
            changed = True
    return changed


def _why(row: Row[Any]) -> FailedTask:
    return FailedTask(row.subject, row.code, row.message, unsupported=row.state == UNSUPPORTED)


def _link(connection: Connection, job_id: str, rows: Sequence[Row[Any]]) -> list[FailedTask]:
    """Have a job wait for what is open; return what failed while it waited, which it waits for no more."""
    open_ = {row.id: row for row in rows}
    mine = select(job_tasks.c.task_id).where(
        job_tasks.c.job_id == job_id, job_tasks.c.task_id.in_(list(open_))
    )
    linked = set(connection.execute(mine).scalars())
    told = [row for row in open_.values() if row.state == FAILED and row.id in linked]
    again = [row.id for row in open_.values() if row.state == FAILED and row.id not in linked]
    if told:
        ids = [row.id for row in told]
        connection.execute(
            delete(job_tasks).where(job_tasks.c.job_id == job_id, job_tasks.c.task_id.in_(ids))
        )
    if again:
        values = {"state": PENDING, "code": "", "message": "", "changed_at_ms": now_ms()}
        connection.execute(update(measurement_tasks).where(measurement_tasks.c.id.in_(again)).values(values))
    new = [row.id for row in open_.values() if row.id not in linked]
    insert_new(connection, job_tasks, [{"job_id": job_id, "task_id": task_id} for task_id in new])
    return [_why(row) for row in told]


def batches(connection: Connection, device: str, rows: Sequence[Row[Any]]) -> Iterator[Batch]:
    """Yield pending tasks of a device in groups that one session can measure, the oldest task first."""
    groups: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        groups.setdefault((row.context, row.protocol), []).append(row)
    for (context, protocol), group in groups.items():
        facts = connection.execute(select(contexts.c.facts).where(contexts.c.digest == context)).scalar_one()
        done = times_measured(connection, (device, context, protocol), [row.subject for row in group])
        yield Batch(
            context=CONTEXT.validate_python(facts),
            timing=TIMING.validate_python(group[0].timing),
            artifacts={row.subject: row.artifact for row in group},
            sessions=max(1, *(row.sessions - done[row.subject] for row in group)),
            reference_ms=reference_ms(connection, device, context),
            images=group[0].images,
        )


def times_measured(
    connection: Connection, where: tuple[str, str, str], subjects: Sequence[str]
) -> Counter[str]:
    """Return how many sessions of a device, context and protocol have measured each of some subjects.

    Those that are in doubt do not count: what they found is measured again.
    """
    device, context, protocol = where
    own = select(sessions.c.id).where(
        sessions.c.device == device,
        sessions.c.context == context,
        sessions.c.protocol == protocol,
        sessions.c.doubt == "",
    )
    times: Counter[str] = Counter()
    for begin in range(0, len(subjects), CHUNK):
        these = measurements.c.subject.in_(subjects[begin : begin + CHUNK])
        # Counted here: SQLite would group by the index of subjects, and pass the rows of all other devices.
        query = select(measurements.c.subject).where(measurements.c.session_id.in_(own), these)
        times.update(connection.execute(query).scalars())
    return times


def reference_ms(connection: Connection, device: str, context: str) -> dict[str, float]:
    """Return what the anchors' medians were held against in the last session of a device and context.

    The first one sets it, and each hands it on; empty before that.
    """
    last = (
        select(sessions.c.content)
        .where(sessions.c.device == device, sessions.c.context == context, sessions.c.doubt == "")
        .order_by(sessions.c.number.desc())
        .limit(1)
    )
    content = connection.execute(last).scalar_one_or_none()
    return dict(content["reference_ms"]) if content else {}


def wake(connection: Connection, devices: Collection[str]) -> None:
    """Queue the jobs that waited for tasks of some devices and wait for nothing any more."""
    theirs = measurement_tasks.c.device.in_(devices)
    waiting = select(job_tasks.c.job_id).join(measurement_tasks).where(theirs)
    queue_ready(connection, jobs.c.id.in_(waiting))
