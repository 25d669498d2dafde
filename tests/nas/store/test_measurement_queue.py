"""Measuring: asked for once, done by one at a time, kept exactly once, and whoever waits goes on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import Engine, select, update

from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.protocol import FILE_ERRORS
from nas.jobs import JobState, Released, Waiting
from nas.leases import Lease, LeaseLost
from nas.measurement_tasks import DeviceLease, FailedTask, TaskReport
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.measurement_tables import devices, measurement_tasks, measurements
from nas.store.session import open_engine, reading, writing
from nas.store.session_store import DatabaseSessionStore
from search_spaces.errors import ArtifactError, MeasurementError
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.nas.store.measured import SUBJECTS, TASKS, elsewhere, measured, task_of
from tests.nas.store.queued import TENANT, claim_one, running

WHERE = (DEVICE.digest, CONTEXT.digest)


@pytest.fixture
def measuring(engine: Engine) -> DatabaseMeasurementQueue:
    """The queues of devices."""
    return DatabaseMeasurementQueue(engine)


@pytest.fixture
def job(store: DatabaseJobStore, queue: DatabaseJobQueue) -> Lease:
    """A running job."""
    return running(store, queue)


def lease_device(measuring: DatabaseMeasurementQueue, worker: str = "w1") -> DeviceLease:
    """Lease the device."""
    found = measuring.lease(DEVICE.digest, worker)
    assert found is not None
    return found[0]


def let_lease_end(engine: Engine) -> None:
    """Let leases of devices run out."""
    with writing(engine) as connection:
        connection.execute(update(devices).values(lease_until_ms=1))


def num_rows(engine: Engine) -> tuple[int, int]:
    """How many tasks and measurements there are."""
    with reading(engine) as connection:
        tasks = connection.execute(select(measurement_tasks.c.id)).all()
        return len(tasks), len(connection.execute(select(measurements.c.subject)).all())


def test_asking_twice_is_asking_once(measuring: DatabaseMeasurementQueue, job: Lease, engine: Engine) -> None:
    assert measuring.enqueue(job, TASKS) == TaskReport(4, 0, ())
    assert measuring.enqueue(job, [*TASKS, *TASKS]) == TaskReport(4, 0, ())
    assert num_rows(engine) == (4, 0)


def test_two_jobs_share_a_task(
    measuring: DatabaseMeasurementQueue, job: Lease, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    other = running(store, queue)
    for lease in (job, other):
        measuring.enqueue(lease, TASKS)
        assert queue.settle(lease, Waiting()) is JobState.WAITING
    device = lease_device(measuring)
    measuring.deliver(device, measured("s1"))
    assert queue.claim("w1", 2) == [], "one of two sessions is not enough"
    measuring.deliver(device, measured("s2"))
    assert {claim.lease.job_id for claim in queue.claim("w1", 2)} == {job.job_id, other.job_id}


def test_another_way_to_time_is_another_task(measuring: DatabaseMeasurementQueue, job: Lease) -> None:
    measuring.enqueue(job, [task_of(SUBJECTS[0])])
    measuring.enqueue(job, [task_of(SUBJECTS[0], NETWORK_PROTOCOL, sessions=1)])
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    assert {(batch.timing.ceiling_s, batch.sessions, tuple(batch.artifacts)) for batch in found[1]} == {
        (TASKS[0].timing.ceiling_s, 2, SUBJECTS[:1]),
        (NETWORK_PROTOCOL.ceiling_s, 1, SUBJECTS[:1]),
    }


def test_all_that_is_pending_is_leased_at_once(measuring: DatabaseMeasurementQueue, job: Lease) -> None:
    measuring.enqueue(job, TASKS)
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    (batch,) = found[1]
    assert batch.context == CONTEXT
    assert batch.artifacts == {task.subject: task.artifact for task in TASKS}
    assert (batch.sessions, batch.reference_ms) == (2, {})
    measuring.deliver(found[0], measured("s1"))
    measuring.give_back(found[0])
    again = measuring.lease(DEVICE.digest, "w1")
    assert again is not None
    assert (again[1][0].sessions, again[1][0].reference_ms) == (1, {"anchor": 0.5})


def test_one_measures_on_a_device_at_a_time(
    measuring: DatabaseMeasurementQueue, job: Lease, engine: Engine
) -> None:
    assert measuring.lease(DEVICE.digest, "w1") is None, "nothing to do"
    measuring.enqueue(job, TASKS)
    first = lease_device(measuring)
    assert measuring.lease(DEVICE.digest, "w2") is None
    measuring.renew(first)
    let_lease_end(engine)
    second = lease_device(measuring, "w2")
    assert second.attempt == first.attempt + 1
    with pytest.raises(LeaseLost):
        measuring.renew(first)
    with pytest.raises(LeaseLost):
        measuring.doubt_all(first, CONTEXT.digest, "it is faster now")


def test_leasing_at_once_gives_one_lease(url: str, measuring: DatabaseMeasurementQueue, job: Lease) -> None:
    measuring.enqueue(job, TASKS)

    def ask(worker: str) -> bool:
        engine = open_engine(url)
        found = DatabaseMeasurementQueue(engine).lease(DEVICE.digest, worker)
        engine.dispose()
        return found is not None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, ("w1", "w2", "w3", "w4"))) == 1


def test_results_are_kept_once_however_often_they_are_delivered(
    measuring: DatabaseMeasurementQueue, job: Lease, engine: Engine
) -> None:
    measuring.enqueue(job, TASKS)
    device = lease_device(measuring)
    assert measuring.deliver(device, measured("s1", SUBJECTS[:1])) == 1
    assert measuring.deliver(device, measured("s1")) == 3, "the rest of it"
    assert measuring.deliver(device, measured("s1")) == 0
    let_lease_end(engine)
    lease_device(measuring, "w2")
    assert measuring.deliver(device, measured("s1")) == 0, "it was kept: no matter who measures now"
    assert num_rows(engine) == (4, 4)


def test_the_same_session_with_other_values_is_an_incident(
    measuring: DatabaseMeasurementQueue, job: Lease, engine: Engine
) -> None:
    measuring.enqueue(job, TASKS)
    device = lease_device(measuring)
    measuring.deliver(device, measured("s1"))
    with pytest.raises(ArtifactError) as caught:
        measuring.deliver(device, measured("s1", ms=9.0))
    assert caught.value.code == "result_conflict"
    assert num_rows(engine) == (4, 4)


def test_whoever_has_lost_the_device_delivers_nothing(
    measuring: DatabaseMeasurementQueue, job: Lease, engine: Engine
) -> None:
    measuring.enqueue(job, TASKS)
    stale = lease_device(measuring)
    batch = measuring.lease(DEVICE.digest, "w1")
    assert batch is None
    let_lease_end(engine)
    found = measuring.lease(DEVICE.digest, "w2")
    assert found is not None
    fresh, batches = found
    writes: tuple[Callable[[], object], ...] = (
        lambda: measuring.deliver(stale, measured("s1")),
        lambda: measuring.fail(stale, batches[0], SUBJECTS, "file_not_loadable", "no"),
    )
    for write in writes:
        with pytest.raises(LeaseLost):
            write()
    measuring.give_back(stale)
    assert num_rows(engine) == (4, 0)
    assert measuring.deliver(fresh, measured("s1")) == 4


def test_a_lease_that_was_given_back_delivers_nothing(
    measuring: DatabaseMeasurementQueue, job: Lease
) -> None:
    measuring.enqueue(job, TASKS)
    device = lease_device(measuring)
    measuring.give_back(device)
    with pytest.raises(LeaseLost):
        measuring.deliver(device, measured("s1"))


def test_a_session_of_another_device_is_refused(measuring: DatabaseMeasurementQueue, job: Lease) -> None:
    measuring.enqueue(job, TASKS)
    with pytest.raises(MeasurementError) as caught:
        measuring.deliver(lease_device(measuring), elsewhere(measured("s1")))
    assert caught.value.code == "context_mismatch"


def test_a_job_whose_measurements_came_before_it_waited_goes_on(
    measuring: DatabaseMeasurementQueue, job: Lease, queue: DatabaseJobQueue
) -> None:
    measuring.enqueue(job, TASKS)
    device = lease_device(measuring)
    for name in ("s1", "s2"):
        measuring.deliver(device, measured(name))
    assert queue.settle(job, Waiting()) is JobState.QUEUED
    again = claim_one(queue).lease
    assert measuring.enqueue(again, TASKS) == TaskReport(0, 4, ())


def test_no_job_waits_for_ever_though_both_end_at_once(
    url: str, measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    other = open_engine(url)
    for n in range(10):
        lease = running(store, queue)
        measuring.enqueue(lease, [task_of(f"{n:064x}", sessions=1)])
        device = lease_device(measuring)
        with ThreadPoolExecutor(2) as pool:
            waits = pool.submit(queue.settle, lease, Waiting())
            session = measured(f"s{n}", [f"{n:064x}"])
            delivered = pool.submit(DatabaseMeasurementQueue(other).deliver, device, session)
            waits.result()
            delivered.result()
        measuring.give_back(device)
        assert store.get(TENANT, lease.job_id).state is JobState.QUEUED
        queue.claim("w1")
    other.dispose()


def test_the_reaper_queues_a_job_that_waits_for_nothing(
    measuring: DatabaseMeasurementQueue,
    job: Lease,
    queue: DatabaseJobQueue,
    store: DatabaseJobStore,
    engine: Engine,
) -> None:
    measuring.enqueue(job, TASKS)
    queue.settle(job, Waiting())
    assert queue.reap() == []
    assert store.get(TENANT, job.job_id).state is JobState.WAITING
    with writing(engine) as connection:
        connection.execute(update(measurement_tasks).values(state="done"))
    queue.reap()
    assert store.get(TENANT, job.job_id).state is JobState.QUEUED


def failed_one(
    measuring: DatabaseMeasurementQueue, job: Lease, queue: DatabaseJobQueue, code: str
) -> tuple[Lease, FailedTask]:
    """The first of two files is measured, the other one has failed; the job, claimed again, and why."""
    measuring.enqueue(job, TASKS[:2])
    queue.settle(job, Waiting())
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    device, (batch,) = found
    for name in ("s1", "s2"):
        measuring.deliver(device, measured(name, SUBJECTS[:1]))
    own = code in FILE_ERRORS
    measuring.fail(device, batch, SUBJECTS, code, "operator 'Foo'", own=own)
    measuring.give_back(device)
    return claim_one(queue).lease, FailedTask(SUBJECTS[1], code, "operator 'Foo'", unsupported=own)


def test_what_could_not_be_measured_is_told_once_and_tried_again(
    measuring: DatabaseMeasurementQueue, job: Lease, queue: DatabaseJobQueue
) -> None:
    again, failed = failed_one(measuring, job, queue, "session_died")
    assert measuring.enqueue(again, TASKS[:2]) == TaskReport(0, 1, (failed,))
    queue.settle(again, Released())
    assert measuring.enqueue(claim_one(queue).lease, TASKS[:2]) == TaskReport(1, 1, ())


@pytest.mark.parametrize("code", ["file_not_loadable", "unsupported_subject"])
def test_what_is_unsupported_is_told_every_time_and_never_tried_again(
    code: str,
    measuring: DatabaseMeasurementQueue,
    job: Lease,
    queue: DatabaseJobQueue,
    store: DatabaseJobStore,
) -> None:
    again, failed = failed_one(measuring, job, queue, code)
    for _ in range(2):
        assert measuring.enqueue(again, TASKS[:2]) == TaskReport(0, 1, (failed,))
    assert measuring.enqueue(running(store, queue), TASKS[:2]) == TaskReport(0, 1, (failed,))
    assert measuring.lease(DEVICE.digest, "w1") is None


def test_another_file_of_what_is_unsupported_is_tried(
    measuring: DatabaseMeasurementQueue, job: Lease, queue: DatabaseJobQueue
) -> None:
    again, _ = failed_one(measuring, job, queue, "file_not_loadable")
    other = replace(TASKS[1], artifact="f" * 64)
    assert measuring.enqueue(again, [other]) == TaskReport(1, 0, ())
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    assert found[1][0].artifacts == {SUBJECTS[1]: "f" * 64}


def test_a_further_session_can_be_asked_for(
    measuring: DatabaseMeasurementQueue, job: Lease, queue: DatabaseJobQueue
) -> None:
    measuring.enqueue(job, TASKS)
    device = lease_device(measuring)
    for name in ("s1", "s2"):
        measuring.deliver(device, measured(name))
    measuring.give_back(device)
    more = [replace(task, sessions=3) for task in TASKS[:1]]
    assert measuring.enqueue(job, more) == TaskReport(1, 0, ())
    assert measuring.enqueue(job, TASKS[1:]) == TaskReport(0, 3, ())
    found = measuring.lease(DEVICE.digest, "w1")
    assert found is not None
    assert (found[1][0].sessions, list(found[1][0].artifacts)) == (1, [SUBJECTS[0]])
    measuring.deliver(found[0], measured("s3", SUBJECTS[:1]))
    assert measuring.enqueue(job, more) == TaskReport(0, 1, ())
    assert measuring.enqueue(job, TASKS) == TaskReport(0, 4, ()), "fewer are there already"


def test_the_last_session_tells_the_reference(
    measuring: DatabaseMeasurementQueue, job: Lease, engine: Engine
) -> None:
    measuring.enqueue(job, TASKS)
    device = lease_device(measuring)
    measuring.deliver(device, measured("s1"))
    measuring.deliver(device, measured("s2").model_copy(update={"reference_ms": {"anchor": 0.4}}))
    assert DatabaseSessionStore(engine).reference_ms(*WHERE) == {"anchor": 0.4}


def test_sessions_come_back_as_they_were_delivered(
    measuring: DatabaseMeasurementQueue, job: Lease, engine: Engine
) -> None:
    measuring.enqueue(job, TASKS)
    device = lease_device(measuring)
    # Neither by name nor by time of start: in the order of delivery.
    delivered = [measured("zebra", SUBJECTS[::-1]), measured("ant", SUBJECTS[1:3])]
    for one in delivered:
        measuring.deliver(device, one)
    sessions = DatabaseSessionStore(engine)
    assert list(sessions.sessions(*WHERE, SUBJECTS)) == delivered
    (only,) = sessions.sessions(*WHERE, SUBJECTS[:1])
    assert [result.digest for result in only.results] == [SUBJECTS[0]]
    assert sessions.reference_ms(*WHERE) == {"anchor": 0.5}
    assert sessions.sessions(DEVICE.digest, "e" * 64, SUBJECTS) == ()


def test_two_that_queue_many_of_the_same_tasks_never_wait_for_each_other(
    measuring: DatabaseMeasurementQueue, store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    tasks = [replace(TASKS[0], subject=f"{number:064x}") for number in range(1_600)]
    leases = [running(store, queue), running(store, queue)]
    # Of each other's chunks half.
    asked = [tasks[:1_400], tasks[250:]]
    for round_ in range(3):
        barrier = Barrier(2)

        def ask(number: int, barrier: Barrier = barrier) -> TaskReport:
            barrier.wait()
            return measuring.enqueue(leases[number], asked[number])

        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(ask, range(2)))
        assert reports == [TaskReport(1_400, 0, ()), TaskReport(1_350, 0, ())], round_
    assert num_rows(engine)[0] == 1_600
