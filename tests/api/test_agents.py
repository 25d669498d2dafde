"""What the service makes of what agents say: clocks, scores, golden subjects."""

import io
import time
from typing import Any

import numpy as np
import pytest

from api.agents import check_clock
from api.boards import board_line
from latency_predictors.agent_protocol import MAX_CLOCK_SKEW_S
from latency_predictors.golden import SUBJECTS
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.measurement_tasks import CHECK_RANK, MeasurementTask
from search_spaces.errors import UsageError
from tests.api.boards import TENANT, Board
from tests.api.dashboard.browsing import browse, sound
from tests.api.served import Caller, code
from tests.latency_predictors.sessions import CONTEXT


@pytest.fixture
def board(api: Caller) -> Board:
    """A board that is registered."""
    board = Board.with_key(api)
    assert board.register().status_code == 200
    return board


def asked(board: Board, *tasks: MeasurementTask) -> None:
    """Queue a job that asks for files."""
    stores = board.api.stores
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {}, "profile"))
    (claim,) = stores.queue.claim("w")
    stores.measurements.enqueue(claim.lease, tasks)


def test_a_clock_that_is_about_right_is_right_enough() -> None:
    for ahead_s in (0.0, MAX_CLOCK_SKEW_S - 5, 5 - MAX_CLOCK_SKEW_S):
        check_clock(time.time() + ahead_s)


@pytest.mark.parametrize(("ahead_s", "which"), [(7200.0, "ahead"), (-7200.0, "behind")])
def test_a_clock_hours_off_is_told_which_way(ahead_s: float, which: str) -> None:
    with pytest.raises(UsageError, match=f"s {which}") as caught:
        check_clock(time.time() + ahead_s)
    assert caught.value.code == "clock_wrong"


def test_a_score_is_taken_where_it_was_asked_for_and_has_an_answer_for_each_image(
    board: Board, api: Caller
) -> None:
    packed = io.BytesIO()
    np.save(packed, np.zeros((3, 1, 4, 4), dtype=np.uint8))
    images, file = api.stores.artifacts.put(packed.getvalue()), api.stores.artifacts.put(b"a network")
    asked(
        board,
        MeasurementTask(board.agent.device, CONTEXT, NETWORK_PROTOCOL, file, file, 1, images=images),
    )
    work = board.work()
    assert (work.images, work.files) == (images, {file: file})
    assert board.artifact(images).content == packed.getvalue()

    def score(subject: str, *classes: int) -> dict[str, Any]:
        context = work.model_dump(mode="json")["context"]
        return {"score": {"subject": subject, "images": images, "classes": classes}, "context": context}

    assert code(board.raw(work, score(images, 1, 2, 3))) == (422, "not_asked_for")
    assert code(board.raw(work, score(file, 1, 2))) == (422, "implausible_result")
    assert code(board.raw(work, score(file, 1, 2, -3)))[0] == 422
    assert [board.raw(work, score(file, 1, 2, 3)).json() for _ in range(2)] == [{"new": 1}, {"new": 0}]
    assert code(board.raw(work, score(file, 1, 2, 0))) == (409, "result_conflict")


def test_a_toolchain_that_changed_has_the_golden_subjects_measured_again(board: Board, api: Caller) -> None:
    asked(
        board,
        *(
            MeasurementTask(board.agent.device, CONTEXT, LAYER_PROTOCOL, one, "a" * 64, rank=CHECK_RANK)
            for one in SUBJECTS
        ),
    )
    for took_ms, system, verdict in ((0.5, "", "good"), (0.5, "6.12", "good"), (0.7, "6.13", "drifted")):
        board.register(system=system)
        work = board.work()
        assert set(work.files) == set(SUBJECTS)
        for _ in range(2):
            assert board.deliver(work, board.session(work, median_ms=took_ms)).status_code == 200
        board.beat(work, "return")
        (check,) = api.stores.golden.newest(board.agent.device.digest)
        assert check.verdict == verdict
    told = "drifted, x 1.40 of the last good check (system 6.12 -> 6.13)"
    assert told in str(board_line(api.stores, board.agent).__rich__())
    page = sound(browse(api, f"/devices/{board.agent.device.digest}"))
    assert "Golden subjects, onnxruntime" in page
    assert "drifted, x 1.40 of the last good check" in page
