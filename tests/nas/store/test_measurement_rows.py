"""Batches of thousands of tasks, as a whole space gives them."""

from sqlalchemy import Engine

from nas.jobs import JobState, Waiting
from nas.measurement_tasks import TaskReport
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.measurement_rows import CHUNK
from nas.store.session_store import DatabaseSessionStore
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.nas.store.measured import measured, task_of
from tests.nas.store.queued import TENANT, running


def test_more_tasks_than_fit_into_one_statement(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    subjects = [f"{n:064x}" for n in range(2 * CHUNK + 7)]
    measuring = DatabaseMeasurementQueue(engine)
    job = running(store, queue)
    tasks = [task_of(subject, sessions=1) for subject in subjects]
    assert measuring.enqueue(job, tasks) == TaskReport(len(subjects), 0, ())
    assert queue.settle(job, Waiting()) is JobState.WAITING
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    lease, (batch,) = found
    assert len(batch.artifacts) == len(subjects)
    assert measuring.deliver(lease, measured("s1", subjects)) == len(subjects)
    assert store.get(TENANT, job.job_id).state is JobState.QUEUED
    (session,) = DatabaseSessionStore(engine).sessions(DEVICE.digest, CONTEXT.digest, subjects)
    assert session == measured("s1", subjects)
