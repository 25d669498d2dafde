"""Who runs jobs: every worker has a name that no other has while it lives."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from sqlalchemy import Engine, delete, select, update

from nas.leases import LeaseLost, LeaseTimes
from nas.store.columns import now_ms
from nas.store.inserts import insert_new
from nas.store.session import reading, writing
from nas.store.tables import workers
from search_spaces.errors import UsageError


@dataclass(frozen=True)
class WorkerLease:
    """The right to a name."""

    name: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Worker:
    """A worker that lives.

    Attributes:
        lease: Its right to its name.
        facts: What it said of itself: host, process, kinds of jobs.
    """

    lease: WorkerLease
    facts: Mapping[str, Any]
    started_at_ms: int

    @property
    def name(self) -> str:
        """That no other has."""
        return self.lease.name


@final
class DatabaseWorkers:
    """The workers in the database."""

    def __init__(self, engine: Engine, times: LeaseTimes | None = None) -> None:
        self._engine = engine
        self._times = times or LeaseTimes()

    def register(self, name: str, facts: Mapping[str, Any]) -> WorkerLease:
        """Take a name for as long as it is renewed.

        Raises:
            UsageError: `worker_name_taken` where another worker of that name lives.
        """
        token = secrets.token_hex(16)
        with writing(self._engine) as connection:
            gone = delete(workers).where(workers.c.name == name, workers.c.lease_until_ms < now_ms())
            connection.execute(gone)
            row = {"name": name, "token": token, "facts": dict(facts), "started_at_ms": now_ms()}
            if not insert_new(connection, workers, [{**row, "lease_until_ms": self._until()}]):
                raise UsageError(
                    "worker_name_taken",
                    f"a worker named '{name}' is alive: give this one another name, or wait "
                    f"{self._times.lease_ms / 1000:g} s if that one was killed",
                )
        return WorkerLease(name, token)

    def renew(self, lease: WorkerLease) -> None:
        """Keep the name.

        Raises:
            LeaseLost: Another worker has it by now.
        """
        statement = update(workers).where(workers.c.name == lease.name, workers.c.token == lease.token)
        with writing(self._engine) as connection:
            renewed = connection.execute(
                statement.values(lease_until_ms=self._until()).returning(workers.c.name)
            )
            if renewed.one_or_none() is None:
                raise LeaseLost(f"another worker is named {lease.name} by now")

    def leave(self, lease: WorkerLease) -> None:
        """Give the name back, one's own or that of a worker that is known to be gone."""
        with writing(self._engine) as connection:
            connection.execute(
                delete(workers).where(workers.c.name == lease.name, workers.c.token == lease.token)
            )

    def alive(self) -> tuple[Worker, ...]:
        """Return the workers that have renewed their names lately, by name."""
        query = select(workers).where(workers.c.lease_until_ms >= now_ms()).order_by(workers.c.name)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        leases = (WorkerLease(row.name, row.token) for row in rows)
        return tuple(Worker(one, row.facts, row.started_at_ms) for one, row in zip(leases, rows, strict=True))

    def _until(self) -> Any:
        return now_ms() + self._times.lease_ms
