"""Hot queries find their rows by an index, however many jobs have ended."""

import re
import sqlite3

import pytest
from sqlalchemy import Connection, Engine, event

from nas.jobs import JobKind, JobState
from nas.store.dataset_store import DatabaseDatasetStore
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.supernet_store import DatabaseSupernetStore
from tests.latency_predictors.sessions import DEVICE
from tests.nas.store.measured import TASKS
from tests.nas.store.queued import TENANT, running

OTHERS = (
    "ix_measurement_tasks_pending",
    "ix_supernets_listed",
    "sqlite_autoindex_datasets_2 (tenant=? AND name>?)",
    # A page of a device begins at its place there.
    "ix_job_facets_listed (tenant=? AND name=? AND value=? AND (created_at_ms,job_id)<(?,?))",
    "sqlite_autoindex_job_facets_1 (job_id=? AND name=? AND value=?)",
)

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
    store.page(TENANT, kinds=(JobKind.SEARCH,), device="pi5", space="resnet", cursor="99.a")
    store.facet_values(TENANT, "device")
    DatabaseSupernetStore(engine).page(TENANT, cursor="99.a")
    DatabaseDatasetStore(engine).page(TENANT, after="a")
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
    assert [statement for plan, statement in plans if "TEMP B-TREE FOR ORDER BY" in plan] == []
    states = ("claimable", "running", "waiting", "by_state")
    for index in (*(f"ix_jobs_{state}" for state in states), *OTHERS):
        assert index in used
