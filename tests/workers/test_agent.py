"""An agent measures what is asked for, delivers it once, and survives whatever ends it or cuts it off."""

import errno
import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from latency_predictors.fake_device import Script
from latency_predictors.protocol import SessionResult
from latency_predictors.scoring import ScoringRequest
from nas.jobs import JobState
from nas.store.measurement_tables import measurement_tasks
from nas.store.session import reading
from search_spaces.errors import MeasurementError, ResourceError, UsageError
from tests.api.served import new_key
from tests.nas.store.boards import content_of, subject_of
from tests.nas.store.queued import rest
from tests.workers.boards_at_work import CONTEXT, TENANT, Bench, Ended, bench, on_call
from workers.agent_home import AgentHome
from workers.agent_link import Link, ServerAwayError

NAMES = ("one", "two", "three", "four", "five")


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Bench]:
    """A service with a board."""
    with bench(tmp_path) as opened:
        yield opened


class BadLine:
    """A link that loses requests, loses answers and says things twice."""

    def __init__(self, link: Link, seed: int, share: float = 0.25) -> None:
        self._link, self._rng, self._share = link, random.Random(seed), share

    def post(self, *what: Any) -> Any:
        return self._badly(lambda: self._link.post(*what))

    def fetch(self, *what: Any, **more: Any) -> str:
        return str(self._badly(lambda: self._link.fetch(*what, **more)))

    def _badly(self, ask: Any) -> Any:
        luck = self._rng.random() / self._share
        if luck < 1:
            raise ServerAwayError("server_unreachable", "the request is lost")
        answer = ask()
        if luck < 2:
            raise ServerAwayError("server_unreachable", "the answer is lost")
        if luck < 3 and not isinstance(answer, str):
            ask()
        return answer


def test_what_is_asked_for_is_measured_and_the_job_goes_on(at_work: Bench) -> None:
    job = at_work.waiting_for(*NAMES)
    at_work.works()
    assert at_work.state(job) is JobState.QUEUED
    assert at_work.num_measured == 10
    assert at_work.lines[0].startswith("registered as 'pi5': simulated pi5")
    assert "measuring 5 files with onnxruntime 1.0-simulated" in at_work.lines[-1]
    assert list((at_work.folder / "journal").iterdir()) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_line_that_drops_and_doubles_a_quarter_stores_each_result_once(at_work: Bench, seed: int) -> None:
    job = at_work.waiting_for(*NAMES)
    at_work.works(BadLine(Link(at_work.server), seed), patience=200)  # type: ignore[arg-type]
    assert at_work.state(job) is JobState.QUEUED
    assert at_work.num_measured == 10
    assert "the service answers" in at_work.lines


@pytest.mark.parametrize("place", ["remember", "post", "fetch"])
def test_an_agent_that_is_killed_anywhere_goes_on_where_it_was(
    at_work: Bench, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = at_work.waiting_for(*NAMES)
    owner: type[Any] = AgentHome if place == "remember" else Link
    for number in range(1, 12):
        with monkeypatch.context() as patch:
            patch.setattr(owner, place, on_call(number, getattr(owner, place)))
            at_work.works(patience=3)
    at_work.works()
    assert at_work.state(job) is JobState.QUEUED
    assert at_work.num_measured == 10


def test_what_was_measured_before_the_end_is_delivered_after_it(
    at_work: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work.waiting_for(*NAMES)
    sessions: list[SessionResult] = []
    remember = AgentHome.remember

    def killed(home: AgentHome, entry: Any) -> Path:
        remember(home, entry)
        sessions.append(entry.session)
        raise Ended

    with monkeypatch.context() as patch:
        patch.setattr(AgentHome, "remember", killed)
        at_work.works()
    assert at_work.num_measured == 0
    at_work.works()
    assert at_work.num_measured == 10, "the second session only was measured anew"
    (kept,) = [
        one
        for one in at_work.service.stores.sessions.sessions(
            sessions[0].device.digest, sessions[0].context.digest, [subject_of("one")]
        )
        if one.session_id == sessions[0].session_id
    ]
    assert kept.started_at == sessions[0].started_at


def test_a_board_that_cannot_be_measured_tells_the_job_and_rests(at_work: Bench) -> None:
    at_work.board.script = Script(crash_share=1.0)
    at_work.waiting_for(*NAMES)
    at_work.works()
    assert any(line.startswith("error[session_died]") for line in at_work.lines)
    (claim,) = at_work.service.stores.queue.claim("w")
    agent = at_work.registered
    assert agent is not None
    assert (claim.lease.tenant, agent.failures) == (TENANT, 1)


def test_a_file_that_the_runtime_cannot_load_fails_alone(at_work: Bench) -> None:
    at_work.board.script = Script(broken=frozenset([subject_of("two")]))
    job = at_work.waiting_for(*NAMES)
    at_work.works()
    assert at_work.state(job) is JobState.QUEUED
    assert at_work.num_measured == 8


def test_what_keeps_every_file_from_being_loaded_gives_none_of_them_up(at_work: Bench) -> None:
    def measured(*what: Any, **more: Any) -> Iterator[SessionResult]:
        raise MeasurementError("file_not_loadable", "for want of memory")
        yield

    at_work.waiting_for(*NAMES)
    at_work.works(measure=measured)
    board = at_work.registered
    assert board is not None
    assert at_work.service.stores.agent_queue.given_up(board.device.digest) == ()


def test_a_file_that_ends_its_scoring_process_is_blamed_alone_and_the_others_are_scored(
    at_work: Bench,
) -> None:
    stores, packed = at_work.service.stores, io.BytesIO()
    np.save(packed, np.zeros((2, 1, 4, 4), dtype=np.uint8))
    images = stores.artifacts.put(packed.getvalue())
    job = at_work.waiting_for("one", "two", "three", images=images)

    def named(request: ScoringRequest, on_progress: object) -> tuple[int, ...]:
        if request.file.read_bytes() == content_of("one"):
            raise MeasurementError("session_died", "the scoring process was ended by signal 11")
        return (3, 4)

    at_work.works(name_classes=named)
    board, subjects = at_work.registered, [subject_of(name) for name in ("one", "two", "three")]
    assert board is not None
    found = stores.measurements.answers(board.device.digest, CONTEXT.digest, images, subjects)
    assert found == dict.fromkeys(subjects[1:], (3, 4))
    assert at_work.state(job) is JobState.QUEUED
    assert sorted(failures_of_files(at_work)) == [0, 0, 1]


def test_a_file_with_another_digest_is_never_run(at_work: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = at_work.waiting_for("one", "two")
    fetch = Link.fetch

    def changed(link: Link, path: str, into: Any, limit: int) -> str:
        into.write(b"something else")
        return hashlib.sha256(b"something else" + bytes(len(fetch(link, path, into, limit)))).hexdigest()

    monkeypatch.setattr(Link, "fetch", changed)
    at_work.works()
    assert sum(line.startswith("error[download_damaged]") for line in at_work.lines) == 1
    assert at_work.state(job) is JobState.QUEUED, "it is told, and asks again after a pause"
    assert at_work.num_measured == 0
    assert not list((at_work.folder / "files").iterdir())
    board, failed = at_work.registered, failures_of_files(at_work)
    assert board is not None
    assert (board.failures, failed) == (1, [0, 0]), "one fault for all of the batch, and none of a file"


def failures_of_files(at_work: Bench) -> list[int]:
    """How often each file that was asked for is itself to blame."""
    with reading(at_work.service.stores.engine) as connection:
        return list(connection.execute(select(measurement_tasks.c.failures)).scalars())


def test_files_that_are_too_large_are_told_together_and_are_to_blame(at_work: Bench) -> None:
    at_work.waiting_for("one", "two")
    at_work.patience = 0
    at_work.pauses.clear()
    with at_work.agent() as agent:
        agent.home.cache_bytes = 2
        with pytest.raises(Ended):
            agent.run()
    assert sum(line.startswith("error[file_too_large]") for line in at_work.lines) == 1
    board = at_work.registered
    assert board is not None
    assert (board.failures, failures_of_files(at_work)) == (1, [1, 1])


def test_a_full_disk_is_told_on_both_sides(at_work: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = at_work.waiting_for("one", "two")

    def full(*what: Any, **more: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Link, "fetch", full)
    at_work.works()
    assert any(line.startswith("error[disk_full]") for line in at_work.lines)
    assert at_work.state(job) is JobState.QUEUED, "it is told, and asks again after a pause"


def test_where_there_is_no_room_for_the_journal_results_are_sent_at_once(
    at_work: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work.waiting_for(*NAMES)

    def full(home: AgentHome, entry: Any) -> Path:
        raise ResourceError("disk_full", "no room")

    monkeypatch.setattr(AgentHome, "remember", full)
    at_work.works()
    assert at_work.num_measured == 10
    assert any("without being kept first" in line for line in at_work.lines)


def test_a_journal_that_becomes_read_only_is_told_once_and_its_results_are_sent_once(
    at_work: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, sent = at_work.waiting_for("one"), list[str]()
    post, unlink = Link.post, Path.unlink
    journal = at_work.folder / "journal"

    def counted(link: Link, path: str, *what: Any) -> Any:
        sent.append(path.rpartition("/")[2])
        return post(link, path, *what)

    def refused(path: Path, *what: Any, **more: Any) -> None:
        if path.parent == journal and path.suffix == ".json":
            raise OSError(errno.EROFS, "Read-only file system")
        unlink(path, *what, **more)

    monkeypatch.setattr(Link, "post", counted)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        at_work.works(patience=1)
    assert sum(line.startswith("error[not_writable]") for line in at_work.lines) == 1
    assert (at_work.num_measured, at_work.state(job)) == (2, JobState.QUEUED)
    assert (sent.count("result"), len(list(journal.iterdir()))) == (2, 2)
    at_work.works()
    assert (at_work.num_measured, list(journal.iterdir())) == (2, [])


def test_a_key_that_is_none_ends_the_agent_and_keeps_what_it_measured(at_work: Bench) -> None:
    at_work.waiting_for(*NAMES)
    at_work.key = new_key(at_work.service.stores, ["read"])
    with at_work.agent() as agent, pytest.raises(UsageError) as caught:
        agent.run()
    assert caught.value.code == "not_allowed"


def test_in_quarantine_it_says_why_and_asks_on(at_work: Bench) -> None:
    at_work.works()
    agent = at_work.registered
    assert agent is not None
    for _ in range(5):
        at_work.service.stores.agent_queue.faulted(agent, "session_died")
    at_work.works(patience=3)
    (told,) = [line for line in at_work.lines if "in quarantine" in line]
    assert "hwnas devices release pi5" in told
    assert "session_died" in told


def test_a_lease_that_ended_meanwhile_costs_what_was_measured_and_no_more(
    at_work: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = at_work.waiting_for(*NAMES)
    measure = type(at_work.board).measure

    def overtaken(board: Any, *what: Any, **more: Any) -> Iterator[SessionResult]:
        stores, agent = at_work.service.stores, at_work.registered
        assert agent is not None
        if agent.asked < 5:
            found = stores.agent_queue.ask(agent, agent.instance, 5)
            assert found is not None
            stores.measurements.give_back(found[0])
        yield from measure(board, *what, **more)

    monkeypatch.setattr(type(at_work.board), "measure", overtaken)
    at_work.works(patience=1)
    assert any("error[lease_lapsed]" in line for line in at_work.lines)
    assert at_work.state(job) is JobState.QUEUED
    assert at_work.num_measured == 10


def test_a_busy_board_is_left_alone_for_a_while_and_its_job_waits(at_work: Bench) -> None:
    job = at_work.waiting_for("one")

    def busy(*what: Any, **more: Any) -> Iterator[SessionResult]:
        raise MeasurementError("machine_busy", "other work keeps 2 of 2 processors busy")
        yield  # a generator, as measuring is

    at_work.works(measure=busy)
    assert at_work.pauses[-1] == 20
    stored = at_work.registered
    assert stored is not None
    assert stored.failures == 0
    assert at_work.state(job) is JobState.WAITING
    rest(at_work.service.stores.engine)
    at_work.works()
    assert at_work.state(job) is JobState.QUEUED


def test_a_board_whose_toolchain_changes_registers_anew_before_it_measures(at_work: Bench) -> None:
    at_work.waiting_for("one")
    at_work.pauses.clear()
    at_work.patience = 0
    with at_work.agent() as agent:
        told = iter(["6.11", "6.11"])
        facts = agent.facts
        agent.facts = lambda: {**facts(), "system": next(told, "6.12")}
        with pytest.raises(Ended):
            agent.run()
    assert any("registering anew" in line for line in at_work.lines)
    assert at_work.registered is not None
    assert at_work.registered.facts["system"] == "6.12"
    assert at_work.num_measured == 2
