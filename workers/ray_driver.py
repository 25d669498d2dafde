"""The process that drives Ray: `python -m workers.ray_driver DESCRIPTOR`, started by `workers.cluster`.

A process of its own, because Ray ends the process that drives it when the cluster is gone for long, and
because the environment has to be set before Ray is imported. It ends with the process that started it, and
takes the Ray that it started along.
"""

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, Final, final

import psutil
import ray

from nas.task_events import Event
from nas.tasks import ScoreSubnets, Task, TrainNetwork
from search_spaces.errors import ComputeError
from workers.oom_kills import oom_kills
from workers.ray_errors import blamed, not_joined, not_started, translated
from workers.ray_messages import Begin, Cancel, Ended, Leave, Ready, Said, Start, Unable
from workers.ray_scorers import IDLE_S, ScorerPool, ScoringRun
from workers.ray_tasks import perform_remotely
from workers.ray_training import SharedTraining
from workers.sessions import end_session, remove_folder

WATCH_S: Final = 0.5
"""Between two looks at the processes of Ray."""

SILENCE_S: Final = 20.0
"""A cluster whose head says nothing for so long is lost."""

REACH_S: Final = 5.0
"""For a connection to the head of a cluster."""

LEAST_ROOM_BYTES: Final = 2 * 2**20
"""For the logs and sockets of a local Ray."""

VITAL: Final = ("gcs_server", "raylet")

LOST: Final = 3
"""Exit status where the Ray is lost."""


@final
class Run:
    """One run of a task: its thread and how to end it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None
        self.cancelled = False

    def ends_with(self, end: Callable[[], None]) -> None:
        """Say what ends it; called at once where it is cancelled already."""
        with self._lock:
            self._end = end
            cancelled = self.cancelled
        if cancelled:
            end()

    def cancel(self) -> None:
        """End it because nobody wants it any more."""
        with self._lock:
            self.cancelled = True
        self.end()

    def end(self) -> None:
        """End what is left of it."""
        with self._lock:
            end = self._end
        if end is not None:
            end()


@final
class Driver:
    """Runs tasks on a Ray that is there."""

    def __init__(self, connection: "Connection[Any, Any]", begin: Begin) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._workshop = begin.workshop
        self._pool = ScorerPool(begin.workshop)
        self._runs: dict[int, Run] = {}
        self._leaving = threading.Event()

    def serve(self) -> None:
        """Do as told until nobody is there any more."""
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, ConnectionResetError):
                break
            match message:
                case Leave():
                    break
                case Start(number, task):
                    run = self._runs[number] = Run()
                    threading.Thread(target=self._follow, args=(number, task, run), daemon=True).start()
                case Cancel(number) if number in self._runs:
                    self._runs[number].cancel()
        self._leaving.set()

    def watch(self, lost: Callable[[], bool]) -> None:
        """End this process when the Ray is lost; meanwhile end scorers that are idle for long."""
        while not self._leaving.wait(WATCH_S):
            if lost():
                end_session(os.getpid())
                os._exit(LOST)
            self._pool.end_idle(IDLE_S)

    def _follow(self, number: int, task: Task, run: Run) -> None:
        ended, kills = Ended(number), oom_kills()
        try:
            for event in self._events(task, run):
                self._send(Said(number, event))
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told
            ended = Ended(number, blamed(translated(error), oom_kills() - kills))
            run.end()
            if isinstance(ended.error, ComputeError) and ended.error.fault == "out_of_memory":
                self._pool.end_idle()  # whatever holds memory and does nothing
        if run.cancelled and isinstance(ended.error, ComputeError):
            # However its processes died of it.
            ended = Ended(number, ComputeError("task_cancelled", "the task was cancelled"))
        del self._runs[number]
        self._send(ended)

    def _events(self, task: Task, run: Run) -> Iterator[Event]:
        if isinstance(task, ScoreSubnets):
            scoring = ScoringRun(task, self._pool, int(ray.cluster_resources().get("CPU", 1.0)))
            run.ends_with(scoring.cancel)
            yield from scoring.events()
            return
        if isinstance(task, TrainNetwork) and task.num_workers > 1:
            shared = SharedTraining(task, self._workshop, int(ray.cluster_resources().get("CPU", 1.0)))
            self._pool.make_room(task.num_workers)
            run.ends_with(shared.cancel)
            yield from shared.events()
            return
        self._pool.make_room(1)
        stream: Any = perform_remotely.remote(task, self._workshop)
        run.ends_with(lambda: ray.cancel(stream, force=True))
        for said in stream:
            yield ray.get(said)

    def _send(self, message: object) -> None:
        with self._sending:
            self._connection.send(message)


def main() -> None:
    """Have a Ray, serve, and leave nothing behind."""
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    begin = connection.recv()
    try:
        lost = _have_ray(begin)
    except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told
        connection.send(Unable(not_started(error)))
    else:
        driver = Driver(connection, begin)
        threading.Thread(target=driver.watch, args=(lost,), daemon=True).start()
        connection.send(Ready())
        driver.serve()
        ray.shutdown()
    end_session(os.getpid())
    remove_folder(begin.folder)


def _have_ray(begin: Begin) -> Callable[[], bool]:
    """Start or join a Ray; return what tells whether it is lost."""
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if begin.address is not None:
        _check_reachable(begin.address)
        try:
            ray.init(address=begin.address, **common)
        except Exception as error:
            # Ray has no one error for this.
            raise not_joined(error, begin.address) from error
        return _Heard().lost
    free = shutil.disk_usage(begin.folder).free
    if free < LEAST_ROOM_BYTES:
        # Ray itself would wait for half a minute and then not say why.
        raise ComputeError(
            "compute_disk_full",
            f"{begin.folder} has {free // 2**20} MiB left, Ray needs {LEAST_ROOM_BYTES // 2**20}: free some",
        )
    ray.init(
        num_cpus=begin.num_cpus,
        num_gpus=0,
        include_dashboard=False,
        object_store_memory=begin.object_store_bytes,
        _temp_dir=str(begin.folder),
        **common,
    )
    # Children of this process that Ray itself does not miss for a minute.
    vital = [child for child in psutil.Process().children() if child.name() in VITAL]
    return lambda: not all(_lives(process) for process in vital)


def _check_reachable(address: str) -> None:
    """Refuse at once what Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except (OSError, ValueError) as error:
        raise ComputeError(
            "ray_away", f"there is no Ray to join at {address} ({error}): start it, or correct the address"
        ) from error


@final
class _Heard:
    """Whether the head of a joined cluster still answers, and knows this machine."""

    def __init__(self) -> None:
        self._node = ray.get_runtime_context().get_node_id()
        self._last = time.monotonic()
        self._gone = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def lost(self) -> bool:
        """Return whether it does not, or has not for long."""
        return self._gone.is_set() or time.monotonic() - self._last > SILENCE_S

    def _listen(self) -> None:
        while not self._gone.wait(WATCH_S):
            try:
                alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            except Exception:  # noqa: BLE001 - Ray has no one error for this
                alive = set()
            if self._node not in alive:
                self._gone.set()
            self._last = time.monotonic()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    main()
