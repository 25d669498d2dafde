"""Sessions as devices deliver them, in the caller's transaction: each result once, and what is done then."""

from typing import Final

from sqlalchemy import Connection, and_, func, select, update

from latency_predictors.protocol import SessionResult
from nas.measurement_tasks import protocol_digest
from nas.store.columns import now_ms
from nas.store.inserts import insert_new
from nas.store.measurement_rows import CHUNK, among, locked, times_measured
from nas.store.measurement_tables import measurement_tasks, measurements, sessions
from nas.store.waiting import DONE, PENDING
from search_spaces.errors import ArtifactError

_STANDING: Final = (measurement_tasks.c.id, measurement_tasks.c.subject, measurement_tasks.c.sessions)


def delivered_before(connection: Connection, session: SessionResult) -> bool:
    """Return whether all of a session's results are there.

    Raises:
        ArtifactError: `result_conflict` where one is there with other values.
    """
    query = select(measurements.c.subject, measurements.c.result)
    found = connection.execute(query.where(measurements.c.session_id == session.session_id))
    there = {row.subject: row.result for row in found}
    for result in session.results:
        if result.digest in there and there[result.digest] != result.model_dump(mode="json"):
            raise ArtifactError(
                "result_conflict",
                f"session {session.session_id} was delivered with another value of {result.digest[:12]}: "
                "measure again, and report it",
            )
    return all(result.digest in there for result in session.results)


def keep_session(connection: Connection, session: SessionResult, worker: str) -> int:
    """Insert a session and those of its results that are not there; return how many those are.

    The device's row is locked by the caller: numbers of sessions increase in the order of commits.
    """
    device, context = session.device.digest, session.context.digest
    own = and_(sessions.c.device == device, sessions.c.context == context)
    number = connection.execute(select(func.coalesce(func.max(sessions.c.number), 0)).where(own)).scalar_one()
    told = session.model_dump(mode="json")
    results = told.pop("results")
    row = {
        "id": session.session_id,
        "device": device,
        "context": context,
        "protocol": protocol_digest(session.timing),
        "content": told,
        "worker": worker,
        "number": number + 1,
        "delivered_at_ms": now_ms(),
    }
    if not insert_new(connection, sessions, [row]):
        _check_same(connection, session, device, context)
    rows = [
        {"session_id": session.session_id, "subject": one["digest"], "position": position, "result": one}
        for position, one in enumerate(results)
    ]
    return insert_new(connection, measurements, rows)


def _check_same(connection: Connection, session: SessionResult, device: str, context: str) -> None:
    """Refuse a session under the identifier of one that ran elsewhere.

    Raises:
        ArtifactError: `result_conflict`.
    """
    query = select(sessions.c.device, sessions.c.context).where(sessions.c.id == session.session_id)
    if tuple(connection.execute(query).one()) != (device, context):
        raise ArtifactError(
            "result_conflict",
            f"session {session.session_id} ran on another device or in another context: report it",
        )


def finish_tasks(connection: Connection, session: SessionResult) -> bool:
    """Mark what a session measured as done where that was the last session that was asked for.

    Returns:
        Whether anything is done that was not.
    """
    where = session.device.digest, session.context.digest, protocol_digest(session.timing)
    subjects = sorted(result.digest for result in session.results)
    finished: list[str] = []
    for begin in range(0, len(subjects), CHUNK):
        pending = and_(among(*where, subjects[begin : begin + CHUNK]), measurement_tasks.c.state == PENDING)
        rows = connection.execute(locked(pending, *_STANDING)).all()
        times = times_measured(connection, where, [row.subject for row in rows])
        finished += [row.id for row in rows if times[row.subject] >= row.sessions]
    for begin in range(0, len(finished), CHUNK):
        these = measurement_tasks.c.id.in_(finished[begin : begin + CHUNK])
        connection.execute(update(measurement_tasks).where(these).values(state=DONE, changed_at_ms=now_ms()))
    return bool(finished)
