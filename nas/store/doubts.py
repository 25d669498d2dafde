"""Which sessions are in doubt, as golden subjects have said of them (see `golden_store`)."""

from sqlalchemy import Connection, select

from latency_predictors.doubt import Doubt
from nas.store.measurement_tables import sessions


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
