"""A job that was begun on a device is left to the workers there; where none lives, it says so."""

import pytest
from sqlalchemy import Engine

from nas.jobs import JobState, Released, Waiting
from nas.leases import Lease
from nas.store.bound import BOUND, DEVICE_AWAY
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.result_store import DatabaseResultStore
from tests.latency_predictors.sessions import DEVICE
from tests.nas.store.measured import TASKS
from tests.nas.store.queued import TENANT, running, submit

ELSEWHERE = "e" * 64


@pytest.fixture
def bound(engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue) -> Lease:
    """A running job that was begun on the device."""
    lease = running(store, queue)
    DatabaseResultStore(engine).save_document(lease, BOUND, DEVICE.digest)
    return lease


def told(store: DatabaseJobStore, lease: Lease) -> list[str]:
    """What a job has said of its device."""
    events = store.events(TENANT, lease.job_id)
    return [event.data["message"] for event in events if event.kind == DEVICE_AWAY]


def test_only_workers_of_its_device_go_on_with_a_job(
    store: DatabaseJobStore, queue: DatabaseJobQueue, bound: Lease
) -> None:
    queue.settle(bound, Released())
    (free,) = submit(store)
    assert [one.lease.job_id for one in queue.claim("w2", 5, device=ELSEWHERE)] == [free.id]
    assert queue.claim("w2", 5, device=ELSEWHERE) == []
    assert [one.lease.job_id for one in queue.claim("w1", 5, device=DEVICE.digest)] == [bound.job_id]


def test_whoever_asks_for_no_device_is_given_any_job(queue: DatabaseJobQueue, bound: Lease) -> None:
    queue.settle(bound, Released())
    assert len(queue.claim("w1")) == 1


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.WAITING])
def test_a_job_whose_device_has_gone_says_so_until_it_is_back(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue, bound: Lease, state: JobState
) -> None:
    measuring = DatabaseMeasurementQueue(engine)
    if state is JobState.WAITING:
        measuring.enqueue(bound, TASKS)
    assert queue.settle(bound, Waiting()) is state
    assert queue.tell_away([DEVICE.digest, ELSEWHERE]) == []
    for _ in range(2):
        queue.tell_away([ELSEWHERE])
    job = store.get(TENANT, bound.job_id)
    assert (job.state, job.code) == (state, "device_away")
    # The device is known by name once something was queued there.
    name = DEVICE.label if state is JobState.WAITING else DEVICE.digest[:12]
    assert job.message.startswith(f"it is measured on {name}, where no worker lives: ")
    assert told(store, bound) == [job.message], "once"
    assert queue.tell_away([DEVICE.digest]) == []
    job = store.get(TENANT, bound.job_id)
    assert (job.state, job.code, job.message) == (state, "", "")
    assert queue.tell_away([]) == [bound.job_id], "it has gone again"


def test_what_runs_or_is_bound_to_nothing_says_nothing(
    store: DatabaseJobStore, queue: DatabaseJobQueue, bound: Lease
) -> None:
    submit(store)
    assert queue.tell_away([]) == []
    assert told(store, bound) == []
