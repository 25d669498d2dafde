"""Jobs as those see them who ask for them."""

from collections.abc import Collection
from typing import Any, Final, final

from sqlalchemy import Connection, Engine, Row, bindparam, select, update

from nas.job_records import Job, JobEvent, JobPage, JobRequest
from nas.jobs import TERMINAL, JobKind, JobState, sources
from nas.store.audit_log import Actor, lock_changes, note
from nas.store.columns import now_ms
from nas.store.fence import NewEvent, append_events
from nas.store.idempotency import known_job
from nas.store.ids import new_id
from nas.store.job_facets import Facet, about, values_of
from nas.store.job_rows import insert_job
from nas.store.operations import check_room
from nas.store.pages import MAX_PAGE, newest
from nas.store.session import one_at_a_time, reading, writing
from nas.store.tables import events, jobs
from search_spaces.digests import sha256_json
from search_spaces.errors import UsageError


@final
class DatabaseJobStore:
    """Jobs in the database. The tenant comes first: nobody sees or touches another's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def submit(
        self,
        tenant: str,
        request: JobRequest,
        key: str = "",
        *,
        actor: Actor | None = None,
        max_open: int | None = None,
    ) -> Job:
        """Queue a job with its first event, and note who asked, in one transaction.

        Args:
            tenant: Whose it is.
            request: What is asked for.
            key: The same key with the same request returns the job of the first time: whoever got no answer
                asks again.
            actor: Who asks; nothing is noted if not given.
            max_open: Jobs that the tenant may have unfinished; any number if not given.

        Raises:
            UsageError: `idempotency_conflict` where the key came with another request; `too_many_jobs`.
        """
        job_id = new_id(request.name)
        with writing(self._engine) as connection:
            lock_changes(connection, tenant)
            known = known_job(connection, tenant, request, key, job_id) if key else None
            if known is None:
                if max_open is not None:
                    check_room(connection, tenant, max_open)
                insert_job(connection, tenant, request, job_id)
                if actor is not None:
                    note(connection, tenant, actor, f"{request.kind}.submit", job_id)
            return _get(connection, tenant, known or job_id)

    def submit_once(self, tenant: str, request: JobRequest) -> tuple[Job, bool]:
        """Return the unfinished job of the same kind and specification, or queue a new one.

        One that is parked is queued again; one that is being cancelled is not gone on with. Of two who ask
        at the same moment, one makes the job and the other finds it.

        Returns:
            The job, and whether it was there.
        """
        asked = (jobs.c.tenant == tenant, jobs.c.kind == request.kind, jobs.c.spec == dict(request.spec))
        unfinished = (jobs.c.state.not_in(TERMINAL), jobs.c.cancel_requested.is_(False))
        newest = (jobs.c.created_at_ms.desc(), jobs.c.id.desc())
        with writing(self._engine) as connection:
            one_at_a_time(connection, f"submit {tenant} {request.kind} {sha256_json(dict(request.spec))}")
            query = select(jobs.c.id).where(*asked, *unfinished).order_by(*newest).limit(1)
            found = connection.execute(query).scalar_one_or_none()
            job_id = found or new_id(request.name)
            if found:
                _resume(connection, tenant, found)
            else:
                insert_job(connection, tenant, request, job_id)
            return _get(connection, tenant, job_id), found is not None

    def get(self, tenant: str, job_id: str) -> Job:
        """Return a job.

        Raises:
            UsageError: `unknown_job`.
        """
        with reading(self._engine) as connection:
            return _get(connection, tenant, job_id)

    def page(
        self,
        tenant: str,
        *,
        kinds: Collection[JobKind] = (),
        states: Collection[JobState] = (),
        name: str = "",
        device: str = "",
        space: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """Return a page of jobs, newest first; a job that comes meanwhile moves no other to another page.

        Args:
            tenant: Whose.
            kinds: Of these only; empty for all.
            states: In these only; empty for all.
            name: Of that name only; empty for all.
            device: Only searches that have it for a target; empty for all.
            space: Only searches of the space with that name; empty for all.
            limit: At most `MAX_PAGE`.
            cursor: Of the page before.

        Raises:
            UsageError: `invalid_cursor`.
        """
        query = select(jobs).where(jobs.c.tenant == tenant)
        names = [name] if name else []
        for column, wanted in ((jobs.c.kind, kinds), (jobs.c.state, states), (jobs.c.name, names)):
            if wanted:
                query = query.where(column.in_(wanted))
        query, order = about(query, tenant, {"space": space, "device": device})
        with reading(self._engine) as connection:
            found = newest(connection, query, order, limit, cursor)
        return JobPage(tuple(_job(row) for row in found.items), found.cursor)

    def names(self, tenant: str, kind: JobKind) -> tuple[str, ...]:
        """Return the names that jobs of a kind have, in order."""
        query = select(jobs.c.name).where(jobs.c.tenant == tenant, jobs.c.kind == kind, jobs.c.name != "")
        with reading(self._engine) as connection:
            return tuple(connection.execute(query.distinct().order_by(jobs.c.name)).scalars())

    def facet_values(self, tenant: str, facet: Facet) -> tuple[str, ...]:
        """Return what the searches of a tenant are for: all devices or all spaces, in order."""
        with reading(self._engine) as connection:
            return values_of(connection, tenant, facet)

    def request_cancel(self, tenant: str, job_id: str, *, actor: Actor | None = None) -> Job:
        """Cancel a job: at once where nobody runs it, else its worker is told with its next renewal.

        A job that has ended stays as it is.

        Args:
            tenant: Whose.
            job_id: Of the job.
            actor: Who asks; noted, if given.

        Raises:
            UsageError: `unknown_job`.
        """
        with writing(self._engine) as connection:
            lock_changes(connection, tenant)
            # Locks the row: it is still in the state that is returned when the next statement looks.
            statement = (
                update(jobs)
                .where(jobs.c.tenant == tenant, jobs.c.id == job_id, jobs.c.state.not_in(TERMINAL))
                .values(cancel_requested=True, changed_at_ms=now_ms())
                .returning(jobs.c.state, jobs.c.attempt, jobs.c.kind)
            )
            row = connection.execute(statement).one_or_none()
            if row is not None and actor is not None:
                note(connection, tenant, actor, f"{row.kind}.cancel", job_id)
            if row is not None and row.state in set(sources(JobState.CANCELLED)) - {JobState.RUNNING}:
                _move(connection, job_id, row.attempt, JobState.CANCELLED, finished_at_ms=now_ms())
            elif row is not None:
                _append(connection, job_id, row.attempt, "cancel_requested")
            return _get(connection, tenant, job_id)

    def resume(self, tenant: str, job_id: str, *, actor: Actor | None = None) -> Job:
        """Queue a parked job again, once what it failed at has been mended; who asks is noted, if given.

        Raises:
            UsageError: `unknown_job` or `job_not_parked`.
        """
        with writing(self._engine) as connection:
            lock_changes(connection, tenant)
            resumed, job = _resume(connection, tenant, job_id), _get(connection, tenant, job_id)
            if resumed and actor is not None:
                note(connection, tenant, actor, f"{job.kind}.resume", job_id)
        if not resumed:
            raise UsageError("job_not_parked", f"job {job_id} is {job.state}: only a parked job is resumed")
        return job

    def events(self, tenant: str, job_id: str, after: int = 0, limit: int = MAX_PAGE) -> tuple[JobEvent, ...]:
        """Return events of a job after the one with that number, oldest first.

        Raises:
            UsageError: `unknown_job`.
        """
        query = select(events).where(events.c.job_id == job_id, events.c.id > after).order_by(events.c.id)
        query = query.limit(max(1, min(limit, MAX_PAGE)))
        with reading(self._engine) as connection:
            _get(connection, tenant, job_id)
            return tuple(
                JobEvent(row.id, row.attempt, row.kind, row.data, row.at_ms)
                for row in connection.execute(query)
            )


def _resume(connection: Connection, tenant: str, job_id: str) -> bool:
    """Queue a job again where it is parked; return whether it was."""
    statement = (
        update(jobs)
        .where(jobs.c.tenant == tenant, jobs.c.id == job_id, jobs.c.state == JobState.PARKED)
        .values(faults_without_progress=0, not_before_ms=now_ms())
        .returning(jobs.c.attempt)
    )
    attempt = connection.execute(statement).scalar_one_or_none()
    if attempt is None:
        return False
    _move(connection, job_id, attempt, JobState.QUEUED, finished_at_ms=0)
    return True


def insert_finished(connection: Connection, tenant: str, request: JobRequest, job_id: str) -> None:
    """Record a job that is over as it begins, in the caller's transaction: nobody can claim it."""
    insert_job(connection, tenant, request, job_id)
    values = {"state": JobState.SUCCEEDED, "finished_at_ms": now_ms()}
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))
    _append(connection, job_id, 0, JobState.SUCCEEDED)


def _move(connection: Connection, job_id: str, attempt: int, state: JobState, **values: Any) -> None:
    """Change the state of a job whose row is locked, with its event."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_(sources(state)))
        .values(state=state, **values)
    )
    _append(connection, job_id, attempt, state)


def _append(connection: Connection, job_id: str, attempt: int, kind: str) -> None:
    statement = update(jobs).where(jobs.c.id == job_id).values(last_event=jobs.c.last_event + 1)
    last_event = connection.execute(statement.returning(jobs.c.last_event)).scalar_one()
    append_events(connection, job_id, attempt, last_event, [NewEvent(kind, {"reason": "asked"})])


# Made once: it is asked with every look at a job.
_ONE: Final = select(jobs).where(jobs.c.tenant == bindparam("tenant"), jobs.c.id == bindparam("job_id"))


def _get(connection: Connection, tenant: str, job_id: str) -> Job:
    row = connection.execute(_ONE, {"tenant": tenant, "job_id": job_id}).one_or_none()
    if row is None:
        raise UsageError(
            "unknown_job", f"there is no job '{job_id[:80]}': list the jobs to see which there are"
        )
    return _job(row)


def _job(row: Row[Any]) -> Job:
    fields = row._mapping  # made anew each time it is asked for
    plain = {name: fields[name] for name in Job.__dataclass_fields__}
    return Job(**{**plain, "kind": JobKind(row.kind), "state": JobState(row.state)})
