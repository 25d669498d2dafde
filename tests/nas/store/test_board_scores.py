"""What a board answers for images is asked for once, kept once, and never overwritten."""

import pytest
from sqlalchemy import Engine

from latency_predictors.agent_protocol import Score
from latency_predictors.measure import NETWORK_PROTOCOL
from nas.jobs import JobState, Waiting
from nas.leases import LeaseLost
from nas.measurement_tasks import MeasurementTask
from nas.store.agent_queue import DatabaseAgentQueue
from nas.store.job_queue import DatabaseJobQueue
from search_spaces.errors import ArtifactError
from tests.latency_predictors.sessions import CONTEXT
from tests.nas.store.boards import INSTANCE, subject_of
from tests.nas.store.checked_board import CheckedBoard
from tests.nas.store.queued import row_of

IMAGES, FILE = subject_of("images"), subject_of("file")


def score(*classes: int) -> Score:
    """What the file answers."""
    return Score(subject=FILE, images=IMAGES, classes=classes)


def test_from_a_task_to_answers(engine: Engine) -> None:
    board, queue = CheckedBoard.of(engine), DatabaseJobQueue(engine)
    where = board.agent.device.digest, CONTEXT.digest
    task = MeasurementTask(board.agent.device, CONTEXT, NETWORK_PROTOCOL, FILE, FILE, 1, images=IMAGES)
    assert board.measurements.enqueue(board.job, [task]).pending == 1
    assert board.measurements.enqueue(board.job, [task]).pending == 1
    queue.settle(board.job, Waiting())
    agents = DatabaseAgentQueue(engine)
    found = agents.ask(board.row, INSTANCE, 1)
    assert found is not None
    lease, batch = found
    assert (batch.images, batch.artifacts, batch.sessions) == (IMAGES, {FILE: FILE}, 1)
    assert agents.holds(board.row, IMAGES), "the images may be fetched"
    assert board.measurements.deliver_scores(lease, CONTEXT.digest, [score(1, 2)]) == 1
    assert board.measurements.deliver_scores(lease, CONTEXT.digest, [score(1, 2)]) == 0
    with pytest.raises(ArtifactError) as caught:
        board.measurements.deliver_scores(lease, CONTEXT.digest, [score(2, 2)])
    assert caught.value.code == "result_conflict"
    assert board.measurements.answers(*where, IMAGES, [FILE]) == {FILE: (1, 2)}
    assert board.measurements.answers(*where, "e" * 64, [FILE]) == {}
    assert row_of(engine, board.job.job_id, "state") == JobState.QUEUED
    board.measurements.give_back(lease)
    with pytest.raises(LeaseLost):
        board.measurements.deliver_scores(lease, CONTEXT.digest, [score(1, 2)])


def test_a_file_that_is_scored_is_another_task_than_the_file_that_is_timed(engine: Engine) -> None:
    board = CheckedBoard.of(engine)
    timed = MeasurementTask(board.agent.device, CONTEXT, NETWORK_PROTOCOL, FILE, FILE, 1)
    scored = MeasurementTask(board.agent.device, CONTEXT, NETWORK_PROTOCOL, FILE, FILE, 1, images=IMAGES)
    assert board.measurements.enqueue(board.job, [timed, scored]).pending == 2
