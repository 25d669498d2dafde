"""Whoever has lost a job writes nothing of any kind."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel
from sqlalchemy import Engine, select

from nas.leases import Lease, LeaseLost, Renewal
from nas.store import fence
from nas.store.artifact_folder import ArtifactFolder
from nas.store.dataset_store import DatabaseDatasetStore
from nas.store.fence import NewEvent, fenced
from nas.store.front_store import DatabaseFrontStore, StoredCandidate
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_run import JobRun, StoredJob
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.result_store import DatabaseResultStore
from nas.store.schema import TABLES
from nas.store.session import reading
from nas.store.supernet_store import DatabaseSupernetStore, StoredCheckpoint
from nas.store.table_store import DatabaseTableStore
from nas.store.tables import jobs
from tests.nas.store.measured import TASKS, table_of
from tests.nas.store.queued import TENANT, lose, running
from tests.nas.store.trained import DIGEST, KEY

Write = Callable[[Engine, ArtifactFolder, Lease], object]
CANDIDATE = StoredCandidate(0, DIGEST, "predicted", {"depth": 2}, {"accuracy": 0.5})


class Found(BaseModel):
    """A document of a phase."""

    value: int


def run_of(engine: Engine, artifacts: ArtifactFolder, lease: Lease) -> JobRun:
    """The attempt as phases see it."""
    results = DatabaseResultStore(engine)
    job = DatabaseJobStore(engine).get(TENANT, lease.job_id)
    return JobRun(StoredJob(job, results, artifacts), lease, results, artifacts)


WRITES: dict[str, Write] = {
    "document": lambda e, a, lease: DatabaseResultStore(e).save_document(lease, "train", "{}"),
    "artifact": lambda e, a, lease: DatabaseResultStore(e).name_artifact(lease, "net", DIGEST),
    "event": lambda e, a, lease: DatabaseResultStore(e).report(lease, "epoch", {"epoch": 1}),
    "phase": lambda e, a, lease: run_of(e, a, lease).save("train", Found(value=1)),
    "arrays": lambda e, a, lease: run_of(e, a, lease).save_arrays("scores"),
    "supernet": lambda e, a, lease: DatabaseSupernetStore(e).begin(lease, KEY, 3),
    "checkpoint": lambda e, a, lease: DatabaseSupernetStore(e).save_checkpoint(
        lease, "x", StoredCheckpoint(1, {"w": DIGEST}, 1.0)
    ),
    "weights": lambda e, a, lease: DatabaseSupernetStore(e).finish(lease, "x", DIGEST, {}),
    "candidates": lambda e, a, lease: DatabaseFrontStore(e).add_candidates(lease, [CANDIDATE]),
    "front": lambda e, a, lease: DatabaseFrontStore(e).save_front(lease, 0, "[]"),
    "subnet": lambda e, a, lease: DatabaseFrontStore(e).add_subnet(lease, "x", DIGEST, {}),
    "export": lambda e, a, lease: DatabaseFrontStore(e).add_export(lease, "net", "onnx", DIGEST, {}),
    "dataset": lambda e, a, lease: DatabaseDatasetStore(e).judge(lease, "x", "ready", {}),
    "measurement tasks": lambda e, a, lease: DatabaseMeasurementQueue(e).enqueue(lease, TASKS),
    "table": lambda e, a, lease: DatabaseTableStore(e, a).publish(lease, table_of()),
}


def everything(engine: Engine) -> dict[str, list[object]]:
    """Every row of every table."""
    with reading(engine) as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table))]
            for name, table in TABLES.tables.items()
        }


@pytest.mark.parametrize("then", ["taken away", "run by another", "cancelled"])
@pytest.mark.parametrize("kind", WRITES)
def test_a_stale_owner_writes_nothing(
    store: DatabaseJobStore,
    queue: DatabaseJobQueue,
    engine: Engine,
    tmp_path: Path,
    kind: str,
    then: str,
) -> None:
    lease = running(store, queue)
    if then == "cancelled":
        store.request_cancel(TENANT, lease.job_id)
    lose(engine, queue)
    if then == "run by another":
        assert len(queue.claim("w2")) == 1
    before = everything(engine)
    with pytest.raises(LeaseLost):
        WRITES[kind](engine, ArtifactFolder(tmp_path), lease)
    assert everything(engine) == before


def test_events_are_numbered_in_the_order_of_commits(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    lease = running(store, queue)
    with fenced(engine, lease, NewEvent("first", {}), NewEvent("second", {"n": 2})):
        pass
    with fenced(engine, lease, NewEvent("third", {})):
        pass
    found = store.events(TENANT, lease.job_id, after=2)
    assert [(event.id, event.kind) for event in found] == [(3, "first"), (4, "second"), (5, "third")]


def test_what_fails_inside_leaves_no_event(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    lease = running(store, queue)

    def write_and_fail() -> None:
        with fenced(engine, lease, NewEvent("first", {})):
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert len(store.events(TENANT, lease.job_id)) == 2


def test_it_is_the_condition_that_stops_a_stale_owner(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = running(store, queue)
    lose(engine, queue)
    assert len(queue.claim("w2")) == 1
    monkeypatch.setattr(fence, "owned", lambda lease: jobs.c.id == lease.job_id)
    results = DatabaseResultStore(engine)
    results.save_document(stale, "train", "{}")
    assert results.document(TENANT, stale.job_id, "train") == "{}"
    assert queue.renew({stale: 1}) == {stale: Renewal.RENEWED}
