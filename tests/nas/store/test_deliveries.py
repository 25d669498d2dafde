"""Sessions of several devices in one transaction: each is kept as it would be alone."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select

from latency_predictors.protocol import SessionResult
from nas.jobs import JobState, Waiting
from nas.leases import Lease, LeaseLost
from nas.measurement_tasks import DeviceLease
from nas.store import deliveries
from nas.store.agent_queue import DatabaseAgentQueue
from nas.store.agent_store import Agent
from nas.store.counters import MEASUREMENTS, read_counts
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.measurement_tables import measurements
from nas.store.session import reading
from search_spaces.errors import ArtifactError, MeasurementError, StoreError
from tests.latency_predictors.sessions import CONTEXT
from tests.latency_predictors.timed_sessions import timed_session
from tests.nas.store.boards import INSTANCE, NAMES, new_board, subject_of, tasks_for
from tests.nas.store.queued import TENANT, running

SUBJECTS = [subject_of(name) for name in NAMES]


@pytest.fixture
def job(store: DatabaseJobStore, queue: DatabaseJobQueue) -> Lease:
    """A running job."""
    return running(store, queue)


def leased(engine: Engine, board: Agent, job: Lease, sessions: int = 1) -> DeviceLease:
    """The lease of a board that is to measure files."""
    DatabaseMeasurementQueue(engine).enqueue(job, tasks_for(board, sessions=sessions))
    found = DatabaseAgentQueue(engine).ask(board, INSTANCE, 1)
    assert found is not None
    return found[0]


def session_of(board: Agent, subjects: Sequence[str] = SUBJECTS, **more: Any) -> SessionResult:
    """What a board measures."""
    return timed_session(subjects, board.device, CONTEXT, **more)


def test_each_is_told_what_it_would_be_told_alone(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue, job: Lease
) -> None:
    measuring, boards = DatabaseMeasurementQueue(engine), DatabaseAgentQueue(engine)
    one, two = new_board(engine, "pi5"), new_board(engine, "pi6", unit="board-2")
    first, second = leased(engine, one, job), leased(engine, two, job)
    queue.settle(job, Waiting())
    good = session_of(one)
    other = session_of(one, median_ms=0.4, name=good.session_id)
    lost = DeviceLease(second.device, second.worker, second.attempt + 1, second.token)
    asked = [(second, session_of(two, SUBJECTS[:3])), (lost, session_of(two)), (first, good), (first, good)]
    told = measuring.deliver_all([*asked, (first, other), (second, good)])
    assert [told[i] for i in (0, 2, 3)] == [3, 4, 0]
    assert [type(told[i]) for i in (1, 4, 5)] == [LeaseLost, ArtifactError, MeasurementError]
    with reading(engine) as connection:
        assert len(connection.execute(select(measurements.c.subject)).all()) == 7
        assert [(count.name, count.times) for count in read_counts(connection)] == [(MEASUREMENTS, 7)]
    assert [boards.load(lease.device).pending for lease in (first, second)] == [0, 1]
    assert store.get(TENANT, job.job_id).state is JobState.WAITING
    assert measuring.deliver(second, session_of(two, SUBJECTS[3:])) == 1
    assert store.get(TENANT, job.job_id).state is JobState.QUEUED


def test_what_other_boards_have_measured_finishes_nothing(engine: Engine, job: Lease) -> None:
    measuring = DatabaseMeasurementQueue(engine)
    both = [new_board(engine, name, unit=name) for name in ("pi5", "pi6")]
    leases = [leased(engine, board, job, sessions=2) for board in both]
    measuring.deliver_all([(lease, session_of(board)) for lease, board in zip(leases, both, strict=True)])
    assert [DatabaseAgentQueue(engine).load(lease.device).pending for lease in leases] == [4, 4]


def test_nothing_is_added_to_a_session_of_another_board(engine: Engine, job: Lease) -> None:
    measuring = DatabaseMeasurementQueue(engine)
    one, two = new_board(engine, "pi5"), new_board(engine, "pi6", unit="board-2")
    first, second = leased(engine, one, job), leased(engine, two, job)
    victim = session_of(one, SUBJECTS[:2])
    measuring.deliver(first, victim)
    with pytest.raises(ArtifactError, match="on another device") as caught:
        measuring.deliver(second, session_of(two, SUBJECTS[2:], name=victim.session_id))
    assert caught.value.code == "result_conflict"
    with reading(engine) as connection:
        assert len(connection.execute(select(measurements.c.subject)).all()) == 2
    assert DatabaseAgentQueue(engine).load(second.device).pending == 4


def test_many_take_as_many_statements_as_few(engine: Engine, job: Lease) -> None:
    measuring, statements = DatabaseMeasurementQueue(engine), list[str]()
    boards = [new_board(engine, f"pi{n}", unit=f"board-{n}") for n in range(5)]
    asked = [(leased(engine, board, job, sessions=2), session_of(board)) for board in boards]

    def note(_c: Connection, _u: object, statement: str, *_: object) -> None:
        statements.append(statement.split()[0])

    event.listen(engine, "before_cursor_execute", note)
    assert measuring.deliver_all(asked[:1]) == [4]
    alone = len(statements)
    assert measuring.deliver_all(asked[1:]) == [4] * 4
    assert len(statements) == 2 * alone


def test_nothing_comes_into_a_session_of_another_board_at_the_same_moment(
    engine: Engine, job: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring = DatabaseMeasurementQueue(engine)
    one, two = new_board(engine, "pi5"), new_board(engine, "pi6", unit="board-2")
    first, second = leased(engine, one, job), leased(engine, two, job)
    victim = session_of(one, SUBJECTS[:2])
    measuring.deliver(first, victim)
    # Looked for before the other transaction was committed.
    monkeypatch.setattr(deliveries, "_there", lambda connection, session_ids: {})
    with pytest.raises(StoreError) as caught:
        measuring.deliver(second, session_of(two, SUBJECTS[2:], name=victim.session_id))
    assert caught.value.code == "database_busy"
    with reading(engine) as connection:
        assert len(connection.execute(select(measurements.c.subject)).all()) == 2


def test_packs_with_the_same_boards_never_wait_for_each_other(engine: Engine, job: Lease) -> None:
    measuring = DatabaseMeasurementQueue(engine)
    boards = [new_board(engine, name, unit=name) for name in ("pi5", "pi6")]
    leases = [leased(engine, board, job, sessions=9) for board in boards]

    def packs(one: int, other: int) -> list[tuple[DeviceLease, SessionResult]]:
        own = session_of(boards[one])
        return [(leases[one], own), (leases[other], session_of(boards[other], name=own.session_id))]

    with ThreadPoolExecutor(2) as threads:
        for _ in range(5):
            found = threads.map(measuring.deliver_all, [packs(0, 1), packs(1, 0)])
            assert [[type(told) for told in one] for one in found] == [[int, ArtifactError]] * 2
