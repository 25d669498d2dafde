"""What becomes of tasks that could not be measured, in the caller's transaction.

What is a file's own fault is given up. What passes by itself is waited for: the task is pending still, and is
handed out again after a pause. Of anything else whoever waits is told, and asks again. A check by golden
subjects is never told so: who asked for it is often nobody that waits, and what it is to find out stays
unknown. It stays due, and nothing else is handed out in its context meanwhile.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, case, delete, select, update

from latency_predictors.protocol import FILE_ERRORS
from nas.measurement_tasks import CHECK_RANK, LOST, PASSING, UNABLE, Batch, FailedTask
from nas.store.columns import now_ms
from nas.store.measurement_rows import CHUNK, among, locked
from nas.store.measurement_tables import job_tasks, measurement_tasks
from nas.store.waiting import FAILED, PENDING, UNSUPPORTED

MAX_FAILURES: Final = 3
"""A file that has itself failed so often in a context is in quarantine there: another file is needed."""

_READ: Final = tuple(measurement_tasks.c[name] for name in ("id", "rank", "failures"))


def fail_tasks(
    connection: Connection,
    device: str,
    batch: Batch,
    subjects: Collection[str],
    why: FailedTask,
    *,
    own: bool = False,
) -> int:
    """Note that pending tasks of a batch could not be measured.

    Where the service has lost the file of a golden subject, all that waits for that check has failed: who
    asked for it has the file made again.

    Args:
        connection: In a transaction that may write.
        device: Digest of the device.
        batch: Of the context and protocol.
        subjects: Which files.
        why: They could not be measured.
        own: Whether each file itself failed, not its device: after `MAX_FAILURES` it is not tried again.

    Returns:
        How many were pending.
    """
    ordered = sorted(subjects)
    rows: list[Row[Any]] = []
    for begin in range(0, len(ordered), CHUNK):
        these = among(device, batch.context.digest, batch.protocol, ordered[begin : begin + CHUNK])
        pending = and_(these, measurement_tasks.c.state == PENDING)
        rows += connection.execute(locked(pending, *_READ)).all()
    states: dict[str, list[str]] = {}
    for row in rows:
        states.setdefault(_becomes(row, why.code, own=own), []).append(row.id)
    for state, ids in states.items():
        _mark(connection, ids, state, why, int(own))
    if why.code in LOST and any(row.rank == CHECK_RANK for row in rows):
        _tell_waiting(connection, device, batch.context.digest, why)
    return len(rows)


def _becomes(row: Row[Any], code: str, *, own: bool) -> str:
    """Return the state of a pending task that could not be measured."""
    if code in FILE_ERRORS or (own and row.failures + 1 >= MAX_FAILURES):
        return UNSUPPORTED
    # In a context that a device does not have nothing is measured, so nothing waits for the check.
    check = row.rank == CHECK_RANK and code != UNABLE
    return PENDING if check or (code in PASSING and not own) else FAILED


def _mark(connection: Connection, ids: list[str], state: str, why: FailedTask, failures: int) -> None:
    task = measurement_tasks.c
    # A check that is due still says what it is made for.
    kept = case((task.rank == CHECK_RANK, task.message), else_=why.message)
    values: dict[str, Any] = {"state": state, "code": why.code}
    values["message"] = kept if state == PENDING else why.message
    values |= {"failures": task.failures + failures, "changed_at_ms": now_ms()}
    for begin in range(0, len(ids), CHUNK):
        these = task.id.in_(ids[begin : begin + CHUNK])
        connection.execute(update(measurement_tasks).where(these).values(values))


def _tell_waiting(connection: Connection, device: str, context: str, why: FailedTask) -> None:
    """Fail what is pending in a context behind a check that cannot be made."""
    task = measurement_tasks.c
    here = and_(task.device == device, task.context == context, task.state == PENDING)
    checks = select(task.id).where(here, task.rank == CHECK_RANK)
    connection.execute(delete(job_tasks).where(job_tasks.c.task_id.in_(checks)))
    ids = connection.execute(locked(and_(here, task.rank != CHECK_RANK), task.id)).scalars().all()
    _mark(connection, list(ids), FAILED, why, 0)
