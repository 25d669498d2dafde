"""Rows of new jobs, in the caller's transaction."""

from sqlalchemy import Connection

from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState
from nas.store.columns import now_ms
from nas.store.fence import NewEvent, append_events
from nas.store.job_facets import insert_facets
from nas.store.tables import jobs


def insert_job(connection: Connection, tenant: str, request: JobRequest, job_id: str) -> None:
    """Queue a job with its first event; lists find a search by what it is for."""
    row = {
        "id": job_id,
        "tenant": tenant,
        "owner": request.owner,
        "kind": request.kind,
        "state": JobState.QUEUED,
        "name": request.name,
        "spec": dict(request.spec),
        "attempt": 0,
        "token": "",
        "worker": "",
        "progress": 0,
        "faults": {},
        "faults_without_progress": 0,
        "code": "",
        "message": "",
        "cancel_requested": False,
        "awaited": "",
        "last_event": 1,
    }
    times = {name: now_ms() for name in ("created_at_ms", "changed_at_ms", "not_before_ms")}
    statement = jobs.insert().values(**row, **times).returning(jobs.c.created_at_ms)
    created_at_ms = connection.execute(statement).scalar_one()
    if request.kind is JobKind.SEARCH:
        insert_facets(connection, tenant, job_id, created_at_ms, request.spec)
    append_events(connection, job_id, 0, 1, [NewEvent(JobState.QUEUED, {"reason": "submitted"})])
