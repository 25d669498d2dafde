"""What has happened in an installation so far, counted in the transaction in which it happens.

Whoever watches reads a few rows, however many jobs there have been.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from nas.store.inserts import add_to
from nas.store.tables import counters

LEASE_LOSSES = "lease_losses"
PHASES_ENDED = "phases_ended"
MEASUREMENTS = "measurements"


@dataclass(frozen=True)
class Count:
    """Something that happened.

    Attributes:
        name: Of the counter.
        label: Which one of its kind: a fault, a phase; empty where there is one kind only.
        times: How often.
        total: What those add up to, in the unit of the counter: seconds of phases.
    """

    name: str
    label: str = ""
    times: int = 1
    total: float = 0.0


def add_counts(connection: Connection, happened: Iterable[Count]) -> None:
    """Add to the counters, in the caller's transaction.

    Give all of a transaction in one call: rows are locked in one order, so that no two wait for each other.
    """
    rows = [vars(one) for one in happened]
    for row in sorted(rows, key=lambda row: (row["name"], row["label"])):
        add_to(connection, counters, row)


def read_counts(connection: Connection) -> tuple[Count, ...]:
    """Return all counters."""
    query = select(counters).order_by(counters.c.name, counters.c.label)
    return tuple(Count(**row._mapping) for row in connection.execute(query))
