"""Sessions before anything was measured, how long devices were held; the rest is in the queue's tests."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, update

from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from latency_predictors.protocol import AnchorReading, SessionResult
from nas.leases import Lease
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.measurement_tables import sessions as session_rows
from nas.store.session import writing
from nas.store.session_store import DatabaseSessionStore
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.nas.store.measured import SUBJECTS, TASKS, measured, task_of
from tests.nas.store.queued import running


def test_nothing_was_measured_at_first(engine: Engine) -> None:
    sessions = DatabaseSessionStore(engine)
    assert sessions.sessions(DEVICE.digest, CONTEXT.digest, SUBJECTS) == ()
    assert sessions.sessions(DEVICE.digest, CONTEXT.digest, ()) == ()
    assert sessions.reference_ms(DEVICE.digest, CONTEXT.digest) == {}
    assert sessions.device_seconds("no such job") == 0


def test_references_are_those_of_the_last_sessions_and_of_one_that_is_there(
    engine: Engine, measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    measuring.enqueue(running(store, queue), TASKS)
    told = {name: {"anchor": value_ms} for name, value_ms in (("s1", 0.1), ("s2", 0.2), ("s3", 0.3))}
    deliver(
        measuring,
        *(lasting(name, 9.0).model_copy(update={"reference_ms": one}) for name, one in told.items()),
    )
    with writing(engine) as connection:
        connection.execute(update(session_rows).where(session_rows.c.id == "s3").values(doubt="drifted"))
    found, where = DatabaseSessionStore(engine).references, (DEVICE.digest, CONTEXT.digest)
    assert sorted(one["anchor"] for one in found(*where, "new")) == [0.2, 0.3]
    assert sorted(one["anchor"] for one in found(*where, "s1")) == [0.1, 0.2, 0.3]


def test_the_last_session_is_of_those_that_were_timed_so(
    engine: Engine, measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    find, where = DatabaseSessionStore(engine).last, (DEVICE.digest, CONTEXT.digest)
    assert find(*where, LAYER_PROTOCOL) is None
    other = [task_of(SUBJECTS[0], NETWORK_PROTOCOL)]
    measuring.enqueue(running(store, queue), [*TASKS, *other])
    sessions = [measured(name) for name in ("s2", "s1")]
    deliver(measuring, *sessions, measured("s0", SUBJECTS[:1], NETWORK_PROTOCOL))
    assert find(*where, LAYER_PROTOCOL) == sessions[-1]
    assert find(DEVICE.digest, "0" * 64, LAYER_PROTOCOL) is None


def lasting(name: str, seconds: float, subjects: Sequence[str] = SUBJECTS) -> SessionResult:
    """A session of so many seconds."""
    ends = (7_000_000_000, 7_000_000_000 + round(seconds * 1e9))
    readings = tuple(AnchorReading(at_ns=at, median_ms={"anchor": 0.5}) for at in ends)
    return measured(name, subjects).model_copy(update={"readings": readings})


@pytest.fixture
def measuring(engine: Engine) -> DatabaseMeasurementQueue:
    """The queues of devices."""
    return DatabaseMeasurementQueue(engine)


def deliver(measuring: DatabaseMeasurementQueue, *sessions: SessionResult) -> None:
    """Measure what is pending, as whoever has the device does."""
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    for session in sessions:
        measuring.deliver(found[0], session)
    measuring.give_back(found[0])


def test_a_device_is_held_by_the_sessions_that_a_job_waits_for(
    engine: Engine, measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    job, sessions = running(store, queue), DatabaseSessionStore(engine)
    measuring.enqueue(job, TASKS)
    deliver(measuring, lasting("s1", 12.0))
    assert sessions.device_seconds(job.job_id) == pytest.approx(12.0)
    deliver(measuring, lasting("s2", 10.0))
    measuring.enqueue(job, TASKS)  # asking again costs nothing
    assert sessions.device_seconds(job.job_id) == pytest.approx(22.0)


def test_what_was_measured_before_costs_nothing(
    engine: Engine, measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    measuring.enqueue(running(store, queue), TASKS)
    deliver(measuring, lasting("s1", 12.0), lasting("s2", 10.0))
    later = running(store, queue)
    measuring.enqueue(later, TASKS)
    assert DatabaseSessionStore(engine).device_seconds(later.job_id) == 0


def test_a_session_for_two_jobs_is_shared_by_their_files(
    engine: Engine, measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    jobs: list[Lease] = [running(store, queue), running(store, queue)]
    measuring.enqueue(jobs[0], TASKS[:1])
    measuring.enqueue(jobs[1], TASKS[1:])
    deliver(measuring, lasting("s1", 12.0))
    sessions = DatabaseSessionStore(engine)
    assert [sessions.device_seconds(job.job_id) for job in jobs] == pytest.approx([3.0, 9.0])


def test_what_sessions_saw_of_a_device_comes_without_their_results(
    engine: Engine, measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    sessions = DatabaseSessionStore(engine)
    assert sessions.conditions(DEVICE.digest, CONTEXT.digest) == ()
    measuring.enqueue(running(store, queue), TASKS)
    deliver(measuring, lasting("s1", 12.0), lasting("s2", 10.0))
    found = sessions.conditions(DEVICE.digest, CONTEXT.digest)
    assert [one.session_id for one in found] == ["s1", "s2"]
    assert found[0].readings == lasting("s1", 12.0).readings
    assert {one.results for one in found} == {()}
    assert [one.session_id for one in sessions.conditions(DEVICE.digest, CONTEXT.digest, 1)] == ["s2"]
