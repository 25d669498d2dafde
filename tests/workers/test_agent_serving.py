"""`hwnas agent` as a process: it measures, opens no port, and ends at once with what is left."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from latency_predictors.anchors import default_anchors
from latency_predictors.device import host_context, host_device
from latency_predictors.measure import ENERGY_PROTOCOL, NETWORK_PROTOCOL, TimingProtocol
from latency_predictors.replay import Trace
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Waiting
from nas.measurement_tasks import MeasurementTask
from nas.store.agent_store import Agent
from search_spaces.errors import UsageError
from tests.workers.boards_at_work import TENANT, Bench, bench
from tests.workers.jobs_at_work import until
from workers import agent_serving
from workers.agent_serving import Wanted, run_agent


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Bench]:
    """A service; the board is this machine."""
    with bench(tmp_path) as opened:
        yield opened


class Process:
    """An agent in a process of its own."""

    def __init__(self, at_work: Bench, repository: Path, *more: str) -> None:
        environment = {**os.environ, "HWNAS_KEY": at_work.key, "PYTHONPATH": str(repository)}
        options = ["--server", at_work.service.url, "--name", "board", "--home", str(at_work.folder)]
        command = [
            sys.executable,
            "-c",
            "import hwnas; hwnas.main()",
            "agent",
            *options,
            "--when-busy",
            "ignore",
            *more,
        ]
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def end(self, by: signal.Signals = signal.SIGINT) -> tuple[str, str]:
        """End it; return what it has said."""
        self.process.send_signal(by)
        return self.process.communicate(timeout=60)


def sockets_listening(pid: int) -> list[str]:
    """Sockets of a process that listen."""
    own = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(link) if link.exists() else ""
        own.update(re.findall(r"socket:\[(\d+)\]", target))
    tables = [Path(f"/proc/{pid}/net/{kind}").read_text(encoding="ascii") for kind in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()[1:]]
    return [line[1] for line in lines if line[3] == "0A" and line[9] in own]


def asked_of(at_work: Bench, agent: Process, timing: TimingProtocol) -> tuple[Agent, str, str]:
    """Have a job wait for a file to be measured; return the board, the job and what is measured."""
    stores = at_work.service.stores
    until(lambda: stores.agents.find(TENANT, "board") is not None)
    board = stores.agents.find(TENANT, "board")
    assert board is not None
    assert sockets_listening(agent.process.pid) == []
    job = stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {}, "profile"))
    (claim,) = stores.queue.claim("w")
    artifact = stores.artifacts.put(default_anchors("onnx")[0].path.read_bytes())
    subject = "5" * 64
    stores.measurements.enqueue(
        claim.lease, [MeasurementTask(board.device, host_context(), timing, subject, artifact, 1)]
    )
    stores.queue.settle(claim.lease, Waiting())
    return board, job.id, subject


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_board_measures_a_real_file_and_ends_when_it_is_told(
    at_work: Bench, repository: Path, by: signal.Signals
) -> None:
    stores, agent = at_work.service.stores, Process(at_work, repository)
    board, job, subject = asked_of(at_work, agent, NETWORK_PROTOCOL)
    until(lambda: stores.jobs.get(TENANT, job).state is JobState.QUEUED)
    until(lambda: not list((at_work.folder / "journal").iterdir()))
    out, said = agent.end(by)
    assert agent.process.returncode == 0, said
    assert "registered as 'board'" in said
    assert "measuring 1 files with onnxruntime" in said
    assert "0 results are kept" in out
    (session,) = stores.sessions.sessions(board.device.digest, host_context().digest, [subject])
    assert session.device == board.device
    assert session.results[0].median_ms > 0


class Finalised:
    """Told to end while it is taken down."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def told_in_a_finaliser() -> None:
    """Be told to end where nobody can hear it, and go on."""
    with agent_serving._interrupted_by_signals():
        Finalised()
        threading.Event().wait(60)


def test_an_agent_hears_that_it_is_to_end_where_python_has_dropped_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dropped: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: dropped.append(told.exc_type))
    monkeypatch.setattr(agent_serving, "AGAIN_S", 0.01)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        told_in_a_finaliser()
    assert dropped == [KeyboardInterrupt]
    assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_board_reads_the_file_of_a_meter_where_it_is_given_one(
    at_work: Bench, repository: Path, tmp_path: Path
) -> None:
    log = tmp_path / "plug.csv"
    log.write_text("seconds,volts\n", encoding="utf-8")
    agent = Process(at_work, repository, "--meter-log", str(log))
    _, job, _ = asked_of(at_work, agent, ENERGY_PROTOCOL)
    until(lambda: at_work.service.stores.jobs.get(TENANT, job).state is JobState.QUEUED)
    _, said = agent.end()
    assert f"{log} does not begin with the line" in said


def test_a_board_that_replays_serves_what_was_published_and_says_so(
    at_work: Bench, repository: Path, tmp_path: Path
) -> None:
    """Nothing is timed: of the file that is asked for, the table's value comes back."""
    subject, stores = "5" * 64, at_work.service.stores
    trace = Trace(
        source="a paper, table 3",
        licence="MIT",
        device=replace(host_device(), cpu_model="Raspberry Pi 5"),
        context=host_context(),
        published_at="2021",
        latency_ms={subject: 123.5},
    )
    path = tmp_path / "paper.json"
    path.write_text(trace.model_dump_json(), encoding="utf-8")
    agent = Process(at_work, repository, "--replay", str(path))
    board, job, _ = asked_of(at_work, agent, NETWORK_PROTOCOL)
    until(lambda: stores.jobs.get(TENANT, job).state is JobState.QUEUED)
    _, said = agent.end()
    assert agent.process.returncode == 0, said
    assert "nothing is measured: 1 latencies are served, 'a paper, table 3'" in said
    assert board.device.cpu_model == "Raspberry Pi 5 (published)"
    (session,) = stores.sessions.sessions(board.device.digest, host_context().digest, [subject])
    assert session.provenance == "published"
    assert [one.median_ms for one in session.results] == [123.5]


def test_what_is_to_be_served_is_looked_at_before_anything_is_asked(tmp_path: Path) -> None:
    wanted = Wanted("pi5", "http://127.0.0.1:9", "hwnas_key", replay=tmp_path / "none.json")
    with pytest.raises(UsageError) as caught:
        run_agent(wanted, tmp_path / "board", 2**20)
    assert caught.value.code == "no_such_file"
    assert not (tmp_path / "board").exists()


def test_a_wrong_key_is_told_at_once(at_work: Bench, repository: Path) -> None:
    at_work.key = "hwnas_wrong"
    agent = Process(at_work, repository)
    _, said = agent.process.communicate(timeout=60)
    assert agent.process.returncode == 2
    assert "error[not_authenticated]" in said


@pytest.mark.parametrize("name", ["Pi 5", "host", "", "x" * 41])
def test_a_name_that_no_board_can_have_is_told_before_anything_is_asked(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        run_agent(Wanted(name, "http://127.0.0.1:9", "hwnas_key"), tmp_path / "board", 2**20)
    assert caught.value.code == "invalid_device_name"
    assert not (tmp_path / "board").exists()


def test_what_a_service_says_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    agent_serving._say("registered as '\x1b]0;gone\x07'\nand more")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("registered as ' ]0;gone ' and more")
