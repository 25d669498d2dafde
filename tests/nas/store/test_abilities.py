"""A board is never handed what it cannot run, and whoever waits for that goes on."""

from sqlalchemy import Engine, select

from nas.jobs import JobState, Waiting
from nas.store.job_queue import DatabaseJobQueue
from nas.store.measurement_tables import measurement_tasks
from nas.store.session import reading
from tests.nas.store.checked_board import CheckedBoard
from tests.nas.store.queued import row_of


def test_tasks_in_a_context_that_a_board_has_no_more_fail_and_the_job_is_queued(engine: Engine) -> None:
    board = CheckedBoard.of(engine)
    board.asked("one")
    DatabaseJobQueue(engine).settle(board.job, Waiting())
    board.registers(runtimes={"onnxruntime": "2.0"})
    assert board.idle()
    with reading(engine) as connection:
        rows = connection.execute(select(measurement_tasks.c.state, measurement_tasks.c.code)).all()
        message = connection.execute(select(measurement_tasks.c.message)).scalars().first()
    assert {tuple(row) for row in rows} == {("failed", "context_unsupported")}
    assert message == "not with onnxruntime 1.31.1, fp32, 1 thread, batch 1: it has onnxruntime 2.0"
    assert row_of(engine, board.job.job_id, "state") == JobState.QUEUED


def test_what_a_board_can_run_is_handed_out_beside_what_it_cannot(engine: Engine) -> None:
    board = CheckedBoard.of(engine)
    board.asked("one")
    board.works()
    batch, _ = board.works()
    assert len(batch.artifacts) == 1
