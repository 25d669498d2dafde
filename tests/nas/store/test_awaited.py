"""What a job waits for says why nothing happens, in the same words while the reason is the same."""

import pytest
from sqlalchemy import Engine

from nas.jobs import Waiting
from nas.store.awaited import Awaited, awaited_by
from nas.store.job_queue import DatabaseJobQueue
from nas.store.session import reading
from tests.nas.store.checked_board import CheckedBoard
from tests.nas.store.queued import rest

AGAIN = "tried again every 30 s"


@pytest.fixture
def board(engine: Engine) -> CheckedBoard:
    """A board that was checked, and has a file to measure that a job waits for."""
    board = CheckedBoard.of(engine)
    board.asked("one")
    board.works()
    DatabaseJobQueue(engine).settle(board.job, Waiting())
    return board


def awaited(board: CheckedBoard) -> Awaited:
    """What the job waits for."""
    with reading(board.engine) as connection:
        (found,) = awaited_by(connection, board.job.job_id)
    return found


def test_where_all_is_well_nothing_is_said(board: CheckedBoard) -> None:
    assert awaited(board) == Awaited("pi5", 1, "")


def test_what_kept_a_file_from_being_measured_is_said_until_it_is(board: CheckedBoard) -> None:
    for message in ("it has 91 °C", "it has 90 °C"):
        board.fails("device_hot", message=message)
        assert awaited(board).why == f"it is too hot (device_hot), {AGAIN}"
        rest(board.engine)
    board.registers(system="Linux 6.12")
    board.works()
    assert awaited(board).why == f"it is too hot (device_hot), {AGAIN}"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("machine_busy", "other work keeps it busy (machine_busy)"),
        ("disk_full", "its golden subjects come first and could not be measured (disk_full)"),
    ],
)
def test_a_check_that_comes_first_is_said_to(board: CheckedBoard, code: str, why: str) -> None:
    board.registers(system="Linux 6.12")
    assert awaited(board).why == ""
    board.fails(code)
    assert awaited(board).why == f"{why}, {AGAIN}"
    rest(board.engine)
    board.works()
    assert awaited(board).why == ""
