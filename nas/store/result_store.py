"""What a running job leaves: documents of its phases, named artifacts, events. Every write is fenced."""

from collections.abc import Collection, Mapping
from typing import Any, final

from sqlalchemy import ColumnElement, Engine, Table, select

from nas.jobs import JobState
from nas.leases import Lease
from nas.store.columns import now_ms
from nas.store.counters import Count, add_counts
from nas.store.fence import NewEvent, fenced
from nas.store.inserts import insert_or_replace
from nas.store.session import reading
from nas.store.tables import documents, job_artifacts, jobs


@final
class DatabaseResultStore:
    """Results in the database. Reading asks for the tenant, writing for the lease."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save_document(self, lease: Lease, name: str, content: str, count: Count | None = None) -> None:
        """Keep a document under a name, in place of the one before.

        Args:
            lease: Of the job.
            name: Of the document.
            content: Text.
            count: What has happened with it, for whoever watches.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        row = {"job_id": lease.job_id, "name": name, "content": content, "attempt": lease.attempt}
        with fenced(self._engine, lease, NewEvent("document", {"name": name})) as connection:
            insert_or_replace(connection, documents, {**row, "saved_at_ms": now_ms()})
            if count is not None:
                add_counts(connection, [count])

    def document(self, tenant: str, job_id: str, name: str) -> str | None:
        """Return a document of a job, None where it has none of that name."""
        return self._value(documents, documents.c.content, tenant, job_id, name)

    def having(self, tenant: str, names: Collection[str]) -> tuple[tuple[str, str], ...]:
        """Return which jobs that succeeded have documents of some names, each with the name.

        What was saved last comes first, whichever job was submitted first. What they have left no longer
        changes.
        """
        query = (
            select(jobs.c.id, documents.c.name)
            .join(documents, documents.c.job_id == jobs.c.id)
            .where(jobs.c.tenant == tenant, jobs.c.state == JobState.SUCCEEDED, documents.c.name.in_(names))
            .order_by(documents.c.saved_at_ms.desc(), jobs.c.created_at_ms.desc(), jobs.c.id.desc())
        )
        with reading(self._engine) as connection:
            return tuple((row.id, row.name) for row in connection.execute(query))

    def name_artifact(self, lease: Lease, name: str, digest: str) -> None:
        """Keep an artifact under a name of the job's, in place of the one before.

        The content has to be in the artifact store already: a row never points to what is not there.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        row = {"job_id": lease.job_id, "name": name, "digest": digest, "attempt": lease.attempt}
        event = NewEvent("artifact", {"name": name, "digest": digest})
        with fenced(self._engine, lease, event) as connection:
            insert_or_replace(connection, job_artifacts, {**row, "saved_at_ms": now_ms()})

    def artifact(self, tenant: str, job_id: str, name: str) -> str | None:
        """Return the digest of a job's artifact of that name, None where there is none."""
        return self._value(job_artifacts, job_artifacts.c.digest, tenant, job_id, name)

    def report(self, lease: Lease, kind: str, data: Mapping[str, Any]) -> None:
        """Append an event.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        with fenced(self._engine, lease, NewEvent(kind, data)):
            return  # the event is all there is to write

    def _value(
        self, table: Table, column: ColumnElement[str], tenant: str, job_id: str, name: str
    ) -> str | None:
        query = (
            select(column)
            .join(jobs, jobs.c.id == table.c.job_id)
            .where(jobs.c.tenant == tenant, table.c.job_id == job_id, table.c.name == name)
        )
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()
