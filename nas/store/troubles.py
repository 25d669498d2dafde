"""What becomes of tasks that could not be measured, in the caller's transaction.

What is a file's own fault is given up. What passes by itself is waited for: the task is pending still, and is
handed out again after a pause. Of anything else whoever waits is told, and asks again. A check by golden
subjects is tried more often: who asked for it is often nobody that waits, and what it is to find out stays
unknown. Nothing else is handed out in its context meanwhile. Where it cannot be made, all that waits behind
it has failed: whoever measures there next asks for the check again.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, select, update

from latency_predictors.golden import SUBJECTS
from latency_predictors.protocol import FILE_ERRORS
from nas.measurement_tasks import CHECK_RANK, LOST, PASSING, UNABLE, Batch, FailedTask
from nas.store.columns import exactly, now_ms
from nas.store.inserts import insert_new
from nas.store.measurement_rows import CHUNK, among, locked
from nas.store.measurement_tables import job_tasks, measurement_tasks, troubles
from nas.store.waiting import FAILED, PENDING, UNSUPPORTED

MAX_FAILURES: Final = 3
"""A file that has itself failed so often in a context is in quarantine there: another file is needed. A check
that was tried so often is given up until somebody measures there."""

_READ: Final = tuple(measurement_tasks.c[name] for name in ("id", "rank", "failures"))


def first_told(connection: Connection, device: str, digest: str) -> bool:
    """Return whether a trouble of a device was never told before; from now on it was.

    Args:
        connection: In a transaction that may write.
        device: Digest of the device.
        digest: Of the trouble; empty where it cannot come again.
    """
    return not digest or insert_new(connection, troubles, [{"device": device, "digest": digest}]) == 1


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

    Where the service has lost the file of a golden subject, or a check is given up, all that waits for that
    check has failed: who asked for it has the files made again.

    Args:
        connection: In a transaction that may write.
        device: Digest of the device.
        batch: Of the context and protocol.
        subjects: Which files.
        why: They could not be measured.
        own: Whether each file itself failed, not its device: it is not tried again where it cannot run, nor
            after `MAX_FAILURES`.

    Returns:
        How many were pending.
    """
    task = measurement_tasks.c
    here = and_(task.device == device, task.context == batch.context.digest, exactly(task.state, PENDING))
    if not SUBJECTS.keys().isdisjoint(subjects):
        # What waits behind a check may fail with it: all of it is locked at once, in the order of everybody.
        connection.execute(locked(here, task.id)).all()
    ordered = sorted(subjects)
    rows: list[Row[Any]] = []
    for begin in range(0, len(ordered), CHUNK):
        these = among(device, batch.context.digest, batch.protocol, ordered[begin : begin + CHUNK])
        rows += connection.execute(locked(and_(these, here), *_READ)).all()
    become: dict[tuple[str, int], list[str]] = {}
    checks = set[str]()
    for row in rows:
        state, failures = _becomes(row, why.code, own=own)
        become.setdefault((state, failures), []).append(row.id)
        if row.rank == CHECK_RANK:
            checks.add(state)
    for (state, failures), ids in become.items():
        _mark(connection, ids, state, why, failures)
    if checks and why.code != UNABLE:
        _tell_waiting(connection, here, why, given_up=FAILED in checks)
    return len(rows)


def _becomes(row: Row[Any], code: str, *, own: bool) -> tuple[str, int]:
    """Return the state of a pending task that could not be measured, and how often it has failed."""
    # In a context that a device does not have nothing is measured, so nothing waits for the check.
    check = row.rank == CHECK_RANK and code != UNABLE
    tried = check and code not in (*PASSING, *LOST)
    failures = row.failures + int(own or tried)
    if own and (code in FILE_ERRORS or failures >= MAX_FAILURES):
        return UNSUPPORTED, failures
    if (code in PASSING and not own) or (check and failures < MAX_FAILURES):
        return PENDING, failures
    # Who asks for a check again has it tried as often again.
    return FAILED, 0 if check else failures


def _mark(connection: Connection, ids: list[str], state: str, why: FailedTask, failures: int) -> None:
    task = measurement_tasks.c
    # A check that is due still says what it is made for.
    kept = case((task.rank == CHECK_RANK, task.message), else_=why.message)
    values: dict[str, Any] = {"state": state, "code": why.code}
    values["message"] = kept if state == PENDING else why.message
    values |= {"failures": failures, "changed_at_ms": now_ms()}
    for begin in range(0, len(ids), CHUNK):
        these = task.id.in_(ids[begin : begin + CHUNK])
        connection.execute(update(measurement_tasks).where(these).values(values))


def _tell_waiting(
    connection: Connection, here: ColumnElement[bool], why: FailedTask, *, given_up: bool
) -> None:
    """Fail what waits in a context behind a check that cannot be made; the check too if it is given up."""
    task, waiting = measurement_tasks.c, here
    if not given_up:
        if why.code not in LOST:
            return
        checks = select(task.id).where(here, task.rank == CHECK_RANK)
        connection.execute(delete(job_tasks).where(job_tasks.c.task_id.in_(checks)))
        waiting = and_(here, task.rank != CHECK_RANK)
    told = {"state": FAILED, "code": why.code, "message": why.message, "changed_at_ms": now_ms()}
    connection.execute(update(measurement_tasks).where(waiting).values(told))
