import pytest
from sqlalchemy import Engine, text

from nas.job_records import JobRequest
from nas.jobs import Fault, JobKind
from nas.leases import LeaseTimes
from nas.store.counters import LEASE_LOSSES, Count
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.operations import DatabaseOperations
from nas.store.session import writing
from search_spaces.errors import UsageError


def submit(store: DatabaseJobStore, tenant: str = "a", max_open: int | None = None) -> str:
    return store.submit(tenant, JobRequest(JobKind.SEARCH, {}), max_open=max_open).id


def test_open_jobs_are_counted_by_kind_and_state(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    for _ in range(3):
        submit(store)
    store.request_cancel("a", submit(store))
    queue.claim("w1")
    found = DatabaseOperations(engine).look()
    assert found.open_jobs == {("search", "queued"): 2, ("search", "running"): 1}
    assert found.overdue_leases == 0


def test_a_lost_lease_is_seen_until_it_is_reaped_and_counted_then(
    store: DatabaseJobStore, engine: Engine
) -> None:
    queue, operations = DatabaseJobQueue(engine, LeaseTimes(lease_ms=-1)), DatabaseOperations(engine)
    submit(store)
    queue.claim("w1")
    assert operations.look().overdue_leases == 1
    assert [one.fault for one in queue.reap()] == [Fault.LOST_NODE]
    found = operations.look()
    assert found.overdue_leases == 0
    assert found.counts == (Count(LEASE_LOSSES, "lost_node"),)


def test_the_oldest_transaction_is_told_where_the_database_knows(engine: Engine) -> None:
    operations = DatabaseOperations(engine)
    with engine.connect() as other, other.begin():
        if engine.dialect.name == "sqlite":
            other.rollback()
            assert operations.look().oldest_transaction_s is None
            return
        other.execute(text("SELECT pg_sleep(0.05)"))
        age = operations.look().oldest_transaction_s
    assert age is not None
    assert age >= 0.05


def test_a_tenant_has_so_many_open_jobs(store: DatabaseJobStore, engine: Engine) -> None:
    first = submit(store, max_open=2)
    submit(store, max_open=2)
    with pytest.raises(UsageError) as error:
        submit(store, max_open=2)
    assert error.value.code == "too_many_jobs"
    submit(store, tenant="b", max_open=2)
    store.request_cancel("a", first)
    submit(store, max_open=2)


def test_a_parked_job_is_seen_and_takes_no_room(store: DatabaseJobStore, engine: Engine) -> None:
    job = submit(store)
    with writing(engine) as connection:
        connection.execute(text("UPDATE jobs SET state = 'parked' WHERE id = :id"), {"id": job})
    assert DatabaseOperations(engine).look().open_jobs == {("search", "parked"): 1}
    submit(store, max_open=1)
