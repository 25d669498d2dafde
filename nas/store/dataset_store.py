"""Data sets that users have registered: being checked, ready, or rejected with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, final

from sqlalchemy import Connection, Engine, Row, and_, func, select, update

from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.leases import Lease
from nas.store.audit_log import Actor, lock_changes, note
from nas.store.columns import now_ms
from nas.store.fence import NewEvent, fenced
from nas.store.ids import new_id
from nas.store.inserts import insert_new
from nas.store.job_rows import insert_job
from nas.store.model_tables import datasets
from nas.store.operations import check_room
from nas.store.pages import Listed, cut
from nas.store.session import reading, writing
from search_spaces.errors import UsageError

DatasetState = Literal["checking", "ready", "rejected"]

MAX_NAME: Final = 100
NAME: Final = r"^[^\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff/\\]+$"
"""What a data set may be called: no part of a path, and nothing unseen or that turns the text around it."""


@dataclass(frozen=True)
class StoredDataset:
    """A registered data set.

    Attributes:
        spec: JSON, as `nas.data.spec` has it.
        digest: Of its content, once it is ready.
        report: What was found: counts and warnings, or why it was rejected.
        job_id: Of the job that checks it.
    """

    id: str
    name: str
    spec: Mapping[str, Any]
    state: DatasetState
    digest: str
    report: Mapping[str, Any]
    job_id: str
    created_at_ms: int


@final
class DatabaseDatasetStore:
    """Data sets in the database. The tenant comes first: nobody sees another's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        tenant: str,
        name: str,
        spec: Mapping[str, Any],
        owner: str = "",
        *,
        actor: Actor | None = None,
        max_open: int | None = None,
        stored_bytes: int = 0,
        max_stored_bytes: int | None = None,
    ) -> StoredDataset:
        """Register a data set, queue the job that checks it and note who asked, in one transaction.

        The same one again is the same one: whoever got no answer asks again. One that was rejected is checked
        again: its files may be mended by now.

        Args:
            tenant: Whose it is.
            name: What it is called.
            spec: JSON, as `nas.data.spec` has it.
            owner: Who asks.
            actor: The same, for the log of changes; nothing is noted if not given.
            max_open: Jobs that the tenant may have unfinished; any number if not given.
            stored_bytes: Of what was uploaded; 0 where the data stay where they are.
            max_stored_bytes: That the tenant may have uploaded in all, whatever comes at the same moment; any
                number if not given.

        Raises:
            UsageError: `dataset_exists` where another is registered under that name; `too_many_jobs` or
                `too_much_stored`.
        """
        dataset_id, job_id = new_id(), new_id()
        row: dict[str, Any] = {"id": dataset_id, "tenant": tenant, "owner": owner, "name": name}
        row |= {"spec": dict(spec), "state": "checking", "digest": "", "report": {}, "job_id": job_id}
        row |= {"stored_bytes": stored_bytes, "created_at_ms": now_ms()}
        own = and_(datasets.c.tenant == tenant, datasets.c.name == name)
        with writing(self._engine) as connection:
            lock_changes(connection, tenant)
            to_check = insert_new(connection, datasets, [row]) > 0
            if to_check and max_stored_bytes is not None:
                _check_stored(connection, tenant, max_stored_bytes)
            found = _dataset(connection.execute(select(datasets).where(own)).one())
            if found.state == "rejected" and found.spec == dict(spec):
                again: dict[str, Any] = {"state": "checking", "report": {}, "job_id": job_id}
                connection.execute(update(datasets).where(own).values(again))
                found, to_check = replace(found, **again), True
            if to_check:
                if max_open is not None:
                    check_room(connection, tenant, max_open)
                if actor is not None:
                    note(connection, tenant, actor, "dataset.submit", found.id)
                request = JobRequest(JobKind.DATASET, {"dataset": found.id}, name=name, owner=owner)
                insert_job(connection, tenant, request, job_id)
        if found.spec != dict(spec):
            raise UsageError("dataset_exists", f"another data set is named '{name}': choose another name")
        return found

    def get(self, tenant: str, name: str) -> StoredDataset:
        """Return a data set by its name or its identifier.

        Raises:
            UsageError: `unknown_dataset`.
        """
        with reading(self._engine) as connection:
            return _get(connection, tenant, name)

    def stored_bytes(self, tenant: str) -> int:
        """Return how many bytes a tenant has uploaded, rejected sets too: their files are kept."""
        with reading(self._engine) as connection:
            return _stored_bytes(connection, tenant)

    def list_all(self, tenant: str) -> tuple[StoredDataset, ...]:
        """Return all data sets of a tenant, by name."""
        query = select(datasets).where(datasets.c.tenant == tenant).order_by(datasets.c.name)
        with reading(self._engine) as connection:
            return tuple(_dataset(row) for row in connection.execute(query))

    def page(self, tenant: str, limit: int = 50, after: str | None = None) -> Listed[StoredDataset]:
        """Return so many of the same list: the first, or those after a name."""
        query = select(datasets).where(datasets.c.tenant == tenant)
        if after is not None:
            query = query.where(datasets.c.name > after)
        query = query.order_by(datasets.c.name).limit(limit + 1)
        with reading(self._engine) as connection:
            found = [_dataset(row) for row in connection.execute(query)]
        return cut(found, limit, lambda one: one.name)

    def judge(
        self,
        lease: Lease,
        dataset_id: str,
        state: Literal["ready", "rejected"],
        report: Mapping[str, Any],
        digest: str = "",
    ) -> StoredDataset:
        """Note what checking has found.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        event = NewEvent("dataset", {"dataset": dataset_id, "state": state})
        with fenced(self._engine, lease, event) as connection:
            connection.execute(
                update(datasets)
                .where(datasets.c.tenant == lease.tenant, datasets.c.id == dataset_id)
                .values(state=state, digest=digest, report=dict(report))
            )
            return _get(connection, lease.tenant, dataset_id)


def too_much_stored() -> UsageError:
    """Return why nothing more is kept for a tenant."""
    return UsageError("too_much_stored", "this tenant has no room for that: have HWNAS_MAX_STORED_GB raised")


def _check_stored(connection: Connection, tenant: str, most: int) -> None:
    if _stored_bytes(connection, tenant) > most:
        raise too_much_stored()


def _stored_bytes(connection: Connection, tenant: str) -> int:
    query = select(func.coalesce(func.sum(datasets.c.stored_bytes), 0)).where(datasets.c.tenant == tenant)
    return int(connection.execute(query).scalar_one())


def _get(connection: Connection, tenant: str, name: str) -> StoredDataset:
    named = (datasets.c.name == name) | (datasets.c.id == name)
    # A name that is another's identifier stands for itself.
    query = select(datasets).where(datasets.c.tenant == tenant, named).order_by(datasets.c.name != name)
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        raise UsageError("unknown_dataset", f"there is no data set '{name}': `hwnas datasets list` shows all")
    return _dataset(row)


def _dataset(row: Row[Any]) -> StoredDataset:
    return StoredDataset(**{name: row._mapping[name] for name in StoredDataset.__dataclass_fields__})
