"""Hot queries find their rows by an index, however many jobs have ended."""

import re
import sqlite3

import pytest
from sqlalchemy import Connection, Engine, event

from nas.jobs import JobKind, JobState
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from tests.latency_predictors.sessions import DEVICE
from tests.nas.store.measured import TASKS
from tests.nas.store.queued import TENANT, running

Statement = tuple[str, tuple[object, ...]]


@pytest.fixture
def sqlite_only(url: str) -> str:
    """The file of a SQLite database; its planner answers without statistics, so that few rows are enough."""
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL plans by statistics: small tables are always scanned")
    return url.removeprefix("sqlite:///")


def test_no_hot_query_scans_a_table(
    sqlite_only: str, store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    statements: list[Statement] = []

    def note(_c: Connection, _u: object, statement: str, parameters: object, *_: object) -> None:
        if isinstance(parameters, tuple):
            statements.append((statement, parameters))

    lease = running(store, queue)
    event.listen(engine, "before_cursor_execute", note)
    measuring = DatabaseMeasurementQueue(engine)
    measuring.enqueue(lease, TASKS)
    measuring.lease(DEVICE.digest, "w1")
    queue.renew({lease: 1})
    queue.reap()
    queue.claim("w1", 5)
    store.page(TENANT, cursor=f"99.{lease.job_id}")
    store.page(TENANT, kinds=(JobKind.SEARCH,), states=(JobState.FAILED,))
    store.events(TENANT, lease.job_id)
    with sqlite3.connect(sqlite_only) as connection:
        plans = [
            (row[3], statement)
            for statement, parameters in statements
            if re.match("SELECT|UPDATE|DELETE", statement)
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    connection.close()
    assert len(plans) > 10
    assert [plan for plan in plans if plan[0].startswith("SCAN") and " USING " not in plan[0]] == []
    used = " ".join(plan for plan, _ in plans)
    states = ("claimable", "running", "waiting", "by_state")
    for index in (*(f"ix_jobs_{state}" for state in states), "ix_measurement_tasks_pending"):
        assert index in used
