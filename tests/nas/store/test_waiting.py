"""A job waits while one of its own tasks is pending, or while another trains what it asked for."""

import pytest
from sqlalchemy import Engine

from nas.jobs import (
    Cancelled,
    Fault,
    Faulted,
    Infeasible,
    JobState,
    Outcome,
    Released,
    Succeeded,
    Waiting,
)
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.session import writing
from nas.store.supernet_store import DatabaseSupernetStore
from nas.store.waiting import still_waits
from tests.latency_predictors.sessions import DEVICE
from tests.nas.store.measured import SUBJECTS, TASKS, measured, task_of
from tests.nas.store.queued import TENANT, let_time_pass, running
from tests.nas.store.trained import DIGEST, KEY


def test_a_job_waits_for_its_own_tasks(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    measuring = DatabaseMeasurementQueue(engine)
    first, second = running(store, queue), running(store, queue)
    measuring.enqueue(first, [task_of(SUBJECTS[0], sessions=1)])
    measuring.enqueue(second, TASKS[1:])
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    measuring.deliver(found[0], measured("s1", SUBJECTS[:1]))
    with writing(engine) as connection:
        assert not still_waits(connection, first.job_id, "")
        assert still_waits(connection, second.job_id, "")


@pytest.mark.parametrize(
    "end",
    [
        Cancelled(),
        Released(),
        Succeeded(),
        Waiting(),
        Infeasible("infeasible_limits", "m"),
        Faulted(Fault.CRASH, "x", "m"),
        Faulted(Fault.POISON, "x", "m"),
    ],
)
def test_a_job_waits_for_a_training_as_long_as_that_attempt_runs(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine, end: Outcome
) -> None:
    supernets = DatabaseSupernetStore(engine)
    trainer, waiter = running(store, queue), running(store, queue)
    begun = supernets.begin(trainer, KEY, 10)
    assert queue.settle(waiter, Waiting(begun.id)) is JobState.WAITING
    queue.reap()
    assert store.get(TENANT, waiter.job_id).state is JobState.WAITING
    queue.settle(trainer, end)
    queue.reap()
    job = store.get(TENANT, waiter.job_id)
    assert (job.state, job.faults) == (JobState.QUEUED, {})
    assert store.events(TENANT, waiter.job_id)[-1].data == {"reason": "ready"}


def test_it_goes_on_when_the_training_is_done(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    supernets = DatabaseSupernetStore(engine)
    trainer, waiter = running(store, queue), running(store, queue)
    begun = supernets.begin(trainer, KEY, 10)
    queue.settle(waiter, Waiting(begun.id))
    supernets.finish(trainer, begun.id, DIGEST, {})
    queue.reap()
    assert store.get(TENANT, waiter.job_id).state is JobState.QUEUED
    assert store.get(TENANT, trainer.job_id).state is JobState.RUNNING


def test_it_goes_on_when_the_lease_of_who_trains_has_run_out(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    supernets = DatabaseSupernetStore(engine)
    trainer, waiter = running(store, queue), running(store, queue)
    begun = supernets.begin(trainer, KEY, 10)
    queue.settle(waiter, Waiting(begun.id))
    let_time_pass(engine, queue.times.lease_ms + 1_000)
    assert [one.job_id for one in queue.reap()] == [trainer.job_id]
    assert store.get(TENANT, waiter.job_id).state is JobState.QUEUED


def test_who_asks_to_wait_for_what_is_over_by_then_goes_on_at_once(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    supernets = DatabaseSupernetStore(engine)
    trainer, waiter = running(store, queue), running(store, queue)
    begun = supernets.begin(trainer, KEY, 10)
    supernets.finish(trainer, begun.id, DIGEST, {})
    assert queue.settle(waiter, Waiting(begun.id)) is JobState.QUEUED
