"""A job waits while one of its tasks is pending, and only for its own."""

from sqlalchemy import Engine

from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.session import writing
from nas.store.waiting import still_waits
from tests.latency_predictors.sessions import DEVICE
from tests.nas.store.measured import SUBJECTS, TASKS, measured, task_of
from tests.nas.store.queued import running


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
        assert not still_waits(connection, first.job_id)
        assert still_waits(connection, second.job_id)
