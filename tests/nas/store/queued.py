"""Jobs for tests, and clocks that go on at once instead of waiting."""

from sqlalchemy import Engine, select, update

from nas.job_records import Job, JobRequest
from nas.jobs import JobKind
from nas.leases import Claim, Lease
from nas.store.columns import now_ms
from nas.store.handing_out import AGAIN_MS
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_tables import measurement_tasks
from nas.store.session import reading, writing
from nas.store.tables import jobs

TENANT = "acme"
REQUEST = JobRequest(JobKind.SEARCH, {"dataset": {"name": "digits"}}, name="digits", owner="ann")


def submit(store: DatabaseJobStore, count: int = 1) -> list[Job]:
    """Queue some jobs, one after the other."""
    return [store.submit(TENANT, REQUEST) for _ in range(count)]


def claim_one(queue: DatabaseJobQueue, worker: str = "w1") -> Claim:
    """Claim the only job that is due."""
    (claim,) = queue.claim(worker)
    return claim


def running(store: DatabaseJobStore, queue: DatabaseJobQueue) -> Lease:
    """Queue a job and claim it."""
    submit(store)
    return claim_one(queue).lease


def let_time_pass(engine: Engine, ms: int) -> None:
    """Move every time of every job into the past: as if so long had gone by."""
    names = ("lease_until_ms", "progress_at_ms", "not_before_ms")
    with writing(engine) as connection:
        connection.execute(update(jobs).values({name: jobs.c[name] - ms for name in names}))


def rest(engine: Engine) -> None:
    """Let so long go by that whatever could not be measured is handed out again."""
    earlier = measurement_tasks.c.changed_at_ms - AGAIN_MS - 1_000
    with writing(engine) as connection:
        connection.execute(update(measurement_tasks).values(changed_at_ms=earlier))


def lose(engine: Engine, queue: DatabaseJobQueue) -> None:
    """Let the lease of every running job run out, and have the jobs taken away and due again."""
    let_time_pass(engine, queue.times.lease_ms + 1_000)
    queue.reap()
    let_time_pass(engine, 3_600_000)


def row_of(engine: Engine, job_id: str, name: str) -> object:
    """One column of a job."""
    with reading(engine) as connection:
        return connection.execute(select(jobs.c[name]).where(jobs.c.id == job_id)).scalar_one()


def database_now(engine: Engine) -> int:
    """The database's clock."""
    with reading(engine) as connection:
        return int(connection.execute(select(now_ms())).scalar_one())
