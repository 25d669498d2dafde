"""What a device is given now: what has just failed rests, and nothing is measured beside a check."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select

from nas.store.agent_queue import DatabaseAgentQueue
from nas.store.handing_out import due, pending_on
from nas.store.measurement_tables import measurement_tasks
from nas.store.session import reading
from tests.latency_predictors.sessions import CONTEXT
from tests.nas.store.boards import INSTANCE, subject_of, tasks_for
from tests.nas.store.checked_board import GOLDEN, CheckedBoard
from tests.nas.store.queued import rest


@pytest.fixture
def board(engine: Engine) -> CheckedBoard:
    """A board that was never checked, and is asked for a file and its golden subjects."""
    board = CheckedBoard.of(engine)
    board.asked("one")
    return board


def subjects(board: CheckedBoard, condition: object) -> set[str]:
    """The subjects of the tasks under a condition."""
    query = select(measurement_tasks.c.subject).where(condition)  # type: ignore[arg-type]
    with reading(board.engine) as connection:
        return set(connection.execute(query).scalars())


def test_nothing_is_due_beside_a_check(board: CheckedBoard) -> None:
    device = board.agent.device.digest
    assert subjects(board, due(device)) == GOLDEN
    assert subjects(board, pending_on(device)) == GOLDEN | {subject_of("one")}
    board.works()
    assert subjects(board, due(device)) == {subject_of("one")}


def test_what_has_just_failed_rests_and_so_does_what_waits_for_it(board: CheckedBoard) -> None:
    device = board.agent.device.digest
    board.fails("device_hot", GOLDEN)
    assert subjects(board, due(device)) == set()
    rest(board.engine)
    assert subjects(board, due(device)) == GOLDEN


def test_other_contexts_and_other_boards_do_not_wait(board: CheckedBoard) -> None:
    other = replace(CONTEXT, threads=2)
    (task,) = tasks_for(board.agent, ["two"])
    board.measurements.enqueue(board.job, [replace(task, context=other)])
    board.fails("device_hot", GOLDEN)
    found = DatabaseAgentQueue(board.engine).ask(board.row, INSTANCE, 50)
    assert found is not None
    assert (found[1].context, set(found[1].artifacts)) == (other, {task.subject})
    assert subjects(board, due("f" * 64)) == set()
