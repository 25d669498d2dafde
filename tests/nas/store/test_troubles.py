"""What becomes of what could not be measured: given up, told, or tried again where it is a check."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select

from nas.jobs import JobState, Waiting
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_rows import locked
from nas.store.measurement_tables import measurement_tasks
from nas.store.session import reading
from nas.store.troubles import MAX_FAILURES
from tests.latency_predictors.sessions import CONTEXT
from tests.nas.store.boards import subject_of
from tests.nas.store.checked_board import GOLDEN, CheckedBoard
from tests.nas.store.queued import rest, row_of, running

STAYS_DUE = ("device_hot", "machine_busy", "artifact_missing")
GIVEN_UP = ("session_void", "session_died", "disk_full", "runtime_missing", "download_damaged")


def tasks(board: CheckedBoard, *subjects: str) -> set[tuple[str, str, str]]:
    """State, code and message of the tasks of subjects."""
    task = measurement_tasks.c
    query = select(task.state, task.code, task.message).where(task.subject.in_(subjects))
    with reading(board.engine) as connection:
        return {tuple(row) for row in connection.execute(query)}


def where(board: CheckedBoard) -> tuple[str, str]:
    """The board and the context that it is checked in."""
    return board.agent.device.digest, CONTEXT.digest


@pytest.fixture
def board(engine: Engine) -> CheckedBoard:
    """A board that has drifted, so that a recheck is due; a job waits for one more file."""
    board = CheckedBoard.of(engine)
    board.asked("one")
    board.works()
    board.works()
    board.asked("two")
    board.registers(system="Linux 6.12")
    _, check = board.works(0.7)
    assert check is not None
    assert check.verdict == "drifted"
    DatabaseJobQueue(engine).settle(board.job, Waiting())
    return board


@pytest.mark.parametrize("code", STAYS_DUE)
def test_a_check_stays_due_where_it_can_be_made_later(board: CheckedBoard, code: str) -> None:
    why = "system not told -> Linux 6.12"
    for _ in range(4):
        assert set(board.fails(code).artifacts) == GOLDEN
        assert tasks(board, *GOLDEN) == {("pending", code, why)}
        assert board.idle(), "nothing else is measured there"
        rest(board.engine)
    _, check = board.works(0.5)
    assert check is not None
    assert (check.verdict, check.why) == ("good", why)
    assert tasks(board, *GOLDEN) == {("done", "", why)}


@pytest.mark.parametrize("code", GIVEN_UP)
def test_a_check_that_cannot_be_made_is_given_up_and_asked_for_by_the_next_job(
    board: CheckedBoard, engine: Engine, code: str
) -> None:
    for turn in range(2):
        for number in range(MAX_FAILURES):
            (state,) = {one[0] for one in tasks(board, *GOLDEN, subject_of("two"))}
            assert (state, board.golden.is_stuck(*where(board))) == ("pending", False), number
            board.fails("device_hot")
            rest(engine)
            board.fails(code)
            rest(engine)
        assert tasks(board, *GOLDEN, subject_of("two")) == {("failed", code, "it cannot")}
        assert board.idle(), "nobody needs it"
        assert board.golden.is_stuck(*where(board))
        assert row_of(engine, board.job.job_id, "state") == JobState.QUEUED
        (claim,) = DatabaseJobQueue(engine).claim("w1")
        board.job = claim.lease
        for _ in ("it is told", "it asks"):
            board.asked("one", "two")
        if turn == 0:
            DatabaseJobQueue(engine).settle(board.job, Waiting())
    _, check = board.works(0.5)
    assert check is not None
    assert (check.verdict, check.why) == ("good", "asked for again")
    assert set(board.works(0.5)[0].artifacts) == {subject_of("one"), subject_of("two")}


def test_one_golden_subject_that_cannot_be_measured_ends_the_check(board: CheckedBoard) -> None:
    for _ in range(MAX_FAILURES):
        board.fails("download_damaged", sorted(GOLDEN)[:1])
        rest(board.engine)
    assert {state for state, _, _ in tasks(board, *GOLDEN, subject_of("two"))} == {"failed"}
    board.registers(system="Linux 6.13")
    assert tasks(board, *GOLDEN) == {("pending", "", "system Linux 6.12 -> Linux 6.13")}
    board.fails("download_damaged")
    assert {state for state, _, _ in tasks(board, *GOLDEN)} == {"pending"}, "counted anew"


def test_what_is_a_files_own_fault_is_given_up_and_the_board_goes_on(board: CheckedBoard) -> None:
    board.fails("unsupported_subject", own=True)
    assert tasks(board, *GOLDEN) == {("unsupported", "unsupported_subject", "it cannot")}
    batch, _ = board.works()
    assert set(batch.artifacts) == {subject_of("one"), subject_of("two")}


def test_what_is_told_again_changes_nothing_though_the_file_is_asked_for_again(
    board: CheckedBoard, engine: Engine
) -> None:
    board.works(0.5)  # its check, and then files are due
    subject = subject_of("two")
    for of in "aaaabbbb":
        board.fails("session_died", [subject], own=True, of=of * 64)
        board.job = running(DatabaseJobStore(engine), DatabaseJobQueue(engine))
        board.asked("two")
        assert tasks(board, subject) == {("pending", "", "")}
    board.fails("session_died", [subject], own=True, of="c" * 64)
    assert tasks(board, subject) == {("unsupported", "session_died", "it cannot")}, "three in all"


def test_a_golden_subject_that_fails_again_and_again_by_itself_is_given_up(board: CheckedBoard) -> None:
    for number in range(MAX_FAILURES):
        assert tasks(board, *GOLDEN).pop()[0] == "pending", number
        board.fails("file_too_large", own=True)
        rest(board.engine)
    assert tasks(board, *GOLDEN) == {("unsupported", "file_too_large", "it cannot")}


def test_in_a_context_that_a_board_does_not_have_no_check_is_waited_for(board: CheckedBoard) -> None:
    board.fails("context_unsupported")
    assert tasks(board, *GOLDEN) == {("failed", "context_unsupported", "it cannot")}


def test_whoever_waits_for_a_check_whose_file_is_lost_is_told_and_has_it_made_again(
    board: CheckedBoard, engine: Engine
) -> None:
    lost = sorted(GOLDEN)[:1]
    board.fails("artifact_missing", lost, "the file is gone")
    assert tasks(board, subject_of("two")) == {("failed", "artifact_missing", "the file is gone")}
    assert row_of(engine, board.job.job_id, "state") == JobState.QUEUED
    assert board.golden.is_stuck(*where(board))
    (claim,) = DatabaseJobQueue(engine).claim("w1")
    board.job = claim.lease
    for _ in ("it is told", "it asks"):
        board.asked("one", "two")
    assert not board.golden.is_stuck(*where(board))
    assert set(board.works(0.5)[0].artifacts) == GOLDEN, "at once: the files are there"
    assert set(board.works(0.5)[0].artifacts) == {subject_of("one"), subject_of("two")}


def test_a_first_check_whose_file_is_lost_holds_nobody_up(engine: Engine) -> None:
    board = CheckedBoard.of(engine)
    board.asked("one")
    DatabaseJobQueue(engine).settle(board.job, Waiting())
    board.fails("artifact_missing", sorted(GOLDEN)[:1])
    assert row_of(engine, board.job.job_id, "state") == JobState.QUEUED


def test_other_files_are_told_as_ever(board: CheckedBoard) -> None:
    board.works(0.5)
    board.fails("session_died", [subject_of("two")], "killed by signal 11")
    assert tasks(board, subject_of("two")) == {("failed", "session_died", "killed by signal 11")}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_what_waits_behind_a_check_is_locked_in_the_order_of_everybody(engine: Engine) -> None:
    board, first = CheckedBoard.of(engine), min(GOLDEN)
    before = next(name for name in map(str, range(1_000)) if subject_of(name) < first)
    board.asked(before)
    ids = {subject: locked(measurement_tasks.c.subject == subject) for subject in (subject_of(before), first)}
    with ThreadPoolExecutor(1) as beside, engine.begin() as job:
        job.execute(ids[subject_of(before)]).one()
        failing = beside.submit(board.fails, "artifact_missing")
        with pytest.raises(TimeoutError):
            failing.result(timeout=1.0)
        # Who is waited for goes on to what comes later: where that were held already, neither would end.
        job.execute(ids[first].with_for_update(nowait=True)).one()
        job.commit()
        failing.result(timeout=20.0)
    assert tasks(board, subject_of(before)) == {("failed", "artifact_missing", "it cannot")}
