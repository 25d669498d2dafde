"""What is not taken of a board although it was asked for, and what honest sessions of it meet afterwards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from latency_predictors.agent_protocol import MAX_CLOCK_SKEW_S, Trouble, Work
from latency_predictors.protocol import SessionResult
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.store.troubles import MAX_FAILURES
from tests.api.boards import TENANT, Board, waiting_for
from tests.api.served import Caller, code
from tests.nas.store.checked_board import GOLDEN, golden_tasks
from tests.nas.store.queued import rest


@pytest.fixture
def board(api: Caller) -> Board:
    """A board that is registered, and asked to measure files."""
    board = Board.with_key(api)
    assert board.register().status_code == 200
    waiting_for(board, sessions=3)
    return board


def of_reference(session: SessionResult, factor: float) -> SessionResult:
    """A session that holds what it read against another reference, and scales by it as it should."""
    reference = {anchor: factor * value_ms for anchor, value_ms in session.reference_ms.items()}
    results = [one.model_copy(update={"scale": one.scale / factor}) for one in session.results]
    return session.model_copy(update={"reference_ms": reference, "results": tuple(results)})


def slower(session: SessionResult, factor: float) -> SessionResult:
    """A session in which the anchors took longer, against the same reference."""
    readings = [
        one.model_copy(update={"median_ms": {"anchor": factor * one.median_ms["anchor"]}})
        for one in session.readings
    ]
    results = [one.model_copy(update={"scale": factor}) for one in session.results]
    return session.model_copy(update={"readings": tuple(readings), "results": tuple(results)})


def dated(session: SessionResult, days: float) -> SessionResult:
    """A session that is said to have begun so many days from now."""
    began = datetime.now(UTC) + timedelta(days=days)
    return session.model_copy(update={"started_at": began.isoformat()})


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: of_reference(one, 1000.0),
        lambda one: of_reference(one, 10.0),
        lambda one: of_reference(one, 0.1),
        lambda one: dated(one, -20_000),
        lambda one: dated(one, 30_000),
    ],
)
def test_a_session_that_would_spoil_others_is_not_taken(
    board: Board, changed: Callable[[SessionResult], SessionResult]
) -> None:
    work = board.work()
    assert code(board.deliver(work, changed(board.session(work)))) == (422, "implausible_result")
    assert board.deliver(work, board.session(work)).json() == {"new": 4}
    assert board.work().reference_ms == {"anchor": 0.5}


def test_what_is_refused_counts_once_however_often_it_is_sent(board: Board) -> None:
    for times in (1, 2):
        work = board.work()
        for bad in (dated(board.session(work), 30_000), of_reference(board.session(work), 10.0)):
            for _ in range(4):
                assert code(board.deliver(work, bad)) == (422, "implausible_result")
        assert board.agent.failures == 2 * times
    assert board.agent.quarantine == ""
    work = board.work()
    board.deliver(work, dated(board.session(work), 30_000))
    assert "was not taken: it is dated 21" in board.agent.quarantine


def test_a_check_that_cannot_be_made_counts_once_and_nobody_is_asked_for_it_for_ever(board: Board) -> None:
    stores = board.api.stores
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {"n": 1}, "another"))
    (claim,) = stores.queue.claim("w")
    for task in golden_tasks(board.agent):
        stores.artifacts.put(task.subject.encode())
    stores.measurements.enqueue(claim.lease, golden_tasks(board.agent))
    for _ in range(MAX_FAILURES):
        work = board.work()
        assert set(work.files) == GOLDEN
        trouble = Trouble(
            code="session_died",
            message="killed by signal 11",
            context=work.context,
            timing=work.timing,
            subjects=tuple(work.files),
        )
        board.deliver(work, None, trouble)
        rest(stores.engine)
        assert board.agent.failures == 1
    assert board.ask().json()["work"] is None


def blaming(work: Work, **more: Any) -> Trouble:
    """What is told of files of a batch that end their process."""
    where = {"context": work.context, "timing": work.timing}
    told = {"code": "session_died", "message": "killed by signal 11", "subjects": tuple(work.files)}
    return Trouble.model_validate({**where, **told, **more})


def test_a_check_is_tried_once_for_each_lease_however_late_its_trouble_is_told_again(board: Board) -> None:
    stores = board.api.stores
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {"n": 1}, "another"))
    (claim,) = stores.queue.claim("w")
    stores.measurements.enqueue(claim.lease, golden_tasks(board.agent))
    work = board.work()
    for _ in range(MAX_FAILURES + 1):
        assert board.deliver(work, None, blaming(work)).json() == {"new": 0}
        rest(stores.engine)
    assert board.agent.failures == 1
    assert set(board.work().files) == GOLDEN, "there are two tries left"


def test_what_is_asked_for_again_does_not_fail_by_what_was_told_before(board: Board) -> None:
    work = board.work()
    (one, *_) = work.files
    for _ in range(MAX_FAILURES + 1):
        board.deliver(work, None, blaming(work, subjects=(one,), own=True))
        waiting_for(board)
    assert board.agent.failures == 1
    assert one in board.work().files


@pytest.mark.parametrize(
    ("why", "faults"), [("session_died", 4), ("file_not_loadable", 0), ("unsupported_subject", 0)]
)
def test_files_that_end_their_process_count_against_the_board_and_those_that_it_cannot_run_do_not(
    board: Board, why: str, faults: int
) -> None:
    work = board.work()
    for one in work.files:
        board.deliver(work, None, blaming(work, code=why, subjects=(one,), own=True))
    assert board.agent.failures == faults
    given_up = board.api.stores.agent_queue.given_up(board.agent.device.digest)
    assert [(one.files, one.code) for one in given_up] == ([] if faults else [(4, why)])


def unasked(session: SessionResult) -> dict[str, Any]:
    """A session in another context than was asked for."""
    return session.model_dump(mode="json") | {"context": {"runtime": "onnxruntime", "runtime_version": "0.1"}}


def elsewhere(session: SessionResult) -> dict[str, Any]:
    """A session on another device."""
    other = replace(session.device, num_cores=99)
    return session.model_copy(update={"device": other}).model_dump(mode="json")


def without_a_median(session: SessionResult) -> dict[str, Any]:
    """A session with no number where there is to be one, as JSON says what is not a number."""
    body: dict[str, Any] = session.model_dump(mode="json")
    body["results"][0]["summary"]["median_ms"] = None
    return body


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (unasked, (422, "not_asked_for")),
        (elsewhere, (409, "context_mismatch")),
        (without_a_median, (422, "invalid_request")),
    ],
)
def test_whatever_is_refused_for_what_it_says_ends_in_quarantine(
    board: Board, made: Callable[[SessionResult], dict[str, Any]], expected: tuple[int, str]
) -> None:
    for number in range(1, 6):
        work = board.work()
        body = made(board.session(work))
        assert [code(board.raw(work, {"session": body})) for _ in range(2)] == [expected] * 2
        assert board.agent.failures == number
    assert f"the last: {expected[1]}: " in board.agent.quarantine


def test_another_value_of_what_is_kept_counts_and_what_the_board_is_not_does_not(board: Board) -> None:
    work = board.work()
    session = board.session(work)
    assert board.deliver(work, session).json() == {"new": 4}
    other = board.session(work, median_ms=0.4, name=session.session_id)
    assert code(board.deliver(work, other)) == (409, "result_conflict")
    assert board.agent.failures == 1
    stranger = {"session": without_a_median(session), "instance": "f" * 32}
    assert code(board.raw(work, stranger)) == (422, "invalid_request")
    assert board.agent.failures == 1, "another agent with its key"


def test_a_board_that_is_slower_than_at_first_keeps_to_what_it_was_told(board: Board) -> None:
    first = board.work()
    told = of_reference(board.session(first), 10.0)
    assert code(board.deliver(first, told)) == (422, "implausible_result"), "nobody has told it that"
    assert board.deliver(first, board.session(first)).json() == {"new": 4}
    work = board.work()
    hot = slower(board.session(work), 3.0)
    assert [board.deliver(work, hot).json() for _ in range(2)] == [{"new": 4}, {"new": 0}]


def test_a_clock_that_may_be_a_little_off_dates_sessions_well_enough(board: Board) -> None:
    work = board.work()
    for off_s in (MAX_CLOCK_SKEW_S - 5, 5 - MAX_CLOCK_SKEW_S):
        assert board.deliver(work, dated(board.session(work), off_s / 86_400)).json() == {"new": 4}
