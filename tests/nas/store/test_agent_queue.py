"""An agent gets work in packs; asking twice is asking once, whoever asks anew takes its own lease over."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, update

from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.protocol import SessionResult
from nas.jobs import JobState, Waiting
from nas.leases import Lease, LeaseLost
from nas.measurement_tasks import PASSING, Batch, DeviceLease, MeasurementTask, TaskReport
from nas.store.agent_queue import MAX_FAULTS, AskedFor, DatabaseAgentQueue, GivenUp
from nas.store.agent_store import Agent, DatabaseAgentStore
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.measurement_tables import devices
from nas.store.session import writing
from search_spaces.errors import UsageError
from tests.latency_predictors.timed_sessions import timed_session
from tests.nas.store.boards import INSTANCE, NAMES, OTHER_INSTANCE, new_board, subject_of, tasks_for
from tests.nas.store.checked_board import CheckedBoard
from tests.nas.store.queued import TENANT, rest, running


class Place:
    """A board with files that a job waits for."""

    def __init__(self, engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
        self.engine, self.store, self.jobs = engine, store, queue
        self.agent: Agent = new_board(engine)
        self.work = DatabaseAgentQueue(engine)
        self.measuring = DatabaseMeasurementQueue(engine)
        self.job: Lease = running(store, queue)
        self.measuring.enqueue(self.job, tasks_for(self.agent))
        queue.settle(self.job, Waiting())

    def ask(self, number: int, limit: int = 100) -> tuple[DeviceLease, Batch]:
        """Ask for work and get some."""
        found = self.work.ask(self.agent, INSTANCE, number, limit)
        assert found is not None
        return found

    def session(self, batch: Batch) -> SessionResult:
        """What is measured of a batch."""
        return timed_session(list(batch.artifacts), self.agent.device, batch.context)

    @property
    def state(self) -> JobState:
        """Where the job stands."""
        return self.store.get(TENANT, self.job.job_id).state

    def again(self, tasks: list[MeasurementTask] | None = None) -> TaskReport:
        """What the job is told when it asks again."""
        (claim,) = self.jobs.claim("w1")
        report = self.measuring.enqueue(claim.lease, tasks or tasks_for(self.agent))
        self.jobs.settle(claim.lease, Waiting())
        return report


@pytest.fixture
def place(engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue) -> Place:
    """A board with files to measure."""
    return Place(engine, store, queue)


def test_work_comes_in_packs_the_oldest_first_until_nothing_is_left(place: Place) -> None:
    seen: list[str] = []
    for number in (1, 2):
        lease, batch = place.ask(number, limit=3)
        seen += batch.artifacts
        place.measuring.deliver(lease, place.session(batch))
        place.measuring.give_back(lease)
    assert sorted(seen) == sorted(map(subject_of, NAMES))
    assert place.work.ask(place.agent, INSTANCE, 3) is None
    assert place.state is JobState.QUEUED


def test_a_pack_is_what_one_session_can_measure(place: Place) -> None:
    other = [
        MeasurementTask(one.device, one.context, NETWORK_PROTOCOL, one.subject, one.artifact, 1)
        for one in tasks_for(place.agent, ["five"])
    ]
    job = running(place.store, place.jobs)
    place.measuring.enqueue(job, other)
    assert set(place.ask(1)[1].artifacts) == set(map(subject_of, NAMES))


def test_the_same_request_gets_the_same_lease(place: Place) -> None:
    first, batch = place.ask(1)
    assert place.ask(1) == (first, batch)
    place.measuring.deliver(first, place.session(batch))


def test_who_asks_anew_takes_its_own_lease_over(place: Place) -> None:
    first, batch = place.ask(1)
    second, _ = place.ask(2)
    assert second.attempt == first.attempt + 1
    with pytest.raises(LeaseLost):
        place.measuring.deliver(first, place.session(batch))
    with pytest.raises(UsageError) as caught:
        place.work.ask(place.agent, INSTANCE, 1)
    assert caught.value.code == "stale_request"
    place.measuring.deliver(second, place.session(batch))


def test_what_was_measured_while_the_line_was_cut_is_taken_though_the_lease_ran_out(place: Place) -> None:
    lease, batch = place.ask(1)
    with writing(place.engine) as connection:
        connection.execute(update(devices).values(lease_until_ms=1))
    assert place.measuring.deliver(lease, place.session(batch)) == 4


def test_another_installation_gets_nothing(place: Place) -> None:
    with pytest.raises(UsageError) as caught:
        place.work.ask(place.agent, OTHER_INSTANCE, 1)
    assert caught.value.code == "key_in_use"


def test_another_board_gets_nothing_of_it(place: Place) -> None:
    other = new_board(place.engine, "pi6", unit="board-2")
    assert place.work.ask(other, INSTANCE, 1) is None
    theirs = new_board(place.engine, tenant="other")
    assert place.work.ask(theirs, INSTANCE, 1) is None


def test_files_are_given_out_under_a_lease_only(place: Place) -> None:
    artifact = tasks_for(place.agent)[0].artifact
    assert not place.work.holds(place.agent, artifact)
    lease, _ = place.ask(1)
    assert place.work.holds(place.agent, artifact)
    assert not place.work.holds(place.agent, "0" * 64)
    assert not place.work.holds(new_board(place.engine, "pi6", unit="board-2"), artifact)
    place.measuring.give_back(lease)
    assert not place.work.holds(place.agent, artifact)


def test_what_nobody_asked_for_is_told(place: Place) -> None:
    (task, *_) = tasks_for(place.agent)
    way = task.context.digest, task.protocol
    stray, other = subject_of("stray"), new_board(place.engine, "pi6", unit="board-2")
    claims = [
        AskedFor(place.agent.device.digest, way, (task.subject, stray)),
        AskedFor(place.agent.device.digest, (task.context.digest, "0" * 64), (task.subject,)),
        AskedFor(other.device.digest, way, (task.subject,)),
        AskedFor(place.agent.device.digest, way, (task.subject,)),
    ]
    assert place.work.unasked(claims) == [(stray,), (task.subject,), (task.subject,), ()]


def test_a_file_that_fails_three_times_is_not_tried_again(place: Place) -> None:
    subject = subject_of("one")
    for number in (1, 2, 3):
        lease, batch = place.ask(number)
        others = [one for one in batch.artifacts if one != subject]
        if others:
            session = place.session(batch)
            kept = tuple(one for one in session.results if one.digest != subject)
            place.measuring.deliver(lease, session.model_copy(update={"results": kept}))
        place.measuring.fail(lease, batch, [subject], "artifact_damaged", "it is another file", own=True)
        place.measuring.give_back(lease)
        report = place.again()
        assert [one.code for one in report.failed] == ["artifact_damaged"], number
        if number < 3:
            assert place.again().pending == 1, "asked again, it is tried again"
    assert place.again().failed[0].subject == subject
    assert place.work.ask(place.agent, INSTANCE, 9) is None
    (given_up,) = place.work.given_up(place.agent.device.digest)
    context = tasks_for(place.agent)[0].context.digest
    assert given_up == GivenUp(context, 1, "artifact_damaged", "it is another file")


@pytest.mark.parametrize("code", sorted(PASSING))
def test_what_passes_by_itself_is_waited_for_and_tried_again_after_a_pause(place: Place, code: str) -> None:
    number = 0
    for _ in range(6):
        number += 1
        lease, batch = place.ask(number)
        place.measuring.fail(lease, batch, list(batch.artifacts), code, "busy")
        assert place.state is JobState.WAITING
        assert place.work.ask(place.agent, INSTANCE, number + 1) is None, "not at once"
        number += 1
        rest(place.engine)
    lease, batch = place.ask(number + 1)
    place.measuring.deliver(lease, place.session(batch))
    assert place.state is JobState.QUEUED
    assert place.store.get(TENANT, place.job.job_id).faults == {}


def test_five_faults_in_a_row_are_quarantine(place: Place) -> None:
    boards = DatabaseAgentStore(place.engine)

    def now() -> Agent:
        found = boards.find(TENANT, place.agent.name)
        assert found is not None
        return found

    for _ in range(MAX_FAULTS - 1):
        place.work.faulted(place.agent, "session_died")
    place.work.succeeded(now())
    for _ in range(MAX_FAULTS - 1):
        place.work.faulted(place.agent, "session_died")
    assert now().quarantine == ""
    place.work.faulted(place.agent, "session_died: again")
    assert now().quarantine == "5 failures in a row, the last: session_died: again"


def test_a_fault_that_may_come_again_counts_once_however_many_came_since(place: Place) -> None:
    boards = DatabaseAgentStore(place.engine)
    for of in "0123456":
        place.work.faulted(place.agent, "implausible_result", of * 64)
    assert boards.find(TENANT, place.agent.name) != boards.release(TENANT, place.agent.name)
    for of in "0123456":
        place.work.faulted(place.agent, "implausible_result", of * 64)
    other = new_board(place.engine, "pi6", unit="board-2")
    place.work.faulted(other, "implausible_result", "0" * 64)
    counted = [(one.name, one.failures, one.quarantine) for one in boards.list_all(TENANT)]
    assert counted == [("pi5", 0, ""), ("pi6", 1, "")]


def test_the_nearest_deadline_is_measured_first_also_where_it_is_told_later(engine: Engine) -> None:
    board = CheckedBoard.of(engine)
    tasks = tasks_for(board.agent)
    board.measurements.enqueue(board.job, [replace(one, deadline_ms=2_000) for one in tasks])
    board.measurements.enqueue(board.job, [replace(tasks[2], deadline_ms=1_000)])
    board.measurements.enqueue(board.job, [replace(tasks[2], deadline_ms=3_000)])
    found = DatabaseAgentQueue(engine).ask(board.row, INSTANCE, 1, limit=1)
    assert found is not None
    assert list(found[1].artifacts) == [tasks[2].subject]
