"""Which sessions are in doubt, as golden subjects (see `golden_store`) or later sessions say of them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, select, update

from latency_predictors.doubt import Doubt
from latency_predictors.golden import SUBJECTS
from nas.store.columns import exactly, now_ms
from nas.store.measurement_tables import measurement_tasks, measurements, sessions
from nas.store.waiting import DONE, IN_ORDER, PENDING

_GOLDEN: Final = tuple(SUBJECTS)
_SESSIONS: Final = 2
"""Of a file that is measured anew, at most: sessions in doubt do not count, however many there were."""


def in_doubt(connection: Connection, device: str, context: str) -> dict[str, str]:
    """Return the sessions of a device and context that are in doubt, each with why."""
    query = select(sessions.c.id, sessions.c.doubt).where(
        sessions.c.device == device, sessions.c.context == context, sessions.c.doubt != ""
    )
    return {row.id: row.doubt for row in connection.execute(query)}


def networks_in_doubt(connection: Connection, device: str, context: str) -> Doubt:
    """Return what is in doubt of the networks behind the corrections of a device and context.

    They name sessions of all contexts: networks that run with pauses have another one than the layers. Those
    of earlier versions name none, and were measured before the others: they are in doubt with the first
    session of the context, which is where all that there were at some time are.
    """
    columns = sessions.c.id, sessions.c.context, sessions.c.number, sessions.c.doubt
    query = select(*columns).where(sessions.c.device == device, sessions.c.doubt != "")
    rows = connection.execute(query).all()
    first = next((row.doubt for row in rows if (row.context, row.number) == (context, 1)), "")
    return Doubt({row.id: row.doubt for row in rows}, unnamed=first)


def doubt(connection: Connection, device: str, context: str, since: int | None, why: str) -> int:
    """Doubt sessions after a number, have measured again what they found; return how many results that is."""
    if since is None:
        return 0
    own = and_(sessions.c.device == device, sessions.c.context == context, sessions.c.doubt == "")
    late = and_(own, sessions.c.number > since)
    golden = select(measurements.c.session_id).where(measurements.c.subject.in_(_GOLDEN))
    # A board that has settled at another speed gets another reference: its old checks hand none on either.
    which = late if since == 0 else and_(late, sessions.c.id.not_in(golden))
    ids = connection.execute(select(sessions.c.id).where(which)).scalars().all()
    found = select(measurements.c.subject).where(
        measurements.c.session_id.in_(ids), measurements.c.subject.not_in(_GOLDEN)
    )
    subjects = connection.execute(found).scalars().all()
    connection.execute(update(sessions).where(sessions.c.id.in_(ids)).values(doubt=why))
    there = measurement_tasks.c.device == device, measurement_tasks.c.context == context
    done = exactly(measurement_tasks.c.state, DONE)
    again = and_(*there, measurement_tasks.c.subject.in_(subjects), done)
    asked = measurement_tasks.c.sessions
    fewer = case((asked > _SESSIONS, _SESSIONS), else_=asked)
    change_tasks(connection, again, {"state": PENDING, "code": "", "sessions": fewer})
    return len(subjects)


def change_tasks(connection: Connection, which: ColumnElement[bool], values: Mapping[str, Any]) -> None:
    """Change tasks, locked in the one order that everybody locks them in."""
    locked = select(measurement_tasks.c.id).where(which).order_by(*IN_ORDER).with_for_update()
    if connection.execute(locked).all():
        changed = {**values, "changed_at_ms": now_ms()}
        connection.execute(update(measurement_tasks).where(which).values(changed))
