"""`hwnas worker` as a process: told to stop in the middle of an epoch, it gives the job back at no cost."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from nas.job_records import Job
from nas.jobs import JobState
from nas.settings import Settings
from nas.specs import SearchSpec
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import StoreError
from tests.nas.pipeline.small_search import DOCUMENT, Recorder, small_spec
from tests.workers.jobs_at_work import TENANT, Workplace, done, jobs_do, until, workplace
from workers import serving
from workers.heartbeat import Draining
from workers.orchestrator import Orchestrator
from workers.searches import submit
from workers.serving import Signals

COMMAND: Final = (sys.executable, "-c", "import hwnas; hwnas.main()", "worker")
# Epochs of half a second or so, and enough of them: whenever a signal comes, it comes in the middle of one.
EPOCHS: Final = 8
LONG: Final = {
    "dataset": {**DOCUMENT["dataset"], "num_train": 600},
    "supernet": {"epochs": EPOCHS},
    "references": [],
}


def worker(home: Path, *options: str) -> "subprocess.Popen[str]":
    """Start a worker in a home."""
    return subprocess.Popen(
        [*COMMAND, *options],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "HWNAS_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def epochs_done(stores: Stores, job: Job) -> int:
    """Epochs whose checkpoints a job has noted."""
    events = stores.jobs.events(TENANT, job.id)
    return max((event.data["epoch"] for event in events if event.kind == "checkpoint"), default=0)


def work_to_the_end(worker: Orchestrator) -> None:
    while worker.work_once():
        continue


def trained(home: Path, spec: SearchSpec) -> tuple[str, list[str]]:
    """Have a search trained to its end in this process; return the hash of its weights, and what was told."""

    class UntilTrained(Recorder):
        def step(self, phase: str, done: float, total: float, note: str = "") -> None:
            super().step(phase, done, total, note)
            if phase == "predict":
                here.drain()

    with workplace(home) as place:
        place.shown = UntilTrained()
        submit(spec, place.settings, place.stores, place.shown)
        with place.worker() as here, pytest.raises(Draining):
            work_to_the_end(here)
        newest = max(place.stores.supernets.list_all(TENANT), key=lambda one: one.created_at_ms)
        assert newest.epochs == spec.supernet.epochs
        return str(newest.summary["weight_hash"]), place.shown.said


@pytest.mark.timeout(300)
def test_a_worker_that_is_told_to_stop_in_an_epoch_gives_the_job_back_and_nothing_is_lost(
    searched_home: Path, tmp_path: Path, searched: tuple[Path, Any]
) -> None:
    spec, settings = small_spec(seed=11, **LONG), Settings(home=searched_home)
    with opened_stores(settings) as stores:
        job = submit(spec, settings, stores, Recorder())
        with worker(searched_home) as process:
            until(lambda: epochs_done(stores, job) >= 2 or process.poll() is not None, 200)
            process.send_signal(signal.SIGTERM)
            told = process.communicate(timeout=120)  # the longest that a Ray may take to end is a minute
        assert process.returncode == 0, told
        assert "it was told to. What is left goes on with the next one" in told[0]
        assert "Traceback" not in told[1]
        found = stores.jobs.get(TENANT, job.id)
        assert (found.state, found.faults, found.attempt, found.code) == (JobState.QUEUED, {}, 1, "")
        assert found.progress > 1_000_000, "it was training"
        done = epochs_done(stores, job)
        assert 2 <= done < EPOCHS
        assert stores.workers.alive() == ()
    weights, said = trained(searched_home, spec)
    assert f"training goes on after epoch {done} of {EPOCHS}" in said
    assert weights == trained(Path(shutil.copytree(searched[0], tmp_path / "undisturbed")), spec)[0]


def test_a_worker_that_has_nothing_to_do_ends_at_once_and_says_who_it_was(tmp_path: Path) -> None:
    with workplace(tmp_path / "home") as place, worker(tmp_path / "home", "--name", "ann") as process:
        until(lambda: bool(place.stores.workers.alive()))
        until_listening(process)
        process.send_signal(signal.SIGINT)
        answer, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
        assert answer == "worker ann has ended: it was told to. What is left goes on with the next one\n"
        assert place.stores.workers.alive() == ()


def test_two_workers_of_one_name_are_one_too_many(tmp_path: Path) -> None:
    with workplace(tmp_path / "home") as place:
        place.stores.workers.register("ann", {})
        with worker(tmp_path / "home", "--name", "ann") as process:
            _, told = process.communicate(timeout=60)
        assert process.returncode == 2
        assert told.startswith("error[worker_name_taken]: ")


def until_listening(process: "subprocess.Popen[str]") -> None:
    """Wait until a worker has said that it works."""
    assert process.stderr is not None
    assert "works on whatever is queued; Ctrl-C ends it" in process.stderr.readline()


def test_a_database_that_is_away_for_a_while_does_not_end_a_worker(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "AGAIN_S", 0.01)
    queue: Any = Away(place.stores.queue, 2)
    place.stores = replace(place.stores, queue=queue)
    shown = Recorder()
    with place.worker() as worker:
        queue.then = worker.drain
        assert serving._work(worker, shown, threading.Event(), never) == "it was told to"
    assert shown.said == ["gone; tried again in 0.01 s"] * 2


def never() -> bool:
    return False


def test_a_worker_that_is_left_alone_does_what_is_left_and_ends(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs_do(monkeypatch, done)
    submitted = [place.submit(), place.submit()]
    with place.worker() as worker:
        reason = serving._work(worker, Recorder(), threading.Event(), lambda: True)
    assert reason == "whoever started it is gone, and nothing is left to do"
    assert [place.state(job) for job in submitted] == [JobState.SUCCEEDED] * 2


def test_a_worker_that_is_left_alone_does_not_wait_for_a_database(place: Workplace) -> None:
    queue: Any = Away(place.stores.queue, 10_000)
    place.stores = replace(place.stores, queue=queue)
    with place.worker() as worker:
        reason = serving._work(worker, Recorder(), threading.Event(), lambda: True)
    assert "is gone" in reason


def test_a_signal_that_comes_before_a_worker_has_its_name_is_heard(place: Workplace) -> None:
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        with place.worker() as worker:
            signals.interrupt(worker)
            assert serving._work(worker, Recorder(), signals.came, never) == "it was told to"
    assert place.stores.workers.alive() == ()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


class Away:
    """A queue that does not answer at first."""

    def __init__(self, queue: Any, times: int) -> None:
        self._queue = queue
        self._times = times
        self.then: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def reap(self) -> Any:
        if self._times:
            self._times -= 1
            raise StoreError("database_unreachable", "gone")
        self.then()
        return self._queue.reap()
