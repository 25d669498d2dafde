"""What a service refuses of a board: one stable code, a clear line on both sides, nothing overwritten."""

import errno
import hashlib
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.fleet import SimulatedBoard
from latency_predictors.device import Device
from latency_predictors.measure import Summary
from latency_predictors.protocol import SessionResult
from nas.jobs import JobState
from search_spaces.errors import HwnasError, UsageError
from tests.nas.store.boards import content_of
from tests.workers.boards_at_work import Bench, Ended, bench
from workers.agent_home import AgentHome, Entry
from workers.agent_link import Link


class OtherHardware(SimulatedBoard):
    """A board whose memory somebody has changed."""

    @property
    def device(self) -> Device:
        """Its hardware."""
        return replace(super().device, memory_gib=64)


class InOtherUnits(SimulatedBoard):
    """A board that tells microseconds where milliseconds are asked for."""

    def measure(self, *what: Any, **more: Any) -> Iterator[SessionResult]:
        """Measure by the script."""
        for session in super().measure(*what, **more):
            wrong = [one.model_copy(update={"summary": thousandfold(one.summary)}) for one in session.results]
            yield session.model_copy(update={"results": tuple(wrong)})


class NoNumbers(SimulatedBoard):
    """A board whose runtime tells no numbers."""

    def measure(self, *what: Any, **more: Any) -> Iterator[SessionResult]:
        """Measure by the script."""
        for session in super().measure(*what, **more):
            first, *others = session.results
            none = first.model_copy(update={"summary": replace(first.summary, median_ms=math.nan)})
            yield session.model_copy(update={"results": (none, *others)})


@dataclass
class StrangeNames(SimulatedBoard):
    """A board whose sessions have identifiers that are none of ours; it measures so often at most."""

    left: int = 3

    def measure(self, *what: Any, **more: Any) -> Iterator[SessionResult]:
        """Measure by the script."""
        self.left -= 1
        if not self.left:
            raise Ended
        for session in super().measure(*what, **more):
            yield session.model_copy(update={"session_id": session.session_id + "Z"})


def thousandfold(summary: Summary) -> Summary:
    """The same in another unit."""
    times = [name for name, value in vars(summary).items() if name.endswith("_ms") and value is not None]
    return replace(summary, **{name: 1000 * getattr(summary, name) for name in times})


def read_only(*what: object, **more: object) -> Any:
    """Refuse what is written, as a card that has become read-only does."""
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Bench]:
    """A service with a board that has registered and worked before."""
    with bench(tmp_path) as opened:
        opened.waiting_for("one", "two")
        opened.works()
        assert opened.num_measured == 4
        yield opened


def told(caplog: pytest.LogCaptureFixture) -> set[tuple[str, str]]:
    """Code and key of what the service has said of boards that it refused."""
    facts = [vars(record)["facts"] for record in caplog.records if record.name == "hwnas.boards"]
    assert all(one["detail"] for one in facts)
    return {(one["code"], one["key"]) for one in facts}


def test_results_in_another_unit_are_not_taken(at_work: Bench, caplog: pytest.LogCaptureFixture) -> None:
    at_work.board = InOtherUnits("pi5")
    job = at_work.waiting_for("three")
    at_work.works()
    assert [line for line in at_work.lines if "error[implausible_result]" in line and "another unit?" in line]
    assert told(caplog) == {("implausible_result", at_work.key.split("_")[1])}
    assert (at_work.num_measured, at_work.state(job)) == (4, JobState.WAITING)


def test_whatever_is_not_taken_is_followed_by_a_pause(
    at_work: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    at_work.board = StrangeNames("pi5")
    at_work.waiting_for("three")
    at_work.works()
    assert [line for line in at_work.lines if line.startswith("not taken, error[not_asked_for]")]
    assert told(caplog) == {("not_asked_for", at_work.key.split("_")[1])}
    assert at_work.pauses == [20]


def test_what_is_no_number_is_told_on_both_sides_and_followed_by_a_pause(
    at_work: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    at_work.board = NoNumbers("pi5")
    job = at_work.waiting_for("three")
    at_work.works()
    (line,) = [line for line in at_work.lines if line.startswith("error[implausible_result]")]
    assert "results.0.summary.median_ms is no number" in line
    assert told(caplog) == {("implausible_result", at_work.key.split("_")[1])}
    assert at_work.pauses == [20]
    assert list((at_work.folder / "journal").iterdir()) == []
    stored = at_work.registered
    assert stored is not None
    assert (stored.failures, at_work.num_measured, at_work.state(job)) == (1, 4, JobState.QUEUED)


def test_a_card_that_loses_what_is_written_is_told_and_followed_by_a_pause(
    at_work: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work.waiting_for("three")
    remember = AgentHome.remember

    def lost(home: AgentHome, entry: Entry) -> Path:
        path = remember(home, entry)
        path.write_bytes(b"")
        return path

    monkeypatch.setattr(AgentHome, "remember", lost)
    at_work.works()
    assert len([line for line in at_work.lines if line.startswith("error[damaged_file]")]) == 2
    assert len(list((at_work.folder / "journal").glob("*.damaged"))) == 2
    assert at_work.pauses == [20]


def test_a_file_that_the_service_has_lost_is_told_and_the_others_are_measured(
    at_work: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job = at_work.waiting_for("three", "four")
    at_work.service.stores.artifacts.remove(hashlib.sha256(content_of("three")).hexdigest())
    at_work.works()
    assert [line for line in at_work.lines if line.startswith("error[artifact_missing]")]
    stored = at_work.registered
    assert stored is not None
    assert (stored.failures, at_work.num_measured, at_work.state(job)) == (0, 6, JobState.QUEUED)


def test_other_hardware_under_the_same_name_ends_the_agent(
    at_work: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    before = at_work.registered
    at_work.board = OtherHardware("pi5")
    with at_work.agent() as agent, pytest.raises(UsageError, match="another name") as caught:
        agent.run()
    assert caught.value.code == "device_changed"
    assert told(caplog) == {("device_changed", at_work.key.split("_")[1])}
    assert at_work.registered == before


def test_a_second_agent_with_the_key_waits_until_the_first_has_gone(
    at_work: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    before = at_work.registered
    second = replace(at_work, folder=at_work.folder.with_name("second"), lines=[])
    second.works(patience=2)
    assert [line for line in second.lines if line.startswith("error[key_in_use]: another agent works as")]
    assert second.pauses[0] >= 20
    assert told(caplog) == {("key_in_use", at_work.key.split("_")[1])}
    assert at_work.registered == before


def test_of_two_agents_in_copies_of_one_folder_one_is_refused_and_a_restart_works_at_once(
    at_work: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    copied = replace(at_work, folder=at_work.folder.with_name("copied"), lines=[])
    shutil.copytree(at_work.folder, copied.folder)
    at_work.lines.clear()
    at_work.works()
    assert [line for line in at_work.lines if line.startswith("registered as")]
    before = at_work.registered
    copied.works(patience=2)
    assert [line for line in copied.lines if line.startswith("error[key_in_use]: another agent works as")]
    assert told(caplog) == {("key_in_use", at_work.key.split("_")[1])}
    assert at_work.registered == before


def test_a_clock_an_hour_off_is_told_until_it_is_set(
    at_work: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, before = at_work.waiting_for("three"), at_work.registered
    with monkeypatch.context() as patch:
        patch.setattr("workers.agent.time", SimpleNamespace(time=lambda: time.time() + 3_600))
        at_work.works(patience=2)
    assert [
        line for line in at_work.lines if line.startswith("error[clock_wrong]: the clock of the board is 36")
    ]
    assert told(caplog) == {("clock_wrong", at_work.key.split("_")[1])}
    assert (at_work.num_measured, at_work.registered) == (4, before)
    at_work.works()
    assert (at_work.num_measured, at_work.state(job)) == (6, JobState.QUEUED)


def test_a_card_that_has_become_read_only_is_told_on_both_sides(
    at_work: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job = at_work.waiting_for("three")

    def refused(*what: Any, **more: Any) -> Iterator[SessionResult]:
        yield read_only()

    at_work.works(measure=refused)
    assert [line for line in at_work.lines if line.startswith("error[not_writable]: the board's system")]
    assert told(caplog) == {("not_writable", at_work.key.split("_")[1])}
    stored = at_work.registered
    assert stored is not None
    assert (stored.failures, at_work.state(job)) == (1, JobState.QUEUED)


def test_a_card_that_becomes_read_only_under_a_file_that_is_there_is_told_on_both_sides(
    at_work: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = at_work.waiting_for("three")
    there = at_work.folder / "files" / f"{hashlib.sha256(content_of('three')).hexdigest()}.onnx"
    there.write_bytes(content_of("three"))
    monkeypatch.setattr("workers.agent_home.os.utime", read_only)
    at_work.works()
    assert [line for line in at_work.lines if line.startswith("error[not_writable]: the board's system")]
    assert told(caplog) == {("not_writable", at_work.key.split("_")[1])}
    stored = at_work.registered
    assert stored is not None
    assert (stored.failures, at_work.state(job)) == (1, JobState.QUEUED)


def test_something_else_in_the_place_of_the_service_ends_the_agent_at_its_start_alone(
    at_work: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work.waiting_for("three")
    post, asked = Link.post, list[str]()

    def mended(link: Link, path: str, *what: Any) -> Any:
        asked.append(path)
        if len(asked) in strangers:
            raise HwnasError("unexpected_answer", "it answers with status 404")
        return post(link, path, *what)

    monkeypatch.setattr(Link, "post", mended)
    strangers = {1}
    with at_work.agent() as agent, pytest.raises(HwnasError, match="404"):
        agent.run()
    asked.clear()
    strangers = {2, 3, 4}
    at_work.works(patience=3)
    assert asked[:5] == ["agents/register", *["agents/leases"] * 4]
    assert at_work.pauses[0] >= 20
    assert at_work.num_measured == 6
