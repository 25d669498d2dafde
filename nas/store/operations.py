"""What operators watch: open jobs, what has happened so far, leases and transactions that are too old."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import Connection, Engine, func, select, text, union_all

from nas.jobs import JobState
from nas.store.columns import exactly, now_ms
from nas.store.counters import Count, read_counts
from nas.store.session import reading
from nas.store.tables import jobs
from search_spaces.errors import UsageError

WORKED_ON: Final = (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)
"""What a quota counts; a parked job uses nothing."""

_OLDEST: Final = text(
    "SELECT COALESCE(MAX(EXTRACT(EPOCH FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True)
class Operations:
    """How an installation stands, all tenants together.

    Attributes:
        open_jobs: Number of jobs that have not ended, by kind and state.
        overdue_leases: Jobs whose worker has not renewed in time and whom nobody has taken yet.
        counts: What has happened so far.
        oldest_transaction_s: Age of the oldest open one of other connections; None in SQLite, which knows
            none.
    """

    open_jobs: Mapping[tuple[str, str], int]
    overdue_leases: int
    counts: tuple[Count, ...]
    oldest_transaction_s: float | None


@final
class DatabaseOperations:
    """Asks the database: as many rows as there are open jobs, however many have ended."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self) -> Operations:
        """Return how things stand.

        Raises:
            StoreError: `database_unreachable`, ...
        """
        each = [
            select(jobs.c.kind, jobs.c.state, func.count().label("number"))
            .where(exactly(jobs.c.state, state))
            .group_by(jobs.c.kind, jobs.c.state)
            for state in (*WORKED_ON, JobState.PARKED)
        ]
        overdue = select(func.count()).where(
            exactly(jobs.c.state, JobState.RUNNING), jobs.c.lease_until_ms < now_ms()
        )
        with reading(self._engine) as connection:
            found = connection.execute(union_all(*each)).all()
            return Operations(
                open_jobs={(row.kind, row.state): row.number for row in found},
                overdue_leases=connection.execute(overdue).scalar_one(),
                counts=read_counts(connection),
                oldest_transaction_s=_oldest_transaction_s(connection),
            )


def check_room(connection: Connection, tenant: str, max_open: int) -> None:
    """Refuse a further job of a tenant that has as many as it may, in the caller's transaction.

    Raises:
        UsageError: `too_many_jobs`.
    """
    each = [
        select(func.count()).where(exactly(jobs.c.state, state), jobs.c.tenant == tenant).scalar_subquery()
        for state in WORKED_ON
    ]
    number = connection.execute(select(sum(each[1:], each[0]))).scalar_one()
    if number >= max_open:
        raise UsageError(
            "too_many_jobs",
            f"{number} jobs of this tenant are queued or running, and {max_open} may be: wait until one has "
            "ended, cancel one, or have HWNAS_MAX_OPEN_JOBS raised",
        )


def _oldest_transaction_s(connection: Connection) -> float | None:
    if connection.dialect.name != "postgresql":
        return None
    return float(connection.execute(_OLDEST).scalar_one())
