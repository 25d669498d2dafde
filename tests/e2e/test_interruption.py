"""A search that is stopped or killed goes on, and ends with the same weights."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
import psutil
import pytest

from nas.job_records import JobEvent
from nas.jobs import JobState
from nas.store.stores import Stores
from tests.e2e.command import Ended, Kept, copied, jobs_of, kept, opened, start
from tests.workers.ray_processes import descendants

# The shared search runs in the set-up of whichever test comes first; it measures, and so do these.
pytestmark = pytest.mark.timeout(800)

PATIENCE_S: Final = 240.0
"""What takes ten times as long as it should stands still."""


def wait_for(process: subprocess.Popen[str], home: Path, told: Callable[[JobEvent], bool]) -> None:
    """Wait until the search of a home has told something."""
    until = time.monotonic() + PATIENCE_S
    with opened(home) as stores:
        while not any(told(event) for event in events_of(stores)):
            if time.monotonic() > until:
                stuck(process, home)
            with suppress(subprocess.TimeoutExpired):
                # What it says is read meanwhile: nobody ends who waits for a full pipe.
                pytest.fail(f"the search ended before: {process.communicate(timeout=0.05)}")


def end_of(process: subprocess.Popen[str], home: Path) -> Ended:
    """Wait for the end of the search of a home."""
    try:
        answer, told = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        stuck(process, home)
    return Ended(home, process.returncode, answer, told)


def stuck(process: subprocess.Popen[str], home: Path) -> NoReturn:
    """End a search that stands still; tell its processes, their stacks and its last events."""
    family = [psutil.Process(process.pid), *descendants(process.pid)]
    shown = [f"{one.pid} {one.status()} {one.cpu_times()} {' '.join(one.cmdline())[:200]}" for one in family]
    for one in family:
        one.send_signal(signal.SIGABRT)  # faulthandler writes the stacks
    psutil.wait_procs(family[1:], 10.0)
    _, told = process.communicate()
    with opened(home) as stores:
        events = [f"{event.kind} {event.data}"[:200] for event in events_of(stores)][-8:]
    pytest.fail("\n".join([*shown, told[-4000:], *events, f"it stood still for {PATIENCE_S:g} s"]))


def events_of(stores: Stores) -> Iterator[JobEvent]:
    """Whatever the searches of a home have told."""
    for job in stores.jobs.page("local").jobs:
        seen = 0
        while page := stores.jobs.events("local", job.id, after=seen):
            yield from page
            seen = page[-1].id


def reached(phase: str, done: float) -> Callable[[JobEvent], bool]:
    """Whether an event tells that a search is so far in a phase."""
    return lambda event: (
        event.kind == "progress" and event.data["phase"] == phase and event.data["done"] >= done
    )


def said(text: str) -> Callable[[JobEvent], bool]:
    """Whether an event is a message with a text in it."""
    return lambda event: event.kind == "message" and text in event.data["text"]


def kill_worker(home: Path) -> None:
    """Kill the worker of a home."""
    (worker,) = workers_of(home)
    os.kill(worker, signal.SIGKILL)


def workers_of(home: Path) -> list[int]:
    """Process ids of the workers of a home that live."""
    with opened(home) as stores:
        ids = [int(worker.facts["pid"]) for worker in stores.workers.alive()]
    return [pid for pid in ids if psutil.pid_exists(pid)]


def assert_same_search(found: Kept, undisturbed: Kept) -> None:
    """Assert that what was trained and what was scored are those of a search that nothing disturbed."""
    assert found.weights == undisturbed.weights
    np.testing.assert_array_equal(found.archs, undisturbed.archs)
    np.testing.assert_array_equal(found.correct, undisturbed.correct)


@pytest.fixture(scope="module")
def stopped(profiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Its worker killed in the second epoch, and stopped with Ctrl-C when training went on.

    The second epoch does not end: an epoch of this search can be over before it is looked at.
    """
    home = copied(profiled, tmp_path_factory.mktemp("stopped") / "home")
    process = start(home, PYTHONFAULTHANDLER="1", FAULTS_STAND_BEFORE="checkpoint-00000002.json")
    wait_for(process, home, reached("train", 1 / 3))
    kill_worker(home)
    wait_for(process, home, said("training goes on after epoch 1 of 3"))
    process.send_signal(signal.SIGINT)
    return end_of(process, home)


def test_a_killed_worker_is_replaced_and_ctrl_c_leaves_a_job_that_can_go_on_and_no_process(
    stopped: Ended,
) -> None:
    assert stopped.status == 1
    assert stopped.error["code"] == "interrupted"
    assert "run the same command again to go on" in stopped.error["message"]
    (job,) = jobs_of(stopped.home)
    assert (job.state, job.faults) == (JobState.QUEUED, {"lost_node": 1})
    assert workers_of(stopped.home) == []


def test_a_stopped_search_goes_on_though_its_training_process_and_its_worker_are_killed(
    stopped: Ended, finished: Ended, tmp_path: Path
) -> None:
    home, died = stopped.home, tmp_path / "died"
    process = start(
        home, PYTHONFAULTHANDLER="1", FAULTS_DIE_BEFORE="checkpoint-00000003.json", FAULTS_DIED=str(died)
    )
    # Not at verification: nobody holds a search whose files are waited for, and none is lost then.
    wait_for(process, home, reached("predict", 0))
    kill_worker(home)
    ended = end_of(process, home)
    assert ended.status == 0, ended.told
    assert died.exists()
    (job,) = jobs_of(home)
    assert f"search {job.id} goes on" in ended.told
    assert "training goes on after epoch 2 of 3" in ended.told
    assert job.faults == {"crash": 1, "lost_node": 2}
    assert ended.folder.name == job.id
    assert_same_search(kept(home), kept(finished.home))
    for network in ended.result.targets[0].networks:
        sessions = Counter(network.latency.sessions)
        assert len(sessions) >= 2
        assert set(sessions.values()) == {1}
