"""A board is never handed what it cannot run: its tasks fail at once, and whoever waits is told why."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, select, update

from latency_predictors.abilities import lacking
from nas.measurement_tasks import UNABLE
from nas.store.columns import exactly, now_ms
from nas.store.measurement_rows import CONTEXT, wake
from nas.store.measurement_tables import contexts, measurement_tasks
from nas.store.waiting import FAILED, IN_ORDER, PENDING


def refuse_unable(connection: Connection, device: str, facts: Mapping[str, Any]) -> None:
    """Fail the pending tasks of a board in contexts that it cannot run, or can run no more.

    A job that waited for them is queued: it asks in the context that the board has now.

    Args:
        connection: In a transaction that may write.
        device: Digest of the device.
        facts: As the board told them last.
    """
    pending = and_(measurement_tasks.c.device == device, exactly(measurement_tasks.c.state, PENDING))
    asked = select(measurement_tasks.c.context).where(pending).distinct()
    query = select(contexts.c.digest, contexts.c.facts).where(contexts.c.digest.in_(asked))
    refused = False
    for row in connection.execute(query).all():
        context = CONTEXT.validate_python(row.facts)
        if not (why := lacking(facts, context)):
            continue
        which = and_(pending, measurement_tasks.c.context == row.digest)
        connection.execute(
            select(measurement_tasks.c.id).where(which).order_by(*IN_ORDER).with_for_update()
        ).all()
        told = {"state": FAILED, "code": UNABLE, "message": f"not with {context.label}: {why}"}
        connection.execute(update(measurement_tasks).where(which).values(**told, changed_at_ms=now_ms()))
        refused = True
    if refused:
        wake(connection, [device])
