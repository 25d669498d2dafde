"""Tasks on a Ray of our own: the contract, and that whatever dies is an ordinary event."""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pytest

from latency_predictors.device import host_device
from latency_predictors.lease import host_lease_folder, measuring_lease
from nas.compute import InProcessCompute
from nas.ports import Compute
from nas.task_events import CheckpointKept, EpochDone, Event, NetworkTrained, Resumed, StoredCheckpoint
from nas.tasks import ScoreSubnets, Task
from nas.training_options import Augmentation
from search_spaces.errors import ComputeError, UsageError
from tests.contracts.compute_contract import (
    OPTIONS,
    SEED,
    ComputeContract,
    Expected,
    architectures,
    checkpoints_of,
    inputs,
    last,
    trained,
    training,
)
from tests.contracts.folder_artifacts import FolderArtifacts
from tests.e2e.command import hosts_in, tracer
from tests.workers.ray_processes import (
    alive,
    busy_workers,
    descendants,
    listening,
    named,
    two_machines,
    wait_gone,
)
from workers import ray_process
from workers.cluster import JOINED_AT_ONCE, JoinedRay, LocalRay, RayCompute, RemoteRun
from workers.oom_kills import oom_kills
from workers.ray_messages import Ended, Said
from workers.ray_process import DriverProcess, RunMessages

LONG = replace(OPTIONS, epochs=32)
ENDLESS = replace(OPTIONS, epochs=10_000)
ENDLESSLY_MANY = 2_000
"""Architectures to score: nobody waits for all of them."""


class TestRayCompute(ComputeContract):
    @pytest.fixture(scope="class")
    @classmethod
    def compute(
        cls, artifacts: FolderArtifacts, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Compute]:
        folder = tmp_path_factory.mktemp("ray-compute")
        opened = partial(FolderArtifacts, artifacts.folder)
        with RayCompute(opened, folder, LocalRay(num_cpus=2)) as compute:
            yield compute
        assert list((folder / "scratch").iterdir()) == []

    def test_everything_listens_on_loopback_only(self, compute: Compute) -> None:
        events = compute.run(training())
        next(events)
        addresses = listening(descendants())
        assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}
        assert trained(events).weight_hash

    def test_whoever_uses_the_machine_goes_first(self, compute: Compute, expected: Expected) -> None:
        events: Any = compute.run(training(options=ENDLESS))
        next(events)
        self.check_priority(busy_workers())
        events.close()
        seen = list(self.at_work(compute.run(self.scoring(expected, 40))))
        # Each has scored by now: it steps back when it begins to.
        self.check_priority([process for scorers in seen for process in scorers])

    @staticmethod
    def check_priority(workers: list[psutil.Process]) -> None:
        assert workers
        for worker in workers:
            assert worker.nice() >= 15
            assert worker.ionice().ioclass in (psutil.IOPRIO_CLASS_IDLE, psutil.IOPRIO_CLASS_BE)
            environment = worker.environ()
            assert environment["OMP_NUM_THREADS"] == "1"
            assert environment["ORT_DISABLE_TELEMETRY"] == "1"

    @staticmethod
    def scoring(expected: Expected, number: int, num_workers: int | None = None) -> ScoreSubnets:
        chosen = architectures(number)
        return ScoreSubnets(
            inputs(), expected.weights, chosen, "test", SEED, Augmentation(), num_workers=num_workers
        )

    def test_processes_stay_for_the_next_task_whatever_it_is(
        self, compute: Compute, expected: Expected
    ) -> None:
        assert len(self.scored(compute, expected, architectures(4))) == 4
        there = named("ray::")
        events: Any = compute.run(training(options=ENDLESS))
        next(events)
        assert set(busy_workers()) <= set(there)
        # With one processor taken the other one scores.
        scoring: Any = compute.run(self.scoring(expected, ENDLESSLY_MANY))
        assert {len(scorers) for scorers in islice(self.at_work(scoring), 20)} == {1}
        scoring.close()
        events.close()

    @staticmethod
    def at_work(scoring: Iterator[Event]) -> Iterator[list[psutil.Process]]:
        """Look after each event which processes score; between two parts of the work nobody may."""
        return filter(None, (named("ray::score") for _ in scoring))

    def test_another_thread_may_close_a_run(self, compute: Compute) -> None:
        events: Any = compute.run(training(options=ENDLESS))
        next(events)
        threading.Timer(0.3, events.close).start()
        with pytest.raises(ComputeError) as caught:
            last(events)
        assert caught.value.fault == "cancelled"
        assert list(events) == []

    def test_whoever_asks_after_it_was_closed_is_told_once(self, compute: Compute) -> None:
        events: Any = compute.run(training(options=ENDLESS))
        next(events)
        events.close()
        with pytest.raises(ComputeError) as caught:
            next(events)
        assert caught.value.fault == "cancelled"
        assert list(events) == []

    @pytest.fixture(scope="class")
    @classmethod
    def undisturbed(cls, artifacts: FolderArtifacts, tmp_path_factory: pytest.TempPathFactory) -> str:
        """The weight hash of a training that is long enough to be disturbed."""
        alone = InProcessCompute(artifacts, tmp_path_factory.mktemp("undisturbed"))
        return trained(alone.run(training(options=LONG))).weight_hash

    @pytest.mark.timeout(400)  # four times a Ray is killed and another one started
    def test_what_is_killed_is_an_error_and_training_goes_on_from_its_checkpoint(
        self, compute: Compute, undisturbed: str
    ) -> None:
        checkpoints: tuple[StoredCheckpoint, ...] = ()
        for victim in ("worker", "raylet", "gcs_server", "driver"):
            kept = self.trained_until_killed(compute, victim, checkpoints)
            assert kept
            checkpoints = (*checkpoints, *kept)
            assert len(checkpoints) < LONG.epochs
        resumed, *rest = compute.run(training(options=LONG, checkpoints=checkpoints[-2:]))
        assert resumed == Resumed(len(checkpoints))
        assert trained(rest).weight_hash == undisturbed

    def trained_until_killed(
        self, compute: Compute, victim: str, checkpoints: tuple[StoredCheckpoint, ...]
    ) -> tuple[StoredCheckpoint, ...]:
        """Return what a training that goes on has kept until something was killed, and is told of."""
        lost: list[psutil.Process] = []

        def kill() -> None:
            lost.extend([] if victim == "worker" else descendants())
            self.kill(victim)

        kept, error = disturbed(compute.run(training(options=LONG, checkpoints=checkpoints[-2:])), kill)
        assert error.fault == ("crash" if victim == "worker" else "lost_node"), victim
        assert alive(lost) == [], "who is told of a lost Ray may start the next one"
        return kept

    @staticmethod
    def kill(victim: str) -> None:
        if victim == "worker":
            processes = busy_workers()
        elif victim == "driver":
            processes = psutil.Process().children()
        else:
            processes = named(victim)
        assert processes
        for process in processes:
            process.kill()

    def test_a_process_that_is_killed_as_it_scores_is_an_error_and_the_next_run_scores(
        self, compute: Compute, expected: Expected
    ) -> None:
        events = compute.run(self.scoring(expected, ENDLESSLY_MANY))
        next(self.at_work(events))[0].kill()
        with pytest.raises(ComputeError) as caught:
            last(events)
        assert caught.value.fault == "crash"
        assert len(self.scored(compute, expected, architectures(4))) == 4

    def test_a_task_that_may_use_one_process_is_given_one(self, compute: Compute, expected: Expected) -> None:
        scoring: Any = compute.run(self.scoring(expected, ENDLESSLY_MANY, num_workers=1))
        assert {len(scorers) for scorers in islice(self.at_work(scoring), 20)} == {1}
        scoring.close()

    def test_two_workers_train_as_one_does(
        self, compute: Compute, whole: list[Event], expected: Expected
    ) -> None:
        together = list(compute.run(training(num_workers=2)))
        assert losses(together) == pytest.approx(losses(whole), rel=1e-4)
        assert trained(whole).weight_hash == expected.weight_hash != trained(together).weight_hash
        assert [type(event) for event in together] == [type(event) for event in whole]
        resumed, *rest = compute.run(training(num_workers=2, checkpoints=checkpoints_of(together)[:2]))
        assert resumed == Resumed(2)
        assert trained(rest).weight_hash == trained(together).weight_hash

    def test_one_of_two_workers_that_is_killed_is_one_error(
        self, compute: Compute, expected: Expected
    ) -> None:
        for rank in (0, 1):

            def kill_one(rank: int = rank) -> None:
                sorted(busy_workers(), key=lambda process: process.create_time())[rank].kill()

            _, error = disturbed(compute.run(training(options=ENDLESS, num_workers=2)), kill_one)
            assert error.fault == "crash"
        assert trained(compute.run(training())).weight_hash == expected.weight_hash

    def test_workers_wait_for_all_of_their_processors(self, compute: Compute, expected: Expected) -> None:
        with pytest.raises(UsageError) as caught:
            next(compute.run(training(num_workers=3)))
        assert caught.value.code == "too_many_workers"
        endless: Any = compute.run(training(options=ENDLESS))
        next(endless)
        waiting: Any = compute.run(training(num_workers=2))
        threading.Timer(1.0, waiting.close).start()
        with pytest.raises(ComputeError) as cancelled:
            next(waiting)
        assert cancelled.value.fault == "cancelled"
        endless.close()
        assert trained(compute.run(training(num_workers=2))).num_params > 0

    def test_answers_may_come_before_whoever_asked_goes_on(
        self, compute: Compute, expected: Expected, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said, tell = RunMessages(), DriverProcess._tell

        def interrupted(driver: DriverProcess, message: Any) -> bool:
            told = tell(driver, message)
            return told and said.over.wait(60)

        events: Any = compute.run(training(recipe="hopeful"))
        monkeypatch.setattr(events, "_said", said)
        with monkeypatch.context() as patch:
            patch.setattr(DriverProcess, "_tell", interrupted)
            with pytest.raises(UsageError) as caught:
                last(events)
        assert caught.value.code == "unknown_recipe"
        assert trained(compute.run(training())).weight_hash == expected.weight_hash

    def test_what_cannot_be_understood_is_an_error_of_those_who_wait(
        self, compute: Compute, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        events = compute.run(training(options=ENDLESS))
        next(events)
        with monkeypatch.context() as patch:
            patch.setattr(DriverProcess, "_hear", lambda _: Said(-1, Resumed(0)))
            with pytest.raises(ComputeError, match="not understood") as caught:
                last(events)
        assert caught.value.fault == "crash"

    # The last one: no other test waits for the Ray that would take this one's place.
    def test_a_driver_that_the_kernel_has_ended_is_for_want_of_memory(
        self, compute: Compute, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        events = compute.run(training(options=ENDLESS))
        next(events)
        monkeypatch.setattr(ray_process, "oom_kills", lambda: oom_kills() + 1)
        self.kill("driver")
        with pytest.raises(ComputeError) as caught:
            last(events)
        assert caught.value.fault == "out_of_memory"


def losses(events: list[Event]) -> list[float]:
    """Of each epoch."""
    return [event.loss for event in events if isinstance(event, EpochDone)]


@dataclass(frozen=True)
class Killed:
    """A process that trained on a Ray of its own until it was killed.

    Attributes:
        below: The processes that it had started.
        names: Of these.
        folder: Where its Ray had its files.
        connects: Calls of them all by which they asked for somebody; None where they cannot be watched.
    """

    below: list[psutil.Process]
    names: set[str]
    folder: Path
    connects: str | None


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """Killed in training, and watched by strace where there is one."""
    home = tmp_path_factory.mktemp("killed")
    folder, trace = Path(tempfile.mkdtemp(prefix="hw-", dir="/tmp")), home / "trace"
    program = (sys.executable, "-m", "tests.workers.train_on_ray", str(home), str(folder))
    command = (*tracer(trace), *program)
    watched = command != program
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "CheckpointKept\n"
        trainer = psutil.Process(process.pid).children()[0] if watched else psutil.Process(process.pid)
        below = descendants(trainer.pid)
        names = {each.name() for each in below}
        trainer.kill()
        wait_gone(below)
    yield Killed(below, names, folder, trace.read_text() if watched else None)
    shutil.rmtree(folder, ignore_errors=True)


def test_all_of_it_ends_with_the_process_that_started_it(killed: Killed) -> None:
    assert {"gcs_server", "raylet"} <= killed.names
    assert alive(killed.below) == []
    assert list(killed.folder.iterdir()) == []


def test_nothing_outside_is_asked_for(killed: Killed) -> None:
    if killed.connects is None:
        pytest.skip("system calls cannot be watched here (strace)")
    assert hosts_in(killed.connects) == {"127.0.0.1"}


def test_a_full_disk_for_rays_files_is_said_at_once(tmp_path: Path) -> None:
    namespace = ("unshare", "--user", "--map-root-user", "--mount")
    if subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False).returncode:
        pytest.skip("this system lets nobody mount a file system of their own")
    program = f"{sys.executable} -m tests.workers.train_on_ray {tmp_path} /mnt --end"
    script = f"mount -t tmpfs -o size=1m tmpfs /mnt && {program}"
    ended = subprocess.run(
        [*namespace, "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "ComputeError: /mnt/hwnas-" in ended.stderr
    assert "Ray needs 2: free some" in ended.stderr


def joined(address: str, folder: Path) -> RayCompute:
    """Compute on a cluster that is there, whose head is missed sooner than usual."""
    ray = JoinedRay(address, silence_s=5.0)
    return RayCompute(partial(FolderArtifacts, folder / "artifacts"), folder / "work", ray)


def test_a_cluster_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    before = set(psutil.Process().children())
    with pytest.raises(ComputeError, match="127.0.0.1:9") as caught:
        next(joined("127.0.0.1:9", tmp_path).run(training()))
    assert caught.value.fault == "no_cluster"
    assert set(psutil.Process().children()) <= before


def test_ray_cannot_be_given_a_folder_that_its_sockets_do_not_fit_in(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        LocalRay(2, tmp_path / "a-folder-with-a-long-name")
    assert caught.value.code == "path_too_long"


@pytest.mark.timeout(400)
def test_machines_of_a_joined_cluster_may_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with two_machines() as machines:
        monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
        with pytest.raises(UsageError) as refused:
            next(joined(machines.address, tmp_path).run(training()))
        assert refused.value.code == "ray_refused"
        monkeypatch.setenv("RAY_AUTH_TOKEN", machines.token)
        with joined(machines.address, tmp_path) as compute:
            kept, error = disturbed(compute.run(training(options=LONG)), machines.lose_machine)
            assert error.fault == "lost_node"
            machines.add_machine()
            resumed, *_, end = compute.run(training(options=LONG, checkpoints=kept))
            assert resumed == Resumed(len(kept))
            assert isinstance(end, NetworkTrained)
            endless = training(options=ENDLESS)
            with ExitStack() as stack:

                def lose_head() -> None:
                    # Nobody trains meanwhile: it takes some time until a head counts as lost.
                    stack.enter_context(measuring_lease(host_lease_folder(), host_device().digest))
                    machines.lose_head()

                _, error = disturbed(compute.run(endless), lose_head)
            assert error.fault == "lost_node"
            with pytest.raises(ComputeError) as away:
                next(compute.run(endless))
            assert away.value.code == "ray_away"


def disturbed(
    events: Iterator[Event], disturb: Callable[[], None]
) -> tuple[tuple[StoredCheckpoint, ...], ComputeError]:
    """Disturb a training after its first checkpoint; return what was kept, and how it ended."""
    kept: list[StoredCheckpoint] = []
    try:
        for event in events:
            kept += checkpoints_of([event])
            if len(kept) == 1 and isinstance(event, CheckpointKept):
                disturb()
    except ComputeError as error:
        return tuple(kept), error
    pytest.fail("the training ended as if nothing had happened")


class Driver:
    """Takes a run, and has ended it once it is cancelled."""

    def __init__(self, when_started: Callable[[], object] = lambda: None) -> None:
        self.said: list[str] = []
        self._when_started = when_started

    def start(self, task: Task, messages: RunMessages) -> bool:
        self.said.append("start")
        self._when_started()
        return True

    def cancel(self, messages: RunMessages) -> None:
        self.said.append("cancel")
        messages.waiting.put(Ended(0, ComputeError("task_cancelled", "the task was cancelled")))


def test_a_run_that_is_closed_while_its_ray_starts_never_begins() -> None:
    driver = Driver()

    def started(wanted: Callable[[], bool]) -> Any:
        assert wanted()
        run.close()  # by another thread, half a minute later
        return driver if wanted() else None

    run = RemoteRun(training(), started)
    assert list(run) == []
    assert driver.said == []


def test_a_run_that_is_closed_just_as_it_begins_is_cancelled() -> None:
    def close() -> None:
        run.close()

    driver: Any = Driver(close)
    run = RemoteRun(training(), lambda wanted: driver)
    with pytest.raises(ComputeError) as caught:
        next(run)
    assert caught.value.code == "task_cancelled"
    assert driver.said == ["start", "cancel"]


def test_a_ray_has_room_for_as_many_tasks_as_it_has_processors(tmp_path: Path) -> None:
    artifacts = partial(FolderArtifacts, tmp_path)
    assert RayCompute(artifacts, tmp_path, LocalRay(3)).at_once == 3
    assert RayCompute(artifacts, tmp_path, JoinedRay("head:6379")).at_once == JOINED_AT_ONCE


def test_a_ray_that_nobody_wants_any_more_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that wait for it one gives up, while the first still waits for the start to fail."""
    starting, may_fail = threading.Event(), threading.Event()
    tries = []

    def fails(*given: object, **more: object) -> None:
        tries.append(given)
        starting.set()
        assert may_fail.wait(30.0)
        raise ComputeError("ray_not_started", "no room for its sockets")

    monkeypatch.setattr("workers.cluster.DriverProcess", fails)
    compute = RayCompute(partial(FolderArtifacts, tmp_path), tmp_path, LocalRay(2))
    first, second = compute.run(training()), compute.run(training())
    said: list[object] = []

    def listen(run: RemoteRun) -> None:
        try:
            said.append(next(run, None))
        except ComputeError as error:
            said.append(error.code)

    threads = [threading.Thread(target=listen, args=(run,)) for run in (first, second)]
    threads[0].start()
    assert starting.wait(30.0)
    threads[1].start()
    second.close()
    may_fail.set()
    for thread in threads:
        thread.join(30.0)
    assert sorted(said, key=str) == [None, "ray_not_started"]
    assert len(tries) == 1
