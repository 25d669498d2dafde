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

import ray

from nas.task_events import Event
from nas.tasks import ScoreSubnets, Task, TrainNetwork
from nas.workplace import clear_scratch
from search_spaces.errors import ComputeError
from workers.oom_kills import oom_kills
from workers.ray_errors import blamed, not_joined, not_started, translated
from workers.ray_lookout import WATCH_S, JoinedLookout, LocalLookout, Lookout
from workers.ray_messages import Begin, Cancel, Ended, Leave, Ready, Said, Start, Unable
from workers.ray_remote import perform_remotely
from workers.ray_scoring import ScoringRun
from workers.ray_training import SharedTraining
from workers.sessions import end_session

REACH_S: Final = 5.0
"""For a connection to the head of a cluster."""

LEAVE_S: Final = 5.0
"""Runs that have not ended so long after they were cancelled are ended with their processes."""

LEAST_ROOM_BYTES: Final = 2 * 2**20
"""For the logs and sockets of a local Ray."""

LOST: Final = 3
"""Exit status where the Ray is lost."""


@final
class Run:
    """One run of a task: its thread and how to end it."""

    thread: threading.Thread

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
    """Runs tasks on a Ray that is there.

    Where the Ray is lost this process ends, and its end is all that is said of it: whoever waits for a task
    then hears of the loss when nothing of this Ray is left.
    """

    def __init__(self, connection: "Connection[Any, Any]", begin: Begin, lookout: Lookout) -> None:
        self._connection = connection
        self._lookout = lookout
        self._sending = threading.Lock()
        self._workshop = begin.workshop
        self._runs: dict[int, Run] = {}
        self._leaving = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def serve(self) -> bool:
        """Do as told until nobody is there any more; return whether nothing uses Ray then."""
        self._watcher.start()
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
                    run.thread = threading.Thread(target=self._follow, args=(number, task, run), daemon=True)
                    run.thread.start()
                case Cancel(number) if number in self._runs:
                    self._runs[number].cancel()
        return self._leave()

    def _leave(self) -> bool:
        """End what uses Ray: where Ray is shut down under a thread, that takes the process along."""
        with self._sending:
            self._leaving.set()
        runs = list(self._runs.values())
        for run in runs:
            run.cancel()
        threads = [self._watcher, *(run.thread for run in runs)]
        until = time.monotonic() + LEAVE_S
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0.0))
        return self._lookout.close() and not any(thread.is_alive() for thread in threads)

    def _watch(self) -> None:
        """End this process when the Ray is lost."""
        while not self._leaving.wait(WATCH_S):
            if self._lookout.lost():
                self._lose()

    def _lose(self) -> None:
        """End with the Ray that is lost, unless this process ends anyway."""
        with self._sending:  # whatever its tasks still say is not sent
            if not self._leaving.is_set():
                end_session(os.getpid())
                os._exit(LOST)

    def _follow(self, number: int, task: Task, run: Run) -> None:
        ended, kills = Ended(number), oom_kills()
        try:
            for event in self._events(task, run):
                self._send(Said(number, event))
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told
            found = translated(error)
            if self._lookout.lost_with(found):
                self._lose()
            ended = Ended(number, blamed(found, oom_kills() - kills))
            run.end()
        if run.cancelled and (ended.error is None or isinstance(ended.error, ComputeError)):
            # However its processes died of it; now and then Ray ends a stream then as if it were over.
            ended = Ended(number, ComputeError("task_cancelled", "the task was cancelled"))
        del self._runs[number]
        self._send(ended)

    def _events(self, task: Task, run: Run) -> Iterator[Event]:
        if isinstance(task, ScoreSubnets):
            scoring = ScoringRun(task, self._workshop, int(ray.cluster_resources().get("CPU", 1.0)))
            run.ends_with(scoring.cancel)
            yield from scoring.events()
            return
        if isinstance(task, TrainNetwork) and task.num_workers > 1:
            shared = SharedTraining(task, self._workshop, int(ray.cluster_resources().get("CPU", 1.0)))
            run.ends_with(shared.cancel)
            yield from shared.events()
            return
        stream: Any = perform_remotely.remote(task, self._workshop)
        run.ends_with(lambda: ray.cancel(stream, force=True))
        for said in stream:
            yield ray.get(said)

    def _send(self, message: object) -> None:
        with self._sending:
            if not self._leaving.is_set():
                self._connection.send(message)


def main() -> None:
    """Have a Ray, serve, and leave nothing behind."""
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    begin = connection.recv()
    try:
        _serve(connection, begin)
    finally:
        end_session(os.getpid())
        shutil.rmtree(begin.folder, ignore_errors=True)
        clear_scratch(begin.workshop.folder / "scratch")


def _serve(connection: "Connection[Any, Any]", begin: Begin) -> None:
    try:
        lookout = _have_ray(begin)
    except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told
        connection.send(Unable(not_started(error)))
    else:
        driver = Driver(connection, begin, lookout)
        connection.send(Ready())
        if driver.serve():
            ray.shutdown()


def _have_ray(begin: Begin) -> Lookout:
    """Start or join a Ray; return what looks after it."""
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if begin.address is not None:
        _check_reachable(begin.address)
        try:
            ray.init(address=begin.address, **common)
        except Exception as error:
            # Ray has no one error for this.
            raise not_joined(error, begin.address) from error
        return JoinedLookout(begin.silence_s)
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
    return LocalLookout()


def _check_reachable(address: str) -> None:
    """Refuse at once what Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except (OSError, ValueError) as error:
        raise ComputeError(
            "ray_away", f"there is no Ray to join at {address} ({error}): start it, or correct the address"
        ) from error


if __name__ == "__main__":
    main()
