"""Over the wire: a board registers, gets work, delivers it once; whoever is not that board gets nowhere."""

import hashlib
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from latency_predictors.agent_protocol import PROTOCOL, Trouble
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Waiting
from nas.store.agent_store import ALIVE_MS
from nas.store.measurement_tables import agents, measurements, sessions
from nas.store.session import reading, writing
from tests.api.boards import TENANT, Board, waiting_for
from tests.api.served import Caller, code
from tests.latency_predictors.sessions import DEVICE
from tests.nas.store.boards import NAMES, OTHER_INSTANCE, content_of, subject_of, tasks_for
from tests.nas.store.checked_board import GOLDEN, golden_tasks
from tests.nas.store.queued import rest


@pytest.fixture
def board(api: Caller) -> Board:
    """A board that is registered."""
    board = Board.with_key(api)
    assert board.register().status_code == 200
    return board


def rows(api: Caller) -> tuple[int, int]:
    """Sessions and results that are kept."""
    with reading(api.stores.engine) as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (sessions, measurements)
        ]
    return counts[0], counts[1]


def trouble(work: Any, error: str = "session_died", **more: Any) -> Trouble:
    """What kept a batch from being measured."""
    facts = {"code": error, "message": "the process ended", "subjects": tuple(work.files)}
    return Trouble.model_validate({"context": work.context, "timing": work.timing, **facts, **more})


def test_from_registration_to_a_job_that_goes_on(board: Board, api: Caller) -> None:
    job = waiting_for(board)
    work = board.work()
    assert set(work.files) == set(map(subject_of, NAMES))
    for name in NAMES:
        answer = board.artifact(work.files[subject_of(name)])
        assert (answer.status_code, answer.content) == (200, content_of(name))
    assert board.beat(work, measured=1, to_measure=4).status_code == 204
    deadline = time.monotonic() + 10
    while api.stores.measurements.progress(board.agent.device.digest) != (1, 4):
        assert time.monotonic() < deadline, "it is written soon"
        threading.Event().wait(0.01)
    assert board.deliver(work, board.session(work)).json() == {"new": 4}
    assert board.beat(work, "return").status_code == 204
    assert board.ask().json() == {"work": None, "ask_again_s": 2.0, "quarantine": ""}
    assert api.stores.jobs.get(TENANT, job.job_id).state is JobState.QUEUED


def test_what_is_said_twice_is_kept_once(board: Board, api: Caller) -> None:
    waiting_for(board, sessions=2)
    first = board.ask().json()["work"]
    board.number -= 1
    assert board.ask().json()["work"] == first, "an answer that was lost"
    board.number -= 1
    work = board.work()
    session = board.session(work)
    assert [board.deliver(work, session).json()["new"] for _ in range(3)] == [4, 0, 0]
    other = board.session(work, median_ms=0.4, name=session.session_id)
    assert code(board.deliver(work, other)) == (409, "result_conflict")
    assert rows(api) == (1, 4)
    board.ask()
    assert code(board.ask(number=1)) == (409, "stale_request")


def test_a_session_that_is_delivered_after_its_lease_is_taken_once_and_not_from_the_dead(
    board: Board, api: Caller
) -> None:
    waiting_for(board, sessions=2)
    before = board.work()
    session = board.session(before)
    board.deliver(before, session)
    after = board.work()
    assert after.attempt > before.attempt
    assert board.deliver(before, session).json() == {"new": 0}, "its answer was lost"
    assert code(board.deliver(before, board.session(before))) == (409, "lease_lapsed")
    assert code(board.beat(before)) == (409, "lease_lapsed")
    assert rows(api) == (1, 4)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("", "agent_outdated"), (str(PROTOCOL - 1), "agent_outdated"), (str(PROTOCOL + 1), "agent_newer")],
)
def test_another_version_is_refused_with_what_to_do(board: Board, version: str, expected: str) -> None:
    board.version = version
    answer = board.post("register", {"a field": "of another version"})
    assert code(answer) == (426, expected)
    assert "pip install --upgrade hwnas" in answer.json()["detail"] or expected == "agent_newer"


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0])
def test_a_wrong_clock_is_refused_and_nothing_is_taken(board: Board, ahead_s: float) -> None:
    waiting_for(board)
    for answer in (board.register(clock_s=time.time() + ahead_s), board.ask(clock_s=time.time() + ahead_s)):
        assert code(answer) == (409, "clock_wrong")
        assert "3600 s" in answer.json()["detail"]
    assert board.agent.asked == 0


def test_a_key_is_bound_to_its_board_and_tenant(board: Board, api: Caller) -> None:
    waiting_for(board)
    work = board.work()
    digest = work.files[subject_of("one")]
    for other in (Board.with_key(api, "pi6", unit="board-2"), Board.with_key(api, tenant="other")):
        other.register()
        assert other.ask().json()["work"] is None
        assert code(other.artifact(digest)) == (404, "unknown_artifact")
        assert code(other.deliver(work, other.session(work))) == (422, "not_asked_for")
        assert code(other.deliver(work, board.session(work))) == (409, "context_mismatch")
        assert code(other.beat(work)) == (409, "lease_lapsed")
        assert other.beat(work, "return").status_code == 204
    assert board.beat(work).status_code == 204, "it was not theirs to give back"
    assert rows(api) == (0, 0)
    impostor = Board(board.api, "pi6")
    assert code(impostor.register()) == (409, "key_of_another_device")


def test_files_that_no_lease_names_are_not_given_out(board: Board, api: Caller) -> None:
    stray = api.stores.artifacts.put(b"somebody's weights")
    waiting_for(board)
    work = board.work()
    assert code(board.artifact(stray)) == (404, "unknown_artifact")
    board.beat(work, "return")
    assert code(board.artifact(hashlib.sha256(content_of("one")).hexdigest())) == (404, "unknown_artifact")


def test_two_agents_with_one_key(board: Board) -> None:
    waiting_for(board)
    work = board.work()
    other = Board(board.api, instance=OTHER_INSTANCE)
    answers = (other.register(), other.ask(), other.beat(work), other.raw(work, {}))
    assert [code(answer) for answer in answers] == [(409, "key_in_use")] * 4
    assert board.beat(work).status_code == 204


def test_a_device_that_changes_hardware_under_its_name_is_refused(board: Board, api: Caller) -> None:
    with writing(api.stores.engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=agents.c.seen_at_ms - ALIVE_MS - 1_000))
    answer = board.register(device=replace(DEVICE, num_cores=64))
    assert code(answer) == (409, "device_changed")
    assert board.agent.device == replace(DEVICE, registered=board.agent.id)


def test_a_board_registers_before_it_asks(api: Caller) -> None:
    board = Board.with_key(api)
    assert code(board.ask()) == (409, "not_registered")


def ask_again(board: Board) -> None:
    """The job that was told of trouble asks once more for what it waits for."""
    stores = board.api.stores
    (claim,) = stores.queue.claim("w")
    for _ in ("it is told", "it asks"):
        stores.measurements.enqueue(claim.lease, tasks_for(board.agent))
    stores.queue.settle(claim.lease, Waiting())


def test_trouble_is_told_to_jobs_and_five_times_in_a_row_is_quarantine(board: Board, api: Caller) -> None:
    waiting_for(board)
    for number in range(5):
        assert board.agent.quarantine == "", number
        work = board.work()
        for _ in range(3):
            assert board.deliver(work, None, trouble(work)).json() == {"new": 0}
        assert board.agent.failures == number + 1, "told once more it is no other fault"
        ask_again(board)
    assert board.agent.quarantine.endswith("the last: session_died: the process ended")
    answer = board.ask().json()
    assert (answer["work"], answer["quarantine"]) == (None, board.agent.quarantine)
    assert board.register().json()["quarantine"] == board.agent.quarantine


def test_a_busy_board_is_no_broken_one_and_the_job_waits(board: Board, api: Caller) -> None:
    job = waiting_for(board)
    for _ in range(6):
        work = board.work()
        board.deliver(work, None, trouble(work, "machine_busy"))
        assert board.ask().json()["work"] is None, "not at once"
        (there,) = api.stores.agent_queue.awaited(job.job_id)
        assert there.why == "other work keeps it busy (machine_busy), tried again every 30 s"
        rest(api.stores.engine)
    found = api.stores.jobs.get("local", job.job_id)
    assert (found.state, found.faults) == (JobState.WAITING, {})
    assert board.agent.failures == 0


def test_trouble_with_a_check_counts_once_and_whoever_waits_behind_it_sees_why(
    board: Board, api: Caller
) -> None:
    job = waiting_for(board)
    stores = api.stores
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {}, "checked"))
    (claim,) = stores.queue.claim("w")
    stores.measurements.enqueue(claim.lease, golden_tasks(board.agent))
    for _ in ("a first try", "another one"):
        work = board.work()
        assert set(work.files) == GOLDEN
        for _ in range(3):
            board.deliver(work, None, trouble(work))
        assert board.agent.failures == 1
        assert board.ask().json()["work"] is None, "nothing else either"
        rest(stores.engine)
    (there,) = stores.agent_queue.awaited(job.job_id)
    assert there.why == (
        "its golden subjects come first and could not be measured (session_died), tried again every 30 s"
    )
    for _ in range(2):
        work = board.work()
        board.deliver(work, board.session(work))
    (there,) = stores.agent_queue.awaited(job.job_id)
    assert (there.why, there.pending) == ("", 4)


def test_what_a_board_cannot_run_as_asked_is_no_fault_of_its_own(board: Board, api: Caller) -> None:
    job = waiting_for(board)
    work = board.work()
    board.deliver(work, None, trouble(work, "context_unsupported"))
    assert api.stores.jobs.get("local", job.job_id).state is JobState.QUEUED
    assert board.agent.failures == 0


def test_results_that_cannot_be_are_refused_and_counted(board: Board, api: Caller) -> None:
    waiting_for(board)
    work = board.work()
    good = board.session(work)

    def in_another_unit(factor: float) -> Any:
        names = ("median_ms", "low_ms", "high_ms", "mean_ms", "p10_ms", "p90_ms", "p99_ms", "min_ms")
        body = board.session(work).model_dump(mode="json")
        for one in body["results"]:
            one["summary"] |= {name: factor * one["summary"][name] for name in names}
        return {"session": body}

    for factor in (1000.0, 0.001, -1.0, 0.0):
        assert code(board.raw(work, in_another_unit(factor))) == (422, "implausible_result"), factor
    assert board.agent.failures == 4
    text = str(good.model_dump_json()).replace('"scale":1.0', '"scale":NaN', 1)
    body = f'{{"instance":"{board.instance}","attempt":{work.attempt},"session":{text}}}'
    path = f"/v1/agents/leases/{work.lease}/result"
    headers = board.api.headers({"content-type": "application/json", "hwnas-agent-protocol": "1"})
    answer = board.api.client.post(path, content=body, headers=headers)
    assert code(answer) == (400, "malformed_json")
    assert rows(api) == (0, 0)
    assert board.deliver(work, good).json() == {"new": 4}
    assert board.agent.failures == 0


@pytest.mark.parametrize(
    "change",
    [
        {"session_id": "mine"},
        {"results": []},
        {"context": {"runtime": "onnxruntime", "runtime_version": "0.1"}},
    ],
)
def test_only_what_was_asked_for_is_taken(board: Board, change: dict[str, Any]) -> None:
    waiting_for(board)
    work = board.work()
    body = board.session(work).model_dump(mode="json") | change
    assert code(board.raw(work, {"session": body})) == (422, "not_asked_for")


def test_a_file_that_fails_in_a_session_is_told(board: Board, api: Caller) -> None:
    job = waiting_for(board)
    work = board.work()
    body: dict[str, Any] = board.session(work).model_dump(mode="json")
    failed = body["results"].pop()["digest"]
    body["failures"] = [{"digest": failed, "code": "file_not_loadable", "message": "no such operator"}]
    assert board.raw(work, {"session": body}).json() == {"new": 3}
    assert api.stores.jobs.get(TENANT, job.job_id).state is JobState.QUEUED
    assert board.agent.failures == 0


def test_nonsense_is_refused_without_harm(board: Board) -> None:
    work_path = "leases/" + "0" * 32
    for path in (
        "register",
        "leases",
        f"{work_path}/heartbeat",
        f"{work_path}/result",
        f"{work_path}/return",
    ):
        bodies: tuple[object, ...] = ({}, [], {"instance": 3}, {"attempt": -1})
        for body in bodies:
            assert code(board.post(path, body))[0] == 422, path
    assert code(board.beat(board_work(board))) == (409, "lease_lapsed")


@pytest.mark.parametrize("field", ["measured", "to_measure", "attempt"])
def test_numbers_that_no_column_holds_are_refused_before_a_database_sees_them(
    board: Board, field: str
) -> None:
    beat: Any = {field: 2**31}
    assert code(board.beat(board_work(board), **beat))[0] == 422


def test_what_is_half_said_or_invented_is_refused(board: Board) -> None:
    work = board_work(board)
    score = {"subject": subject_of(NAMES[0]), "images": "0" * 64, "classes": [1]}
    assert code(board.raw(work, {"score": score})) == (422, "not_asked_for"), "a score belongs to a context"
    body: dict[str, Any] = board.session(work).model_dump(mode="json")
    body["failures"] = [{"digest": body["results"].pop()["digest"], "code": "x" * 99, "message": ""}]
    assert code(board.raw(work, {"session": body})) == (422, "implausible_result")


def board_work(board: Board) -> Any:
    """Work that nobody has given out."""
    waiting_for(board)
    return board.work().model_copy(update={"lease": "f" * 32})
